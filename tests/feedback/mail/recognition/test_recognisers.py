"""Recognisers: which one knows a mail, for which reason, and on which of its parts that rests."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import RECOGNISERS, recognise_mail
from newsletter.feedback.mail.recognition.parsed_mail import parse_mail
from newsletter.feedback.smtp_replies.classification import classify_reply
from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage
from newsletter.subscribers.reasons import ADDRESS_REASONS, Reason

SAMPLES = Path(__file__).parent / "samples"
# The samples by the recogniser that knows them, and by the reasons that it gives.
RECOGNISED = {
    ("auto-reply", (Reason.AUTO_REPLY,)): "away-german away-japanese away-notes away challenge left-company",
    ("bounce notice", (Reason.BLOCKED_SENDER,)): "mimecast",
    ("bounce notice", (Reason.EXPIRED,)): "sendmail-warning",
    ("bounce notice", (Reason.MAILBOX_FULL,)): "broken-charset french-full netease",
    ("bounce notice", (Reason.MAILBOX_FULL, Reason.MAILBOX_FULL)): "exim-forwarded",
    ("bounce notice", (Reason.NETWORK_ERROR,)): "exim-warning",
    ("bounce notice", (Reason.UNKNOWN_HOST,)): "sendmail-5",
    ("bounce notice", (Reason.UNKNOWN_USER,)): (
        "aol exchange-55 german groupwise imail james japanese-carrier japanese-plain mailenable "
        "mdaemon mercury messagelabs opensmtpd postfix-old qmail qq spanish yahoo"
    ),
    ("bounce notice", (Reason.UNKNOWN_USER, Reason.MAILBOX_FULL)): "qmail-remote",
    ("delivery status", (Reason.DELIVERED,)): "delivered",
    ("delivery status", (Reason.INACTIVE_MAILBOX,)): "broken-header",
    ("delivery status", (Reason.MAILBOX_FULL,)): "ironport status-by-words",
    ("delivery status", (Reason.MAIL_LOOP,)): "office365-loop",
    ("delivery status", (Reason.MESSAGE_TOO_LARGE,)): "too-large",
    ("delivery status", (Reason.NETWORK_ERROR,)): "postfix-delayed postfix-expired",
    ("delivery status", (Reason.NO_MAIL_ACCEPTED,)): "null-mx",
    ("delivery status", (Reason.REJECTED_SENDER,)): "sender-unknown",
    ("delivery status", (Reason.SPAM,)): "barracuda yandex",
    ("delivery status", (Reason.UNDETERMINED,)): "x400",
    ("delivery status", (Reason.UNKNOWN_HOST,)): "postfix-no-host",
    ("delivery status", (Reason.UNKNOWN_USER,)): (
        "broken-types broken-xtext courier domino exchange-2003 exchange-2013 gmail hotmail "
        "office365-denied postfix-utf8 postfix powermta proofpoint sendmail sent-on ses "
        "unknown-by-policy"
    ),
    ("delivery status", (Reason.UNKNOWN_USER, Reason.MAILBOX_FULL)): "postfix-two sendgrid",
    ("failed recipients", (Reason.MAILBOX_FULL,)): "gmail-old",
    ("failed recipients", (Reason.UNKNOWN_USER,)): "exim mailru",
    ("feedback report", (Reason.COMPLAINT,)): "complaint-jmrp complaint-redacted complaint",
    ("feedback report", (Reason.COMPLAINT, Reason.COMPLAINT)): "complaint-two",
    ("feedback report", (Reason.UNSUBSCRIBED,)): "opt-out",
    ("provider notification", (Reason.UNKNOWN_USER,)): "ses-json",
    ("read receipt", (Reason.AUTO_REPLY,)): "receipt",
    ("unsubscribe request", (Reason.UNSUBSCRIBED,)): (
        "leave-apple leave-body leave-french leave-german leave-html leave"
    ),
}
UNKNOWN = {"letter", "letter-about-failures", "newsletter", "not-spam", "stays"}


@pytest.mark.parametrize(("expected", "names"), [(key, names.split()) for key, names in RECOGNISED.items()])
def test_who_recognises_a_sample_and_why_it_came_back(
    expected: tuple[str, tuple[Reason, ...]], names: list[str]
) -> None:
    recogniser, reasons = expected
    for name in names:
        events = recognise_mail((SAMPLES / f"{name}.eml").read_bytes()).events
        assert tuple(event.reason for event in events) == reasons, name
        assert {event.recogniser for event in events} == {recogniser}, name
        assert all(event.evidence.part and event.evidence.words for event in events), name


def test_each_sample_is_recognised_or_known_to_be_none() -> None:
    known = [name for names in RECOGNISED.values() for name in names.split()]
    assert sorted([*known, *UNKNOWN]) == sorted(path.stem for path in SAMPLES.glob("*.eml"))


def test_the_first_recogniser_that_knows_a_mail_counts() -> None:
    """An out-of-office reply in the form of a bounce is a bounce; one that asks to be unsubscribed is a request."""
    both = (SAMPLES / "postfix.eml").read_bytes().replace(b"From: ", b"Auto-Submitted: auto-replied\nFrom: ", 1)
    asks = b"From: anna@example.net\nAuto-Submitted: auto-replied\nSubject: unsubscribe\n\n"
    for message, first in ((both, "delivery status"), (asks, "unsubscribe request")):
        knowing = {recogniser.name for recogniser in RECOGNISERS if recogniser.recognise(parse_mail(message))}
        assert knowing >= {first, "auto-reply"}
        assert {event.recogniser for event in recognise_mail(message).events} == {first}


def test_evidence_is_the_part_that_says_it() -> None:
    (event,) = recognise_mail((SAMPLES / "postfix.eml").read_bytes()).events
    assert (event.evidence.part, event.code, event.enhanced) == ("message/delivery-status", 550, "5.1.1")
    assert event.evidence.words.startswith("550 5.1.1 <anna@example.net>")
    assert event.stage is SmtpStage.RCPT


@pytest.mark.parametrize(
    ("reason", "enhanced", "words"),
    [
        (Reason.UNKNOWN_USER, "5.1.1", ""),
        (Reason.UNKNOWN_USER, "", "550 No such user here"),
        (Reason.UNKNOWN_USER, "5.4.1", "550 5.4.1 Recipient address rejected: Access denied"),
        (Reason.UNKNOWN_HOST, "5.1.2", "Host unknown"),
        (Reason.UNKNOWN_HOST, "5.4.4", "Host or domain name not found"),
        (Reason.INACTIVE_MAILBOX, "5.2.1", "The email account that you tried to reach is disabled."),
        (Reason.INACTIVE_MAILBOX, "5.2.1", ""),
        (Reason.MOVED, "5.1.6", ""),
        (Reason.NO_MAIL_ACCEPTED, "5.1.10", "recipient address has a null MX"),
        (Reason.MAILBOX_FULL, "4.2.2", "452 4.2.2 The email account that you tried to reach is over quota."),
        (Reason.MAILBOX_FULL, "5.1.1", "552 Boite du destinataire pleine. Recipient overquota."),
        (Reason.RECIPIENT_LIMIT, "5.2.1", "The user you are trying to contact is receiving mail at a rate that ..."),
        (
            Reason.RECIPIENT_LIMIT,
            "5.2.122",
            "The recipient has exceeded their limit for the number of messages per hour",
        ),
        (Reason.RATE_LIMITED, "", "Domain example.org has exceeded the max emails per hour (100/100 (100%)) allowed."),
        (Reason.EXPIRED, "5.4.7", "delivery time expired"),
        (Reason.MAIL_LOOP, "5.4.6", "Too many hops"),
        (Reason.NETWORK_ERROR, "4.4.1", "connect to mx.example.net: Connection timed out"),
        (Reason.SYSTEM_ERROR, "4.3.0", ""),
        (Reason.GREYLISTED, "4.7.1", "450 4.7.1 Greylisted, try again later"),
        (Reason.BLOCKED_SENDER, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using spamhaus"),
        (Reason.BAD_REPUTATION, "5.7.1", "Due to the very low reputation of the sending domain"),
        (Reason.MISSING_PTR, "5.7.1", "Fix reverse DNS for 192.0.2.1"),
        (Reason.AUTHENTICATION_FAILED, "5.7.26", "This mail is unauthenticated"),
        (Reason.AUTHENTICATION_FAILED, "5.7.1", "Your message was rejected due to example.com's DMARC policy."),
        (Reason.REJECTED_SENDER, "5.1.8", "Sender address rejected: Domain not found"),
        (Reason.RELAYING_DENIED, "5.7.1", "Relaying denied"),
        (Reason.RATE_LIMITED, "4.7.28", "an unusual rate of mail"),
        (Reason.TOO_MANY_CONNECTIONS, "4.3.2", "The maximum number of concurrent connections has exceeded a limit"),
        (Reason.SPAM, "5.7.1", "Message rejected under suspicion of SPAM"),
        (Reason.VIRUS, "5.7.1", "a virus was found in it"),
        (Reason.MESSAGE_TOO_LARGE, "5.3.4", "Message size exceeds fixed limit"),
        (Reason.CONTENT, "5.6.0", "Lone CR or LF in headers"),
        (Reason.SYNTAX, "5.5.2", "Syntax error"),
        (Reason.POLICY, "5.7.0", "not accepted for policy reasons"),
        (Reason.UNDETERMINED, "5.0.0", ""),
        (Reason.UNDETERMINED, "", ""),
    ],
)
def test_the_reason_of_a_reply(reason: Reason, enhanced: str, words: str) -> None:
    assert classify_reply(words, enhanced, action="failed").reason is reason


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (SmtpStage.CONNECT, Reason.BLOCKED_SENDER),
        (SmtpStage.MAIL, Reason.REJECTED_SENDER),
        (SmtpStage.RCPT, Reason.UNKNOWN_USER),
        (SmtpStage.END, Reason.UNKNOWN_USER),
    ],
)
def test_before_rcpt_no_reason_is_of_the_address(stage: SmtpStage, reason: Reason) -> None:
    assert classify_reply("550 5.1.1 user unknown", "5.1.1", action="failed", stage=stage).reason is reason


WORDS = ["user unknown", "mailbox full", "spam", "blocked", "relaying denied", "host not found", "disabled",
         "try again", "connection timed out", "sender address rejected", "rate limited", "550", "450", "DMARC",
         "message too large", "in reply to MAIL FROM command",
         "in reply to end of DATA command"]  # fmt: skip


@given(
    st.lists(st.sampled_from(WORDS) | st.text(max_size=20), max_size=5).map(" ".join),
    st.just("") | st.from_regex(r"[245]\.[0-7]\.[0-9]{1,3}", fullmatch=True),
    st.sampled_from(["", "failed", "delayed"]),
)
def test_a_reason_agrees_with_what_the_reply_means(words: str, enhanced: str, action: str) -> None:
    """A reason of the address stands with a hard bounce, and with nothing else."""
    meaning = classify_reply(words, enhanced, action=action)
    assert (meaning.kind is FeedbackKind.HARD) == (meaning.reason in ADDRESS_REASONS)
    assert not (meaning.kind is FeedbackKind.HARD and meaning.about_sender)
