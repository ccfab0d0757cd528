"""Cleaning of a text before it is read: controls, other programs' shortcodes and fields, references without an end."""

import re
from collections.abc import Callable

from newsletter.back_issues.drafts.draft_words import UNDEFINED
from newsletter.back_issues.markdown.source_text import Comments, tell_hidden
from newsletter.text import without_invisible

# Escape sequences of terminals (ECMA-48, 5.4 and 8.3.89): CSI, OSC and its like, and two characters alone.
_SEQUENCES = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]{0,2000}(?:\x07|\x1b\\\\)|[ -/]*[0-~])")
_LINE_ENDS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\uf8ff\ufdd0-\ufdef"
    "\ufffe\uffff\U000f0000-\U0010ffff"
    + "".join(chr(plane << 16 | last) for plane in range(1, 15) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SHORTCODE = re.compile(
    r"(?P<code>`{1,3}[^`\n]{1,300}`{1,3})"
    r"|(?P<site>\{\{-?\s*site\.[\w.]{1,40}(?:\s*\|[^{}\n]{0,80})?\s*-?\}\}|%7B%7Bsite\.\w{1,40}%7D%7D)"
    r"|\{%-?\s*comment\s*-?%\}(?P<hidden>[^{}]{0,2000})\{%-?\s*endcomment\s*-?%\}"
    r"|(?P<liquid>\{%[^{}]{0,8000}?%\})|(?P<hugo>\{\{[<%][^{}]{0,600}?[>%]\}\})"
    r"|(?P<kramdown>(?<=[\w.)*_`\s])\{:[^{}\n]{0,200}\}|^\{:[^{}\n]{0,200}\}|[ \t]\{#[\w-]{1,80}\}[ \t]*$)"
    r"|(?P<field>\{\{\{?[^{}\n]{1,100}\}?\}\}|\*\|[^|\n]{1,80}\|\*|%%[A-Za-z_][\w ]{0,60}%%|<%[^<>\n]{0,200}%>)",
    re.MULTILINE,
)
_FIGURE = re.compile(r"\{\{<\s*(?:figure|image|img)\b")
_PARAMETER = re.compile(r"""\b(src|alt|caption|title)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_UNFILLED = re.compile(r"\]\(\s?(\{\{\{?[^{}<>\n]{1,100}\}?\}\}|\*\|[^|<>\n]{1,80}\|\*)\s?\)")
_FIELD = "This was a field of another program, and is text now"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_DEFINED = re.compile(r"(?m)^ {0,3}\[([^\[\]\n]{1,300})\]:")
_USED = re.compile(r"(?<!\\)\[((?:[^\[\]\\]|\\.){1,500})\]\[((?:[^\[\]\\]|\\.){0,300})\]", re.DOTALL)


def remove_controls(text: str, comments: Comments) -> str:
    """Return a text without the characters that act on a terminal or that one typeface alone has."""
    text = _LINE_ENDS.sub("\n", text)
    kept = _CONTROLS.sub("", _SEQUENCES.sub("", text))
    if kept != text:
        comments.add("Characters that nobody can read, such as a terminal's, were left out.")
    return without_invisible(kept)  # as a draft has it, where what follows them may become a mark


def clean_markdown(text: str, comments: Comments) -> str:
    """Return Markdown without shortcodes, with every reference defined, and remarks on what was taken out."""
    text = _outside_code(text, lambda part: _SHORTCODE.sub(lambda match: _replace_shortcode(match, comments), part))
    text = _UNFILLED.sub(lambda match: f"](<{UNDEFINED}{match[1]}>)", text)
    return text + _define_references(text)


def tell_fields(text: str, comments: Comments) -> None:
    """Remark on the fields of mailing programs in Markdown, escaped or not; they stay in it as text."""

    def tell(part: str) -> str:
        for match in _SHORTCODE.finditer(_ESCAPED.sub(r"\1", part)):
            if match["field"]:
                comments.add(_FIELD, match[0])
        return part

    _outside_code(text, tell)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change the parts of a text that lie outside of blocks of code between fences."""
    parts: list[list[str]] = [[]]
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            parts[-1].append(line)
            if match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
                parts.append([])
        elif match:
            fence = match[1]
            parts.append([line])
        else:
            parts[-1].append(line)
    joined = ["\n".join(lines) for lines in parts]
    return "\n".join(part if _FENCE.match(part) else change(part) for part in joined)


def _replace_shortcode(match: re.Match[str], comments: Comments) -> str:
    text = match[0]
    if match["code"]:
        return text
    if match["field"]:
        return text
    if match["hidden"] is not None:
        tell_hidden(match["hidden"], comments)
        return ""
    if match["kramdown"] or match["site"]:
        return ""
    if match["hugo"] and _FIGURE.match(text):
        found = {part[1]: part[2] or part[3] or part[4] or "" for part in _PARAMETER.finditer(text)}
        caption = found.get("caption") or found.get("title") or ""
        alt = re.sub(r"[\[\]]", "", found.get("alt", ""))
        title = ' "{}"'.format(caption.replace('"', '\\"')) if caption else ""
        return f"\n\n![{alt}](<{found.get('src', '')}>{title})\n\n"
    if not re.match(r"\{%-?\s*(?:end)?raw\s*-?%\}", text):
        comments.add("Shortcodes of the web site were left out", text)
    return ""


def _define_references(text: str) -> str:
    """Return definitions for the links by reference that the text does not define, so that their words stay words."""
    defined = {_fold(match[1]) for match in _DEFINED.finditer(text)}
    missing: dict[str, str] = {}
    for match in _USED.finditer(text):
        label = match[2] or match[1]
        if (
            label.strip()
            and not label.startswith("^")
            and _fold(label) not in defined
            and not re.fullmatch(r"[\d, –-]+", label)
        ):
            missing.setdefault(_fold(label), " ".join(label.split()))
    if not missing:
        return ""
    lines = (f"[{label}]: <{UNDEFINED}{re.sub(r'[<>]', '', label)}>" for label in missing.values())
    return "\n\n" + "\n".join(lines) + "\n"


def _fold(label: str) -> str:
    return " ".join(label.split()).casefold()
