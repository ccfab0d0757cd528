"""A mail that came back, taken apart once for all recognisers: a server's words, its report, and the returned copy."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.diagnostic_text import split_lines
from newsletter.feedback.mail.recognition.mime import MimeMessage, MimePart, parse_mime
from newsletter.feedback.mail.recognition.mime_header import MimeHeader
from newsletter.feedback.mail.recognition.returned_copy import DAEMON, read_copy_header, split_returned_copy

MOST_ADDRESSES = 20
_MOST_PARTS = 50  # that are looked into: a server's words and its report are the first
_MOST_TEXTS = 5
_OPENING = 3_000  # characters
_LONGEST_SUBJECT = 300

_ID = re.compile(r"<[^<>\s@]{1,250}@[^<>\s@]{1,255}>")
# "Message-ID: <...>", and as a notice or JSON may put it.
_QUOTED_ID = re.compile(r"(?i)(?:message-?id|identifier)[^\n<]{0,30}(<[^<>\s@]{1,250}@[^<>\s@]{1,255}>)")
# Fields that a part's own header has only where the copy was put in without such a header.
_TELLING_OF_PART = frozenset({"received", "return-path", "message-id"})
_FOR = ("to", "cc", "x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "original-recipient",
        "apparently-to", "resent-to", "x-forwarded-to", "x-rcpt-to")  # fmt: skip


@dataclass(frozen=True)
class ParsedMail:
    """A mail as the recognisers see it.

    `text` are the words for people, without a copy that is quoted below them; `reports` the parts in the form of a DSN
    or of a feedback report; `copy` is the header of the message that was sent back, empty where none was.
    """

    raw: bytes
    mime: MimeMessage
    text: str
    copy: MimeHeader
    reports: tuple[str, ...]

    @property
    def header(self) -> MimeHeader:
        """The mail's own header."""
        return self.mime.header

    @cached_property
    def report_type(self) -> str:
        """The report-type of a multipart/report (RFC 6522)."""
        return self.mime.parameters.get("report-type", "").lower()

    @cached_property
    def sender(self) -> str:
        """The address in From; empty where there is none, or more than one."""
        return addresses.find_sender(self.header.all("from"))

    @cached_property
    def subject(self) -> str:
        """The beginning of the subject, decoded."""
        return self.header.words("subject")[:_LONGEST_SUBJECT]

    @cached_property
    def opening(self) -> str:
        """The first words of the text in small letters on one line."""
        return " ".join(self.text[:_OPENING].lower().split())

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text that are looked at."""
        return split_lines(self.text)

    @cached_property
    def copy_recipients(self) -> tuple[str, ...]:
        """Recipients of the copy by its To field, or by what stands for one."""
        for names in (("to",), ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to"), ("cc",)):
            if found := addresses.find_all(self.copy.all(*names), MOST_ADDRESSES):
                return found
        return ()

    @cached_property
    def original_recipients(self) -> tuple[str, ...]:
        """Recipients of the copy by any field of its header."""
        return addresses.find_all(self.copy.all(*_FOR), MOST_ADDRESSES)

    @cached_property
    def message_ids(self) -> tuple[str, ...]:
        """Message-IDs of what came back or is answered; that of the copy itself first."""
        unique: dict[str, None] = {}
        _add_ids(unique, self.copy.all("message-id", "x-message-id", "original-message-id", "x-original-message-id"))
        parts = self.mime.parts[:_MOST_PARTS]
        texts = (part.text() for part in parts if part.is_text or part.kind.startswith("message/"))
        _add_ids(unique, (match[1] for match in _QUOTED_ID.finditer("\n".join(texts))))
        _add_ids(unique, self.header.all("original-message-id", "x-original-message-id", "in-reply-to", "references"))
        return tuple(unique)[:MOST_ADDRESSES]


def _add_ids(unique: dict[str, None], values: Iterable[str]) -> None:
    for value in values:
        for match in _ID.finditer(value):
            if match[0].isprintable():
                unique.setdefault(match[0])


def parse_mail(message: bytes) -> ParsedMail:
    """Take a mail apart. The returned copy is a part of its own, or stands below the words."""
    mail = parse_mime(message)
    words: list[str] = []
    pages: list[str] = []
    reports: list[str] = []
    copy: MimeHeader | None = None
    for part in _own_parts(mail):
        if "delivery-status" in part.kind or part.kind == "message/feedback-report":
            reports.append(part.text())
        elif part.is_message:
            copy = copy or read_copy_header(part)
        elif part.within and _TELLING_OF_PART.intersection(name for name, _ in part.header.fields):
            copy = copy or part.header
        elif part.kind == "text/html":
            pages.append(part.text())
        elif part.is_text or len(mail.parts) == 1:
            words.append(part.text())
    texts: list[str] = []
    for text in ([text for text in words if text.strip()] or pages)[:_MOST_TEXTS]:
        own, quoted = split_returned_copy(text)
        texts.append(own)
        copy = copy or quoted
    return ParsedMail(message, mail, "\n".join(texts), copy or MimeHeader(), tuple(reports))


def _own_parts(mail: MimeMessage) -> Iterator[MimePart]:
    """Yield the mail's parts; in place of a bounce that somebody sent on as an attachment, that bounce's."""
    is_report = any("delivery-status" in part.kind for part in mail.parts)
    for part in mail.parts[:_MOST_PARTS]:
        header = read_copy_header(part) if part.is_message and not is_report else None
        if header and (
            DAEMON.search(header.words("from")) or "delivery-status" in header.first("content-type").lower()
        ):
            yield from parse_mime(part.content()).parts
        else:
            yield part
