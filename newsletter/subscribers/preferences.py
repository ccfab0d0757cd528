"""Rows of preferences: what readers chose themselves. They outweigh whatever a list says of them.

Each function works within the caller's transaction, and on the publication that its connection is of.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, literal, select

from newsletter.address import SubscriberKey
from newsletter.store.engine import is_ours, now, publication_of, write_over
from newsletter.store.schema import preferences

_GROUP = 1000
_LANGUAGE = '"language"'  # in JSON, where a quote within a text has a backslash before it


class Frequency(StrEnum):
    """Frequency that a reader wants: each issue, or the summary in its place."""

    ISSUES = "issues"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Preferences of one reader. None, and a tag that is not among `tags`: they chose nothing, and the list counts.

    `language` is a BCP 47 tag, also for the publication's own; `tags` says of each whether they want it.
    """

    name: str | None = None
    language: str | None = None
    tags: Mapping[str, bool] = field(default_factory=dict)
    frequency: Frequency | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was chosen."""
        return self.name is None and self.language is None and not self.tags and self.frequency is None

    def as_dict(self) -> dict[str, Any]:
        """Return what was chosen, by name, as the store has it."""
        chosen = {
            "name": self.name,
            "language": self.language,
            "tags": dict(sorted(self.tags.items())),
            "frequency": self.frequency and self.frequency.value,
        }
        return {name: value for name, value in chosen.items() if value is not None and value != {}}


class StoredPreferences(NamedTuple):
    """Preferences with whose they are, by key, and since when (ISO 8601 in UTC)."""

    subscriber: SubscriberKey
    chosen: Preferences
    changed_at: str


def find_preferences(connection: Connection, keys: Sequence[str]) -> dict[SubscriberKey, StoredPreferences]:
    """Return what these subscribers chose; they are few enough for either database's parameters."""
    rows = connection.execute(_OF_KEYS, {"publication": publication_of(connection), "keys": keys})
    return {row.subscriber: _stored(row) for row in rows}


# Made once: for a million keys, asked about in groups, each statement would be one more for the garbage collector.
_OF_KEYS: Select[Any] = select(preferences).where(
    preferences.c.publication == bindparam("publication"),
    preferences.c.subscriber.in_(bindparam("keys", expanding=True)),
)


def read_preferences(connection: Connection, key: SubscriberKey) -> Preferences:
    """Return what a subscriber chose."""
    stored = find_preferences(connection, [key]).get(key)
    return stored.chosen if stored else Preferences()


def stream_preferences(connection: Connection) -> Iterator[StoredPreferences]:
    """Yield what everybody chose, in the order of their keys."""
    everyone = select(preferences).where(is_ours(connection, preferences)).order_by(preferences.c.subscriber)
    for row in connection.execute(everyone, execution_options={"yield_per": _GROUP}):
        yield _stored(row)


def save_preferences(connection: Connection, key: SubscriberKey, chosen: Preferences) -> None:
    """Write what a subscriber chose over what they chose before; nothing chosen leaves no row."""
    if chosen.is_empty:
        mine = is_ours(connection, preferences), preferences.c.subscriber == key
        connection.execute(delete(preferences).where(*mine))
        return
    row = {"publication": publication_of(connection), "subscriber": key, "changed_at": now()}
    write_over(connection, preferences, {**row, "chosen": json.dumps(chosen.as_dict())})


def has_preferences(connection: Connection) -> bool:
    """Return whether anybody has chosen anything."""
    return connection.scalar(select(literal(1)).where(is_ours(connection, preferences)).limit(1)) is not None


def has_chosen_language(connection: Connection) -> bool:
    """Return whether anybody has chosen a language."""
    chosen = select(literal(1)).where(is_ours(connection, preferences), preferences.c.chosen.contains(_LANGUAGE))
    return connection.scalar(chosen.limit(1)) is not None


def read_version(connection: Connection) -> tuple[int, str]:
    """Return a value that changes whenever anybody chooses something."""
    count, latest = func.count(), func.max(preferences.c.changed_at)
    number, moment = connection.execute(select(count, latest).where(is_ours(connection, preferences))).one()
    return number, moment or ""


def count_preferences(connection: Connection) -> dict[str, int]:
    """Return how many chose each topic or gave it up, the summary, and each language, by words for it."""
    counts = Counter[str]()
    for row in stream_preferences(connection):
        chosen = row.chosen
        counts.update(f"{'with' if wanted else 'without'} {tag}" for tag, wanted in chosen.tags.items())
        counts.update(["the summary"] if chosen.frequency is Frequency.SUMMARY else [])
        counts.update([f"in {chosen.language}"] if chosen.language else [])
    return dict(sorted(counts.items()))


def _stored(row: Any) -> StoredPreferences:
    found = json.loads(row.chosen)
    frequency = found.get("frequency")
    chosen = Preferences(
        name=found.get("name"),
        language=found.get("language"),
        tags=found.get("tags", {}),
        frequency=Frequency(frequency) if frequency in list(Frequency) else None,
    )
    return StoredPreferences(row.subscriber, chosen, row.changed_at)
