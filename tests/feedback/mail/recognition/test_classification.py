"""Classification of replies as hard or soft, by code and by words."""

import pytest

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.smtp_replies.classification import classify_reply
from newsletter.feedback.smtp_replies.status_codes import find_enhanced_code

HARD, SOFT = FeedbackKind.HARD, FeedbackKind.SOFT


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (HARD, "5.1.1", ""),
        (HARD, "5.1.2", "Bad destination host"),
        (HARD, "5.1.6", "the mailbox has moved"),
        (HARD, "5.1.10", "recipient address has a null MX"),
        (HARD, "5.2.1", "The account is disabled"),
        (HARD, "5.4.1", "Recipient address rejected: Access denied"),
        (HARD, "5.4.4", "Host not found"),
        (HARD, "5.4.310", "DNS domain no-such.example does not exist"),
        (HARD, "5.2.0", "550 no such mailbox here"),
        (HARD, "5.5.0", "550 Requested action not taken: mailbox unavailable"),
        (HARD, "5.7.1", "550 5.7.1 user unknown"),
        (HARD, "5.0.0", "551 user not found"),
        (HARD, "", "550 No such user here"),
        (HARD, "", "utilisateur inconnu"),
        (HARD, "", "Empfängeradresse existiert nicht"),
        (HARD, "", "el usuario no existe"),
        (HARD, "", "Пользователь не найден"),
        (HARD, "", "收件人不存在"),
        (HARD, "", "宛先不明"),
        (SOFT, "4.1.1", "450 user unknown, ask later"),
        (SOFT, "5.1.1", "552 mailbox is full"),
        (SOFT, "5.1.1", "550 blocked, see the blacklist"),
        (SOFT, "5.1.7", "bad sender"),
        (SOFT, "5.1.8", "Sender address rejected: Domain not found"),
        (SOFT, "5.2.2", ""),
        (SOFT, "5.2.3", "message too large"),
        (SOFT, "5.2.1", "the user is receiving mail at a rate that prevents more"),
        (SOFT, "5.3.4", "message too big"),
        (SOFT, "5.4.1", "Connection timed out"),
        (SOFT, "5.4.6", "mail loop"),
        (SOFT, "5.4.7", "delivery time expired"),
        (SOFT, "5.7.1", "Relaying denied"),
        (SOFT, "5.7.1", "550 rejected as spam: unknown user reputation"),
        (SOFT, "5.7.26", "not authenticated"),
        (SOFT, "5.0.0", ""),
        (SOFT, "", ""),
        (SOFT, "", "Sender verify failed: user unknown"),
        (SOFT, "", "450 4.2.0 greylisted, try again later"),
        (SOFT, "", "Mailbox über dem Speicherplatz: Postfach voll"),
        (SOFT, "", "Host not found, try again"),
        (SOFT, "5.1.0", "5.1.0 - Unknown address error 550-'5.7.1 blocked by policy: spam'"),
    ],
)
def test_what_is_final(kind: FeedbackKind, status: str, words: str) -> None:
    meaning = classify_reply(words, status, action="failed")
    assert (meaning.kind, meaning.delayed) == (kind, False)


def test_a_server_that_still_tries_counts_against_nobody() -> None:
    for meaning in (
        classify_reply("user unknown", "5.1.1", action="delayed"),
        classify_reply("You do not need to resend your message"),
    ):
        assert (meaning.kind, meaning.delayed) == (SOFT, True)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.1.1", "550 5.1.1 <anna@example.net>: unknown"),
        ("5.1.1", "550-5.1.1 no such account"),
        ("5.1.1", "#5.1.1"),
        ("5.1.1", "550 #5.1.1 Address rejected"),
        ("5.2.2", "smtp; 552 mailbox full (#5.2.2)"),
        ("5.2.2", "5.1.0 - Unknown address error 552-'5.2.2 full'"),
        ("5.7.26", "550-5.7.26 unauthenticated"),
        ("", "host mx[5.1.1.9] said: 550 unknown"),
        ("", "Microsoft ESMTP 5.5.2653.13 says no"),
        ("", "Exchange 4.3.2.1 refused"),
        ("", "version 5.9.1"),
        ("", "250 2.0.0 fine"),
        ("", ""),
    ],
)
def test_the_code_in_the_words(status: str, words: str) -> None:
    assert find_enhanced_code(words) == status
