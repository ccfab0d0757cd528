"""Debian's Postfix takes what we send, over STARTTLS and with a login, and its Maildir holds it to the byte."""

import asyncio
from pathlib import Path

import postfix
import pytest
from conftest import Publication
from feeds import MemoryFeed, message, messages
from postfix import PASSWORD, USER, Postfix

from newsletter.backends import Unreachable
from newsletter.backends.smtp import SmtpBackend
from newsletter.mail.message import Message, Outcome

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(postfix.unavailable()), reason=postfix.unavailable())]


def _backend(server: Postfix, *, chunking: bool, password: str = PASSWORD) -> SmtpBackend:
    settings = SmtpBackend.Settings(
        host="localhost", port=server.port, username=f"{USER}@localhost", password=password, chunking=chunking
    )
    return SmtpBackend(settings, Path())


def _carry(
    server: Postfix,
    sent: list[Message],
    monkeypatch: pytest.MonkeyPatch,
    *,
    chunking: bool,
) -> MemoryFeed:
    """Two sessions at once carry them all."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    backend, feed = _backend(server, chunking=chunking), MemoryFeed(sent)

    async def deliver() -> None:
        async with backend.connect() as session:
            await session.deliver(feed)

    async def carry() -> None:
        await asyncio.gather(deliver(), deliver())

    with asyncio.Runner() as runner:
        runner.run(carry())
    return feed


def _as_stored(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("chunking", [False, True])
def test_a_sent_issue_is_what_export_says_that_a_reader_got(publication: Publication, chunking: bool) -> None:
    with postfix.postfix() as server:
        publication.environ |= server.environ | {"NEWSLETTER_SMTP__CHUNKING": str(chunking).lower()}
        done = publication.run("send", "2.10", "--yes")
        assert done.returncode == 0, done.stderr
        copies = server.copies(25)
        verbs = server.verbs(25)
    assert verbs["bdat" if chunking else "data"] == 25
    assert verbs["starttls"] >= verbs["auth"] >= 1
    assert len(copies) == 25
    for address in ("jorgensen@example.net", *list(copies)[:2]):
        exported = publication.run("export", "eml", "2.10", "--as", address).stdout.split()[0]
        assert copies[address] == [_as_stored((publication.root / exported).read_bytes())]


@pytest.mark.parametrize("chunking", [False, True])
def test_the_copies_are_what_was_sent(chunking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = b"Date: Wed, 31 May 2023 00:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n"
    sizes = [400, 36_000, 36_000, 600_000, 100, 65_536] * 10
    sent = [message(f"reader{number}", size) for number, size in enumerate(sizes)]
    sent = [
        Message(key=each.key, sender=each.sender, recipient=each.recipient, pieces=(heads % number, *each.pieces))
        for number, each in enumerate(sent)
    ]
    with postfix.postfix() as server:
        feed = _carry(server, sent, monkeypatch, chunking=chunking)
        assert set(feed.outcomes().values()) == {Outcome.ACCEPTED}
        copies = server.copies(len(sent))
    assert copies == {each.recipient: [_as_stored(each.data)] for each in sent}
    window = 16 if chunking else 2
    assert feed.most_in_hand <= 2 * window


@pytest.mark.parametrize("chunking", [False, True])
def test_each_refusal_finds_its_reader(chunking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = {"reader3@example.org": "550 5.1.1 unknown", "reader4@example.org": "450 4.2.1 later",
              "reader9@example.org": "550 5.1.1 unknown"}  # fmt: skip
    sent = [*messages(12), message("large", 30_000)]
    with postfix.postfix(size=20_000, refuse=refuse) as server:
        feed = _carry(server, sent, monkeypatch, chunking=chunking)
        assert len(server.copies(9)) == 9
    others = {key: (fate, feed.results[key].stage) for key, fate in feed.outcomes().items() if fate != "accepted"}
    assert others == {
        "reader3": (Outcome.REFUSED, "rcpt"),
        "reader4": (Outcome.DEFERRED, "rcpt"),
        "reader9": (Outcome.REFUSED, "rcpt"),
        "large": (Outcome.REFUSED, "mail"),
    }
    assert feed.results["reader4"].enhanced == "4.2.1"


def test_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with postfix.postfix() as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        feed = MemoryFeed(messages(1))
        with pytest.raises(Unreachable, match="refused the login of digest@localhost: 535") as refused:
            asyncio.run(feed.carried_by(_backend(server, chunking=False, password="guess")))
    assert refused.value.code == 535
    assert feed.results == {}
