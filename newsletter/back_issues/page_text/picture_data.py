"""Pictures whose data stand within a page or came with it, taken out under names of their own."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote, unquote_to_bytes

from newsletter.back_issues.converted_text import EmbeddedPicture
from newsletter.back_issues.page_text.page_blocks import PageBlock

_SIGNATURES = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


def take_picture_data(
    blocks: list[PageBlock], attached: Mapping[str, bytes] | None = None
) -> tuple[list[PageBlock], tuple[EmbeddedPicture, ...]]:
    """Return blocks whose pictures have names, and the pictures by these names.

    `attached` holds the pictures of a mail by their Content-ID (RFC 2392). A picture without data is left out.
    """
    attached = attached or {}
    pictures: dict[bytes, EmbeddedPicture] = {}
    kept = []
    for block in blocks:
        if block.kind != "picture" or not block.source.startswith(("data:", "cid:")):
            kept.append(block)
            continue
        if block.source.startswith("cid:"):
            data = attached.get(unquote(block.source[4:]), b"")
        else:
            data = _read_data(block.source)
        suffix = next((suffix for signature, suffix in _SIGNATURES if data.startswith(signature)), None)
        if suffix is None:
            continue
        picture = pictures.setdefault(data, EmbeddedPicture(f"picture-{len(pictures) + 1}.{suffix}", data))
        block.source = picture.name
        kept.append(block)
    return kept, tuple(pictures.values())


def _read_data(address: str) -> bytes:
    """Return the data of a `data:` address (RFC 2397); nothing for one that can't be read."""
    head, _, body = address.partition(",")
    try:
        return base64.b64decode(unquote_to_bytes(body)) if head.endswith(";base64") else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return b""
