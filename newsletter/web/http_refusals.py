"""Answers to requests that can't be answered otherwise, in words for people."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.translation import ENGLISH, Translator


class RefusedError(HTTPException):
    """A refusal in words of our own, which the answer repeats."""


def make_refusal_handler(translator: Translator = ENGLISH) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return the handler of an HTTPException, which answers in words of our own, since the libraries' differ.

    What has none of its own is answered by its status alone.
    """
    words = {
        400: translator.translate("This request can't be understood."),
        404: translator.translate("There is no such page."),
        405: translator.translate("This can't be done here."),
        408: translator.translate("This took too long."),
        413: translator.translate("This is too long."),
        415: translator.translate("This has to be sent as a form."),
    }
    others = translator.translate("This is refused.")

    async def answer_refusal(_request: Request, error: Exception) -> Response:
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        text = error.detail if isinstance(error, RefusedError) else words.get(status, others)
        return PlainTextResponse(f"{text}\n", status, headers)

    return answer_refusal
