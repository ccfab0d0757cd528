"""The lines of one paragraph: where its Markdown and its script let a line end."""

import re
from collections.abc import Iterator

from wcwidth import wcswidth

from newsletter.issue.cjk import is_cjk, join_lines
from newsletter.issue.markdown import read_inline

_BLANKS = re.compile(r"[ \t]+")
_ENDS_FOR_READERS = re.compile(r"(?:(?<!\\)(?:\\\\)*\\|[ \t]{2,})\Z")  # a line break, which has to stay
_WHOLE = frozenset({"link", "autolink", "field", "backticks", "address", "mail", "footnote_ref", "language", "entity"})
_MARKS = frozenset("*_~`[]()<>{}^\\|!&")
# What may begin a list, a quotation, a heading, a table, a picture, a note or code at a line's start, or is no word.
_BEGINS_BLOCK = re.compile(r"[>#|=]|!\[|\[\^|`{3}|~{3}|(?:\d{1,9}|[A-Za-z])[.)](?:\s|\Z)|[^\w\s]+(?:\s|\Z)")
# Characters that begin no line, and those that end none, in Chinese and Japanese text (JLREQ, 3.1.7 and 3.1.8).
_NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝〉》」』】〕〗〙’”…‥―ー々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ％‰℃"
)
_NOT_LAST = frozenset("（［｛〈《「『【〔〖〘‘“￥＄―…‥")


def join_paragraph(text: str) -> str:
    """Return a paragraph's lines as one; a line's end stays where readers see it, or where it can't be told."""
    first, *lines = text.split("\n")
    joined = first
    for line in lines:
        words, line = joined.rstrip(" \t"), line.lstrip(" \t")
        before, after = words[-1:], line[:1]
        if _ENDS_FOR_READERS.search(joined, max(0, len(joined) - 80)):
            joined = f"{joined}\n{line}"
        elif (before in _MARKS and is_cjk(after or " ")) or (after in _MARKS and is_cjk(before or " ")):
            joined = f"{words}\n{line}"  # a mark hides which characters meet here
        else:
            joined = words + ("" if _are_unspaced(before, after) else " ") + line
    return joined


def _are_unspaced(before: str, after: str) -> bool:
    """Return whether a line's end between two characters is nothing to readers, and no space."""
    return bool(before and after) and len(join_lines([f"{before}\n{after}"])[0]) == 2


def fill_paragraph(text: str, width: int, first_indent: int, indent: int) -> list[str]:
    """Return a paragraph's lines, each as long as it can be, without what stands before them."""
    filled: list[str] = []
    for pieces in _split(text):
        line = ""
        for number, (glue, piece) in enumerate(pieces):
            room = width - (indent if filled else first_indent)
            if number and wcswidth(line + glue + piece) > room:
                filled.append(line)
                line = piece
            else:
                line += glue + piece
        filled.append(line)
    return filled


def _split(text: str) -> Iterator[list[tuple[str, str]]]:
    """Yield for each line that has to stay the pieces between which it may end, each with the blank before it."""
    blanks, joints = _find_whole(text)
    pieces: list[tuple[str, str]] = []
    glue = piece = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\n":
            yield [*pieces, (glue, piece)]
            pieces, glue, piece = [], "", ""
            at += 1
        elif character in " \t" and at not in blanks:
            end = _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # there is one at least
            if text[end : end + 1] in ("\n", ""):
                piece += "  " if end - at > 1 else ""
            elif _may_end_at_blank(text, at, end):
                pieces.append((glue, piece))
                glue, piece = " ", ""
            elif piece:
                piece += " "
            at = end
        else:
            if piece and at not in joints and _may_end_between(text, at):
                pieces.append((glue, piece))
                glue = piece = ""
            piece += character
            at += 1
    yield [*pieces, (glue, piece)]


def _find_whole(text: str) -> tuple[set[int], set[int]]:
    """Return the places in what stays in one line, such as a link: its characters, and its characters but the first."""
    spans = [(piece.start, piece.end) for piece in read_inline(text).markup if piece.kind in _WHOLE]
    return {at for start, end in spans for at in range(start, end)}, {
        at for start, end in spans for at in range(start + 1, end)
    }


def _may_end_at_blank(text: str, at: int, end: int) -> bool:
    """Return whether a line may end at blanks: readers see a space there, and the next line begins no block."""
    before, after = text[at - 1 : at], text[end]
    if before in ("", "\n", "\\") or _BEGINS_BLOCK.match(text, end) or _are_unspaced(before, after):
        return False
    return not (before in _MARKS and is_cjk(after)) and not (after in _MARKS and is_cjk(before))


def _may_end_between(text: str, at: int) -> bool:
    """Return whether a line may end between two characters that are written without a space."""
    before, after = text[at - 1], text[at]
    if not (is_cjk(before) or is_cjk(after)) or before in " \t" or before in _NOT_LAST or after in _NOT_FIRST:
        return False
    return _are_unspaced(before, after) and not _BEGINS_BLOCK.match(text, at)
