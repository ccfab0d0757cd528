"""Rules for Chinese, Japanese and Korean text: where emphasis may begin and end, which line ends are no spaces."""

import re
import unicodedata
from collections.abc import Sequence

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace

# Signs that both Latin and Chinese or Japanese text use, so that only their neighbours tell which they are.
_SHARED = frozenset("‘’“”…—·")
_SPACES = re.compile(r"[ \t]+")
_LINE_END = re.compile(r" ?\n[ \n]*")


def is_cjk(character: str) -> bool:
    """Return whether a character belongs to Chinese, Japanese or Korean text (markdown-cjk-friendly, section 2.1).

    Those of East Asian Width W, F or H (UAX 11) do, and Hangul; emoji, which are wide too, do not.
    """
    if character < "\u1100":
        return False
    if unicodedata.east_asian_width(character) in "WFH":
        code = ord(character)
        return not (0x2600 <= code < 0x2E80 or (0x2300 <= code < 0x2400 and code not in (0x2329, 0x232A))) and not (
            0x1F000 <= code < 0x20000 and not 0x1F200 <= code < 0x1F300
        )
    return is_hangul(character)


def is_hangul(character: str) -> bool:
    """Return whether a character is of the Korean script, whose words have spaces between them."""
    return character >= "\u1100" and unicodedata.name(character, "").startswith(("HANGUL", "HALFWIDTH HANGUL"))


def find_flanking(before: str, after: str, *, within_words: bool) -> tuple[bool, bool]:
    """Return whether a run of * or _ between two characters can open emphasis, and whether it can close it.

    CommonMark 0.31.2, section 6.2, as amended by markdown-cjk-friendly: punctuation of CJK text is no hindrance,
    so that **「…」** can come before の without a space. `within_words` is true for *. Unlike there, a run within a
    word or number does neither, nor one between a bracket and a word opens: E*Trade, 5*3, a*(b+c)*d*(e).
    """
    if _is_spelled(before) and _is_spelled(after):
        return False, False
    if before in ")]" and _is_spelled(after):
        return False, False
    space_before, space_after = isWhiteSpace(ord(before)), isWhiteSpace(ord(after))
    cjk_before, cjk_after = is_cjk(before), is_cjk(after)
    mark_before = isMdAsciiPunct(ord(before)) or isPunctChar(before)
    mark_after = isMdAsciiPunct(ord(after)) or isPunctChar(after)
    hindered_after = mark_after and not cjk_after
    hindered_before = mark_before and not cjk_before
    left = not space_after and (not hindered_after or space_before or mark_before or cjk_before)
    right = not space_before and (not hindered_before or space_after or mark_after or cjk_after)
    return (
        left and (within_words or not right or mark_before),
        right and (within_words or not left or mark_after),
    )


def _is_spelled(character: str) -> bool:
    """Return whether a character is a letter or digit of a script with spaces between its words."""
    if not (character < "\u0590" or "\u1e00" <= character < "\u2000"):
        return False
    return character.isalnum() or unicodedata.combining(character) > 0


def join_lines(texts: Sequence[str]) -> list[str]:
    """Make each line's end in neighbouring texts a space, or nothing between two characters written without one.

    The rule is that of CSS Text 3, section 4.1.3; for signs shared with other scripts it is what readers of Chinese
    expect. Texts hold no character 0.
    """
    whole = _SPACES.sub(" ", "\0".join(texts))

    def joined(end: re.Match[str]) -> str:
        before, after = end.start() - 1, end.end()
        while before >= 0 and whole[before] == "\0":
            before -= 1
        while after < len(whole) and whole[after] == "\0":
            after += 1
        return "" if before >= 0 and after < len(whole) and _are_unspaced(whole[before], whole[after]) else " "

    return _LINE_END.sub(joined, whole).split("\0")


def _are_unspaced(before: str, after: str) -> bool:
    """Return whether two characters that a line's end parts are written without a space."""
    if is_hangul(before) or is_hangul(after):
        return False
    return (is_cjk(before) and (is_cjk(after) or after in _SHARED)) or (before in _SHARED and is_cjk(after))
