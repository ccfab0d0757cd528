"""The characters of a saved page or of a mail's part, with one kind of line end."""

import re

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.fetching.page_encoding import decode_page

_CONTROLS = re.compile("[\x01-\x08\x0e-\x1a\x1c-\x1f]")


def read_page_text(data: bytes, told: str | None = None) -> str:
    """Return the text of a page. `told` is the encoding that came with it, as with a mail. Raises UnreadableFile."""
    text = decode_page(data, told)
    controls = len(_CONTROLS.findall(text))
    if text.count("\0") > len(text) // 100 or controls > 20 + len(text) // 50:
        raise UnreadableFile("This is not a web page, whatever its name says.")
    return text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
