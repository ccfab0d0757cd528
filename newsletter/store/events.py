"""What readers, mail servers and editors said, in the order in which it was written down."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, or_, select

from newsletter.store.engine import insert_new, now
from newsletter.store.schema import deliveries, events, forgotten, handled, meta

_KEY, _AGREED = "erased_by", "bounces_agreed_at"  # in `meta`


class Row(NamedTuple):
    """An event as the table has it; times are ISO 8601 in UTC."""

    reader: str
    kind: str
    source: str
    issue: str | None
    evidence: Mapping[str, str]
    said_at: str
    at: str


def add(
    connection: Connection,
    reader: str,
    kind: str,
    source: str,
    issue: str | None,
    evidence: Mapping[str, str],
    said_at: str,
) -> None:
    add_all(connection, [Row(reader, kind, source, issue, evidence, said_at, now())])


def add_all(connection: Connection, rows: Sequence[Row]) -> None:
    if rows:
        written = [{**row._asdict(), "evidence": json.dumps(dict(row.evidence))} for row in rows]
        connection.execute(insert(events), written)


def of_reader(connection: Connection, reader: str) -> list[Row]:
    """Everything about one reader, the oldest first."""
    return list(_rows(connection, select(events).where(events.c.reader == reader).order_by(events.c.id)))


def every(connection: Connection) -> Iterator[Row]:
    """Everything, the oldest first. Streams."""
    yield from _rows(connection, select(events).order_by(events.c.id))


def _rows(connection: Connection, statement: Select[Any]) -> Iterator[Row]:
    for row in connection.execute(statement, execution_options={"yield_per": 1000}):
        yield Row(row.reader, row.kind, row.source, row.issue, json.loads(row.evidence), row.said_at, row.at)


def said(connection: Connection, reader: str, kind: str, since: str) -> list[tuple[str | None, str]]:
    """Of one reader's events of a kind said since a moment: the issue of each, and when it was said."""
    statement = (
        select(events.c.issue, events.c.said_at)
        .where(events.c.reader == reader, events.c.kind == kind, events.c.said_at >= since)
        .order_by(events.c.id)
    )
    return [(*row,) for row in connection.execute(statement)]


def last_said(connection: Connection, reader: str, kinds: Sequence[str]) -> str:
    """When the last of a reader's events of these kinds was said; empty without one."""
    mine = select(func.max(events.c.said_at)).where(events.c.reader == reader, events.c.kind.in_(kinds))
    return connection.scalar(mine) or ""


def of_kinds_since(connection: Connection, kinds: Sequence[str], source: str, moment: str) -> Iterator[Row]:
    """Yield events of these kinds and this source written down since a moment, the oldest first. Streams."""
    wanted = select(events).where(events.c.kind.in_(kinds), events.c.source == source, events.c.at >= moment)
    yield from _rows(connection, wanted.order_by(events.c.id))


def agree(connection: Connection) -> None:
    """Note that a person has decided about all bounces so far: they don't count with later ones any more."""
    connection.execute(delete(meta).where(meta.c.key == _AGREED))
    connection.execute(insert(meta).values(key=_AGREED, value=now()))


def agreed_at(connection: Connection) -> str:
    """Return when a person has last decided about many bounces; empty when nobody has."""
    return connection.scalar(select(meta.c.value).where(meta.c.key == _AGREED)) or ""


def remove(connection: Connection, reader: str, kind: str | None = None) -> int:
    """Take away a reader's events, all or those of a kind; returns how many."""
    mine = [events.c.reader == reader, *([events.c.kind == kind] if kind else [])]
    return connection.execute(delete(events).where(*mine)).rowcount


def answered(connection: Connection, issue: str, *, unless: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """By kind, how many readers who have a part in the issue's sending have said that about it.

    `unless` names, for a kind, those by which a reader takes it back: who has done so since does not count.
    """
    later = events.alias("later")
    has_part = select(deliveries.c.id).where(deliveries.c.issue == issue, deliveries.c.reader == events.c.reader)
    taken_back = [
        (events.c.kind == kind)
        & select(later.c.id)
        .where(later.c.reader == events.c.reader, later.c.id > events.c.id, later.c.kind.in_(undoing))
        .exists()
        for kind, undoing in unless.items()
    ]
    statement = (
        select(events.c.kind, func.count(events.c.reader.distinct()))
        .where(events.c.issue == issue, has_part.exists(), ~or_(*taken_back))
        .group_by(events.c.kind)
    )
    return {kind: count for kind, count in connection.execute(statement)}  # noqa: C416  # rows are no pairs to mypy


def counts_by_issue(connection: Connection) -> dict[tuple[str | None, str], int]:
    """How many readers there are by issue and kind: one who bounced twice for an issue counts once."""
    columns = (events.c.issue, events.c.kind)
    statement = select(*columns, func.count(events.c.reader.distinct())).group_by(*columns)
    return {(issue, kind): count for issue, kind, count in connection.execute(statement)}


def counts_by_month(connection: Connection) -> list[tuple[str, str, int]]:
    """Month (2026-11), kind and how many events, the earliest first."""
    month = func.substr(events.c.said_at, 1, 7)
    statement = select(month, events.c.kind, func.count()).group_by(month, events.c.kind).order_by(month, events.c.kind)
    return [(*row,) for row in connection.execute(statement)]


def forget(connection: Connection, digest: str) -> None:
    """Remember that whoever has this keyed hash was erased."""
    connection.execute(insert_new(connection, forgotten).values(digest=digest, at=now()))


def note_key(connection: Connection, mark: str) -> None:
    """The hashes of the erased are made with the key of this mark."""
    connection.execute(insert_new(connection, meta).values(key=_KEY, value=mark))


def known_key(connection: Connection) -> str | None:
    """The mark of the key that the hashes of the erased are made with; None where nobody was erased."""
    return connection.scalar(select(meta.c.value).where(meta.c.key == _KEY))


def hold_off_erasing(connection: Connection) -> None:
    """Until this transaction ends nobody is erased: what is written of a reader would else outlive them."""
    _lock(connection, "ROW SHARE")


def hold_off_writing(connection: Connection) -> None:
    """Until this transaction ends nobody else writes of readers."""
    _lock(connection, "EXCLUSIVE")


def _lock(connection: Connection, mode: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time
        connection.exec_driver_sql(f"LOCK TABLE forgotten IN {mode} MODE")


def unforget(connection: Connection, digest: str) -> bool:
    """They came back of their own will; False when nothing stood against them."""
    return connection.execute(delete(forgotten).where(forgotten.c.digest == digest)).rowcount > 0


def forgotten_since(connection: Connection, digests: Sequence[str]) -> dict[str, str]:
    """Who of these was erased, and when."""
    return {row.digest: row.at for row in connection.execute(_FORGOTTEN_SINCE, {"digests": digests})}


# Made once, as suppressions.of_readers does.
_FORGOTTEN_SINCE = select(forgotten).where(forgotten.c.digest.in_(bindparam("digests", expanding=True)))


def every_forgotten(connection: Connection) -> list[tuple[str, str]]:
    """Each keyed hash with the moment of the erasure, the oldest first."""
    rows = select(forgotten.c.digest, forgotten.c.at).order_by(forgotten.c.at, forgotten.c.digest)
    return [(row.digest, row.at) for row in connection.execute(rows)]


def bring_forgotten(connection: Connection, digest: str, at: str) -> bool:
    """Remember an erasure that another store knew of, with its date; False when it is known already."""
    new = insert_new(connection, forgotten).values(digest=digest, at=at)
    return connection.scalar(new.returning(forgotten.c.digest)) is not None


def forgotten_digests(connection: Connection) -> frozenset[str]:
    return frozenset(connection.scalars(select(forgotten.c.digest)))


def is_forgotten(connection: Connection, digest: str) -> bool:
    return connection.scalar(select(forgotten.c.digest).where(forgotten.c.digest == digest)) is not None


def mark_handled(connection: Connection, keys: Sequence[str]) -> None:
    """These mails of the inbox are dealt with."""
    if keys:
        connection.execute(insert_new(connection, handled), [{"key": key, "at": now()} for key in keys])


def was_handled(connection: Connection, key: str) -> bool:
    return connection.scalar(select(handled.c.key).where(handled.c.key == key)) is not None
