"""Answers to requests that can't be answered otherwise, in words for people."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_WORDS = {
    400: "This request can't be understood.",
    404: "There is no such page.",
    405: "This can't be done here.",
    408: "This took too long.",
    413: "This is too long.",
    415: "This has to be sent as a form.",
}


class RefusedError(HTTPException):
    """A refusal in words of our own, which the answer repeats."""


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Answer an HTTPException: by our own words, or by its status alone, since the libraries' words differ."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    words = error.detail if isinstance(error, RefusedError) else _WORDS.get(status, "This is refused.")
    return PlainTextResponse(f"{words}\n", status, headers)
