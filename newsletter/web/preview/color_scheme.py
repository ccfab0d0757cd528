"""Shows an edition's HTML in the light or the dark colour scheme, whichever this system has."""

import re
from typing import Literal

ColorScheme = Literal["light", "dark"]
_STYLES = re.compile(r"<style\b[^>]*>.*?</style>|\bmedia=\"[^\"]*\"|<meta\b[^>]*>", re.DOTALL | re.IGNORECASE)
_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_SCHEME = re.compile(r"(color-scheme\s*:\s*|name=\"color-scheme\" content=\")(?:light dark|dark light)", re.IGNORECASE)


def with_color_scheme(html: str, mode: ColorScheme) -> str:
    """Answer each media query for the colour scheme in the HTML itself: a page can't set the scheme of its frame."""

    def answered(query: re.Match[str]) -> str:
        return "(min-width: 0)" if query[1].lower() == mode else "(max-width: 0)"

    def chosen(part: re.Match[str]) -> str:
        return _SCHEME.sub(rf"\g<1>{mode}", _QUERY.sub(answered, part[0]))

    return _STYLES.sub(chosen, html)
