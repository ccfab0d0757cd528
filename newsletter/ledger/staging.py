"""Staging: a list on its way into the ledger, in a temporary table, so that a million are never in memory.

The table is the database's own, on disk and seen by this process alone. Staging takes no lock: a person may look at
the plan and think for as long as they like.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
)

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import count_by_state
from newsletter.ledger.moved_recipients import find_reached_before_moving
from newsletter.ledger.states import REACHED, Counts, State
from newsletter.ledger.welcome_issues import count_welcomes, has_welcome
from newsletter.store import Store
from newsletter.store.engine import Staging, insert_new, is_of, publication_of
from newsletter.store.schema import deliveries
from newsletter.store.suppression_rule import is_suppressed

_GROUP = 1000

_metadata = MetaData()
_staged = Table(
    "staged",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("subscriber", String, nullable=False),
    Column("address", String, nullable=False),
    Column("fields", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("language", String, nullable=False),
    Column("asked", String),
    Column("template", Integer, nullable=False),
    Column("line", Integer, nullable=False),
    Column("lacks", String, nullable=False),
    prefixes=["TEMPORARY"],
)
# As text: SQLAlchemy's own executemany took a fifth of the time in which a list is frozen.
_INSERT = {
    name: f"INSERT INTO staged VALUES ({', '.join([mark] * len(_staged.c))})"  # noqa: S608  # marks alone
    for name, mark in (("sqlite", "?"), ("postgresql", "%s"))
}
_by_subscriber = "CREATE INDEX staged_by_subscriber ON staged (subscriber)"
_numbers = Table(
    "staged_templates",
    _metadata,
    Column("position", Integer, primary_key=True),
    Column("template", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)


# A list makes a million of these: a named tuple is made in half the time of a frozen dataclass.
class Recipient(NamedTuple):
    """A subscriber about to be frozen into a campaign.

    `template` counts into the batch's templates, `line` is the list's, and `lacks` names the fields that the template
    asks for and this recipient has no value for. `language` is the one in which they get it, empty for the
    publication's own, and `asked` the one that they wanted in its stead: empty when they get what they wanted, None
    when the list says nothing of it.
    """

    subscriber: SubscriberKey
    address: EmailAddress
    fields: Mapping[str, str]
    tags: frozenset[str]
    template: int
    line: int = 0
    lacks: Sequence[str] = ()
    language: str = ""
    asked: str | None = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedLanguage:
    """Number of staged recipients who may be mailed, with the language they get and the one they `asked` for.

    Both are as in Recipient.
    """

    language: str
    asked: str | None
    recipients: int


@contextmanager
def stage_recipients(store: Store) -> Iterator["StagedBatch"]:
    """Open an empty stage, gone when the context ends."""
    with store.staging() as staging:
        yield StagedBatch(staging)


class StagedBatch:
    """The recipients of one batch, before they are frozen."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        with self._staging.local() as connection:
            _metadata.create_all(connection, checkfirst=False)

    def durable(self) -> AbstractContextManager[Connection]:
        """Open the one transaction in which staged recipients become the campaign's."""
        return self._staging.durable()

    def fill(self, recipients: Iterable[Recipient], issue: IssueName | None) -> int:
        """Stage the batch, in the list's order; returns how many rows came again. Replaces what was staged before.

        Of rows with the same address the first counts. Readers whom the campaign of `issue` has are left out,
        also those who have it at an address that they had before.
        """
        rest = iter(recipients)
        with self._staging.local() as connection:
            connection.execute(delete(_staged))
            count = 0
            put = _INSERT[connection.dialect.name]
            while group := [
                _row(number, recipient) for number, recipient in enumerate(islice(rest, _GROUP), start=count + 1)
            ]:
                count += len(group)
                connection.exec_driver_sql(put, group)
            # Made now and not before: a sorted index is built in a fraction of the time that keeping one takes.
            connection.exec_driver_sql("DROP INDEX IF EXISTS staged_by_subscriber")
            connection.exec_driver_sql(_by_subscriber)
            duplicates = _remove_duplicates(connection)
            if issue is None:
                return duplicates
            known = select(deliveries.c.id).where(
                is_of(connection, deliveries, issue), deliveries.c.subscriber == _staged.c.subscriber
            )
            connection.execute(delete(_staged).where(known.exists()))
            moved = sorted(find_reached_before_moving(connection, issue))
            for start in range(0, len(moved), _GROUP):
                connection.execute(delete(_staged).where(_staged.c.subscriber.in_(moved[start : start + _GROUP])))
        return duplicates

    def leave_out_welcomed(self, issue: IssueName) -> int:
        """Forget those staged who have an issue by their welcome, or may have it; return how many those were."""
        with self._staging.local() as connection:
            welcomed = delete(_staged).where(has_welcome(connection, issue, _staged.c.subscriber))
            return connection.execute(welcomed).rowcount

    def keep_reached(self, issue: IssueName) -> int:
        """Forget whoever is staged, unless they have this issue or may have it; return how many stay.

        Some have it by their welcome, and not by its campaign.
        """
        with self._staging.local() as connection:
            has_it = select(deliveries.c.id).where(
                is_of(connection, deliveries, issue),
                deliveries.c.subscriber == _staged.c.subscriber,
                deliveries.c.state.in_(REACHED),
            )
            welcomed = has_welcome(connection, issue, _staged.c.subscriber)
            connection.execute(delete(_staged).where(~or_(has_it.exists(), welcomed)))
            return connection.scalar(select(func.count()).select_from(_staged)) or 0

    def count_deliveries(self, issue: IssueName) -> Counts:
        """Return how many deliveries of an issue are in each state, by the store that staged recipients go into."""
        with self._staging.local() as connection:
            return count_by_state(connection, issue)

    def count_welcomed(self, issue: IssueName) -> int:
        """Return how many have an issue by their welcome, or may have it."""
        with self._staging.local() as connection:
            return count_welcomes(connection, issue)

    def counts(self) -> tuple[int, int]:
        """Return how many are staged, and how many of them must not be mailed."""
        with self._staging.local() as connection:
            everyone = connection.scalar(select(func.count()).select_from(_staged)) or 0
            left = connection.scalar(select(func.count()).select_from(_staged).where(_is_suppressed(connection))) or 0
            return everyone, left

    def count_suppressed_for_good(self) -> int:
        """Return how many of the staged must not be mailed for a reason that does not end by itself."""
        with self._staging.local() as connection:
            for_good = is_suppressed(publication_of(connection), _staged.c.subscriber, for_good=True)
            return connection.scalar(select(func.count()).select_from(_staged).where(for_good)) or 0

    def count_languages(self) -> list[StagedLanguage]:
        """Return how many of those who may be mailed get which language, and in place of which, most first."""
        with self._staging.local() as connection:
            rows = connection.execute(
                select(_staged.c.language, _staged.c.asked, func.count())
                .where(~_is_suppressed(connection))
                .group_by(_staged.c.language, _staged.c.asked)
                .order_by(func.count().desc(), _staged.c.language, _staged.c.asked)
            )
            return [StagedLanguage(language=language, asked=asked, recipients=n) for language, asked, n in rows]

    def lacking(self) -> list[tuple[Sequence[str], int, int]]:
        """Return which fields recipients have no value for, how many recipients, and the first one's line."""
        with self._staging.local() as connection:
            rows = connection.execute(
                select(_staged.c.lacks, func.count(), func.min(_staged.c.line))
                .where(_staged.c.lacks != "")
                .group_by(_staged.c.lacks)
            )
            return [(json.loads(lacks), count, line) for lacks, count, line in rows]

    def recipients(self) -> Iterator[Recipient]:
        """Yield everyone staged who may be mailed, in the list's order."""
        with self._staging.local() as connection:
            everyone = select(_staged).where(~_is_suppressed(connection)).order_by(_staged.c.id)
            for row in connection.execute(everyone, execution_options={"yield_per": _GROUP}):
                yield Recipient(
                    subscriber=row.subscriber,
                    address=row.address,
                    fields=json.loads(row.fields),
                    tags=frozenset(json.loads(row.tags)),
                    template=row.template,
                    language=row.language,
                )

    def move(self, connection: Connection, issue: IssueName, numbers: Sequence[int]) -> None:
        """Copy everyone into the campaign's deliveries; `numbers` are the ids of the batch's templates, in order.

        Who was welcomed with the issue since it was planned is left out here.
        """
        connection.execute(delete(_numbers))
        if numbers:
            connection.execute(
                insert(_numbers),
                [{"position": position, "template": number} for position, number in enumerate(numbers)],
            )
        moved: dict[Column[Any], ColumnElement[Any]] = {
            deliveries.c.publication: literal(publication_of(connection)),
            deliveries.c.issue: literal(issue),
            deliveries.c.subscriber: _staged.c.subscriber,
            deliveries.c.address: _staged.c.address,
            deliveries.c.fields: _staged.c.fields,
            deliveries.c.tags: _staged.c.tags,
            deliveries.c.language: _staged.c.language,
            deliveries.c.template: _numbers.c.template,
            deliveries.c.returns: literal(0),
            deliveries.c.attempts: literal(0),
            deliveries.c.tries: literal(0),
            deliveries.c.due: literal(0.0),
            deliveries.c.state: case((_is_suppressed(connection), State.SUPPRESSED.value), else_=State.PENDING.value),
        }
        rows = (
            select(*moved.values())
            .join_from(_staged, _numbers, _numbers.c.position == _staged.c.template)
            # Without a condition SQLite would take ON CONFLICT for a part of the join.
            .where(~has_welcome(connection, issue, _staged.c.subscriber))
            .order_by(_staged.c.id)
        )
        connection.execute(insert_new(connection, deliveries).from_select(list(moved), rows))


def _remove_duplicates(connection: Connection) -> int:
    """Remove the rows of an address but the first, where there are any; return how many."""
    twice = select(_staged.c.subscriber).group_by(_staged.c.subscriber).having(func.count() > 1).limit(1)
    if connection.scalar(twice) is None:  # by the index alone: in most lists nobody is twice
        return 0
    first = _staged.alias("first")
    earlier = select(first.c.id).where(first.c.subscriber == _staged.c.subscriber, first.c.id < _staged.c.id)
    return connection.execute(delete(_staged).where(earlier.exists())).rowcount


def _is_suppressed(connection: Connection) -> ColumnElement[bool]:
    return is_suppressed(publication_of(connection), _staged.c.subscriber)


@lru_cache(maxsize=10_000)
def _tags(tags: frozenset[str]) -> str:
    return json.dumps(sorted(tags))


def _row(number: int, recipient: Recipient) -> tuple[object, ...]:
    """Return a recipient's values in the order of the table's columns."""
    subscriber, address, fields, tags, template, line, lacks, language, asked = recipient
    written, missing = dump_fields(fields), json.dumps(lacks) if lacks else ""
    return number, subscriber, address, written, _tags(tags), language, asked, template, line, missing


def dump_fields(fields: Mapping[str, str]) -> str:
    """Return what json.dumps gives for texts by name, in half the time: it makes an encoder for each call."""
    return "{" + ", ".join([_quote_name(name) + _quote(text) for name, text in fields.items()]) + "}"


@lru_cache(maxsize=1_000)
def _quote_name(name: str) -> str:
    """Return a field's name as JSON has it before the value: a list has a few, and they come with each row."""
    return f"{_quote(name)}: "
