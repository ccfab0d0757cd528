"""Recognition of a mail that came back: bytes in, feedback events out.

The mail is taken apart once, and the recognisers look at it one after another; the first that knows it says what it
means. All of it is other people's text: it is read in time linear in its size, nothing in it is trusted, and nothing in
it makes `recognise_mail` fail.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import addresses, mime
from newsletter.feedback.mail.recognition.auto_reply import recognise_auto_reply, recognise_read_receipt
from newsletter.feedback.mail.recognition.bounce_notice import (
    recognise_arrival_notice,
    recognise_bounce_notice,
    recognise_failed_recipients,
    recognise_null_sender,
)
from newsletter.feedback.mail.recognition.delivery_status import recognise_delivery_status
from newsletter.feedback.mail.recognition.feedback_report import recognise_feedback_report
from newsletter.feedback.mail.recognition.mail_feedback import MailFeedback
from newsletter.feedback.mail.recognition.mime_header import MimeHeader
from newsletter.feedback.mail.recognition.parsed_mail import MOST_ADDRESSES, ParsedMail, parse_mail
from newsletter.feedback.mail.recognition.provider_notification import recognise_provider_notification
from newsletter.feedback.mail.recognition.recognition_result import Recognition
from newsletter.feedback.mail.recognition.sender_kind import find_impersonal_sign
from newsletter.feedback.mail.recognition.unsubscribe_request import (
    recognise_quoting_unsubscribe_request,
    recognise_unsubscribe_request,
)
from newsletter.text import escape_controls

__all__ = ["RECOGNISERS", "MailFeedback", "Recogniser", "recognise_mail"]

BEYOND = "it can't be understood"
_LONGEST_SUBJECT, _LONGEST_ID = 2000, 250
_TRACE, _MOST_TRACE = frozenset({"received", "authentication-results"}), 50

_GRAVEST = (
    FeedbackKind.COMPLAINT,
    FeedbackKind.UNSUBSCRIBE,
    FeedbackKind.HARD,
    FeedbackKind.SOFT,
    FeedbackKind.AUTO_REPLY,
    FeedbackKind.OTHER,
)
_CAME_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to",
            "apparently-to", "x-forwarded-to", "to", "cc")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A kind of mail that is understood: the name that its events bear, and the function that finds them.

    The function returns None for a mail of another kind.
    """

    name: str
    recognise: Callable[[ParsedMail], Recognition | None]


# The order of the walk: forms that a standard defines, then those that only programs write, then guesses.
RECOGNISERS = (
    Recogniser("feedback report", recognise_feedback_report),  # RFC 5965
    Recogniser("read receipt", recognise_read_receipt),  # RFC 8098
    Recogniser("delivery status", recognise_delivery_status),  # RFC 3464
    Recogniser("provider notification", recognise_provider_notification),  # JSON in a mail
    Recogniser("unsubscribe request", recognise_unsubscribe_request),
    Recogniser("failed recipients", recognise_failed_recipients),  # Exim's header field
    Recogniser("arrival notice", recognise_arrival_notice),
    Recogniser("bounce notice", recognise_bounce_notice),
    Recogniser("quoting unsubscribe request", recognise_quoting_unsubscribe_request),
    Recogniser("auto-reply", recognise_auto_reply),  # RFC 3834
    Recogniser("null sender", recognise_null_sender),
)


def recognise_mail(message: bytes, *, cut_off: bool = False) -> MailFeedback:
    """Return what a mail says. Never raises, whatever the bytes.

    `cut_off`: the bytes are only the beginning of it.
    """
    try:
        mail = parse_mail(message)
        return _describe(mail, _recognise(mail), cut_off=cut_off)
    except Exception as error:  # noqa: BLE001  # one mail must not keep the others from being read
        return MailFeedback(kind=FeedbackKind.OTHER, trouble=f"{BEYOND} ({type(error).__name__})")


def _recognise(mail: ParsedMail) -> Recognition:
    """Return what the first recogniser finds that knows the mail."""
    for recogniser in RECOGNISERS:
        if recognition := recogniser.recognise(mail):
            events = tuple(replace(event, recogniser=recogniser.name) for event in recognition.events)
            return replace(recognition, events=events)
    return Recognition()


def _describe(mail: ParsedMail, recognition: Recognition, *, cut_off: bool) -> MailFeedback:
    events = recognition.events
    return MailFeedback(
        kind=min((event.kind for event in events), key=_GRAVEST.index, default=FeedbackKind.OTHER),
        events=tuple(event for event in events if event.kind is not FeedbackKind.OTHER or event.delivered),
        message_ids=mail.message_ids,
        delivered_to=addresses.find_all(mail.header.all(*_CAME_TO), MOST_ADDRESSES, as_written=True),
        original_to=tuple(dict.fromkeys((*recognition.original_recipients, *mail.original_recipients)))[
            :MOST_ADDRESSES
        ],
        sender=mail.sender,
        request=recognition.request,
        is_report=recognition.is_report,
        subject=mail.header.words("subject")[:_LONGEST_SUBJECT],
        received_at=_parse_received(mail.header),
        trouble="; ".join(_list_trouble(mail, recognition, cut_off=cut_off)),
        trace=tuple(field for field in mail.header.fields if field[0] in _TRACE)[:_MOST_TRACE],
        message_id=escape_controls(mail.header.first("message-id").strip())[:_LONGEST_ID],
        addressed_to=addresses.find_all(mail.header.all("to", "cc"), MOST_ADDRESSES),
        impersonal=find_impersonal_sign(mail),
    )


def _list_trouble(mail: ParsedMail, recognition: Recognition, *, cut_off: bool) -> list[str]:
    """Return in words what could not be read.

    That nothing follows what was looked for is no trouble: many a server leaves the last boundary out.
    """
    names_somebody = any(event.address for event in recognition.events)
    trouble = [words for words in mail.mime.trouble if words != mime.UNENDED or not (names_somebody or cut_off)]
    return ["it was cut off", *trouble] if cut_off else trouble


def _parse_received(header: MimeHeader) -> str:
    """Return the date of the topmost Received field, ISO 8601 in UTC.

    It is empty for a field without one, or of a year before any newsletter.
    """
    field = header.first("received")
    try:
        date = parsedate_to_datetime(field[field.rindex(";") + 1 :][:100])
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return ""
    return date.isoformat(timespec="seconds") if 1990 < date.year < datetime.now(UTC).year + 2 else ""
