"""Two who write the same row at once: both succeed, and the later one's row stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest
from sqlalchemy import Connection, select

from newsletter.address import SubscriberKey
from newsletter.store import Store
from newsletter.store.schema import suppressions
from newsletter.store.timed_suppressions import suppress_until
from newsletter.subscribers.preferences import Preferences, read_preferences, save_preferences

ADA = SubscriberKey("ada@example.org")


def _pause(connection: Connection, number: int) -> None:
    suppress_until(connection, ADA, "paused", f"203{number}-01-01T00:00:00.000+00:00", source="page")


def _choose(connection: Connection, number: int) -> None:
    save_preferences(connection, ADA, Preferences(tags={f"topic{number}": True}))


@pytest.mark.parametrize("write", [_pause, _choose])
@pytest.mark.parametrize("is_known", [False, True])
def test_the_later_of_two_stays(store: Store, write: Callable[[Connection, int], None], is_known: bool) -> None:
    if is_known:
        with store.transaction() as connection:
            write(connection, 0)
    begun = Event()

    def be_later() -> None:
        begun.set()
        with store.transaction() as connection:
            write(connection, 2)

    with ThreadPoolExecutor(1) as threads:
        with store.transaction() as connection:
            write(connection, 1)
            later = threads.submit(be_later)
            assert begun.wait(10)
            sleep(0.1)  # in which it comes as far as the row; nothing hangs on how long
        later.result(timeout=30)
    with store.reading() as connection:
        until = connection.scalars(select(suppressions.c.until)).all()
        tags = read_preferences(connection, ADA).tags
    assert (until, tags) in [(["2032-01-01T00:00:00.000+00:00"], {}), ([], {"topic2": True})]
