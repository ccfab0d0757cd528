"""Rows of imports and of what each changed, by which an import is undone as one.

Each function works within the caller's transaction, and on the publication that its connection is of.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import Instant, parse_instant
from newsletter.store.engine import is_ours, now, publication_of
from newsletter.store.import_batches import IMPORT
from newsletter.store.publication_facts import read_fact, remove_facts, write_fact
from newsletter.store.schema import import_changes, imports, subscribers
from newsletter.store.suppressions import name_batch
from newsletter.subscribers.stored_subscribers import StoredSubscriber, add_columns, read_columns, remove_columns
from newsletter.subscribers.subscriber import SubscriberStatus

IMPORTS_KEPT = 3  # that can be undone: what an older one changed is no longer kept
_FORGOTTEN_AT_ONCE = 5_000  # rows: others who write wait for no longer than deleting them takes
_HASH_LENGTH = 24  # of hexadecimal digits
_COLUMNS = "columns_of "  # a fact: which columns an import has brought, by its batch


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImport:
    """An import as the store has it. It is undoable while it is one of the newest, and was not undone.

    `has_changes`: what it changed, or a part of that, is still kept.
    """

    batch: str
    file: str
    form: str
    at: Instant
    undone_at: Instant | None
    has_changes: bool
    is_undoable: bool

    @property
    def name(self) -> str:
        """Return its moment, by which people name it."""
        return self.batch.removeprefix(IMPORT).partition(" ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChange:
    """A subscriber of an import's file: their row before, and a hash of the one after, by which a later change is seen.

    There is neither where the row was the same. With a hash alone they were not on the list before. `said` is the kind
    of suppression by which the file says that they must not be mailed, empty when it does not.
    """

    key: SubscriberKey
    before: StoredSubscriber | None = None
    after: str = ""
    said: str = ""

    @property
    def is_new(self) -> bool:
        """Return whether the import brought them."""
        return self.before is None and bool(self.after)


def begin_import(connection: Connection, file: str, form: str, columns: Iterable[str]) -> str:
    """Note that an import begins which has these columns; return the name of its batch."""
    moment = now()
    batch = name_batch(f"{IMPORT}{moment.partition('+')[0]}", publication_of(connection))
    row = {"publication": publication_of(connection), "batch": batch, "file": file, "form": form, "at": moment}
    connection.execute(insert(imports).values(row))
    known = read_columns(connection)
    add_columns(connection, columns)
    if brought := [name for name in read_columns(connection) if name not in known]:
        write_fact(connection, _COLUMNS + batch, json.dumps(brought))
    return batch


def list_imports(connection: Connection) -> list[StoredImport]:
    """Return all imports, the newest first."""
    changes = select(import_changes.c.batch).where(
        is_ours(connection, import_changes), import_changes.c.batch == imports.c.batch
    )
    rows = select(imports, changes.exists().label("has_changes")).where(is_ours(connection, imports))
    return [
        StoredImport(
            batch=row.batch,
            file=row.file,
            form=row.form,
            at=parse_instant(row.at),
            undone_at=parse_instant(row.undone_at) if row.undone_at else None,
            has_changes=bool(row.has_changes),
            # An older one may be half forgotten, and would be undone by half.
            is_undoable=bool(row.has_changes) and not row.undone_at and number < IMPORTS_KEPT,
        )
        for number, row in enumerate(connection.execute(rows.order_by(imports.c.at.desc(), imports.c.batch.desc())))
    ]


def add_changes(connection: Connection, batch: str, changes: Sequence[ImportChange]) -> None:
    """Note what an import has found, and changed, of these subscribers."""
    if not changes:
        return
    publication = publication_of(connection)
    rows = [
        {
            "publication": publication,
            "batch": batch,
            "subscriber": change.key,
            **_write(change),
        }
        for change in changes
    ]
    connection.execute(insert(import_changes), rows)


def count_changes(connection: Connection, batch: str) -> int:
    """Return of how many subscribers it is kept what an import has found."""
    mine = select(func.count()).where(is_ours(connection, import_changes), import_changes.c.batch == batch)
    return connection.scalar(mine) or 0


def read_changes(connection: Connection, batch: str, last: str, count: int) -> list[ImportChange]:
    """Return the next changes of an import, in the order of their keys, after the one of this key."""
    values = {"publication": publication_of(connection), "batch": batch, "last": last, "count": count}
    return [_read_change(row) for row in connection.execute(_NEXT, values)]


_NEXT = (
    select(import_changes)
    .where(
        import_changes.c.publication == bindparam("publication"),
        import_changes.c.batch == bindparam("batch"),
        import_changes.c.subscriber > bindparam("last"),
    )
    .order_by(import_changes.c.subscriber)
    .limit(bindparam("count"))
)


def find_later_changes(
    connection: Connection, batch: str, keys: Sequence[SubscriberKey]
) -> dict[SubscriberKey, list[tuple[str, ImportChange]]]:
    """Return which of these subscribers later imports had, too: their batches in order, each with its change."""
    later = [one.batch for one in list_imports(connection) if one.is_undoable and one.batch > batch]
    if not later:
        return {}
    rows = (
        select(import_changes)
        .where(
            is_ours(connection, import_changes),
            import_changes.c.batch.in_(later),
            import_changes.c.subscriber.in_(keys),
        )
        .order_by(import_changes.c.batch)
    )
    found: dict[SubscriberKey, list[tuple[str, ImportChange]]] = {}
    for row in connection.execute(rows):
        found.setdefault(SubscriberKey(row.subscriber), []).append((row.batch, _read_change(row)))
    return found


def replace_change(connection: Connection, batch: str, change: ImportChange) -> None:
    """Write a change over what was noted of its subscriber."""
    row = (
        is_ours(connection, import_changes),
        import_changes.c.batch == batch,
        import_changes.c.subscriber == change.key,
    )
    connection.execute(update(import_changes).where(*row).values(_write(change)))


def remove_changes(connection: Connection, batch: str, keys: Sequence[str]) -> None:
    """Take away what is noted of these subscribers for an import."""
    mine = is_ours(connection, import_changes), import_changes.c.batch == batch
    connection.execute(delete(import_changes).where(*mine, import_changes.c.subscriber.in_(keys)))


def list_forgettable(connection: Connection) -> list[str]:
    """Return the imports that can't be undone any more, since newer ones came, and of which changes are still kept."""
    return [one.batch for one in list_imports(connection)[IMPORTS_KEPT:] if one.has_changes]


def end_undo(connection: Connection, batch: str) -> None:
    """Note that an import was undone, and take away the columns that it brought and that nobody's row has any more."""
    mine = is_ours(connection, imports), imports.c.batch == batch
    connection.execute(update(imports).where(*mine).values(undone_at=now()))
    brought: Sequence[str] = json.loads(read_fact(connection, _COLUMNS + batch) or "[]")
    remove_columns(connection, [name for name in brought if not _has_column(connection, name)])
    remove_facts(connection, [_COLUMNS + batch])


def forget_changes(connection: Connection, batch: str) -> int:
    """Forget some of what an import has changed; return of how many subscribers that was: 0 when nothing is left."""
    mine = is_ours(connection, import_changes), import_changes.c.batch == batch
    keys = connection.scalars(select(import_changes.c.subscriber).where(*mine).limit(_FORGOTTEN_AT_ONCE)).all()
    remove_changes(connection, batch, keys)
    if not keys:
        remove_facts(connection, [_COLUMNS + batch])
    return len(keys)


def _has_column(connection: Connection, name: str) -> bool:
    """Return whether a subscriber's row has a field of this name."""
    written = f"{json.dumps(name)}: "
    rows = select(subscribers.c.subscriber).where(
        is_ours(connection, subscribers), subscribers.c.fields.contains(written, autoescape=True)
    )
    return connection.scalar(rows.limit(1)) is not None


def hash_row(row: StoredSubscriber) -> str:
    """Return a hash of a row's content, its moments left out."""
    content = json.dumps(_write_row(row), sort_keys=True)
    return sha256(content.encode()).hexdigest()[:_HASH_LENGTH]


def _write(change: ImportChange) -> dict[str, str | None]:
    """Return a change as the table has it."""
    after = {name: text for name, text in (("hash", change.after), ("said", change.said)) if text}
    return {
        "before": json.dumps(_write_row(change.before)) if change.before else None,
        "after": json.dumps(after) if after else None,
    }


def _write_row(row: StoredSubscriber) -> dict[str, object]:
    return {
        "address": row.address,
        "status": row.status.value,
        "fields": dict(row.fields),
        "tags": sorted(row.tags),
        "language": row.language,
        "time_zone": row.time_zone,
    }


def _read_row(row: Mapping[str, Any]) -> StoredSubscriber:
    return StoredSubscriber(
        address=EmailAddress(row["address"]),
        status=SubscriberStatus(row["status"]),
        fields=row["fields"],
        tags=frozenset(row["tags"]),
        language=row["language"],
        time_zone=row["time_zone"],
    )


def _read_change(row: Row[Any]) -> ImportChange:
    after: Mapping[str, str] = json.loads(row.after) if row.after else {}
    return ImportChange(
        key=SubscriberKey(row.subscriber),
        before=_read_row(json.loads(row.before)) if row.before else None,
        after=after.get("hash", ""),
        said=after.get("said", ""),
    )
