"""The difference between two lists: who is new on the later one, and who is gone from it."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.subscribers.temporary_database import open_temporary_database


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDifference:
    """Numbers of subscribers: those on the earlier list, those new on the later one, and those gone from it."""

    before: int
    new: int
    gone: int


def compare_subscribers(before: Iterable[SubscriberKey], now: Iterable[SubscriberKey]) -> ListDifference:
    """Return the difference of two lists, each counted by its subscribers' keys. Streams."""
    with closing(open_temporary_database()) as database:
        database.execute("CREATE TABLE listed (subscriber TEXT PRIMARY KEY, lists INTEGER) WITHOUT ROWID")
        database.execute("BEGIN")
        put = "INSERT INTO listed VALUES (?, ?) ON CONFLICT (subscriber) DO UPDATE SET lists = lists | excluded.lists"
        for bit, keys in ((1, before), (2, now)):
            database.executemany(put, ((key, bit) for key in keys))
        counts = dict(database.execute("SELECT lists, count(*) FROM listed GROUP BY lists").fetchall())
    return ListDifference(before=counts.get(1, 0) + counts.get(3, 0), new=counts.get(2, 0), gone=counts.get(1, 0))
