"""Writing of a page's words as the Markdown of drafts, so that they are read there as the page shows them."""

import re
from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple

from newsletter.back_issues.page_text.page_blocks import BREAK, Run, Runs, Style
from newsletter.issue.bare_addresses import find_bare_addresses, find_bare_mail
from newsletter.issue.cjk import find_flanking

_SPECIAL = re.compile(
    r"[\\`*_\[\]^]|<(?=[A-Za-z/!?<])|~|\{(?=\{|lang=|[.#][A-Za-z])|(?<=\{)\{|\}(?=\})|(?<=\})\}|&(?=#?\w{1,31};)|=="
)
# Fields of mailing programs, which `draft check` is to find as they are.
_MERGE_TAG = re.compile(r"\*\|[A-Za-z][^|*\n]{1,80}\|\*|%%[A-Za-z_][\w ]{0,60}%%|<%[^<>\n]{0,200}%>")
_INSERTION = re.compile(r"\[(?:[a-z][a-z ,’'-]{2,60}|[\d ,–-]{1,20}|…|\.\.\.)\](?![(\[{:]|\s+\(?https?:)")
_NO_INSERTION = re.compile(r"name|mail|^\[(?:url|img|quote|code|list)")
_LINE_START = re.compile(
    r"(?P<digits>\d{1,2}(?=[.)](?:\s|$)))|(?:#{2,}|#(?=\s)|>|[-+*](?=\s|$)|={2,}|\||:?-{2,}:?[ \t]*\||~{3,}"
    r"|-(?=(?:[ \t]*-){2,}[ \t]*$)|_(?=_)|:(?=-))"
)
_SCRIPTED = re.compile(r"[\w.,+−–-]{0,20}[^\W_][\w.,+−–-]{0,20}")
_OPENING = frozenset("([{\"'“„«~^ \n")
_UNSAFE = re.compile(r"[\s<>\"\\`{}|^\x00-\x1f\x7f]")


class _Piece(NamedTuple):
    """Runs that are written as one: those of one link, or words of one style."""

    runs: tuple[Run, ...]
    style: Style


def write_inline(runs: Runs, *, in_table: bool = False, one_line: bool = False) -> str:
    """Return runs as inline Markdown. With `one_line` or `in_table`, line ends are spaces."""
    if one_line or in_table:
        runs = [Run(" ", run.style) if run.text == BREAK else run for run in runs]
    text = _write_pieces(_join_pieces(runs), ("strong", "emphasis", "strike"), "").strip(" \n")
    text = re.sub(r"(?:\\\n)+$", "", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)!(?=\[)", r"\1\\!", text)  # no picture
    lines = text.split("\n")
    text = "\n".join(_escape_line_start(line.strip(" ")) for line in lines)
    return re.sub(r"(?<!\\)\|", r"\\|", text) if in_table else text


def write_plain(text: str) -> str:
    """Return plain words as inline Markdown."""
    return write_inline([Run(text)], one_line=True)


def _join_pieces(runs: Runs) -> list[_Piece]:
    """Return the runs in pieces: neighbours of one style, and all that is within one link."""
    merged = _merge_runs(_keep_scripts(_merge_runs(runs)))
    pieces: list[_Piece] = []
    for href, group in groupby(merged, lambda run: run.style.href):
        within = tuple(group)
        if not href:
            pieces += [_Piece((run,), run.style) for run in within]
            continue
        words = [run.style for run in within if run.text.strip()]
        style = Style(
            strong=bool(words) and all(each.strong for each in words),
            emphasis=bool(words) and all(each.emphasis for each in words),
            strike=bool(words) and all(each.strike for each in words),
            href=href,
        )
        inner = tuple(
            Run(
                " " if run.text == BREAK else run.text,
                run.style._replace(
                    strong=run.style.strong and not style.strong,
                    emphasis=run.style.emphasis and not style.emphasis,
                    strike=run.style.strike and not style.strike,
                    href="",
                ),
            )
            for run in within
            if not run.note
        )
        pieces.append(_Piece(inner, style))
    return pieces


def _merge_runs(runs: Runs) -> Runs:
    return [
        Run(BREAK if ends else "".join(run.text for run in group), style, note)
        for (style, note, ends), group in groupby(runs, lambda run: (run.style, run.note, run.text == BREAK))
    ]


def _keep_scripts(runs: Runs) -> Runs:
    """Return runs raised and lowered only where drafts read them so: short, and close to a word before them."""
    kept: Runs = []
    for number, run in enumerate(runs):
        if run.style.script:
            before = runs[number - 1] if number else Run("")
            after = runs[number + 1].text[:1] if number + 1 < len(runs) else ""
            struck = before.style.strike or run.style.strike
            joined = before.style.href == run.style.href and (
                not struck or before.style._replace(script="") == run.style._replace(script="")
            )
            close = before.text[-1:] not in _OPENING and not before.note and bool(before.text)
            if not (_SCRIPTED.fullmatch(run.text) and joined and close and not after.isdigit()):
                run = run._replace(style=run.style._replace(script=""))
        kept.append(run)
    return kept


_MARKS = {"strong": "**", "emphasis": "*", "strike": "~~"}


def _write_pieces(
    pieces: list[_Piece], levels: tuple[str, ...], before: str, end: str = " ", *, linked: bool = False
) -> str:
    """Return pieces as Markdown, the outermost style first.

    `before` is the end of what stands to their left, `end` the sign that follows.
    """
    out: list[str] = []
    if not levels:
        for number, piece in enumerate(pieces):
            after = _find_first_sign(pieces[number + 1]) if number + 1 < len(pieces) else end
            out.append(_write_piece(piece, before, after, linked=linked))
            before = (before + out[-1])[-2:]
        return "".join(out)
    groups = [(on, list(group)) for on, group in groupby(pieces, lambda piece: getattr(piece.style, levels[0]))]
    for number, (on, group) in enumerate(groups):
        after = _find_first_sign(groups[number + 1][1][0]) if number + 1 < len(groups) else end
        inner = _mark_pieces(group, levels, before, after, linked=linked) if on else None
        if inner is None:
            inner = _write_pieces(group, levels[1:], before, after, linked=linked)
        out.append(inner)
        before = (before + inner)[-2:]
    return "".join(out)


def _find_first_sign(piece: _Piece) -> str:
    """Return the sign that a piece is likely to begin with."""
    if not piece.runs:
        return " "
    first = piece.runs[0]
    if piece.style.href or first.note:
        return "["
    return first.style.script or first.text[:1] or " "


def _mark_pieces(group: list[_Piece], levels: tuple[str, ...], before: str, after: str, *, linked: bool) -> str | None:
    """Return pieces between two marks that are close to their words; None where these would be read as none."""
    mark = _MARKS[levels[0]]
    inner = _write_pieces(group, levels[1:], mark, mark[0], linked=linked)
    core = re.sub(r"^(?:\\\n| )+|(?:\\\n| )+$", "", inner)
    if not core:
        return None
    start = inner.index(core)
    left, right = inner[:start], inner[start + len(core) :]
    outside_left, outside_right = (before + left)[-1:] or " ", right[:1] or after or " "
    if mark[0] in (outside_left, outside_right) or "~" in (core[0], core[-1]):
        return None
    opens, _ = find_flanking(outside_left, core.lstrip("*")[:1] or "*", within_words=True)
    _, closes = find_flanking(core.rstrip("*")[-1:] or "*", outside_right, within_words=True)
    return f"{left}{mark}{core}{mark}{right}" if opens and closes else None


def _write_piece(piece: _Piece, before: str, after: str, *, linked: bool) -> str:
    if not piece.style.href:
        return _write_run(piece.runs[0], before, after, linked=linked)
    words = _write_pieces(
        [_Piece((run,), run.style) for run in piece.runs], ("strong", "emphasis", "strike"), "[", "]", linked=True
    )
    core = words.strip(" \n")
    if not core:
        return words
    start = words.index(core)
    return f"{words[:start]}[{core}]({escape_address(piece.style.href)}){words[start + len(core) :]}"


def _write_run(run: Run, before: str, after: str, *, linked: bool) -> str:
    if run.note:
        return f"[^{run.note}]"
    if run.text == BREAK:
        return "\\\n" if before and not before.endswith("\\\n") else ""
    core = run.text.strip()
    if (
        run.style.code
        and core
        and "`" not in core
        and "{{" not in core
        and "![" not in core
        and not before.endswith("`")
    ):
        return run.text.replace(core, f"`{core}`", 1)
    if run.style.script:
        return f"{run.style.script}{run.text}{run.style.script}"
    return escape_words(run.text, before[-1:] or " ", after, linked=linked)


def escape_words(text: str, left: str = " ", right: str = " ", *, linked: bool = False) -> str:
    """Return words with a backslash before each sign that a draft would read as markup.

    `left` and `right` are the characters around them. Addresses stay whole; within the words of a link, they are none.
    """
    out, done = [], 0
    for start, end in _find_kept(text, linked=linked):
        if start < done:
            continue
        kept = text[start:end]
        if kept[0] not in "[*%<" and not _ends_word(text[end:], right):
            kept = _link_address(kept)
        out += [_escape_signs(text, done, start, left), kept]
        done = end
    out.append(_escape_signs(text, done, len(text), left))
    return "".join(out)


def _link_address(address: str) -> str:
    """Return a bare address as a link, so that it ends where it ends."""
    if address[:4].lower() == "www.":
        return f"[{_escape_signs(address, 0, len(address), ' ')}]({escape_address(f'https://{address}')})"
    return f"<{address}>"


def _ends_word(rest: str, right: str) -> bool:
    """Return whether an address that stands as it is would end before the rest of a text, and what is right of it."""
    return (rest.lstrip(".,;:!?)")[:1] or right).isspace()


def _find_kept(text: str, *, linked: bool) -> list[tuple[int, int]]:
    if not any(sign in text for sign in ("://", "www.", "WWW.", "@", "*|", "%%", "<%", "[")):
        return []
    kept = [match.span() for match in _MERGE_TAG.finditer(text)]
    if not linked:
        kept += [match.span() for match in _INSERTION.finditer(text) if not _NO_INSERTION.search(match[0])]
        kept += [*find_bare_addresses(text), *find_bare_mail(text)]
    return sorted(kept)


def _escape_signs(text: str, first: int, end: int, left: str) -> str:
    out, done = [], first
    for match in _SPECIAL.finditer(text, first, end):
        sign, at = match[0], match.start()
        before, after = text[at - 1 : at] if at else left, text[match.end() : match.end() + 1]
        keep = _HARMLESS.get(sign)
        out += [text[done:at], sign if keep is not None and keep(before, after) else f"\\{sign}"]
        done = match.end()
    return "".join([*out, text[done:end]])


# Where a sign can't be taken for markup: between these two characters.
_HARMLESS: dict[str, Callable[[str, str], bool]] = {
    "*": lambda before, after: before.isspace() and after.isspace(),
    "_": lambda before, after: before.isalnum() and after.isalnum(),
    "~": lambda before, after: before.isspace() and after not in ("", "~"),
    "^": lambda before, after: before.isspace() or after.isspace(),
}


def _escape_line_start(line: str) -> str:
    """Return a line with a backslash before what would begin a list, a heading, a quotation or a table."""
    match = _LINE_START.match(line)
    if match is None:
        return line
    return f"{line[: match.end()]}\\{line[match.end() :]}" if match["digits"] else f"\\{line}"


def escape_address(address: str) -> str:
    """Return an address as a link's destination: without blanks, and with brackets only in pairs."""
    address = _UNSAFE.sub(lambda match: "".join(f"%{octet:02X}" for octet in match[0].encode()), address)
    if "(" in address or ")" in address:
        address = address.replace("(", "%28").replace(")", "%29") if not _is_paired(address) else address
    return address


def _is_paired(address: str) -> bool:
    depth = 0
    for sign in address:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return False
    return depth == 0
