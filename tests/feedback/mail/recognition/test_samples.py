"""Samples of mail in the forms of the main servers and providers: its kind, the address, and the code."""

from pathlib import Path

import pytest

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import recognise_mail

SAMPLES = Path(__file__).parent / "samples"
OURS = "<0123456789abcdef0123456789abcdef@news.example.org>"  # the Message-ID of what came back, or is answered
ANNA, BERT = "anna@example.net", "bert@example.net"
AWAY, COMPLAINT, HARD, LEAVES, OTHER, SOFT = (
    FeedbackKind.AUTO_REPLY,
    FeedbackKind.COMPLAINT,
    FeedbackKind.HARD,
    FeedbackKind.UNSUBSCRIBE,
    FeedbackKind.OTHER,
    FeedbackKind.SOFT,
)

# For each file what it says of each address: kind, address, enhanced status code.
EXPECTED: dict[str, list[tuple[FeedbackKind, str, str]]] = {
    # Postfix
    "postfix": [(HARD, ANNA, "5.1.1")],
    "postfix-delayed": [(SOFT, ANNA, "4.4.1")],
    "postfix-expired": [(SOFT, ANNA, "4.4.1")],
    "postfix-no-host": [(HARD, "anna@no-such.example", "5.4.4")],
    "postfix-old": [(HARD, ANNA, "")],
    "postfix-two": [(HARD, ANNA, "5.1.1"), (SOFT, BERT, "5.2.2")],
    "postfix-utf8": [(HARD, "anna@xn--bcher-kva.example", "5.1.1")],
    # sendmail, qmail, Exim
    "sendmail": [(HARD, ANNA, "5.1.1")],
    "sendmail-5": [(HARD, "anna@no-such.example", "")],
    "sendmail-warning": [(SOFT, ANNA, "")],
    "qmail": [(HARD, ANNA, "5.1.1")],
    "qmail-remote": [(HARD, ANNA, "5.1.0"), (SOFT, BERT, "")],
    "exim": [(HARD, ANNA, "5.1.1")],
    "exim-forwarded": [(SOFT, "anna.new@example.com", ""), (SOFT, ANNA, "")],
    "exim-warning": [(SOFT, ANNA, "")],
    # Exchange and what followed it, GroupWise, Notes
    "exchange-55": [(HARD, ANNA, "")],
    "exchange-2003": [(HARD, ANNA, "5.1.1")],
    "exchange-2013": [(HARD, ANNA, "5.1.1")],
    "office365-denied": [(HARD, ANNA, "5.4.1")],
    "office365-loop": [(SOFT, ANNA, "5.4.14")],
    "hotmail": [(HARD, ANNA, "5.5.0")],
    "groupwise": [(HARD, ANNA, "")],
    "domino": [(HARD, ANNA, "5.0.0")],
    # providers and services
    "gmail": [(HARD, ANNA, "5.1.1")],
    "gmail-old": [(SOFT, ANNA, "5.2.2")],
    "yahoo": [(HARD, ANNA, "")],
    "aol": [(HARD, ANNA, "")],
    "ses": [(HARD, ANNA, "5.1.1")],
    "ses-json": [(HARD, ANNA, "5.1.1")],
    "sendgrid": [(HARD, ANNA, "5.1.1"), (SOFT, BERT, "4.2.2")],
    "powermta": [(HARD, ANNA, "5.1.1")],
    # other languages
    "qq": [(HARD, ANNA, "")],
    "netease": [(SOFT, ANNA, "")],
    "mailru": [(HARD, ANNA, "")],
    "yandex": [(SOFT, ANNA, "5.7.1")],
    "japanese-carrier": [(HARD, ANNA, "")],
    "japanese-plain": [(HARD, ANNA, "")],
    "german": [(HARD, ANNA, "")],
    "french-full": [(SOFT, ANNA, "")],
    "spanish": [(HARD, ANNA, "")],
    # gateways
    "messagelabs": [(HARD, ANNA, "5.1.1")],
    "mimecast": [(SOFT, ANNA, "5.7.1")],
    "barracuda": [(SOFT, ANNA, "5.7.1")],
    "proofpoint": [(HARD, ANNA, "5.1.1")],
    "ironport": [(SOFT, ANNA, "5.2.2")],
    # other servers
    "james": [(HARD, ANNA, "5.1.1")],
    "mailenable": [(HARD, ANNA, "")],
    "imail": [(HARD, ANNA, "")],
    "mdaemon": [(HARD, ANNA, "5.1.1")],
    "courier": [(HARD, ANNA, "5.0.0")],
    "mercury": [(HARD, ANNA, "")],
    "x400": [(SOFT, ANNA, "5.0.0")],
    "opensmtpd": [(HARD, ANNA, "5.1.1")],
    # badly formed
    "broken-types": [(HARD, ANNA, "5.1.1")],
    "broken-header": [(HARD, ANNA, "5.2.1")],
    "broken-xtext": [(HARD, ANNA, "5.1.1")],
    "broken-charset": [(SOFT, ANNA, "")],
    # where code and words disagree, or the words are about us
    "status-by-words": [(SOFT, ANNA, "5.2.2")],
    "unknown-by-policy": [(HARD, ANNA, "5.7.1")],
    "sender-unknown": [(SOFT, ANNA, "5.1.8")],
    "too-large": [(SOFT, ANNA, "5.3.4")],
    "null-mx": [(HARD, ANNA, "5.1.10")],
    "sent-on": [(HARD, ANNA, "5.1.1")],
    "delivered": [(OTHER, ANNA, "2.0.0")],
    # complaints
    "complaint": [(COMPLAINT, ANNA, "")],
    "complaint-jmrp": [(COMPLAINT, ANNA, "")],
    "complaint-redacted": [(COMPLAINT, "", "")],
    "complaint-two": [(COMPLAINT, ANNA, ""), (COMPLAINT, BERT, "")],
    "opt-out": [(LEAVES, ANNA, "")],
    "not-spam": [],
    # answers of programs
    "away": [(AWAY, ANNA, "")],
    "away-german": [(AWAY, ANNA, "")],
    "away-japanese": [(AWAY, ANNA, "")],
    "away-notes": [(AWAY, ANNA, "")],
    "left-company": [(AWAY, ANNA, "")],
    "challenge": [(AWAY, ANNA, "")],
    "receipt": [(AWAY, ANNA, "")],
    # what people write
    "leave": [(LEAVES, ANNA, "")],
    "leave-apple": [(LEAVES, ANNA, "")],
    "leave-body": [(LEAVES, ANNA, "")],
    "leave-german": [(LEAVES, ANNA, "")],
    "leave-french": [(LEAVES, ANNA, "")],
    "leave-html": [(LEAVES, ANNA, "")],
    "stays": [],
    "letter": [],
    "letter-about-failures": [],
    "newsletter": [],
}
DELAYED = {"postfix-delayed", "sendmail-warning", "exim-warning"}
# These don't say which message of ours they are about.
NAMELESS = {"exim-warning", "netease", "away-japanese", "away-notes", "left-company", "challenge", "leave",
            "leave-apple", "leave-german", "leave-french", "leave-html", "stays", "newsletter"}  # fmt: skip


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def test_each_sample_is_in_the_table() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_a_mail_says(name: str) -> None:
    reading = recognise_mail(sample(name))
    assert [(found.kind, found.address, found.enhanced) for found in reading.events] == EXPECTED[name]
    assert reading.kind is (EXPECTED[name][0][0] if EXPECTED[name] else OTHER)
    assert {found.delayed for found in reading.events} <= {name in DELAYED}
    assert (OURS in reading.message_ids) is (name not in NAMELESS)
    assert not reading.trouble


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_line_ends_do_not_matter(name: str) -> None:
    unix = sample(name).replace(b"\r\n", b"\n")
    assert recognise_mail(unix.replace(b"\n", b"\r\n")) == recognise_mail(unix)
    assert recognise_mail(b"From MAILER-DAEMON Tue Nov  3 09:00:08 2026\n" + unix) == recognise_mail(unix)


def test_whom_a_mail_came_to_and_from_and_when() -> None:
    message = sample("postfix").replace(b"Delivered-To: bounces@", b"Delivered-To: bounces+aBc_1-Xy=Z@", 1)
    reading = recognise_mail(message)
    assert reading.delivered_to == ("bounces+aBc_1-Xy=Z@news.example.org", "bounces@news.example.org")
    assert reading.original_to == (ANNA,)
    assert reading.sender == "MAILER-DAEMON@mail.news.example.org"
    assert reading.received_at == "2026-11-03T09:00:08+00:00"


def test_an_address_that_was_forwarded_is_told_with_the_one_that_failed() -> None:
    message = sample("postfix").replace(
        b"Final-Recipient: rfc822; anna@example.net", b"Final-Recipient: rfc822; a@new.example"
    )
    reading = recognise_mail(message)
    assert [found.address for found in reading.events] == ["a@new.example"]
    assert ANNA in reading.original_to


def test_what_the_server_said_is_one_printable_line() -> None:
    message = sample("postfix").replace(b"User unknown in virtual", b"User \x1b[31munknown\t in " + b"virtual " * 200)
    (found,) = recognise_mail(message).events
    assert found.evidence.words.startswith("550 5.1.1 <anna@example.net>: Recipient address rejected: User")
    assert found.evidence.words.isprintable()
    assert len(found.evidence.words) == 500


def test_what_a_person_wrote_who_leaves() -> None:
    assert recognise_mail(sample("leave")).request == "unsubscribe"
    assert recognise_mail(sample("leave-body")).request == (
        "Re: Example Digest Vol. 2.10: A first headline / Please remove me from your list. I have no time to read. Anna"
    )
    assert recognise_mail(sample("letter")).request == ""


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Unsubscribe", ""),
        ("UNSUBSCRIBE me please", ""),
        ("please unsubscribe anna@example.net", ""),
        ("Stop", ""),
        ("Abmelden", ""),
        ("Newsletter abbestellen", ""),
        ("", "Hello,\n\nI want to unsubscribe.\n"),
        ("Re: Digest", "Don't send me these any more\n\n> Five headlines\n"),
        ("Re: Digest", "Bitte streichen Sie mich aus dem Verteiler.\n"),
        ("Digest", "Me désinscrire svp\n"),
        ("baja", ""),
        ("Отписаться", ""),
        ("退订", ""),
        ("配信停止", ""),
        ("leave anna@example.net", ""),
        ("remove <other@example.net>", ""),
        ("Please stop other@example.net", ""),
        ("unsubscribe other@example.net from the list", ""),
        ("unsubscribe Q2hhbmdlcyBvZiBhIHRva2Vu.bm90aGluZyBvZiBvdXJz", ""),
        ("Unsubscribe request", ""),
        ("Abmeldung", ""),
        ("Abmeldung Newsletter", ""),
        ("Abmeldung vom Verteiler", ""),
        ("Newsletterabmeldung", ""),
        ("Newsletter", "Bitte mich vom Newsletter abmelden. Danke!\n"),
        ("Newsletter", "Hallo, ich will keinen Newsletter mehr.\n"),
        ("Newsletter", "Guten Tag,\nbitte aus dem Verteiler nehmen!\n"),
        ("Newsletter", "Ich möchte den Newsletter nicht mehr erhalten.\n"),
        ("Boletín", "Hola, por favor denme de baja.\n"),
        ("", "Dear editors,\nthank you for all of it. Could you please take me off your mailing list?\n"),
        ("", "Would you please remove my name from your database?\n"),
        ("", "Please unsubscribe me and delete my data.\n"),
        ("", "Please remove me from your list, I have retired.\n"),
        ("", "Please stop sending me your newsletter.\n"),
        ("", "I no longer wish to receive these mails\n"),
        ("", "How do I unsubscribe?\n"),
        ("", "I would like to be removed from your mailing list.\n"),
        ("", "No more mails, please.\n"),
        ("", "Hiermit bestelle ich den Newsletter ab.\n"),
        ("", "I would like to cancel my subscription to the Example Digest.\n"),
    ],
)
def test_people_leave_in_many_words(subject: str, body: str) -> None:
    message = f"From: Anna <anna@example.net>\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}"
    reading = recognise_mail(message.encode())
    assert reading.kind is FeedbackKind.UNSUBSCRIBE
    assert [found.address for found in reading.events] == [ANNA]


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Re: How to unsubscribe from the world", "A fine piece!\n"),
        ("Thanks", "Thank you. I will never unsubscribe.\n"),
        ("Please do not unsubscribe me", ""),
        ("Question", "What does the line about unsubscribing in your footer mean?\n"),
        ("Leave of absence", "I am on leave, and read on.\n"),
        ("Re: Digest", "Unsubscribe rates are not falling as you say in item 3.\n"),
        ("Re: Digest", "Unsubscribe buttons should be large.\n"),
        ("Re: Digest", "Please stop sending me two copies of each issue, one is enough!\n"),
        ("Abmeldung Sommerfest", "Wir können leider nicht kommen.\n"),
        ("AW: Einladung", "Abmeldung vom Workshop am 3.12., ich bin krank.\n"),
        ("Einladung", "Abmeldung, wir können leider nicht kommen.\n"),
        ("Seminar", "Bitte melden Sie mich zum Seminar an.\n"),
        ("Newsletter", "Bitte melden Sie mich zum Newsletter an.\n"),
        ("Newsletter", "Bitte tragen Sie mich in den Verteiler ein.\n"),
        ("Newsletter", "Ich habe die letzte Ausgabe nicht mehr erhalten.\n"),
        ("new address", "Please remove my address anna@example.net and add anna@new.example instead.\n"),
        ("new address", "Remove anna@example.net. Please use anna@new.example instead.\n"),
        ("spam!!!", "stop this spam\n"),
        ("Re: Digest", "Stop! A fine issue.\n"),
        ("Re: Digest", "I don't want to receive two copies.\n"),
        ("Baja California", "Will you write about it?\n"),
        ("Leave no one behind", "A fine title.\n"),
        ("Stop the war", "Will you write about it?\n"),
        ("RES: Unsubscribe", "Muito bom\n"),
        ("Re[2]: Stop", "Well said\n"),
        ("VS: Stop", "Kiitos\n"),
    ],
)
def test_not_all_who_write_of_it_leave(subject: str, body: str) -> None:
    message = f"From: Anna <anna@example.net>\nSubject: {subject}\n\n{body}"
    assert recognise_mail(message.encode()).kind is not FeedbackKind.UNSUBSCRIBE
