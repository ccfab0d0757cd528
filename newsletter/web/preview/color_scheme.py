"""An edition's HTML as it looks where the system is light or dark, whichever this one is."""

import re
from typing import Literal

ColorScheme = Literal["light", "dark"]
_STYLES = re.compile(r"<style\b[^>]*>.*?</style>|\bmedia=\"[^\"]*\"|<meta\b[^>]*>", re.DOTALL | re.IGNORECASE)
_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_SCHEME = re.compile(r"(color-scheme\s*:\s*|name=\"color-scheme\" content=\")(?:light dark|dark light)", re.IGNORECASE)


def with_color_scheme(html: str, mode: ColorScheme) -> str:
    """With every question for the system's colours answered: a frame can't be told them by the page around it."""

    def answered(query: re.Match[str]) -> str:
        return "(min-width: 0)" if query[1].lower() == mode else "(max-width: 0)"

    def chosen(part: re.Match[str]) -> str:
        return _SCHEME.sub(rf"\g<1>{mode}", _QUERY.sub(answered, part[0]))

    return _STYLES.sub(chosen, html)
