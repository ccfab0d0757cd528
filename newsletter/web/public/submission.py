"""Reads what a POST to an unsubscribe link asks for: a one click (RFC 8058, section 3.2), or a button of the page."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from newsletter.subscribers.feedback_events import EventKind, EventSource
from newsletter.text import escape_controls
from newsletter.web.public.form_reading import read_body, read_form

_WHY, _WORDS = 100, 1000  # characters
_ONE_CLICK = b"list-unsubscribe=one-click"
_ACTIONS = {
    "leave": EventKind.UNSUBSCRIBED,
    "leave-all": EventKind.UNSUBSCRIBED,
    "return": EventKind.RETURNED,
    "return-all": EventKind.RETURNED,
    "reason": EventKind.REASON,
}
_OF_ALL = ("leave-all", "return-all")


@dataclass(frozen=True, slots=True)
class Submission:
    """What a POST asks for. `words` are the reader's reason, with nothing in them that a terminal would obey.

    `everywhere`: it is about all publications of the database.
    """

    kind: EventKind
    source: EventSource
    words: str = ""
    everywhere: bool = False


async def read_submission(request: Request) -> Submission:
    """Read what a POST asks for. One without a body is a mail client's click.

    Proxies on the way lose the body, or say wrongly what it is, and nobody but a mail client posts to a link in a mail:
    the page's own forms always say what they want. Raises HTTPException: 400 for what is no order, 408 when it takes
    too long, 413 and 415.
    """
    if (await read_body(request)).strip().lower() in (b"", _ONE_CLICK):
        return Submission(EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK)
    fields = await read_form(request)
    if fields.get("List-Unsubscribe", "").strip().lower() == "one-click":
        return Submission(EventKind.UNSUBSCRIBED, EventSource.ONE_CLICK)
    if (action := fields.get("action", "")) not in _ACTIONS:
        raise HTTPException(400)
    words = _reason(fields) if action == "reason" else ""
    return Submission(_ACTIONS[action], EventSource.PAGE, words, everywhere=action in _OF_ALL)


def _reason(fields: dict[str, str]) -> str:
    """Return the reason a reader chose and wrote. Any choice is taken, since a restyled page may offer its own."""
    chosen = " ".join(fields.get("why", "").split())[:_WHY]
    words = fields.get("words", "").replace("\r\n", "\n").strip()[:_WORDS]
    return escape_controls(": ".join(part for part in (chosen, words) if part))
