"""Returned copies of our message: where one begins below the words of a notice, and its header."""

import re
from collections.abc import Iterator

from newsletter.feedback.mail.recognition.mime import MimePart
from newsletter.feedback.mail.recognition.mime_header import MimeHeader, parse_header
from newsletter.feedback.mail.recognition.mime_text import decode_text
from newsletter.feedback.text_lines import cut_lines

_MOST_LINES, _LONGEST_LINE = 2_000, 500
# Senders of bounces and nothing else: what they sent is no message of ours.
DAEMON = re.compile(r"(?i)mailer[-_]?daemon|mail delivery|mdaemon|microsoftexchange")
_FIELD = re.compile(r"[> |\t]{0,8}([A-Za-z][A-Za-z0-9-]{1,40}):(\s|$)?")
_MARGIN = re.compile(r"(?m)^[> |\t]{1,8}(?=[A-Za-z][A-Za-z0-9-]{1,40}:)")
# Fields that no notice has among its words: lines that are fields, one of these among them, are a header.
_TELLING = frozenset({"received", "return-path", "message-id", "mime-version", "dkim-signature", "content-type",
                      "content-transfer-encoding", "x-mailer", "list-unsubscribe", "domainkey-signature"})  # fmt: skip
_COMMON = frozenset({"from", "to", "date", "subject", "cc", "reply-to", "sender"})
_OF_A_REPORT = frozenset({"final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta",
                          "reporting-mta", "arrival-date", "last-attempt-date"})  # fmt: skip


def read_copy_header(part: MimePart) -> MimeHeader | None:
    """Return the header of the copy that a part holds; None where it holds none."""
    header = parse_header(_MARGIN.sub("", decode_text(part.content(), "")))
    return header if header.fields else None


def split_returned_copy(text: str) -> tuple[str, MimeHeader | None]:
    """Return the words before a returned copy that is quoted below them, and that copy's header if there is one.

    A summary of the message, indented among the words of a notice, is a header too, but does not end the notice.
    """
    rows = list(cut_lines(text, _MOST_LINES, _LONGEST_LINE))
    summary: MimeHeader | None = None
    for start, names in _find_field_runs(rows):
        telling, common = len(names & _TELLING), len(names & _COMMON)
        if not (telling and telling + common > 1) and not (common > 3 and "from" in names):
            continue
        header = parse_header(_MARGIN.sub("", "\n".join(rows[start : start + 500])))
        if DAEMON.search(header.words("from")):
            continue  # a bounce that was sent on: its own words follow
        if "received" not in names and rows[start][:2].isspace():
            summary = summary or header
            continue
        return "\n".join(rows[:start]), header
    return "\n".join(rows), summary


def _find_field_runs(rows: list[str]) -> Iterator[tuple[int, set[str]]]:
    """Yield where lines begin that stand together and are fields of a header, and the fields' names."""
    start = 0
    names: set[str] = set()
    for number, row in enumerate([*rows, ""]):
        match = _FIELD.match(row)
        name = match[1].lower() if match else ""
        # Some programs write no space behind the colon, as a sentence or an address may have one as well.
        spaced = match is not None and match[2] is not None
        if name and name not in _OF_A_REPORT and (names or spaced or name in _TELLING or name in _COMMON):
            start = start if names else number
            names.add(name)
        elif names and not (row[:1] in {" ", "\t", ">"} and row.strip(" \t>")):
            yield start, names
            names = set()
