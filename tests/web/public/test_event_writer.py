"""What a reader was told has failed does not come true later."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import DeliveryError
from newsletter.store import Store, open_store, suppressions
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys, create_secret_keys, require_secret_keys
from newsletter.web.public.event_writer import EventWriter


def _leaving(reader: str) -> Event:
    return Event(subscriber=reader, kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE)


def test_what_waited_too_long_is_not_written(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.web.public.group_writer._PATIENCE_S", 0.2)
    create_secret_keys(publication.root)
    path = publication.root / ".newsletter/state.db"
    with closing(open_store(publication.workspace.database)) as store:
        asyncio.run(_through_a_locked_store(store, require_secret_keys(publication.workspace), path))
        with store.reading() as connection:
            known = {row[0] for row in suppressions.stream_suppressions(connection)}
    # The first one was in the store's hands already; that it may be written is what the page says.
    assert known == {"first@example.org", "third@example.org"}


async def _through_a_locked_store(store: Store, keys: SecretKeys, path: Path) -> None:
    scribe = EventWriter(store, lambda: keys)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = asyncio.create_task(scribe.write(_leaving("first@example.org")))
        await asyncio.sleep(0)
        second = asyncio.create_task(scribe.write(_leaving("second@example.org")))
        for task in (first, second):
            with pytest.raises(DeliveryError):
                await task
        other.execute("ROLLBACK")
    for _ in range(600):  # until the first has left the store
        try:
            await scribe.write(_leaving("third@example.org"))
            break
        except DeliveryError:
            pass
    scribe.close()
