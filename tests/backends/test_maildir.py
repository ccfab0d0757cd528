"""The Maildir: whole messages or none, on the disk before they count, and a full disk is nobody's fault."""

import asyncio
import mailbox
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Publication
from feeds import MemoryFeed, messages

from newsletter.backends import SessionLost, Unreachable
from newsletter.backends.maildir import MaildirBackend
from newsletter.errors import DeliveryError
from newsletter.mail.message import Outcome


def _deliver(root: Path, feed: MemoryFeed) -> None:
    async def deliver() -> None:
        async with MaildirBackend(MaildirBackend.Settings(path="box"), root).connect() as session:
            await session.deliver(feed)

    asyncio.run(deliver())


@contextmanager
def _no_file_larger_than(octets: int) -> Iterator[None]:
    """Yield what a full disk does: a write fails, when it reaches the disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_message_is_whole_in_new_and_for_its_owners_eyes(tmp_path: Path) -> None:
    feed = MemoryFeed(messages(2))
    _deliver(tmp_path, feed)
    assert list(feed.outcomes().values()) == [Outcome.ACCEPTED] * 2
    stored = list((tmp_path / "box/new").iterdir())
    texts = {message.data.replace(b"\r\n", b"\n") for message in messages(2)}
    assert {path.read_bytes() for path in stored} == texts
    assert {stat.S_IMODE(path.stat().st_mode) for path in stored} == {0o600}
    assert not list((tmp_path / "box/tmp").iterdir())
    assert len(mailbox.Maildir(tmp_path / "box", create=False)) == 2


def test_a_full_disk_stops_the_run_and_gives_the_message_back(tmp_path: Path) -> None:
    feed = MemoryFeed(messages(2))
    with _no_file_larger_than(40), pytest.raises(DeliveryError, match="takes no more: File too large") as caught:
        _deliver(tmp_path, feed)
    assert caught.value.next_step
    assert [message.key for message, _ in feed.returned] == ["reader0"]
    assert feed.results == {}
    assert len(feed.waiting) == 1
    for folder in ("tmp", "new"):
        assert not list((tmp_path / "box" / folder).iterdir())


def test_a_name_that_may_not_be_on_the_disk_leaves_its_reader_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    feed = MemoryFeed(messages(2))
    with pytest.raises(SessionLost, match="Input/output error"):
        _deliver(tmp_path, feed)
    assert list(feed.outcomes().values()) == [Outcome.UNKNOWN]
    assert feed.returned == []


def test_a_file_in_its_place_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("")
    with pytest.raises(Unreachable, match="can't be opened: ") as caught:
        _deliver(tmp_path, MemoryFeed(messages(2)))
    assert "[maildir] path" in caught.value.next_step


def test_an_issue_goes_into_a_maildir(publication: Publication) -> None:
    readers = publication.readers(20)
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    assert publication.run("send", "2.10", "--yes").returncode == 0
    box = mailbox.Maildir(publication.root / "build/maildir", create=False)
    assert sorted(message["To"].rpartition(" ")[2].strip("<>") for message in box) == sorted(readers)


class _SuspendedFeed(MemoryFeed):
    """A feed whose process stood still while a text was written: at first that may not leave."""

    def may_send(self) -> bool:
        assert not list(self.new.iterdir())
        self.refused += 1
        return self.refused > 1

    def __init__(self, new: Path) -> None:
        super().__init__(messages(1))
        self.new = new


def test_a_text_is_stored_only_when_it_may_still_leave(tmp_path: Path) -> None:
    feed = _SuspendedFeed(tmp_path / "box/new")
    _deliver(tmp_path, feed)
    assert feed.refused == 2
    assert list(feed.outcomes().values()) == [Outcome.ACCEPTED]


def test_what_may_not_leave_any_more_is_not_stored(tmp_path: Path) -> None:
    feed = MemoryFeed(messages(1))
    feed.is_open = False

    async def deliver() -> None:
        async with MaildirBackend(MaildirBackend.Settings(path="box"), tmp_path).connect() as session:
            carrying = asyncio.create_task(session.deliver(feed))
            while not feed.refused:
                await asyncio.sleep(0.01)
            carrying.cancel()  # as a worker does whose lease is lost
            await asyncio.wait([carrying])
            assert carrying.cancelled()

    asyncio.run(deliver())
    for folder in ("tmp", "new"):
        assert not list((tmp_path / "box" / folder).iterdir())
    assert feed.results == {}
