"""Understands a mail that came back: bytes in, a value out.

Everything here is other people's text. It is taken apart in time linear in its size, nothing in it is trusted, and
nothing in it makes `read` fail.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from newsletter.feedback.mail.recognition import (
    addresses,
    complaint,
    dsn,
    mime,
    notice,
    notifications,
    replies,
    returned,
    strangers,
)
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackEvent, FeedbackKind, MailFeedback
from newsletter.feedback.mail.recognition.mime import Header, Mail
from newsletter.feedback.mail.recognition.returned import Notice

__all__ = ["FeedbackEvent", "FeedbackKind", "MailFeedback", "recognise_mail"]

BEYOND = "it can't be understood"
_LONGEST_SUBJECT = 2000
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


def recognise_mail(message: bytes, *, cut_off: bool = False) -> MailFeedback:
    """What a mail says. Never raises, whatever the bytes.

    `cut_off`: the bytes are only the beginning of it.
    """
    try:
        return _read(message, cut_off=cut_off)
    except Exception as error:  # noqa: BLE001  # one mail must not keep the others from being read
        return MailFeedback(kind=FeedbackKind.OTHER, trouble=f"{BEYOND} ({type(error).__name__})")


def _read(message: bytes, *, cut_off: bool) -> MailFeedback:
    mail = mime.take_apart(message)
    words = returned.split(mail)
    sender = addresses.of_sender(mail.header.all("from"))
    found = _found(mail, words, message, sender)
    # That nothing follows what was looked for is no trouble: many a server leaves the last boundary out.
    told = any(finding.address for finding in found.findings)
    trouble = [words for words in mail.trouble if words != mime.UNENDED or not (told or cut_off)]
    trouble = ["it was cut off", *trouble] if cut_off else trouble
    return MailFeedback(
        kind=min((finding.kind for finding in found.findings), key=_GRAVEST.index, default=FeedbackKind.OTHER),
        findings=tuple(finding for finding in found.findings if finding.kind is not FeedbackKind.OTHER or finding.ok),
        message_ids=returned.message_ids(mail, words),
        delivered_to=_delivered_to(mail.header),
        original_to=tuple(dict.fromkeys((*found.originals, *returned.original_to(words))))[: returned.MOST],
        sender=sender,
        wish=found.wish,
        report=found.report,
        subject=mail.header.words("subject")[:_LONGEST_SUBJECT],
        received_at=_received_at(mail.header.first("received")),
        trouble="; ".join(trouble),
        trace=tuple(field for field in mail.header.fields if field[0] in _TRACE)[:_MOST_TRACE],
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the stages make of a mail: what is said of whom, addresses before they were forwarded, a person's wish."""

    findings: tuple[FeedbackEvent, ...] = ()
    originals: tuple[str, ...] = ()
    wish: str = ""
    report: bool = False


def _found(mail: Mail, words: Notice, message: bytes, sender: str) -> _Found:
    """The stages, each only when those before it know nothing: the surest forms first, guesses last."""
    if complained := complaint.findings(mail, words):
        return _Found(complained, report=True)
    automatic = (FeedbackEvent(kind=FeedbackKind.AUTO_REPLY, address=sender),)
    if replies.is_receipt(mail):
        return _Found(automatic)
    reported = dsn.findings(words)
    if reported is not None:
        return _Found(*reported, report=True)
    if noted := notifications.findings(words.text):
        return _Found(noted)
    # Before whatever only looks like a bounce: an administrator may leave, too. And before the auto-replies: a mail
    # program that leaves for a person says that it does so by itself.
    wish = replies.wish(mail, words)
    leaves = _Found((FeedbackEvent(kind=FeedbackKind.UNSUBSCRIBE, address=sender, words=wish),), wish=wish)
    if wish and not (notice.is_sure(mail, words) or words.copy.fields):
        return leaves
    failed = notice.failed_recipients(mail)
    if not failed and (arrived := notice.went_well(mail, words)):
        return _Found(arrived)
    if failed or notice.is_bounce(mail, words):
        return _Found(notice.findings(mail, words, failed or strangers.recipients(message, mail, words)))
    if wish:
        return leaves
    if replies.is_automatic(mail):
        return _Found(automatic)
    if notice.is_from_nobody(mail, words):
        return _Found(notice.findings(mail, words, strangers.recipients(message, mail, words)))
    return _Found()


def _delivered_to(header: Header) -> tuple[str, ...]:
    return addresses.all_of(header.all(*_CAME_TO), returned.MOST, as_written=True)


def _received_at(field: str) -> str:
    """Return the date of a Received field, ISO 8601 in UTC; empty for one that is none, or before any newsletter."""
    try:
        said = parsedate_to_datetime(field[field.rindex(";") + 1 :][:100])
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return ""
    return said.isoformat(timespec="seconds") if 1990 < said.year < datetime.now(UTC).year + 2 else ""
