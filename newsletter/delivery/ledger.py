"""The durable record of campaigns and deliveries: freeze, claim, record, resume.

Plain synchronous code. Each function is one transaction, and what it says is on disk when it returns.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, and_, bindparam, case, func, insert, select, update

from newsletter.delivery.states import OPEN, Counts, State
from newsletter.mail.message import Receipt
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import campaigns, deliveries, suppressions, templates, waves
from newsletter.store.suppressions import suppressed_readers

_GROUP = 500
_T = TypeVar("_T")
MAX_RETURNS = 3


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """The sending of one issue, as the store knows it."""

    issue: str
    id: str
    subject: str
    draft_sha256: str
    created_at: str
    finished_at: str | None
    left_out: int
    waves: frozenset[str]

    def covers(self, tag: str) -> bool:
        """Are the readers with this tag (or all, for an empty one) in the campaign already?"""
        return "" in self.waves or tag in self.waves


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled message template; `variant` names the readers it is for by the items they see."""

    variant: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reader to be frozen into a campaign, and the number of the template that is theirs."""

    reader: str
    address: str
    fields: Mapping[str, str]
    tags: frozenset[str]
    template: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One reader's delivery, taken for sending."""

    reader: str
    address: str
    fields: Mapping[str, str]
    template: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """One reader who has not got the issue, and why."""

    address: str
    state: str
    stage: str | None
    code: int | None
    enhanced: str | None
    reply: str | None


def find_campaign(store: Store, issue: str) -> Campaign | None:
    with store.transaction() as connection:
        row = connection.execute(select(campaigns).where(campaigns.c.issue == issue)).one_or_none()
        if row is None:
            return None
        tags = connection.scalars(select(waves.c.tag).where(waves.c.issue == issue)).all()
        return Campaign(**row._mapping, waves=frozenset(tags))


def campaign_names(store: Store) -> list[str]:
    """Every issue with a campaign, oldest first."""
    with store.transaction() as connection:
        return list(connection.scalars(select(campaigns.c.issue).order_by(campaigns.c.created_at)))


def freeze(store: Store, campaign: Campaign, wave: str, texts: Sequence[Text], entries: Iterable[Entry]) -> None:
    """Add a wave of readers to the campaign (made when it is new), all of them or none.

    An entry's `template` counts into `texts`. A reader whom the campaign has already stays as they are.
    """
    with store.transaction() as connection:
        connection.execute(
            insert(campaigns)
            .prefix_with("OR IGNORE")
            .values(
                issue=campaign.issue,
                id=campaign.id,
                subject=campaign.subject,
                draft_sha256=campaign.draft_sha256,
                created_at=campaign.created_at,
                left_out=campaign.left_out,
            )
        )
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == campaign.issue)
            .values(
                finished_at=None,
                subject=campaign.subject,
                draft_sha256=campaign.draft_sha256,
                left_out=campaign.left_out,
            )
        )
        connection.execute(insert(waves).values(issue=campaign.issue, tag=wave, created_at=now()))
        numbers = _add_texts(connection, campaign.issue, texts)
        suppressed = suppressed_readers(connection)
        first = (
            connection.scalar(
                select(func.coalesce(func.max(deliveries.c.seq), 0)).where(deliveries.c.issue == campaign.issue)
            )
            or 0
        )
        for group in _groups(enumerate(entries, start=first + 1)):
            connection.execute(
                insert(deliveries).prefix_with("OR IGNORE"),
                [
                    {
                        "issue": campaign.issue,
                        "reader": entry.reader,
                        "seq": seq,
                        "address": entry.address,
                        "fields": json.dumps(dict(entry.fields)),
                        "tags": json.dumps(sorted(entry.tags)),
                        "template": numbers[entry.template],
                        "returns": 0,
                        "state": State.SUPPRESSED if entry.reader in suppressed else State.PENDING,
                    }
                    for seq, entry in group
                ],
            )


def waiting(store: Store, issue: str) -> Iterator[tuple[str, str, dict[str, str], frozenset[str]]]:
    """Reader, address, fields and tags of everyone whom another run would try."""
    columns = (deliveries.c.reader, deliveries.c.address, deliveries.c.fields, deliveries.c.tags)
    with store.transaction() as connection:
        for row in connection.execute(
            select(*columns).where(deliveries.c.issue == issue, deliveries.c.state.in_(OPEN)).order_by(deliveries.c.seq)
        ):
            yield row.reader, row.address, json.loads(row.fields), frozenset(json.loads(row.tags))


def known_readers(store: Store, issue: str) -> set[str]:
    """Everyone the campaign has, in whatever state."""
    with store.transaction() as connection:
        return set(connection.scalars(select(deliveries.c.reader).where(deliveries.c.issue == issue)))


def replace_text(store: Store, campaign: Campaign, texts: Sequence[Text], assigned: Mapping[str, int]) -> None:
    """Give a new text to readers who have had none: `assigned` says which of `texts` is whose."""
    with store.transaction() as connection:
        numbers = _add_texts(connection, campaign.issue, texts)
        connection.execute(
            update(campaigns)
            .where(campaigns.c.issue == campaign.issue)
            .values(subject=campaign.subject, draft_sha256=campaign.draft_sha256)
        )
        statement = (
            update(deliveries)
            .where(
                deliveries.c.issue == campaign.issue,
                deliveries.c.reader == bindparam("who"),
                deliveries.c.state.in_(OPEN),
            )
            .values(template=bindparam("number"))
        )
        for group in _groups(assigned.items()):
            connection.execute(statement, [{"who": reader, "number": numbers[index]} for reader, index in group])


def current_texts(store: Store, issue: str) -> list[Text]:
    """The newest text of each variant: what a reader who has had nothing would get."""
    newest = select(func.max(templates.c.id)).where(templates.c.issue == issue).group_by(templates.c.variant)
    with store.transaction() as connection:
        rows = connection.execute(select(templates).where(templates.c.id.in_(newest)))
        return [Text(row.variant, row.payload) for row in rows]


def template_payload(store: Store, number: int) -> bytes:
    with store.transaction() as connection:
        payload: bytes = connection.execute(select(templates.c.payload).where(templates.c.id == number)).scalar_one()
        return payload


def begin_run(store: Store, issue: str) -> None:
    """What an earlier run left claimed may have gone out or not: nobody but a person can tell."""
    with store.transaction() as connection:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.issue == issue,
                deliveries.c.state == State.SENDING,
            )
            .values(
                state=State.UNKNOWN,
                stage="crash",
                reply="the program ended before the server's reply was recorded",
                at=now(),
            )
        )


def step(
    store: Store,
    issue: str,
    run: str,
    *,
    receipts: Sequence[Receipt] = (),
    returned: Sequence[str] = (),
    released: Sequence[str] = (),
    want: int = 0,
) -> list[Claim]:
    """Record what became of messages, take back those untouched, and claim up to `want` more, in one commit.

    `returned` are those whose connection broke too early, `released` those never handed to a connection.
    """
    with store.transaction() as connection:
        _record(connection, issue, receipts)
        _take_back(connection, issue, returned)
        _release(connection, issue, released)
        claims: list[Claim] = []
        for state in OPEN:
            while (
                len(claims) < want and (rows := _claim(connection, issue, run, state, want - len(claims))) is not None
            ):
                claims += rows
        return claims


def finish_run(store: Store, issue: str) -> Counts:
    """Close the campaign when nobody waits any more; returns where everyone is."""
    with store.transaction() as connection:
        counts = _counts(connection, issue)
        if not counts.waiting and not counts[State.SENDING]:
            connection.execute(
                update(campaigns)
                .where(campaigns.c.issue == issue, campaigns.c.finished_at.is_(None))
                .values(finished_at=now())
            )
        return counts


def cancel(store: Store, issue: str) -> int:
    """Nobody who waits will be tried again; returns how many that were."""
    with store.transaction() as connection:
        states = (*OPEN, State.UNKNOWN)
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.issue == issue, deliveries.c.state.in_(states))
            .values(state=State.CANCELLED, at=now())
        )
        connection.execute(update(campaigns).where(campaigns.c.issue == issue).values(finished_at=now()))
        return changed.rowcount


def counts(store: Store, issue: str) -> Counts:
    with store.transaction() as connection:
        return _counts(connection, issue)


def outstanding(store: Store, issue: str) -> list[Outstanding]:
    """Everyone who has not been accepted, in the list's order."""
    columns = (
        deliveries.c.address,
        deliveries.c.state,
        deliveries.c.stage,
        deliveries.c.code,
        deliveries.c.enhanced,
        deliveries.c.reply,
    )
    with store.transaction() as connection:
        rows = connection.execute(
            select(*columns)
            .where(deliveries.c.issue == issue, deliveries.c.state != State.ACCEPTED)
            .order_by(deliveries.c.seq)
        )
        return [Outstanding(**row._mapping) for row in rows]


def _add_texts(connection: Connection, issue: str, texts: Sequence[Text]) -> list[int]:
    return [
        connection.execute(
            insert(templates).values(issue=issue, variant=text.variant, payload=text.payload).returning(templates.c.id)
        ).scalar_one()
        for text in texts
    ]


def _record(connection: Connection, issue: str, receipts: Sequence[Receipt]) -> None:
    if receipts:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.issue == issue,
                deliveries.c.reader == bindparam("who"),
                deliveries.c.state == State.SENDING,
            )
            .values(
                state=bindparam("outcome"),
                stage=bindparam("at_stage"),
                code=bindparam("reply_code"),
                enhanced=bindparam("status"),
                reply=bindparam("words"),
                at=bindparam("moment"),
            ),
            [
                {
                    "who": receipt.key,
                    "outcome": State(receipt.outcome.value),
                    "at_stage": receipt.stage,
                    "reply_code": receipt.code,
                    "status": receipt.enhanced,
                    "words": receipt.reply,
                    "moment": now(),
                }
                for receipt in receipts
            ],
        )


def _take_back(connection: Connection, issue: str, returned: Sequence[str]) -> None:
    """Untouched messages wait again; one that comes back time after time waits for the next run."""
    if returned:
        again = deliveries.c.returns + 1
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.issue == issue,
                deliveries.c.reader == bindparam("who"),
                deliveries.c.state == State.SENDING,
            )
            .values(
                returns=again,
                state=case((again % MAX_RETURNS == 0, State.DEFERRED.value), else_=State.PENDING.value),
                stage="connection",
                reply="the connection broke before its text was sent",
                at=now(),
            ),
            [{"who": reader} for reader in returned],
        )


def _release(connection: Connection, issue: str, released: Sequence[str]) -> None:
    if released:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.issue == issue,
                deliveries.c.reader == bindparam("who"),
                deliveries.c.state == State.SENDING,
            )
            .values(state=State.PENDING),
            [{"who": reader} for reader in released],
        )


def _claim(connection: Connection, issue: str, run: str, state: State, want: int) -> list[Claim] | None:
    """Some of the waiting in `state`; None when there are none. The suppressed among them are set aside."""
    another_run = and_(deliveries.c.state == state, deliveries.c.run.is_distinct_from(run))
    chosen = (
        select(deliveries.c.reader)
        .where(
            deliveries.c.issue == issue,
            another_run if state is State.DEFERRED else deliveries.c.state == state,
        )
        .order_by(deliveries.c.seq)
        .limit(want)
    )
    left = select(suppressions.c.reader)
    rows = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.issue == issue,
            deliveries.c.reader.in_(chosen),
        )
        .values(
            run=run,
            state=case((deliveries.c.reader.in_(left), State.SUPPRESSED.value), else_=State.SENDING.value),
        )
        .returning(
            deliveries.c.reader, deliveries.c.address, deliveries.c.fields, deliveries.c.template, deliveries.c.state
        )
    ).all()
    if not rows:
        return None
    return [
        Claim(reader=row.reader, address=row.address, fields=json.loads(row.fields), template=row.template)
        for row in rows
        if row.state == State.SENDING
    ]


def _counts(connection: Connection, issue: str) -> Counts:
    rows = connection.execute(
        select(deliveries.c.state, func.count()).where(deliveries.c.issue == issue).group_by(deliveries.c.state)
    )
    return Counts({State(state): count for state, count in rows})


def _groups(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Lists of at most 500, so that a long list of readers never stands in memory twice."""
    rest = iter(items)
    while group := list(islice(rest, _GROUP)):
        yield group
