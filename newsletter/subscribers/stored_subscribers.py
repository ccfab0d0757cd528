"""Rows of the subscribers and consents that the store keeps, on SQLite and PostgreSQL alike.

Each function works within the caller's transaction, and on the publication that its connection is of.
"""

import json
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite

from newsletter.address import EmailAddress, SubscriberKey, subscriber_key
from newsletter.store.engine import insert_new, is_ours, now, publication_of
from newsletter.store.publication_facts import read_fact, write_fact
from newsletter.store.schema import (
    consent_words,
    consents,
    import_changes,
    preferences,
    reader_requests,
    reader_tasks,
    subscribers,
    transactional_mails,
)
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.consent_words import digest_words
from newsletter.subscribers.subscriber import SubscriberStatus

_GROUP = 1000
_COLUMNS, _CHANGED = "subscriber_columns", "subscribers_changed_at"  # in `facts`
_FIRST_COLUMNS = ("email", "name", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubscriber:
    """A subscriber as the store keeps them; `fields` are those of the list's columns but for `email` and `tags`.

    `language` is a BCP 47 tag and `time_zone` IANA's name, both empty where the publication's own are meant.
    """

    address: EmailAddress
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    fields: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    language: str = ""
    time_zone: str = ""
    created_at: str = ""
    changed_at: str = ""

    @property
    def key(self) -> SubscriberKey:
        return subscriber_key(self.address)

    def is_same(self, other: "StoredSubscriber") -> bool:
        """Return whether nothing but the moments differs."""
        return self._content == other._content

    @property
    def _content(self) -> tuple[object, ...]:
        return self.address, self.status, self.fields, self.tags, self.language, self.time_zone


def stream_subscribers(connection: Connection) -> Generator[StoredSubscriber, None, None]:
    """Yield everyone in the order of their keys. Streams."""
    everyone = select(subscribers).where(is_ours(connection, subscribers)).order_by(subscribers.c.subscriber)
    with connection.execute(everyone, execution_options={"yield_per": _GROUP}) as rows:  # closed when left halfway
        for row in rows:
            yield _subscriber(row)


def find_subscribers(connection: Connection, keys: Iterable[str]) -> dict[SubscriberKey, StoredSubscriber]:
    """Return those of these subscribers whom the store has; few enough for either database's parameters."""
    rows = connection.execute(_OF_KEYS, {"publication": publication_of(connection), "keys": list(keys)})
    return {subscriber_key(row.address): _subscriber(row) for row in rows}


# Made once: for a million keys, asked about in groups, each statement would be one more for the garbage collector.
_OF_KEYS: Select[Any] = select(subscribers).where(
    subscribers.c.publication == bindparam("publication"),
    subscribers.c.subscriber.in_(bindparam("keys", expanding=True)),
)


def count_subscribers(connection: Connection) -> dict[SubscriberStatus, int]:
    """Return how many have each status."""
    rows = select(subscribers.c.status, func.count()).where(is_ours(connection, subscribers))
    return {SubscriberStatus(row[0]): row[1] for row in connection.execute(rows.group_by(subscribers.c.status))}


def save_subscribers(connection: Connection, rows: Sequence[StoredSubscriber]) -> None:
    """Write new rows, or over what the store has of them, whose `created_at` stays."""
    if not rows:
        return
    moment, publication = now(), publication_of(connection)
    connection.execute(
        _save_statement(connection.dialect.name),
        [
            {
                "publication": publication,
                "subscriber": row.key,
                "address": row.address,
                "status": row.status.value,
                "fields": json.dumps(dict(row.fields)),
                "tags": json.dumps(sorted(row.tags)),
                "language": row.language,
                "time_zone": row.time_zone,
                "created_at": moment,
                "changed_at": moment,
            }
            for row in rows
        ],
    )
    write_fact(connection, _CHANGED, moment)


@cache
def _save_statement(dialect: str) -> Insert:
    """Return what writes a row over the one that is there, made once for all the groups of a long list."""
    kept = ("publication", "subscriber", "created_at")
    changed = [column.name for column in subscribers.c if column.name not in kept]
    if dialect == "sqlite":
        into = sqlite.insert(subscribers)
        return into.on_conflict_do_update(
            index_elements=["publication", "subscriber"], set_={name: into.excluded[name] for name in changed}
        )
    from sqlalchemy.dialects import postgresql

    other = postgresql.insert(subscribers)
    return other.on_conflict_do_update(
        index_elements=["publication", "subscriber"], set_={name: other.excluded[name] for name in changed}
    )


def find_new_consents(connection: Connection, given: Mapping[SubscriberKey, Consent]) -> dict[SubscriberKey, Consent]:
    """Return those of these consents, by who gave them, that the store does not have."""
    mine = select(consents).where(is_ours(connection, consents), consents.c.subscriber.in_(list(given)))
    known = {(row.subscriber, row.given_at, row.source, row.words_sha256) for row in connection.execute(mine)}
    return {
        key: consent
        for key, consent in given.items()
        if (key, consent.given_at, consent.source, _digest(consent.words)) not in known
    }


def add_consents(
    connection: Connection, given: Mapping[SubscriberKey, Consent], batch: str = ""
) -> dict[SubscriberKey, Consent]:
    """Keep what each subscriber agreed to, and return what is new of it; what is known is not kept twice.

    `batch` is that of the import that brings it.
    """
    new = find_new_consents(connection, given) if given else {}
    if not new:
        return new
    publication = publication_of(connection)
    words = {_digest(consent.words): consent.words for consent in new.values() if consent.words}
    if words:
        kept = [{"publication": publication, "sha256": digest, "words": text} for digest, text in words.items()]
        connection.execute(insert_new(connection, consent_words), kept)
    rows = [
        {
            "publication": publication,
            "subscriber": key,
            "given_at": consent.given_at,
            "source": consent.source,
            "words_sha256": _digest(consent.words),
            "evidence": json.dumps(dict(consent.evidence)),
            "batch": batch,
        }
        for key, consent in new.items()
    ]
    connection.execute(insert(consents), rows)
    return new


def count_consents_of(connection: Connection, batch: str, keys: Sequence[str]) -> int:
    """Return how many consents of these subscribers an import has brought."""
    return connection.scalar(select(func.count()).select_from(consents).where(*_are_of(connection, batch, keys))) or 0


def remove_consents_of(connection: Connection, batch: str, keys: Sequence[str]) -> int:
    """Take away the consents of these subscribers that an import has brought; return how many those were."""
    return connection.execute(delete(consents).where(*_are_of(connection, batch, keys))).rowcount


def hand_over_consents(connection: Connection, batch: str, later: str, keys: Sequence[str]) -> None:
    """Make the consents that an import has brought of these subscribers those of another; empty: of none."""
    connection.execute(update(consents).where(*_are_of(connection, batch, keys)).values(batch=later))


def _are_of(connection: Connection, batch: str, keys: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    return is_ours(connection, consents), consents.c.subscriber.in_(keys), consents.c.batch == batch


def _digest(words: str) -> str | None:
    return digest_words(words) if words else None


def list_consents(connection: Connection, key: str) -> list[Consent]:
    """Return what a subscriber agreed to, the oldest first."""
    rows = (
        select(consents, consent_words.c.words)
        .outerjoin(
            consent_words,
            (consent_words.c.publication == consents.c.publication)
            & (consent_words.c.sha256 == consents.c.words_sha256),
        )
        .where(is_ours(connection, consents), consents.c.subscriber == key)
        .order_by(consents.c.id)
    )
    return [
        Consent(given_at=row.given_at, source=row.source, words=row.words or "", evidence=json.loads(row.evidence))
        for row in connection.execute(rows)
    ]


def delete_subscriber(connection: Connection, key: str) -> bool:
    """Take a subscriber off the list; False when they were not on it. What they agreed to stays on record."""
    mine = delete(subscribers).where(is_ours(connection, subscribers), subscribers.c.subscriber == key)
    was = connection.execute(mine).rowcount > 0
    if was:
        write_fact(connection, _CHANGED, now())
    return was


def delete_subscribers(connection: Connection, keys: Sequence[str]) -> None:
    """Take subscribers off the list, few enough for either database's parameters."""
    if keys:
        connection.execute(
            delete(subscribers).where(is_ours(connection, subscribers), subscribers.c.subscriber.in_(keys))
        )
        write_fact(connection, _CHANGED, now())


def erase_subscriber_rows(connection: Connection, key: str) -> int:
    """Delete all that the list, and what they asked for, hold of a subscriber; return how many rows that were."""
    # The other address of a change that was asked for has had a mail about it, too.
    requests = select(reader_requests.c.id).where(
        is_ours(connection, reader_requests),
        (reader_requests.c.subscriber == key) | (reader_requests.c.previous == key),
    )
    about = is_ours(connection, transactional_mails), transactional_mails.c.request.in_(requests)
    count = connection.execute(delete(transactional_mails).where(*about)).rowcount
    for table in (consents, reader_requests, transactional_mails, preferences, import_changes, reader_tasks):
        count += connection.execute(delete(table).where(is_ours(connection, table), table.c.subscriber == key)).rowcount
    of_another = delete(reader_requests).where(is_ours(connection, reader_requests), reader_requests.c.previous == key)
    count += connection.execute(of_another).rowcount
    return count + delete_subscriber(connection, key)


def read_columns(connection: Connection) -> list[str]:
    """Return the list's columns in the order in which they came, `email`, `name` and `tags` among them."""
    known = read_fact(connection, _COLUMNS)
    return json.loads(known) if known else list(_FIRST_COLUMNS)


def add_columns(connection: Connection, names: Iterable[str]) -> None:
    """Have these among the list's columns, after those that it has."""
    known = read_columns(connection)
    columns = list(dict.fromkeys([*known, *filter(None, names)]))
    write_fact(connection, _COLUMNS, json.dumps(columns))


def remove_columns(connection: Connection, names: Collection[str]) -> None:
    """Take columns away that nobody's row has any more."""
    if names:
        columns = [name for name in read_columns(connection) if name not in names]
        write_fact(connection, _COLUMNS, json.dumps(columns))


def read_changed_at(connection: Connection) -> str:
    """Return when the list was last written to; empty when it never was."""
    return read_fact(connection, _CHANGED)


def _subscriber(row: Row[Any]) -> StoredSubscriber:
    return StoredSubscriber(
        address=row.address,
        status=SubscriberStatus(row.status),
        fields=json.loads(row.fields),
        tags=frozenset(json.loads(row.tags)),
        language=row.language,
        time_zone=row.time_zone,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
