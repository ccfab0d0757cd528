"""People's mail that looks like a server's, servers' mail that looks like a failure, and who is meant by a sender."""

import pytest

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import MailFeedback, recognise_mail

ANNA = "anna@example.net"
ANSWERS = "In-Reply-To: <0123456789abcdef0123456789abcdef@news.example.org>\n"


def mail(sender: str, subject: str, body: str, more: str = "") -> MailFeedback:
    head = f"From: {sender}\nTo: digest@news.example.org\nSubject: {subject}\n{more}"
    return recognise_mail(f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n".encode())


@pytest.mark.parametrize(
    ("sender", "subject", "body", "more"),
    [
        ("Jim Bounce <jim@example.net>", "Re: Digest", "Thank you for this!", ANSWERS),
        ("Jim Bounce <jim@example.net>", "Thank you", "A fine issue.", ""),
        ("Anna <anna@bouncy-castles.example>", "A question", "Who draws your pictures?", ""),
        ("System Administrator <it@example.net>", "Re: Digest", "The page behind item 2 does not exist.", ANSWERS),
        ("Postmaster <postmaster@example.net>", "Re: Digest", "A good piece about mail, thank you.", ANSWERS),
        ("Postmaster <postmaster@example.net>", "Your last issue", "A good piece about mail, thank you.", ""),
        ("Anna <anna@example.net>", "Rejected by my office", "It says: mailbox is full. What now?", ANSWERS),
        ("Anna <anna@example.net>", "Is delivery delayed?", "The label on the paper copy said user unknown.", ""),
        ("Parcels <hello@parcels.example>", "Delivery status: your parcel", "Address not found by our driver.", ""),
        ("Sales <sales@shop.example>", "Undelivered invoice!", "Your mailbox is full. Click here for space.", ""),
        (
            "lists@lists.example",
            "Bounce action",
            "Member: anna@example.net\nReason: bounces",
            "X-List-Administrivia: yes\n",
        ),
        (
            "Mail Administrator <it@shop.example>",
            "Your quota",
            "Dear digest@news.example.org, your mailbox is full",
            "",
        ),
    ],
)
def test_a_name_or_a_word_makes_no_bounce(sender: str, subject: str, body: str, more: str) -> None:
    assert mail(sender, subject, body, more).kind is FeedbackKind.OTHER


@pytest.mark.parametrize(
    "sender",
    ["System Administrator <it@example.net>", "Anna <anna@bouncy-castles.example>", "Anna Bounce <anna@example.net>",
     "Bounce <bounce@example.net>", "Postmaster <postmaster@example.net>"],
)  # fmt: skip
def test_whoever_asks_to_leave_leaves(sender: str) -> None:
    assert mail(sender, "Re: Digest", "Please unsubscribe me.", ANSWERS).kind is FeedbackKind.UNSUBSCRIBE
    assert mail(sender, "unsubscribe", "").kind is FeedbackKind.UNSUBSCRIBE


@pytest.mark.parametrize(
    ("sender", "subject", "body", "kind"),
    [
        ("MAILER-DAEMON@mx.example.net", "Sorry", "<anna@example.net>: no such user", FeedbackKind.HARD),
        ("Bounce <bounce@mx.example.net>", "Sorry", "<anna@example.net>: no such user", FeedbackKind.HARD),
        ("System Administrator <it@mx.example.net>", "Sorry", "<anna@example.net>: mailbox full", FeedbackKind.SOFT),
        ("it@mx.example.net", "Undeliverable: Digest", "<anna@example.net>: no such user", FeedbackKind.HARD),
        (
            "mailer-daemon@mx.example.net",
            "Delivery failure",
            "The group that you wrote to may not exist.",
            FeedbackKind.SOFT,
        ),
    ],
)
def test_a_server_that_says_why_is_heard(sender: str, subject: str, body: str, kind: FeedbackKind) -> None:
    assert mail(sender, subject, body).kind is kind


def test_a_server_that_answers_in_the_thread_is_heard() -> None:
    reading = mail("MAILER-DAEMON@mx.example.net", "Re: Digest", "<anna@example.net>: 550 no such user", ANSWERS)
    assert [(found.kind, found.address) for found in reading.events] == [(FeedbackKind.HARD, ANNA)]


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ('"anna@example.net" <mallory@evil.example>', "mallory@evil.example"),
        ("anna@example.net <mallory@evil.example>", "mallory@evil.example"),
        ('"<anna@example.net>" <mallory@evil.example>', "mallory@evil.example"),
        ('"a \\" <anna@example.net>" <mallory@evil.example>', "mallory@evil.example"),
        ("mallory@evil.example (anna@example.net)", "mallory@evil.example"),
        ("=?utf-8?q?anna=40example.net?= <mallory@evil.example>", "mallory@evil.example"),
        ("Doe, Anna <anna@example.net>", ANNA),
        ("anna@example.net", ANNA),
        ("Anna <anna@example.net", ANNA),
        ("<anna@example.net>, anna@example.net", ANNA),
        ("anna@example.net, mallory@evil.example", ""),
        ("Anna <anna@example.net>, mallory@evil.example", ""),
        ("<anna@example.net> <mallory@evil.example>", ""),
        ("<anna@example.net@evil.example>", ""),
        ("anna@example.net\nFrom: mallory@evil.example", ""),
        ("Anna", ""),
        ("", ""),
    ],
)
def test_who_sent_it(value: str, sender: str) -> None:
    assert recognise_mail(f"From: {value}\nSubject: unsubscribe\n\n".encode()).sender == sender


RECEIPT = f"Final-Recipient: rfc822; {ANNA}\nDisposition: manual-action/MDN-sent-manually; displayed\n"


def report(kind: str, part: str, said: str, subject: str = "Delivery notification: Digest") -> MailFeedback:
    head = f"From: Postmaster <postmaster@example.net>\nSubject: {subject}\nMIME-Version: 1.0\n"
    head += f"Content-Type: multipart/report; report-type={kind}; boundary=b\n\n"
    parts = f"--b\nContent-Type: text/plain\n\nThis is a report.\n\n--b\nContent-Type: {part}\n\n{said}\n--b\n"
    copy = f"Content-Type: text/rfc822-headers\n\nFrom: digest@news.example.org\nTo: {ANNA}\n\n--b--\n"
    return recognise_mail((head + parts + copy).encode())


def test_a_receipt_is_no_bounce() -> None:
    assert (
        report("disposition-notification", "message/disposition-notification", RECEIPT).kind is FeedbackKind.AUTO_REPLY
    )
    assert report("disposition-notification", "text/plain", RECEIPT).kind is FeedbackKind.AUTO_REPLY
    for subject in ("Read: Digest", "Gelesen: Digest", "Not read: Digest", "Lu : Digest"):
        assert mail("Postmaster <postmaster@example.net>", subject, "read", ANSWERS).kind is FeedbackKind.AUTO_REPLY
        assert mail("Anna <anna@example.net>", subject, "read").kind is FeedbackKind.AUTO_REPLY


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Delivery Status Notification (Success)", "Your message was delivered to these:\n\n  anna@example.net\n"),
        ("Delivery report", "Your message was successfully delivered to anna@example.net.\n"),
    ],
)
def test_a_mail_that_arrived_is_no_bounce(subject: str, body: str) -> None:
    reading = mail("Postmaster <postmaster@example.net>", subject, body)
    assert reading.kind is FeedbackKind.OTHER
    assert [(found.address, found.delivered) for found in reading.events] == [(ANNA, True)]


def test_what_went_well_is_told_beside_what_failed() -> None:
    said = f"Final-Recipient: rfc822; {ANNA}\nAction: expanded\nStatus: 2.0.0\n\n"
    said += "Final-Recipient: rfc822; bert@example.net\nAction: failed\nStatus: 5.1.1\n"
    reading = report("delivery-status", "message/delivery-status", said)
    assert reading.kind is FeedbackKind.HARD
    assert reading.is_report
    assert [(found.address, found.kind, found.delivered) for found in reading.events] == [
        (ANNA, FeedbackKind.OTHER, True),
        ("bert@example.net", FeedbackKind.HARD, False),
    ]


def test_one_address_that_both_failed_and_went_well_failed() -> None:
    well = f"Final-Recipient: rfc822; {ANNA}\nAction: relayed\nStatus: 2.0.0\n\n"
    failed = f"Final-Recipient: rfc822; {ANNA}\nAction: failed\nStatus: 5.1.1\n\n"
    for said in (well + failed, failed + well):
        reading = report("delivery-status", "message/delivery-status", said)
        assert [(found.kind, found.delivered) for found in reading.events] == [(FeedbackKind.HARD, False)]


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("Abuse Desk <abuse@mx.example>", FeedbackKind.COMPLAINT),
        ("fbl-2@mx.example", FeedbackKind.COMPLAINT),
        ("Anna <abuse.watch@example.net>", FeedbackKind.OTHER),
        ("Anna <anna@feedbackloop.example>", FeedbackKind.OTHER),
    ],
)
def test_who_sends_a_copy_on_with_a_word_about_it(sender: str, kind: FeedbackKind) -> None:
    head = f"From: {sender}\nSubject: Feedback report\nContent-Type: multipart/mixed; boundary=b\n\n"
    parts = "--b\nContent-Type: text/plain\n\nsee below\n--b\nContent-Type: message/rfc822\n\n"
    copy = f"From: digest@news.example.org\nTo: {ANNA}\nSubject: Digest\n\nGood morning!\n--b--\n"
    assert recognise_mail((head + parts + copy).encode()).kind is kind


def test_a_request_in_a_report_is_no_persons_words() -> None:
    reading = report(
        "feedback-report", "message/feedback-report", f"Feedback-Type: opt-out\nOriginal-Rcpt-To: {ANNA}\n"
    )
    assert (reading.kind, reading.request, reading.is_report) == (FeedbackKind.UNSUBSCRIBE, "", True)
    assert not mail("Anna <anna@example.net>", "unsubscribe", "").is_report


@pytest.mark.parametrize(
    ("status", "words", "about_us"),
    [
        ("5.7.1", "550 5.7.1 blocked by a list of bad senders", True),
        ("5.7.26", "550 5.7.26 not authenticated", True),
        ("4.7.0", "421 4.7.0 deferred for many complaints", True),
        ("5.0.0", "554 rejected by policy", True),
        ("5.0.0", "554 this looks like spam", True),
        ("5.1.1", "550 5.1.1 your server is on a blacklist", True),
        ("5.1.8", "553 5.1.8 sender's domain does not resolve", True),
        ("5.2.2", "552 5.2.2 mailbox full", False),
        ("5.7.1", "550 5.7.1 mailbox full", False),
        ("5.7.1", "550 5.7.1 user unknown", False),
        ("5.1.1", "550 5.1.1 user unknown", False),
        ("4.4.1", "connection timed out", False),
        ("5.4.6", "mail loops back to itself", False),
        ("5.0.0", "554 too many hops", False),
        ("5.3.4", "message too large", True),
    ],
)
def test_whom_a_refusal_speaks_of(status: str, words: str, about_us: bool) -> None:
    said = f"Final-Recipient: rfc822; {ANNA}\nAction: failed\nStatus: {status}\nDiagnostic-Code: smtp; {words}\n"
    (found,) = report("delivery-status", "message/delivery-status", said).events
    assert found.about_sender is about_us
    assert not about_us or found.kind is FeedbackKind.SOFT
    (found,) = mail("MAILER-DAEMON@mx.example.net", "Failure", f"<{ANNA}>: {words}").events
    assert found.about_sender is about_us


@pytest.mark.parametrize(
    ("subject", "more"),
    [
        ("Frånvaro: Digest", ANSWERS),
        ("Fravær: Digest", ""),
        ("[#1234] We have your request", "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n"),
        ("Re: Digest [#1234]", "Auto-Submitted: auto-replied\n"),
    ],
)
def test_programs_that_answer(subject: str, more: str) -> None:
    body = "Unsubscribe requests take three days."
    assert mail("Help <help@example.net>", subject, body, more).kind is FeedbackKind.AUTO_REPLY


def test_an_administrator_who_is_away() -> None:
    more = f"Auto-Submitted: auto-replied\n{ANSWERS}"
    assert (
        mail("System Administrator <it@example.net>", "Out of office", "Until Monday", more).kind
        is FeedbackKind.AUTO_REPLY
    )
