"""The event that every source of feedback gives: a mail that came back today, a provider's webhook later."""

from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage
from newsletter.subscribers.reasons import Reason


class FeedbackKind(StrEnum):
    """Kind of feedback, by what it means for a list.

    Hard: the address is no good. Soft: this message was not taken, another one may be.
    """

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    SIGN_UP = "sign-up"
    AUTO_REPLY = "auto-reply"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvidence:
    """The words on which an event rests, one printable line, and the part of the feedback that has them.

    `part` is a media type such as `message/delivery-status`, or the name of a header field.
    """

    part: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """Feedback about one address, in one form for all who give it. It is a claim until it is attributed to a delivery.

    `address` is in this program's one spelling where it can be, else as it was written; empty where none is named.
    `stage` is the command that a server answered, `code` its reply code (RFC 5321) and `enhanced` its enhanced status
    code (RFC 3463); each is empty where the feedback does not tell it. `delayed`: the server goes on trying, and
    nothing is counted against anybody. `about_sender`: a soft refusal of the sender or the message, not of the
    recipient. `delivered`: the message was delivered, relayed or expanded (RFC 3464, section 2.3.3); the kind is OTHER.
    `recogniser` names the function that understood it.
    """

    kind: FeedbackKind
    address: str
    reason: Reason = Reason.UNDETERMINED
    stage: SmtpStage | None = None
    code: int | None = None
    enhanced: str = ""
    evidence: FeedbackEvidence = field(default_factory=FeedbackEvidence)
    delayed: bool = False
    about_sender: bool = False
    delivered: bool = False
    recogniser: str = ""
