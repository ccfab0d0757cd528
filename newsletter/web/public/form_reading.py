"""Reads the forms that are posted: bounded in size, in fields and in time, whatever is sent."""

import asyncio
import re
import unicodedata

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from newsletter.text import without_invisible

LARGEST = 16 * 1024  # bytes of a body
LONGEST_TYPED = 300  # letters of an address that is shown again
_FIELDS = 20
_PATIENCE_S = 10.0
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_UNUSABLE = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # text around a name would be turned by them


async def read_body(request: Request) -> bytes:
    """Return what is posted. Raises HTTPException: 408 when it takes too long, and 413."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await request.body()
    except TimeoutError as error:
        raise HTTPException(408, headers={"Connection": "close"}) from error


async def read_form(request: Request, most_fields: int = _FIELDS) -> dict[str, str]:
    """Return the fields of the form that is posted, so many at most; of several of one name the last.

    Raises HTTPException: 400 for what is no form, 408 when it takes too long, 413, and 415 for another type.
    """
    await read_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        raise HTTPException(415)
    try:
        form = await request.form(max_files=0, max_fields=most_fields, max_part_size=LARGEST)
    except (MultiPartException, ValueError) as error:  # a charset that is none raises UnicodeError and its kin
        raise HTTPException(400) from error
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def clean_line(text: str) -> str:
    """Return text on one line that shows what it holds: no controls, and nothing that turns the text around it."""
    text = without_invisible(unicodedata.normalize("NFC", text[: 4 * LONGEST_TYPED]))
    kept = "".join(" " if unicodedata.category(letter) in _UNUSABLE else letter for letter in _TURNING.sub("", text))
    return " ".join(kept.split())
