"""A web server's answer, as far as it was read, and the limits of reading it."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Literal

_PERMANENT = (301, 308)  # RFC 9110, sections 15.4.2 and 15.4.9
_BUSY = (429, 503)

CutReason = Literal["size", "time", "dropped", "encoding"]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The limits of one fetch: times in seconds, all redirects included, and the body's size in bytes, unpacked.

    Of a longer body only the beginning is read. `at_once` and `at_once_per_host` are numbers of requests under way.
    """

    total: float = 20
    connect: float = 8
    body: int = 5_000_000
    redirects: int = 10
    at_once: int = 16
    at_once_per_host: int = 4


@dataclass(frozen=True, slots=True)
class Redirect:
    """One step on the way to a page."""

    status: int
    source: str
    target: str

    @property
    def permanent(self) -> bool:
        return self.status in _PERMANENT


@dataclass(frozen=True, slots=True)
class Response:
    """A web server's answer to one request.

    `address` is the last one, after all `redirects`, without fragment. The names of `headers` are in lowercase, and
    values of one name are joined by commas. `body` is what was read of it, unpacked. `cut` says why it was not read to
    its end: it is longer than the limit, the time was up (a body may never end), the server hung up, or it is packed
    in a way that was not asked for or damaged; None when it is whole. A HEAD request has no body.
    """

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: CutReason | None = None
    redirects: tuple[Redirect, ...] = ()

    @property
    def media_type(self) -> str:
        """Return the type such as `text/html`, in lowercase; empty when the server names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """Return the encoding that the server names, in lowercase; None when it names none."""
        message = Message()
        message["Content-Type"] = self.headers.get("content-type", "")
        return message.get_content_charset()

    @property
    def moved_to(self) -> str | None:
        """Return the address to which the one asked has moved for good; None when it has not.

        It is the end of the permanent redirects that come before any other one.
        """
        target = None
        for redirect in self.redirects:
            if not redirect.permanent:
                break
            target = redirect.target
        return target

    def find_retry_delay(self, now: datetime.datetime) -> float | None:
        """Return the seconds after which a busy server (429, 503) wants to be asked again (RFC 9110, 10.2.3)."""
        text = self.headers.get("retry-after", "").strip()
        if self.status not in _BUSY or not text:
            return None
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return max(0.0, (moment - now).total_seconds())
