"""A message and its result: the values that mail, backends and sending share."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from newsletter.address import EmailAddress


class Message(NamedTuple):
    """One recipient's message: its bytes and envelope. It is a tuple, since one is made for each recipient.

    `key` names the delivery to the caller that handed the message over. The bytes have CRLF line ends and no line
    that begins with a dot, so the same bytes serve SMTP's DATA and BDAT, and a file. They are in `pieces`, most of
    which all recipients of a campaign share.
    """

    key: str
    sender: EmailAddress
    recipient: EmailAddress
    pieces: Sequence[bytes]

    @property
    def data(self) -> bytes:
        """Return the bytes as one."""
        return b"".join(self.pieces)

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        return sum(map(len, self.pieces))


class Outcome(StrEnum):
    """The outcome of handing a message over, as far as this side can know."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # not now: safe to try again
    REFUSED = "refused"  # not ever
    UNKNOWN = "unknown"  # the connection broke while its text was under way


class Result(NamedTuple):
    """The result of one message, with the reply and the stage of the dialogue at which it came.

    `code` is the reply code of RFC 5321, `enhanced` the status code of RFC 3463 where there was one.
    """

    key: str
    outcome: Outcome
    stage: str = ""
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""

    @property
    def line(self) -> str:
        """Return the reply in one line, as `join_reply` does."""
        return join_reply(self.code, self.enhanced, self.reply)


def join_reply(code: int | None, enhanced: str | None, text: str | None) -> str:
    """Return a reply in one line, `550 5.1.1 No such user`: what there is of code, enhanced code and text."""
    return " ".join(str(part) for part in (code, enhanced, text) if part)
