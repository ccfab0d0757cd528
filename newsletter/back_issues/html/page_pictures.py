"""Pictures of a page: which of them show something, and where they are."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from newsletter.back_issues.html.page_styles import read_style

_SMALL = 130  # pixels across, up to which a picture is an icon or a button
_TINY = 3  # pixels, up to which it only counts who opens the mail, or keeps a distance
_INLINE = 40
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d+)?(?:px)?\s*")
_COUNTER = re.compile(r"/(?:open|track(?:ing)?|pixel|beacon|spacer|blank|clear|wf/open)[/.?]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture that a page shows: its address, its description, and whether it stands for words."""

    source: str
    alt: str
    is_small: bool
    is_inline: bool


def read_picture(attributes: dict[str, Any], base: str) -> PagePicture | None:
    """Return the picture of an `img` element; None for one that shows nothing."""
    alt = " ".join((attributes.get("alt") or "").split())
    style = read_style(attributes.get("style") or "")
    sides = [_read_pixels(attributes.get(side) or style.get(side) or "") for side in ("width", "height")]
    source = _find_source(attributes)
    known = [side for side in sides if side is not None]
    if not source or any(side <= _TINY for side in known) or (not alt and _COUNTER.search(source)):
        return None
    is_emoji = "emoji" in (attributes.get("class") or "").lower() or (0 < len(alt) <= 2 and not alt.isascii())
    is_icon = bool(known) and max(known) <= _INLINE
    small = bool(known) and max(known) <= _SMALL
    if not alt and small:
        return None
    if not source.startswith(("data:", "cid:")) and base:
        try:
            source = urljoin(base, source)
        except ValueError:
            return None
    return PagePicture(source, alt, small, is_emoji or is_icon)


def _find_source(attributes: dict[str, Any]) -> str:
    """Return a picture's address; pages that load pictures late have it elsewhere."""
    source = (attributes.get("src") or "").strip()
    late = (attributes.get("data-src") or attributes.get("data-original") or "").strip()
    if late and (not source or source.startswith("data:image/gif")):
        return str(late)
    if not source and (candidates := (attributes.get("srcset") or "").split(",")):
        return str(candidates[0].split()[0]) if candidates[0].split() else ""
    return str(re.sub(r"[\t\n\r]", "", source))


def _read_pixels(length: str) -> int | None:
    match = _PIXELS.fullmatch(length)
    return int(match[1]) if match else None
