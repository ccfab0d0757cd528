"""Tasks that a reader's page left behind: rows that outlive a restart, with the reader's address sealed.

An erasure can take longer than a reader waits, and longer than the process lives. Between its beginning and its end the
address is in no other row any more, so this one has it only sealed, by keys that are not in the store.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select

from newsletter.address import SubscriberKey
from newsletter.store.engine import is_ours, now, publication_of
from newsletter.store.schema import reader_tasks
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.token_seal import TokenSeal


class TaskKind(StrEnum):
    """Kinds of tasks."""

    ERASE = "erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureTask:
    """An erasure that a reader has asked for, of one publication or of all in the database."""

    id: int
    subscriber: SubscriberKey
    everywhere: bool


def add_erasure(connection: Connection, keys: SecretKeys, subscriber: SubscriberKey, *, everywhere: bool) -> None:
    """Write down that a reader is to be erased, unless that is written down already."""
    payload = json.dumps({"sealed": _make_seal(keys).seal(subscriber), "everywhere": everywhere})
    open_tasks = select(reader_tasks.c.id).where(
        is_ours(connection, reader_tasks), reader_tasks.c.kind == TaskKind.ERASE, reader_tasks.c.payload == payload
    )
    if connection.scalar(open_tasks.limit(1)) is None:
        connection.execute(
            insert(reader_tasks).values(
                publication=publication_of(connection),
                kind=TaskKind.ERASE,
                subscriber="",
                payload=payload,
                created_at=now(),
            )
        )


def list_erasures(connection: Connection, keys: SecretKeys) -> list[ErasureTask]:
    """Return the erasures that were asked for and are not done, in order; those of other keys are left out."""
    rows = select(reader_tasks.c.id, reader_tasks.c.payload).where(
        is_ours(connection, reader_tasks), reader_tasks.c.kind == TaskKind.ERASE
    )
    seal, found = _make_seal(keys), []
    for row in connection.execute(rows.order_by(reader_tasks.c.id)):
        payload = json.loads(row.payload)
        if (subscriber := seal.open(payload["sealed"])) is not None:
            task = ErasureTask(id=row.id, subscriber=SubscriberKey(subscriber), everywhere=bool(payload["everywhere"]))
            found.append(task)
    return found


def has_erasures(connection: Connection) -> bool:
    """Return whether an erasure was asked for that is not done."""
    asked = select(reader_tasks.c.id).where(is_ours(connection, reader_tasks), reader_tasks.c.kind == TaskKind.ERASE)
    return connection.scalar(asked.limit(1)) is not None


def remove_task(connection: Connection, task: int) -> None:
    """Remove a task that is done, with all that it said."""
    connection.execute(delete(reader_tasks).where(is_ours(connection, reader_tasks), reader_tasks.c.id == task))


def _make_seal(keys: SecretKeys) -> TokenSeal:
    return TokenSeal(keys, hiding="hide for reader tasks", signing="sign for reader tasks")
