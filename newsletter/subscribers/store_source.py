"""Subscribers in the store, where `[list] source = "store"` says so."""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from newsletter.address import EmailAddress, SubscriberKey, domain_of, local_part_of
from newsletter.errors import ListError, Problem
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.csv_rows import BREAKS, fault_of_value
from newsletter.subscribers.nearest import MOST_CANDIDATES, choose_nearest, may_be_meant
from newsletter.subscribers.source import ListReading, ListRow, OwnSource, PreparedEdit, SubscriberRows
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_consents,
    count_subscribers,
    delete_subscriber,
    find_subscribers,
    list_consents,
    read_changed_at,
    read_columns,
    save_subscribers,
    stream_subscribers,
)
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus, find_language
from newsletter.subscribers.suppression_status import Suppression

PLACE = Path("the list in the store")
_SETTLED_S = 2.0  # so long after its last change another one has another moment
EDITOR = "editor"  # where a consent was noted that an editor has entered


@dataclass(frozen=True)
class StoredStatuses:
    """Statuses that the store has of its subscribers: only the active are mailed. There is nothing to ask about."""

    store: Store | None
    questions: Sequence[Problem] = ()

    @property
    def count(self) -> int:
        if self.store is None:
            return 0
        with self.store.reading() as connection:
            counts = count_subscribers(connection)
        return sum(count for status, count in counts.items() if status is not SubscriberStatus.ACTIVE)

    def find(self, subscriber: Subscriber) -> Suppression | None:
        if subscriber.status is SubscriberStatus.ACTIVE:
            return None
        return Suppression(subscriber.status.value, "", None)

    def describe(self, subscriber: Subscriber) -> str:
        return "" if subscriber.status is SubscriberStatus.ACTIVE else subscriber.status.value

    def require_answers(self) -> None:
        pass


@dataclass(frozen=True)
class StoreSource(OwnSource):
    """A list in the store; without a store there is nobody on it."""

    store: Store | None

    @property
    def place(self) -> Path:
        return PLACE

    @property
    def file(self) -> Path | None:
        return None

    def exists(self) -> bool:
        if self.store is None:
            return False
        with self.store.reading() as connection:
            return bool(read_changed_at(connection))

    def require(self) -> None:
        if not self.exists():
            raise ListError(
                "There is nobody on the list in the store yet.",
                next_step="Bring your list into it: newsletter subscribers import FILE\n"
                "Or begin with one: newsletter subscribers add ADDRESS",
            )

    def version(self) -> Hashable:
        if self.store is None:
            return None
        with self.store.reading() as connection:
            return read_changed_at(connection)

    def fingerprint(self) -> str:
        changed_at = self.version()
        # Of two changes within one millisecond the second may have come after the list was read.
        since = datetime.now(UTC) - timedelta(seconds=_SETTLED_S)
        return f"store {changed_at}" if changed_at and datetime.fromisoformat(str(changed_at)) < since else ""

    def read_columns(self) -> list[str]:
        if self.store is None:
            return ["email", "name", "tags"]
        with self.store.reading() as connection:
            return read_columns(connection)

    def read_rows(self) -> Iterator[Subscriber | Problem]:
        yield from self._everyone()

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        yield from self._everyone()

    def read_statuses(self) -> StoredStatuses:
        return StoredStatuses(self.store)

    def read_list(self) -> ListReading:
        return ListReading(self.read_statuses(), self.read_rows())

    def find(self, keys: Iterable[SubscriberKey]) -> dict[SubscriberKey, Subscriber]:
        if self.store is None:
            return {}
        with self.store.reading() as connection:
            blank = _blank(read_columns(connection))
            found = find_subscribers(connection, keys)
        return {key: _subscriber(row, blank) for key, row in found.items()}

    def find_rows(self, key: str) -> SubscriberRows:
        if self.store is None:
            return SubscriberRows()
        with self.store.reading() as connection:
            found = find_subscribers(connection, [key]).get(SubscriberKey(key))
            consents = list_consents(connection, key)
        rows = [ListRow(cells=_cells(found))] if found else []
        return SubscriberRows(rows=rows, consents=consents)

    def find_hashed(self, line: int, matches: Callable[[Subscriber], bool]) -> Subscriber | None:
        del line
        with closing(self._everyone()) as rows:
            return next((row for row in rows if matches(row)), None)

    def find_nearest(self, key: str) -> str:
        local, domain = local_part_of(key), domain_of(key)
        with closing(self._everyone()) as rows:
            near = (row.key for row in rows if local in row.key or domain in row.key)
            return choose_nearest(key, list(islice((one for one in near if may_be_meant(one, key)), MOST_CANDIDATES)))

    def search(self, words: Sequence[str]) -> Iterator[Subscriber]:
        wanted = [word.casefold() for word in words]
        for row in self._everyone():
            text = "\n".join((*row.fields.values(), *row.tags)).casefold()
            if all(word in text for word in wanted):
                yield row

    @contextmanager
    def appending(self, cells: Mapping[str, str], tags: Sequence[str], evidence: str = "") -> Iterator[PreparedEdit]:
        store = self._require_store()
        with store.reading() as connection:
            columns = read_columns(connection)
        _refuse_unreadable(cells, tags, columns)
        given = StoredSubscriber(
            address=EmailAddress(cells["email"]),
            fields={name: value for name, value in cells.items() if name != "email"},
            tags=frozenset(tags),
        )

        def put() -> None:
            with store.transaction() as connection:
                known = find_subscribers(connection, [given.key]).get(given.key)
                row = given
                if known:
                    row = replace(known, status=given.status, fields={**known.fields, **given.fields})
                    row = replace(row, tags=known.tags | given.tags)
                save_subscribers(connection, [row])
                if evidence:
                    consent = Consent(given_at=now(), source=EDITOR, evidence={"words": evidence})
                    add_consents(connection, {given.key: consent})

        yield PreparedEdit(rows=(), put=put)

    @contextmanager
    def removing(self, key: str) -> Iterator[PreparedEdit]:
        rows = self.find_rows(key).rows
        store = self.store

        def put() -> None:
            if store and rows:
                with store.transaction() as connection:
                    delete_subscriber(connection, key)

        yield PreparedEdit(rows=rows, put=put)

    def _require_store(self) -> Store:
        if self.store is None:
            raise ListError("There is no store yet.", next_step="newsletter subscribers import FILE makes one.")
        return self.store

    def _everyone(self) -> Generator[Subscriber, None, None]:
        if self.store is None:
            return
        with self.store.reading() as connection:
            blank = _blank(read_columns(connection))
            with closing(stream_subscribers(connection)) as rows:
                for row in rows:
                    yield _subscriber(row, blank)


def _blank(columns: Sequence[str]) -> dict[str, str]:
    """Return every field that a subscriber has, without a value."""
    return {"email": "", "name": "", **{name: "" for name in columns if name != "tags"}}


def _subscriber(row: StoredSubscriber, blank: Mapping[str, str]) -> Subscriber:
    fields = {**blank, "email": row.address, **row.fields}
    if row.language and not find_language(fields):
        fields["language"] = row.language
    return Subscriber(address=row.address, fields=fields, tags=row.tags, status=row.status)


def _cells(row: StoredSubscriber) -> dict[str, str]:
    return {
        "email": row.address,
        **row.fields,
        "tags": ";".join(sorted(row.tags)),
        "status": row.status.value,
        "language": row.language,
        "time_zone": row.time_zone,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def _refuse_unreadable(cells: Mapping[str, str], tags: Sequence[str], columns: Sequence[str]) -> None:
    """Raise ListError for what a list in a file could not hold either."""
    if missing := [name for name in cells if name not in columns]:
        raise ListError(
            f"{PLACE} has no column {missing[0]}.",
            next_step=f"Its columns are: {', '.join(columns)}. A file that has another brings it with it: "
            "newsletter subscribers import FILE",
        )
    if any(BREAKS.search(value) for value in cells.values()):
        raise ListError("A value has a line break or a tab in it.", next_step="Write the value on one line.")
    for name, value in cells.items():
        if fault := fault_of_value(name, value):
            raise ListError(f"{fault.message}.", next_step=fault.next_step)
    if any(set(tag) & set(' ,;|\t\n"') or tag != tag.casefold() or not tag for tag in tags):
        raise ListError("A tag is one word in small letters.", next_step="Give each a --tag of its own.")
