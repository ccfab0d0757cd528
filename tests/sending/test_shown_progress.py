"""What a send shows while a real server takes only so many a second: the limit in words, and when it will be over."""

import time
from contextlib import closing
from statistics import median

import pytest
from conftest import Publication
from frozen import Frozen
from smtp_server import Provider, provider

from newsletter.actions.deliver import deliver
from newsletter.actions.observer import SendObserver
from newsletter.actions.server_limits import list_server_limits
from newsletter.ledger.send_samples import list_samples
from newsletter.publication import OpenPublication
from newsletter.sending.rules import WorkerProgress
from newsletter.store import open_store

TOO_FAST = "454 4.7.0 Throttling failure: Maximum sending rate exceeded"
READERS, A_SECOND = 250, 40


class _Watching(SendObserver):
    """An observer that keeps what it was shown, and when."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.shown: list[tuple[float, WorkerProgress]] = []

    def progress(self, progress: WorkerProgress) -> None:
        self.shown.append((time.monotonic() - self.began, progress))


class _Bucket:
    """So many messages a second, and a tenth of that at once."""

    def __init__(self) -> None:
        self._tokens, self._at = A_SECOND / 10, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(A_SECOND / 10, self._tokens + (now - self._at) * A_SECOND)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@pytest.mark.slow
def test_the_limit_and_the_end_are_shown_and_what_was_learned_is_kept(publication: Publication) -> None:
    path = publication.root / ".newsletter/state.db"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with closing(open_store(path)) as store:
        Frozen(publication, store, READERS)
    bucket = _Bucket()
    failed: set[int] = set()

    def say(_server: Provider, number: int, command: str) -> str | None:
        if command == "MAIL":
            failed.discard(number)
            if not bucket.take():
                failed.add(number)
                return TOO_FAST
        return "503 5.5.1 no recipient" if number in failed and command in ("RCPT", "DATA") else None

    watching = _Watching()
    with provider(say) as server:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }
        with OpenPublication(publication.workspace) as opened:
            assert deliver(opened, "2.10", watching)
            took = time.monotonic() - watching.began
            (learned,) = list_server_limits(opened)
            with opened.store.reading() as connection:
                samples = list_samples(connection, "2.10")
    assert sorted(server.accepted) == sorted(set(server.accepted))
    assert len(server.accepted) == READERS
    held = [progress.hold.words for _, progress in watching.shown if progress.hold is not None]
    assert any("messages a second" in words for words in held)
    # Right within a tenth on a machine of one's own; here others work, too, and a wrong one would be wrong by far.
    late = [(at, one) for at, one in watching.shown if one.left < READERS * 0.8 and one.eta is not None]
    assert len(late) > 5
    assert 0.6 < median((at + one.eta) / took for at, one in late if one.eta is not None) < 1.5
    assert learned.server == f"127.0.0.1:{server.port}"
    assert learned.limits.rate is not None
    assert A_SECOND / 3 < learned.limits.rate < A_SECOND * 2
    assert "Throttling failure" in learned.limits.evidence["rate"]
    assert sum(one.accepted for one in samples) == READERS
    assert sum(one.put_off for one in samples) > 0
