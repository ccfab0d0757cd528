"""Evidence that a server gives, and the advice that follows from it."""

from dataclasses import dataclass
from typing import NamedTuple

from newsletter.mail.message import Result, join_reply
from newsletter.mail.reply_limits import read_wait


class Evidence(NamedTuple):
    """A reply from which a limit is concluded: its stage of the dialogue, code, enhanced code and words."""

    stage: str = ""
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""

    @property
    def is_for_now(self) -> bool:
        """Return whether the reply is no refusal for good (RFC 5321, section 4.2.1)."""
        return self.code is not None and 400 <= self.code < 500

    @property
    def wait_s(self) -> float | None:
        """Return after how many seconds the server says that it is worth another try; None when it does not."""
        return read_wait(self.reply)

    @property
    def line(self) -> str:
        """Return the reply in one line."""
        return join_reply(self.code, self.enhanced, self.reply)


def read_evidence(result: Result) -> Evidence:
    """Return the reply in a result as evidence of a limit."""
    return Evidence(result.stage, result.code, result.enhanced, result.reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Advice on what to do about a refused message.

    `keep_session`: the connection that it came on goes on. `counts_against_reader`: it was one of the reader's tries,
    and Throttle.find_retry says when the next is. Otherwise the reader is tried again at `retry_reader_at`, on the
    throttle's clock; None: behind the others, as soon as something may leave.
    """

    keep_session: bool = True
    retry_reader_at: float | None = None
    counts_against_reader: bool = False
