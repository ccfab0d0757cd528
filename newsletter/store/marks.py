"""Marks of what a state knew of who left: a record has the one of its time, and a state without it is an older copy.

They are drawn by chance, so that of two copies of a state neither can come to the other's, whoever leaves there; and
they say nothing about anybody, since records are in git.
"""

from secrets import token_hex

from sqlalchemy import Connection, func, select, update

from newsletter.store.engine import insert_new
from newsletter.store.schema import events, forgotten, meta, suppressions

_MARK, _LAST = "mark:", "last mark"  # in `meta`


def current_mark(connection: Connection) -> str:
    """Return the mark of what is known now; a new one is drawn when somebody left, or was erased, since the last."""
    latest = connection.scalar(select(func.max(events.c.id))) or 0
    sums = [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (suppressions, forgotten)]
    known = f"{latest} {sums[0]} {sums[1]}"
    mark, _, of = (connection.scalar(select(meta.c.value).where(meta.c.key == _LAST)) or "").partition(" ")
    if of != known:
        mark = token_hex(8)
        note_marks(connection, {mark})
        last = f"{mark} {known}"
        connection.execute(insert_new(connection, meta).values(key=_LAST, value=last))
        connection.execute(update(meta).where(meta.c.key == _LAST).values(value=last))
    return mark


def every_mark(connection: Connection) -> frozenset[str]:
    """Return each mark that this state has drawn, or that somebody has vouched for."""
    keys = connection.scalars(select(meta.c.key).where(meta.c.key.startswith(_MARK)))
    return frozenset(key.removeprefix(_MARK) for key in keys)


def note_marks(connection: Connection, marks: frozenset[str] | set[str]) -> None:
    """Note that this state knows all that states of these marks knew."""
    for mark in marks:
        connection.execute(insert_new(connection, meta).values(key=f"{_MARK}{mark}", value=""))
