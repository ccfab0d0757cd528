"""The copy of our message that came back: where it begins, which message it is, and whom it was for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.feedback.mail.recognition import addresses, mime
from newsletter.feedback.mail.recognition.mime import Header, Mail, Part

MOST = 20
_MOST_PARTS = 50  # that are looked into; what a server says of a mail stands in its first
_MOST_LINES, _LONGEST_LINE = 2_000, 500

# Who sends bounces and nothing else: what it sent is no message of ours.
_DAEMON = re.compile(r"(?i)mailer[-_]?daemon|mail delivery|mdaemon|microsoftexchange")
_ID = re.compile(r"<[^<>\s@]{1,250}@[^<>\s@]{1,255}>")
# "Message-ID: <...>", and as a notice or JSON may put it.
_QUOTED_ID = re.compile(r"(?i)(?:message-?id|identifier)[^\n<]{0,30}(<[^<>\s@]{1,250}@[^<>\s@]{1,255}>)")
_FIELD = re.compile(r"[> |\t]{0,8}([A-Za-z][A-Za-z0-9-]{1,40}):(\s|$)?")
_MARGIN = re.compile(r"(?m)^[> |\t]{1,8}(?=[A-Za-z][A-Za-z0-9-]{1,40}:)")
# Fields that no notice writes of itself: a run of lines that are fields and has one of these is a header.
_TELLING = frozenset({"received", "return-path", "message-id", "mime-version", "dkim-signature", "content-type",
                      "content-transfer-encoding", "x-mailer", "list-unsubscribe", "domainkey-signature"})  # fmt: skip
_TELLING_OF_PART = frozenset({"received", "return-path", "message-id"})
_COMMON = frozenset({"from", "to", "date", "subject", "cc", "reply-to", "sender"})
_OF_A_REPORT = frozenset({"final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta",
                          "reporting-mta", "arrival-date", "last-attempt-date"})  # fmt: skip
_FOR = ("to", "cc", "x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "original-recipient",
        "apparently-to", "resent-to", "x-forwarded-to", "x-rcpt-to")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Notice:
    """What a server wrote: words, and `reports` in the form of a DSN; and the header of what it sent back."""

    text: str
    copy: Header
    reports: tuple[str, ...]


def split(mail: Mail) -> Notice:
    """Parts the server's words from the returned copy, which is a part of its own or stands below the words."""
    words: list[str] = []
    pages: list[str] = []
    reports: list[str] = []
    copy: Header | None = None
    for part in _parts(mail):
        if "delivery-status" in part.kind or part.kind == "message/feedback-report":
            reports.append(part.text())
        elif part.is_message:
            copy = copy or _header_of(part)
        elif part.within and _TELLING_OF_PART.intersection(name for name, _ in part.header.fields):
            copy = copy or part.header  # put there without a header of the part's own
        elif part.kind == "text/html":
            pages.append(part.text())
        elif part.is_text or len(mail.parts) == 1:
            words.append(part.text())
    said: list[str] = []
    for text in ([text for text in words if text.strip()] or pages)[:5]:
        own, quoted = cut(text)
        said.append(own)
        copy = copy or quoted
    return Notice("\n".join(said), copy or Header(), tuple(reports))


def _parts(mail: Mail) -> Iterator[Part]:
    """The mail's parts; in place of a bounce that somebody sent on as an attachment, that bounce's."""
    is_report = any("delivery-status" in part.kind for part in mail.parts)
    for part in mail.parts[:_MOST_PARTS]:
        header = _header_of(part) if part.is_message and not is_report else None
        if header and (
            _DAEMON.search(header.words("from")) or "delivery-status" in header.first("content-type").lower()
        ):
            yield from mime.take_apart(part.content()).parts
        else:
            yield part


def _header_of(part: Part) -> Header | None:
    header = mime.parse_header(_MARGIN.sub("", mime.decoded(part.content(), "")))
    return header if header.fields else None


def cut(text: str) -> tuple[str, Header | None]:
    """The words before a returned copy that is quoted below them, and that copy's header when there is one.

    What a notice sums up of our message, indented among its own words, is a header too, but does not end the notice.
    """
    rows = list(mime.lines(text, _MOST_LINES, _LONGEST_LINE))
    summary: Header | None = None
    for start, names in _runs(rows):
        telling, common = len(names & _TELLING), len(names & _COMMON)
        if not (telling and telling + common > 1) and not (common > 3 and "from" in names):
            continue
        header = mime.parse_header(_MARGIN.sub("", "\n".join(rows[start : start + 500])))
        if _DAEMON.search(header.words("from")):
            continue  # a bounce that was sent on: its own words are what follows
        if "received" not in names and rows[start][:2].isspace():
            summary = summary or header
            continue
        return "\n".join(rows[:start]), header
    return "\n".join(rows), summary


def _runs(rows: list[str]) -> Iterator[tuple[int, set[str]]]:
    """Where lines begin that stand together and are fields of a header, and the fields' names."""
    start = 0
    names: set[str] = set()
    for number, row in enumerate([*rows, ""]):
        match = _FIELD.match(row)
        name = match[1].lower() if match else ""
        # Some leave no space behind the colon; that alone, a word of a sentence or of an address may do, too.
        spaced = match is not None and match[2] is not None
        if name and name not in _OF_A_REPORT and (names or spaced or name in _TELLING or name in _COMMON):
            start = start if names else number
            names.add(name)
        elif names and not (row[:1] in {" ", "\t", ">"} and row.strip(" \t>")):
            yield start, names
            names = set()


def message_ids(mail: Mail, notice: Notice) -> tuple[str, ...]:
    """Ids of what came back or is answered; that of the copy itself first."""
    known: dict[str, None] = {}
    for value in notice.copy.all("message-id", "x-message-id", "original-message-id", "x-original-message-id"):
        _learn(known, value)
    told = (part.text() for part in mail.parts[:_MOST_PARTS] if part.is_text or part.kind.startswith("message/"))
    for match in _QUOTED_ID.finditer("\n".join(told)):
        _learn(known, match[1])
    for value in mail.header.all("original-message-id", "x-original-message-id", "in-reply-to", "references"):
        _learn(known, value)
    return tuple(known)[:MOST]


def _learn(known: dict[str, None], value: str) -> None:
    for match in _ID.finditer(value):
        if match[0].isprintable():
            known.setdefault(match[0])


def original_to(notice: Notice) -> tuple[str, ...]:
    """Whom the copy was for, by any field of its header."""
    return addresses.all_of(notice.copy.all(*_FOR), MOST)


def recipients(notice: Notice) -> tuple[str, ...]:
    """Whom the copy was for by its To field, or by what stands for one."""
    for names in (("to",), ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to"), ("cc",)):
        if found := addresses.all_of(notice.copy.all(*names), MOST):
            return found
    return ()
