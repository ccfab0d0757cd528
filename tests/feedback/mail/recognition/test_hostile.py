"""Hostile bytes are recognised in time linear in their number, and nothing of them does anything to a terminal."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import BEYOND, MailFeedback, recognise_mail
from newsletter.text import escape_controls

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.eml"))]
BOUNCE = b"From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered mail\n"

# What a mail is made of, to be put together in any order.
PIECES = [
    b"\n", b"\r\n", b"\r", b"\x00", b" ", b"\t", b"--b", b"--b--", b"--c\n", b"--", b">", b"=", b"=?utf-8?q?=ff?=",
    b"\xff\xfe", b"From: MAILER-DAEMON\n", b"Subject: Undelivered mail\n", b"Subject: unsubscribe\n",
    b"Date: Thu, 99 Zip 9999\n", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
    b"Content-Type: message/rfc822\n", b"Content-Type: multipart/mixed; boundary=c\n",
    b"Content-Type: multipart/mixed\n", b"Content-Type: text/html\n", b"Content-Type: message/delivery-status\n",
    b"Content-Type: message/feedback-report\n", b"Feedback-Type: abuse\n",
    b"Content-Type: text/plain; charset=punycode\n", b"Content-Type: text/plain; charset=\"\x00\"\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n",
    b"Auto-Submitted: auto-replied\n", b"Final-Recipient: rfc822; anna@example.net\n",
    b"Original-Recipient: x400; \\x{110000}\n", b"Action: failed\n", b"Status: 5.1.1\n",
    b"Diagnostic-Code: smtp; 550 5.1.1 user unknown\n", b"X-Failed-Recipients: anna@example.net, @, <>\n",
    b"<anna@example.net>: user unknown\n", b"Message-ID: <a@b.example>\n", b"To: \"Anna\" <anna@example.net>\n",
    b"user <", b"@", b"anna@", b"@example.net", b"<p>", b"&#1114112;", b"{\"notificationType\":\"Bounce\"",
    b"\"emailAddress\":\"",
]  # fmt: skip


def shown(text: str) -> bool:
    """Return whether a terminal shows the text as it is, on one line."""
    return text == escape_controls(text) and len(text.splitlines()) <= 1


def check(reading: MailFeedback) -> None:
    assert isinstance(reading, MailFeedback)
    kinds = [event.kind for event in reading.events]
    assert reading.kind in kinds or (reading.kind is FeedbackKind.OTHER and not kinds)
    assert len(reading.events) <= 200
    for event in reading.events:
        assert shown(event.address)
        assert shown(event.evidence.words)
        assert len(event.evidence.words) <= 500
        assert event.enhanced == "" or [part.isdigit() for part in event.enhanced.split(".")] == [True] * 3
        assert not (event.delayed or event.about_sender) or event.kind is FeedbackKind.SOFT
        assert not event.delivered or event.kind is FeedbackKind.OTHER
    for found in (reading.message_ids, reading.delivered_to, reading.original_to):
        assert len(found) == len(set(found)) <= 20
        assert all(shown(text) for text in found)
    assert all(found.startswith("<") and found.endswith(">") for found in reading.message_ids)
    assert shown(reading.request)
    assert not reading.request or reading.kind is FeedbackKind.UNSUBSCRIBE
    assert shown(reading.sender)
    assert shown(reading.trouble)
    assert BEYOND not in reading.trouble
    assert not reading.received_at or datetime.fromisoformat(reading.received_at).utcoffset() is not None


@given(st.binary(max_size=2_000))
def test_any_bytes(message: bytes) -> None:
    check(recognise_mail(message))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_pieces_of_mail_in_any_order(message: bytes) -> None:
    check(recognise_mail(message))


@settings(max_examples=300)
@given(st.sampled_from(SAMPLES), st.data())
def test_samples_with_something_wrong(message: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(message)))
        end = data.draw(st.integers(start, min(len(message), start + 300)))
        message = message[:start] + data.draw(st.sampled_from([b"", *PIECES]) | st.binary(max_size=20)) + message[end:]
    check(recognise_mail(message))


@settings(max_examples=100)
@given(st.sampled_from(SAMPLES), st.data())
def test_samples_that_were_cut_off(message: bytes, data: st.DataObject) -> None:
    reading = recognise_mail(message[: data.draw(st.integers(0, len(message)))], cut_off=True)
    check(reading)
    assert reading.trouble.startswith("it was cut off")


def _nested(depth: int) -> bytes:
    heads = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth))
    return heads + b"\n<anna@example.net>: user unknown\n" + b"".join(b"--b%d--\n" % n for n in reversed(range(depth)))


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        (BOUNCE + _nested(10_000), "its parts are nested too deep"),
        (BOUNCE + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10_000, "it has too many parts"),
        (BOUNCE + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnever ends", "it ends before its parts do"),
        (BOUNCE + b"X-Many: y\n" * 1_000_000 + b"\nbody", "its header is too long"),
    ],
    ids=["nested", "parts", "unended", "header"],
)
def test_what_can_not_be_read_is_said(message: bytes, trouble: str) -> None:
    reading = recognise_mail(message)
    check(reading)
    assert reading.trouble == trouble


def test_nesting_that_mail_really_has_is_read() -> None:
    reading = recognise_mail(BOUNCE + _nested(10))
    assert [event.address for event in reading.events] == ["anna@example.net"]
    assert not reading.trouble


HUGE = {
    "zeros": b"\0",
    "one line": b"user unknown <anna@example.net> ",
    "lines": b"<anna@example.net>: user unknown\n",
    "signs": b"@<",
    "quotes": b"> \t|",
    "dashes": b"--b\n",
    "tags": b"<style",
    "fields": b"Final-Recipient: ",
    "empty lines": b"\r",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "text/html", "message/delivery-status", "multipart/mixed; boundary=b"])
@pytest.mark.parametrize("filling", HUGE.values(), ids=HUGE.keys())
def test_50_megabytes(filling: bytes, kind: str) -> None:
    body = filling * (50_000_000 // len(filling))
    head = BOUNCE + (f"Content-Type: {kind}\n".encode() if kind else b"")
    for message in (head + b"\n" + body, head + b"X-Long: " + body, body):
        check(recognise_mail(message))


@pytest.mark.parametrize(
    ("date", "received_at"),
    [
        ("Tue, 3 Nov 2026 10:00:07 +0100", "2026-11-03T09:00:07+00:00"),
        ("Tue, 3 Nov 2026 10:00:07 -0000", "2026-11-03T10:00:07+00:00"),
        ("3 Nov 26 10:00 GMT", "2026-11-03T10:00:00+00:00"),
        ("yesterday", ""),
        ("Thu, 1 Jan 1970 00:00:00 +0000", ""),
        ("Fri, 31 Dec 9999 23:59:59 -2359", ""),
        ("", ""),
    ],
)
def test_when_it_was_received(date: str, received_at: str) -> None:
    """The topmost Received field counts: those below, and Date, are of whoever sent the mail."""
    others = "Received: by x; Mon, 2 Nov 2020 10:00:00 +0000\nDate: Mon, 2 Nov 2020 10:00:00 +0000\n"
    message = f"Delivered-To: a@example.org\nReceived: from x by y; {date}\n{others}\n"
    assert recognise_mail(message.encode()).received_at == received_at
    assert recognise_mail(b"Date: Mon, 2 Nov 2020 10:00:00 +0000\n\n").received_at == ""


@pytest.mark.parametrize(
    "charset", ["utf-8", "iso-8859-1", "utf-16", "koi8-r", "no-such", "punycode", "idna", "unicode_escape", "hex", ""]
)
def test_any_charset(charset: str) -> None:
    message = (
        BOUNCE
        + f"Content-Type: text/plain; charset={charset}\n\n<anna@example.net>: unbekannter Empfänger \\q\n".encode()
    )
    check(recognise_mail(message))
