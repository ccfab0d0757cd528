"""Result of a recogniser, and the event that a server's reply makes."""

from dataclasses import dataclass

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence
from newsletter.feedback.mail.recognition.diagnostic_text import make_line
from newsletter.feedback.smtp_replies.classification import Classification
from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage
from newsletter.feedback.smtp_replies.status_codes import find_reply_code

TEXT = "text/plain"  # the part of evidence that is in the words for people


@dataclass(frozen=True, slots=True)
class Recognition:
    """Events that one recogniser finds in a mail.

    `original_recipients` are addresses before they were forwarded. `is_report`: the mail is a DSN or a feedback report,
    a program's words and no person's. `request` is what a person wrote who asks to be unsubscribed.
    """

    events: tuple[FeedbackEvent, ...] = ()
    original_recipients: tuple[str, ...] = ()
    is_report: bool = False
    request: str = ""


def make_bounce(
    address: str,
    reply: Classification,
    *,
    stage: SmtpStage | None,
    enhanced: str,
    part: str,
    words: str,
) -> FeedbackEvent:
    """Return the event of a classified reply. `words` are the evidence, the reply code among them."""
    return FeedbackEvent(
        kind=reply.kind,
        address=address,
        reason=reply.reason,
        stage=stage,
        code=find_reply_code(words),
        enhanced=enhanced,
        evidence=FeedbackEvidence(part=part, words=make_line(words)),
        delayed=reply.delayed,
        about_sender=reply.about_sender,
    )
