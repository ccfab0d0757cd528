"""Reads the forms that are posted: bounded in size, in fields and in time, whatever is sent."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

LARGEST = 16 * 1024  # bytes of a body
_FIELDS = 20
_PATIENCE_S = 10.0
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


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
