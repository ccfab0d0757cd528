"""What a server says, to the byte, and what becomes of the reader."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Publication
from feeds import MemoryFeed, messages
from smtp_server import POLITE, scripted

from newsletter.backends import SessionLost
from newsletter.backends.smtp import SmtpBackend

READERS = 6
WINDOW = 3
WAYS = {
    "one by one": b"250 ok\r\n",
    "pipelining": b"250-ok\r\n250 PIPELINING\r\n",
    "chunking": b"250-ok\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
}


def _send(publication: Publication, answer: Callable[[str], bytes | None]) -> tuple[dict[str, int], int, str]:
    """Return the readers by state, the texts the server took, and what the program said."""
    publication.readers(READERS)
    with scripted(answer) as (port, texts):
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none", "NEWSLETTER_SMTP__TIMEOUT": "2",
            "NEWSLETTER_SMTP__CONNECT_TIMEOUT": "2", "NEWSLETTER_SMTP__CONNECTIONS": "2",
        }  # fmt: skip
        done = publication.run("send", "2.10", "--yes", timeout=60)
        assert "Traceback" not in done.stderr
        assert "fault of the program" not in done.stderr
        assert done.returncode in (0, 1)
        (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
        assert sum(status["readers"].values()) == READERS
        states = {name: count for name, count in status["readers"].items() if count}
        return states, len(texts), done.stdout + done.stderr


def _always(**replies: bytes | None) -> Callable[[str], bytes | None]:
    return lambda command: replies.get(command, POLITE[command])


def _once(stage: str, reply: bytes | None) -> Callable[[str], bytes | None]:
    """Misbehave at the third command of a kind only, and be polite before and after."""
    turns = iter([POLITE[stage], POLITE[stage], reply])
    return lambda command: next(turns, POLITE[stage]) if command == stage else POLITE[command]


def _carry(way: str, answer: Callable[[str], bytes | None]) -> tuple[MemoryFeed, list[bytes], list[SessionLost]]:
    """Return what became of READERS messages, the texts the server read, and how sessions ended."""
    feed = MemoryFeed(messages(READERS))

    def greet(command: str) -> bytes | None:
        return WAYS[way] if command == "EHLO" else answer(command)

    with scripted(greet) as (port, texts):
        settings = SmtpBackend.Settings(
            host="127.0.0.1", port=port, security="none", timeout=0.5, text_timeout=0.5, chunking=True, window=WINDOW
        )
        losses = asyncio.run(feed.carried_by(SmtpBackend(settings, Path())))
    return feed, texts, losses


@pytest.mark.parametrize("way", ["one by one", "pipelining"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "reply", [b"hello garbage\r\n", b"250 ok\r\n250 ok\r\n", b"999 what\r\n", b"25\r\n", None, b""]
)
def test_one_strange_reply_before_the_text_costs_nobody_anything(way: str, stage: str, reply: bytes | None) -> None:
    feed, texts, losses = _carry(way, _once(stage, reply))
    assert Counter(feed.outcomes().values()) == {"accepted": READERS}
    assert sorted(texts) == sorted(message.data + b".\r\n" for message in messages(READERS))
    assert len(losses) == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
@pytest.mark.parametrize("reply", [b"hello garbage\r\n", b"999 what\r\n", b"25\r\n", None, b""])
def test_in_a_window_one_strange_reply_costs_a_window_at_most(stage: str, reply: bytes | None) -> None:
    feed, texts, losses = _carry("chunking", _once(stage, reply))
    fates = Counter(feed.outcomes().values())
    assert fates["accepted"] + fates["unknown"] == READERS
    assert fates["unknown"] <= WINDOW
    assert max(Counter(texts).values()) == 1
    assert len(losses) == 1


@pytest.mark.parametrize("way", ["one by one", "pipelining"])
@pytest.mark.parametrize(
    ("stage", "reply"), [("DATA", b"250 ok\r\n"), ("RCPT", b"252 maybe\r\n"), ("MAIL", b"354 go\r\n")]
)
def test_only_a_reply_to_the_text_accepts(way: str, stage: str, reply: bytes) -> None:
    feed, texts, losses = _carry(way, _always(**{stage: reply}))
    assert feed.outcomes() == {}
    assert len(feed.waiting) == READERS
    assert texts == []
    assert {str(loss) for loss in losses} == {reply.decode().strip()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "reply", [b"999 what\r\n", b"25\r\n", b"354 more\r\n", b"gibberish\r\n", b"100 wait\r\n", None]
)
def test_a_strange_reply_after_the_text_is_unknown(way: str, reply: bytes | None) -> None:
    feed, texts, losses = _carry(way, _once("TEXT", reply))
    fates = Counter(feed.outcomes().values())
    assert fates["accepted"] + fates["unknown"] == READERS
    assert 1 <= fates["unknown"] <= (WINDOW if way == "chunking" else 1)
    assert max(Counter(texts).values()) == 1
    assert len(losses) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (b"250 ok\r\n250 ok\r\n", "a reply that nobody asked for: 250 ok"),
        (b"250 ok\r\n421 4.3.2 going down\r\n", "421 4.3.2 going down"),
    ],
)
def test_what_was_said_before_the_first_message_is_heard(words: bytes, why: str) -> None:
    with scripted(_always(EHLO=words)) as (port, texts):
        settings = SmtpBackend.Settings(host="127.0.0.1", port=port, security="none")
        feed = MemoryFeed(messages(1))
        (loss,) = asyncio.run(feed.carried_by(SmtpBackend(settings, Path()), sessions=1))
    assert str(loss) == why
    assert len(feed.waiting) == 1
    assert texts == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "TEXT"])
def test_closing_is_no_answer_to_what_stands_behind(way: str, stage: str) -> None:
    feed, texts, (loss,) = _carry(way, _once(stage, b"421 4.3.2 going down\r\n"))
    fates = Counter(feed.outcomes().values())
    assert fates == ({"accepted": READERS - 1, "deferred": 1} if stage == "TEXT" else {"accepted": READERS})
    assert loss.code == 421
    assert max(Counter(texts).values()) == 1


@pytest.mark.slow
def test_a_server_that_always_hangs_up_after_the_text_does_not_burn_the_list(publication: Publication) -> None:
    publication.readers(60)
    with scripted(_always(TEXT=None)) as (port, _):
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }  # fmt: skip
        done = publication.run("send", "2.10", "--yes")
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    assert status["readers"]["unknown"] <= 12
    assert status["readers"]["pending"] >= 48
    assert "breaks every connection" in done.stderr


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("MAIL", b"530 5.7.0 Authentication required\r\n"),
        ("MAIL", b"550 5.7.1 not you\r\n"),
        ("RCPT", b"530 login\r\n"),
    ],
)
def test_a_sender_who_is_refused_stops_the_run(publication: Publication, stage: str, reply: bytes) -> None:
    states, texts, said = _send(publication, _always(**{stage: reply}))
    assert states == {"pending": READERS}
    assert texts == 0
    assert "takes no mail from bounces@example.org" in said
    assert reply.decode().strip() in said


@pytest.mark.slow
def test_closing_in_the_servers_own_words(publication: Publication) -> None:
    states, _, said = _send(publication, _always(RCPT=b"421 4.7.0 Address blocked, see example.org\r\n"))
    assert set(states) <= {"pending", "deferred"}
    assert "421 4.7.0 Address blocked, see example.org" in said


def test_one_message_a_connection_is_slow_and_complete(publication: Publication) -> None:
    taken: list[str] = []

    def answer(command: str) -> bytes | None:
        if command == "TEXT":
            taken.append(command)
        if command == "MAIL" and taken:
            taken.pop()
            return b"421 4.7.0 one message a connection\r\n"
        return POLITE[command]

    states, texts, _ = _send(publication, answer)
    assert states == {"accepted": READERS}
    assert texts == READERS


def test_connections_that_hang_do_not_spoil_what_one_has_done(publication: Publication) -> None:
    greeted: list[str] = []

    def answer(command: str) -> bytes | None:
        if command == "EHLO":
            greeted.append(command)
            return b"" if len(greeted) > 1 else POLITE[command]
        return POLITE[command]

    publication.environ["NEWSLETTER_SMTP__CONNECTIONS"] = "2"
    states, texts, said = _send(publication, answer)
    assert states == {"accepted": READERS}
    assert texts == READERS
    assert "did not answer" not in said
