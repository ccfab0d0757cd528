"""Understands a mail that came back: bytes in, a value out.

Everything here is other people's text. It is taken apart in time linear in its size, nothing in it is trusted, and
nothing in it makes `read` fail.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from newsletter.inbox.reading import (
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
from newsletter.inbox.reading.mime import Header, Mail
from newsletter.inbox.reading.returned import Notice
from newsletter.inbox.reading.values import Finding, Kind, Reading

__all__ = ["Finding", "Kind", "Reading", "read"]

BEYOND = "it can't be understood"
_LONGEST_SUBJECT = 2000

_NOTHING = (Finding(kind=Kind.OTHER, address=""),)
_GRAVEST = (Kind.COMPLAINT, Kind.UNSUBSCRIBE, Kind.HARD, Kind.SOFT, Kind.AUTO_REPLY, Kind.OTHER)
_CAME_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-rcpt-to",
            "apparently-to", "x-forwarded-to", "to", "cc")  # fmt: skip


def read(message: bytes, *, cut_off: bool = False) -> Reading:
    """What a mail says. Never raises, whatever the bytes.

    `cut_off`: the bytes are only the beginning of it.
    """
    try:
        return _read(message, cut_off=cut_off)
    except Exception as error:  # noqa: BLE001  # one mail must not keep the others from being read
        return Reading(kind=Kind.OTHER, trouble=f"{BEYOND} ({type(error).__name__})")


def _read(message: bytes, *, cut_off: bool) -> Reading:
    mail = mime.take_apart(message)
    words = returned.split(mail)
    found, originals, wish = _findings(mail, words, message)
    # That nothing follows what was looked for is no trouble: many a server leaves the last boundary out.
    told = any(finding.address for finding in found)
    trouble = [words for words in mail.trouble if words != mime.UNENDED or not (told or cut_off)]
    trouble = ["it was cut off", *trouble] if cut_off else trouble
    return Reading(
        kind=min((finding.kind for finding in found), key=_GRAVEST.index),
        findings=tuple(finding for finding in found if finding.kind is not Kind.OTHER),
        message_ids=returned.message_ids(mail, words),
        delivered_to=_delivered_to(mail.header),
        original_to=tuple(dict.fromkeys((*originals, *returned.original_to(words))))[: returned.MOST],
        sender=addresses.first(mail.header.first("from")),
        wish=wish,
        subject=mail.header.words("subject")[:_LONGEST_SUBJECT],
        said_at=_said_at(mail.header.first("date")),
        trouble="; ".join(trouble),
    )


def _findings(mail: Mail, words: Notice, message: bytes) -> tuple[tuple[Finding, ...], tuple[str, ...], str]:
    """The stages, each only when those before it know nothing: the surest forms first, guesses last.

    Gives what was found, addresses before they were forwarded, and a person's wish.
    """
    sender = addresses.first(mail.header.first("from"))
    if complained := complaint.findings(mail, words):
        return complained, (), ""
    reported = dsn.findings(words)
    if reported is not None:
        return reported[0] or _NOTHING, reported[1], ""
    if noted := notifications.findings(words.text):
        return noted, (), ""
    failed = notice.failed_recipients(mail)
    if failed or notice.is_bounce(mail, words):
        return notice.findings(mail, words, failed or strangers.recipients(message, mail, words)), (), ""
    # Before the auto-replies: a mail program that leaves for a person says that it does so by itself.
    if wish := replies.wish(mail, words):
        return (Finding(kind=Kind.UNSUBSCRIBE, address=sender, words=wish),), (), wish
    if replies.is_automatic(mail):
        return (Finding(kind=Kind.AUTO_REPLY, address=sender),), (), ""
    if notice.is_from_nobody(mail, words):
        return notice.findings(mail, words, strangers.recipients(message, mail, words)), (), ""
    return _NOTHING, (), ""


def _delivered_to(header: Header) -> tuple[str, ...]:
    return addresses.all_of(header.all(*_CAME_TO), returned.MOST, as_written=True)


def _said_at(date: str) -> str:
    """ISO 8601 in UTC; empty for a date that is none, or that no newsletter was sent at."""
    try:
        said = parsedate_to_datetime(date[:100])
        said = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return ""
    return said.isoformat(timespec="seconds") if 1990 < said.year < datetime.now(UTC).year + 2 else ""
