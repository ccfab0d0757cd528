"""Preparation of a text's lines: bullets and section titles of mails and web pages become those of Markdown."""

import re

from newsletter.back_issues.drafts.draft_words import CAREFUL, escape_words

HEADLINES = re.compile(
    r"(?:[^\W_][\w’'&-]{0,20} ){0,4}headlines?(?: ?\(\d{1,3}\))?|in this issue|schlagzeilen|titulares|gros titres",
    re.IGNORECASE,
)
DETAILS = re.compile(r"(?:the |in |more )?details?(?: ?\(\d{1,3}\))?|einzelheiten|detalles|détails", re.IGNORECASE)
_BULLETS = "•◦▪▸‣➢➤∙●○■□◆◇►⁃‐−"
_BULLET = re.compile(
    rf"([ \t]*)(?:(?P<sign>[{_BULLETS}])|(?P<plain>[-*+·o](?=[ \t]))|(?P<dash>[–—](?=[ \t]))"
    r"|\(?(?P<number>[0-9]{1,2})(?:[.)](?=[ \t])|[ \t]+[–—-](?=[ \t])))[ \t]*(?=\S)"
)
_TITLE = re.compile(r"[ \t]{0,3}(#{1,6}[ \t]+)?[*_]{0,3}(?P<words>[^*_#:•\n]{1,60}?)[ \t]*:?[*_]{0,3}[ \t]*:?[ \t]*#*$")
_ACROSS = re.compile(r"[ \t]*([-=_*~–—])(?:[ \t]?\1){2,}[ \t]*$")
_MARKED = re.compile(r"\]\((?:https?:|mailto:|/)|^#{1,6} +\S|^\*\*[^*\n]+\*\*|^\[[^\]\n]+\]: *http", re.MULTILINE)
_PICTURE = re.compile(r" {0,3}\[?!\[[^\[\]\n]{0,1000}\][(\[][^\n]{0,2000}[)\]]$")
_ADDRESS = re.compile(r"<?(https?://[^\s<>]+|mailto:[^\s<>]+)>?")


def is_markdown(text: str) -> bool:
    """Return whether a text has marks of Markdown, whatever its file is called."""
    return _MARKED.search(text) is not None


def name_title(line: str) -> str:
    """Return the words of a line that is the title of headlines or of details, and an empty text for others."""
    match = _TITLE.match(line)
    words = match["words"].strip() if match else ""
    return words if HEADLINES.fullmatch(words) or DETAILS.fullmatch(words) else ""


def mark_lines(text: str) -> str:
    """Return Markdown in which bullets such as • begin entries, and the titles of headlines and details are headings.

    Blocks of code are left as they are.
    """
    lines = text.split("\n")
    has_dashes = sum(1 for line in lines if (match := _BULLET.match(line)) and match["dash"]) > 1
    marked: list[str] = []
    fence = ""
    for at, line in enumerate(lines):
        opening = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence or opening:
            if opening and (not fence or (opening[1].startswith(fence) and not line.strip().strip(fence[0]))):
                fence = "" if fence else opening[1]
            marked.append(line)
        elif words := name_title(line):
            marked += ["", f"## {words}", ""]
        elif _underlines_title(lines, at):
            continue
        elif _PICTURE.match(line):  # which is no part of the credit below it
            marked += ["", line, ""]
        else:
            bullet = _BULLET.match(line)
            of_word = bullet and bullet["plain"] in ("o", "·") and re.match(r"\t| {2}", line[bullet.end("plain") :])
            if bullet and (bullet["sign"] or of_word or (bullet["dash"] and has_dashes)):
                line = f"{bullet[1]}- {line[bullet.end() :]}"
            elif bullet and bullet["number"] and not re.match(r"[ \t]*[0-9]+[.)]", line):
                line = f"{bullet[1]}{bullet['number']}. {line[bullet.end() :]}"
            marked.append(line)
    return "\n".join(marked)


def mark_plain_text(text: str) -> str:
    """Return plain text as Markdown: its lists, its titles and its paragraphs, every other sign as it is."""
    lines = [line.expandtabs(4).rstrip() for line in text.split("\n")]
    has_dashes = sum(1 for line in lines if (match := _BULLET.match(line)) and match["dash"]) > 1
    marked: list[str] = []
    base: int | None = None  # how far the first bullet of the list is indented, None outside of one
    hang = 0
    for at, line in enumerate(lines):
        bullet = _BULLET.match(line)
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if not line.strip():
            marked.append("")
        elif _underlines_title(lines, at):
            continue
        elif _ACROSS.match(line):
            _underline(marked, base)
            base = None
        elif words := name_title(line):
            marked += ["", f"## {words}", ""]
            base = None
        elif bullet and (not bullet["dash"] or has_dashes):
            indent = len(bullet[1])
            base = indent if base is None else min(base, indent)
            depth = 4 if indent >= base + 2 else 0
            mark = f"{bullet['number']}. " if bullet["number"] else "- "
            hang = depth + len(mark)
            marked.append(" " * depth + mark + _escape(line[bullet.end() :]))
        elif base is not None and (lines[at - 1].strip() or line.startswith(" " * (base + 2))):
            marked.append(" " * hang + _escape(line.strip()))
        else:
            base = None
            stands_alone = at > 0 and not lines[at - 1].strip() and not _is_title(following)
            is_title = _is_title(line) and stands_alone
            marked.append(f"## {_escape(line.strip())}" if is_title else _escape(line.strip()))
    return "\n".join(marked)


def _underlines_title(lines: list[str], at: int) -> bool:
    """Return whether a row of signs stands right below the title of headlines or of details, which needs no line."""
    return at > 0 and _ACROSS.match(lines[at]) is not None and name_title(lines[at - 1]) != ""


def _underline(marked: list[str], base: int | None) -> None:
    """Make the line above a row of signs a title if it stands alone; else the row is a line across."""
    alone = (
        marked and marked[-1] and not marked[-1].startswith(("#", " ", "- ")) and (len(marked) < 2 or not marked[-2])
    )
    if alone and base is None and len(marked[-1]) <= 80:
        marked[-1] = f"## {marked[-1]}"
        marked.append("")
    else:
        marked += ["", "---", ""]


def _is_title(line: str) -> bool:
    """Return whether a line is in capitals alone, as plain text has its titles."""
    words = line.strip()
    return len(words) <= 60 and words.isupper() and len(words) > 3 and not re.search(r"\d", words)


def _escape(text: str) -> str:
    """Escape all signs of Markdown but those of addresses, which stay links."""
    pieces: list[str] = []
    end = 0
    for match in _ADDRESS.finditer(text):
        pieces += [_escape_start(escape_words(text[end : match.start()], CAREFUL), first=not end), match[0]]
        end = match.end()
    return "".join([*pieces, _escape_start(escape_words(text[end:], CAREFUL), first=not end)])


def _escape_start(text: str, *, first: bool) -> str:
    """Escape what would begin a list or a heading's underline at the start of a line."""
    return re.sub(r"^([0-9]{1,9})(?=[.)])|^(?=[-+=])", r"\1\\", text) if first else text
