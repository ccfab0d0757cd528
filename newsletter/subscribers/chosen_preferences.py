"""A subscriber source with what readers chose themselves over what the list says, whatever list that is.

It is never written into the list: an import or the next fetch would undo it, and what readers said always wins.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from newsletter.address import SubscriberKey
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.errors import Problem
from newsletter.store import Store
from newsletter.subscribers.csv_rows import split_tags
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.preferences import (
    Frequency,
    Preferences,
    StoredPreferences,
    find_preferences,
    has_chosen_language,
    has_preferences,
    read_version,
    stream_preferences,
)
from newsletter.subscribers.source import ListReading, ListRow, PreparedEdit, SubscriberRows, SubscriberSource
from newsletter.subscribers.subscriber import LANGUAGE_COLUMNS, Subscriber
from newsletter.subscribers.suppression_status import OwnStatuses

_GROUP = 500  # rows looked up at once: few enough for either database's parameters


def put_preferences_over(source: SubscriberSource, store: Store | None, *, summary: bool) -> SubscriberSource:
    """Return a source whose subscribers are as they chose themselves; the source itself while nobody chose anything.

    With `summary` the publication has one, and those who chose it have its tag.
    """
    if store is None:
        return source
    with store.reading() as connection:
        if not has_preferences(connection):
            return source
    return SourceWithPreferences(source, store, summary)


@dataclass(frozen=True)
class SourceWithPreferences:
    """A source whose subscribers have the names, languages and tags that they chose themselves."""

    source: SubscriberSource
    store: Store
    summary: bool

    @property
    def place(self) -> Path:
        return self.source.place

    @property
    def file(self) -> Path | None:
        return self.source.file

    def exists(self) -> bool:
        return self.source.exists()

    def require(self) -> None:
        self.source.require()

    def require_editable(self) -> None:
        self.source.require_editable()

    def refresh(self) -> None:
        self.source.refresh()

    def find_difference(self) -> ListDifference | None:
        return self.source.find_difference()

    def note_frozen(self) -> None:
        self.source.note_frozen()

    def version(self) -> Hashable:
        with self.store.reading() as connection:
            return self.source.version(), read_version(connection)

    def fingerprint(self) -> str:
        """Return the source's own: by what they choose nobody leaves a list or comes onto it."""
        return self.source.fingerprint()

    def read_columns(self) -> list[str]:
        columns = self.source.read_columns()
        return [*columns, *([LANGUAGE_COLUMNS[0]] if self._adds_language(columns) else [])]

    def read_rows(self) -> Iterator[Subscriber | Problem]:
        return self._apply_to_all(self.source.read_rows())

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        return self._apply_to_all(self.source.read_subscribers())

    def read_statuses(self) -> OwnStatuses:
        return self.source.read_statuses()

    def read_list(self) -> ListReading:
        reading = self.source.read_list()
        return reading._replace(rows=self._apply_to_all(reading.rows))

    def find(self, keys: Iterable[SubscriberKey]) -> dict[SubscriberKey, Subscriber]:
        return {row.key: row for row in _pass_usable(self._apply_to_all(iter(self.source.find(keys).values())))}

    def find_rows(self, key: str) -> SubscriberRows:
        found = self.source.find_rows(key)
        chosen = self._find([key]).get(SubscriberKey(key))
        if chosen is None:
            return found
        return replace(found, rows=[self._apply_to_cells(row, chosen.chosen) for row in found.rows])

    def find_hashed(self, line: int, matches: Callable[[Subscriber], bool]) -> Subscriber | None:
        found = self.source.find_hashed(line, matches)
        return next(iter(self.find([found.key]).values()), found) if found else None

    def find_nearest(self, key: str) -> str:
        return self.source.find_nearest(key)

    def search(self, words: Sequence[str]) -> Iterator[Subscriber]:
        wanted = [word.casefold() for word in words]
        with self.store.reading() as connection:
            chosen = [row.subscriber for row in stream_preferences(connection) if _may_match(row.chosen, wanted)]
        if len(chosen) > _GROUP:  # by then it is quicker to read all of the list once
            rows: Iterator[Subscriber] = _pass_usable(self.read_subscribers())
        else:
            by_choice = self.find(chosen)
            others = _pass_usable(self._apply_to_all(self.source.search(words)))
            rows = chain(by_choice.values(), (row for row in others if row.key not in by_choice))
        return (row for row in rows if _matches(row, wanted))

    def appending(
        self, cells: Mapping[str, str], tags: Sequence[str], evidence: str = ""
    ) -> AbstractContextManager[PreparedEdit]:
        return self.source.appending(cells, tags, evidence)

    def removing(self, key: str) -> AbstractContextManager[PreparedEdit]:
        return self.source.removing(key)

    def _find(self, keys: Sequence[str]) -> dict[SubscriberKey, StoredPreferences]:
        with self.store.reading() as connection:
            return find_preferences(connection, keys)

    def _adds_language(self, columns: Sequence[str]) -> bool:
        """Return whether the list has no column for a language, and somebody has chosen one."""
        if any(name in columns for name in LANGUAGE_COLUMNS):
            return False
        with self.store.reading() as connection:
            return has_chosen_language(connection)

    def _apply_to_all(self, rows: Iterator[Subscriber | Problem]) -> Iterator[Subscriber | Problem]:
        """Yield rows with what their subscribers chose. Streams: a list may have a million rows."""
        blank = {LANGUAGE_COLUMNS[0]: ""} if self._adds_language(self.source.read_columns()) else {}
        while group := list(islice(rows, _GROUP)):
            chosen = self._find([row.key for row in group if isinstance(row, Subscriber)])
            for row in group:
                if isinstance(row, Problem):
                    yield row
                    continue
                row = row._replace(fields={**blank, **row.fields}) if blank else row
                found = chosen.get(row.key)
                yield apply_preferences(row, found.chosen, summary=self.summary) if found else row

    def _apply_to_cells(self, row: ListRow, chosen: Preferences) -> ListRow:
        cells = _choose_fields(row.cells, chosen)
        tags = split_tags(row.cells.get("tags", ""))
        if (now := _choose_tags(tags, chosen, summary=self.summary)) != tags:
            cells["tags"] = ";".join(sorted(now))
        return replace(row, cells=cells)


def apply_preferences(row: Subscriber, chosen: Preferences, *, summary: bool) -> Subscriber:
    """Return a subscriber with what they chose; with `summary` there is one, and its tag follows their choice."""
    tags = _choose_tags(row.tags, chosen, summary=summary)
    return row._replace(fields=_choose_fields(row.fields, chosen), tags=tags)


def _choose_tags(tags: frozenset[str], chosen: Preferences, *, summary: bool) -> frozenset[str]:
    said = dict(chosen.tags)
    if summary and chosen.frequency:
        said[SUMMARY_TAG] = chosen.frequency is Frequency.SUMMARY
    return tags.difference(said).union(tag for tag, is_wanted in said.items() if is_wanted)


def _choose_fields(fields: Mapping[str, str], chosen: Preferences) -> dict[str, str]:
    own = dict(fields)
    if chosen.name is not None:
        own["name"] = chosen.name
    if chosen.language is not None:  # in each column that has it, since the first that says something counts
        there = [name for name in LANGUAGE_COLUMNS if name in fields] or LANGUAGE_COLUMNS[:1]
        own |= dict.fromkeys(there, chosen.language)
    return own


def _pass_usable(rows: Iterator[Subscriber | Problem]) -> Iterator[Subscriber]:
    return (row for row in rows if isinstance(row, Subscriber))


def _may_match(chosen: Preferences, wanted: Sequence[str]) -> bool:
    """Return whether one of the words, in small letters, is in what somebody chose."""
    text = "\n".join((chosen.name or "", chosen.language or "", *chosen.tags, SUMMARY_TAG if chosen.frequency else ""))
    return any(word in text.casefold() for word in wanted)


def _matches(row: Subscriber, wanted: Sequence[str]) -> bool:
    text = "\n".join((*row.fields.values(), *row.tags)).casefold()
    return all(word in text for word in wanted)
