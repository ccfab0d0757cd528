"""Facts about a publication that are no table's."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select, update

from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.schema import facts

_KEY, _AGREED = "erased_by", "bounces_agreed_at"


def read_fact(connection: Connection, key: str) -> str:
    """Return a fact; empty when it is not known."""
    return connection.scalar(select(facts.c.value).where(is_ours(connection, facts), facts.c.key == key)) or ""


def write_fact(connection: Connection, key: str, value: str) -> None:
    """Write a fact over what was known, also while another process writes it."""
    new = insert_new(connection, facts).values(publication=publication_of(connection), key=key, value=value)
    connection.execute(new)
    connection.execute(update(facts).where(is_ours(connection, facts), facts.c.key == key).values(value=value))


def remove_facts(connection: Connection, keys: Collection[str]) -> None:
    """Take away what is known under these keys."""
    connection.execute(delete(facts).where(is_ours(connection, facts), facts.c.key.in_(keys)))


def list_facts(connection: Connection, prefix: str) -> frozenset[str]:
    """Return the keys that begin so."""
    theirs = select(facts.c.key).where(is_ours(connection, facts), facts.c.key.startswith(prefix, autoescape=True))
    return frozenset(connection.scalars(theirs))


def agree_to_bounces(connection: Connection) -> None:
    """Note that a person has decided about all bounces so far: they don't count with later ones any more."""
    write_fact(connection, _AGREED, now())


def read_bounces_agreed_at(connection: Connection) -> str:
    """Return when a person has last decided about many bounces; empty when nobody has."""
    return read_fact(connection, _AGREED)


def note_erasing_key(connection: Connection, fingerprint: str) -> None:
    """Note by which key the hashes of the erased are made, unless that is known already."""
    new = insert_new(connection, facts)
    connection.execute(new.values(publication=publication_of(connection), key=_KEY, value=fingerprint))


def read_erasing_key(connection: Connection) -> str | None:
    """Return the fingerprint of the key that the hashes of the erased are made with; None where nobody was erased."""
    return read_fact(connection, _KEY) or None
