"""Emphasis as HTML: italics, or what stands for them in scripts that have none."""

from html import escape

from newsletter.editions.scripts import Emphasis, is_all, split_emphasis
from newsletter.translation import find_primary_language

_BOLD = "font-style: normal; font-weight: bold"
_DOTS = "font-style: normal; -webkit-text-emphasis: dot; text-emphasis: dot"
_WAYS: tuple[Emphasis, ...] = ("dots", "weight")


def write_emphasis(text: str, language: str, *, is_email: bool) -> str:
    """Return an emphasised text of a language as HTML; letters of a script without italics are dotted or bold.

    The style is in the element, so that an older style sheet of somebody's own does not slant them. The email has bold
    letters alone: Gmail, Outlook and most others know no dots (caniemail.com, text-emphasis).
    """
    if any(letter.isalpha() for letter in text):
        for way in _WAYS:
            if is_all(text, way):
                return f'<em style="{_choose_style(way, language, is_email=is_email)}">{escape(text)}</em>'
    pieces = (
        escape(piece)
        if way == "slant"
        else f'<span style="{_choose_style(way, language, is_email=is_email)}">{escape(piece)}</span>'
        for piece, way in split_emphasis(text)
    )
    return f"<em>{''.join(pieces)}</em>"


def _choose_style(way: Emphasis, language: str, *, is_email: bool) -> str:
    if way == "weight" or is_email:
        return _BOLD
    is_chinese = find_primary_language(language) == "zh"
    return f"{_DOTS}; text-emphasis-position: under right" if is_chinese else _DOTS
