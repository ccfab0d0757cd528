"""Generations of what a state knew of who left: a record names the one of its time, and a state without it is older.

Names are drawn by chance, so that of two copies of a state neither can come to the other's, whoever leaves there; and
they say nothing about anybody, since records are in git.
"""

from secrets import token_hex

from sqlalchemy import Connection, func, select

from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.publication_facts import read_fact, write_fact
from newsletter.store.publications import is_known_here
from newsletter.store.schema import events, forgotten, generations, suppressions

_LAST = "last generation"  # a fact: its name, and what was known


def current_generation(connection: Connection) -> str:
    """Return the generation of what is known now; a new one begins when somebody left, or was erased, since."""
    latest = connection.scalar(select(func.max(events.c.id))) or 0  # a bounce of another publication counts here, too
    ours = is_known_here(connection, suppressions)
    suppressed = connection.scalar(select(func.count()).select_from(suppressions).where(ours)) or 0
    erased = connection.scalar(select(func.count()).select_from(forgotten).where(is_ours(connection, forgotten))) or 0
    known = f"{latest} {suppressed} {erased}"
    name, _, of = read_fact(connection, _LAST).partition(" ")
    if of != known:
        name = token_hex(8)
        note_generations(connection, {name})
        write_fact(connection, _LAST, f"{name} {known}")
    return name


def list_generations(connection: Connection) -> frozenset[str]:
    """Return each generation that this state has begun, or that somebody has vouched for."""
    return frozenset(connection.scalars(select(generations.c.name).where(is_ours(connection, generations))))


def note_generations(connection: Connection, names: frozenset[str] | set[str]) -> None:
    """Note that this state knows all that states of these generations knew."""
    for name in names:
        new = insert_new(connection, generations)
        connection.execute(new.values(publication=publication_of(connection), name=name, at=now()))
