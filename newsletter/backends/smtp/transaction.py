"""One message's commands within an SMTP connection, and its result (RFC 5321, section 3.3)."""

import re
from collections.abc import Sequence
from enum import Enum

from newsletter.backends import SenderRefused, SessionLost
from newsletter.mail.message import Message, Outcome, Result

ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")  # RFC 3463


class DialogueStage(Enum):
    """The command that a reply answers, as results name it."""

    RSET = "rset"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    TEXT = "text"
    DOT = "dot"  # ends a text of nothing, where 354 came although the envelope had failed


ENVELOPE: Sequence[DialogueStage] = (DialogueStage.MAIL, DialogueStage.RCPT, DialogueStage.DATA)
RESET_AND_ENVELOPE: Sequence[DialogueStage] = (DialogueStage.RSET, *ENVELOPE)
CHUNKED: Sequence[DialogueStage] = (DialogueStage.MAIL, DialogueStage.RCPT, DialogueStage.TEXT, DialogueStage.RSET)


class Transaction:
    """One message between MAIL and the reply to its text."""

    __slots__ = ("failure", "message", "text_left")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.text_left = False  # or a part of it may have
        self.failure: Result | SenderRefused | None = None  # by its first failing reply; later ones follow from it


def make_result(message: Message, stage: DialogueStage, code: int | None, reply: str) -> Result:
    """Return a reply, which may begin with an enhanced code, as the result of one message.

    Without a code the refusal is ours.
    """
    enhanced = ENHANCED.match(reply)
    outcomes = {2: Outcome.ACCEPTED, 4: Outcome.DEFERRED, 5: Outcome.REFUSED}
    return Result(
        key=message.key,
        outcome=outcomes[code // 100] if code else Outcome.REFUSED,
        stage=stage.value,
        code=code,
        enhanced=enhanced[1] if enhanced else None,
        reply=reply[enhanced.end() :] if enhanced else reply,
    )


def make_loss(stage: str, code: int, reply: str) -> SessionLost:
    """Return a reply that ends the connection. The code belongs to a 4xx or 5xx; any other can't be understood."""
    enhanced = ENHANCED.match(reply)
    return SessionLost(
        f"{code} {reply}",
        code if code // 100 in (4, 5) else None,
        enhanced=enhanced[1] if enhanced else None,
        reply=reply[enhanced.end() :] if enhanced else reply,
        stage=stage,
    )
