"""Freezing: recipients and their templates become a campaign's, all of them or none."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from newsletter.clock import format_instant, parse_instant
from newsletter.errors import DecisionNeeded
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.deliveries import count_by_state, parse_tags
from newsletter.ledger.moved_recipients import readdress_moved
from newsletter.ledger.staging import StagedBatch
from newsletter.ledger.states import OPEN, State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import has_living_worker
from newsletter.store.engine import insert_new, is_of, now, publication_of
from newsletter.store.erased import hold_off_erasing, list_erased_digests
from newsletter.store.schema import batches, campaigns, deliveries, templates, workers

# Says by a recipient's fields in which language they get an issue; empty: the publication's own.
ChooseLanguage = Callable[[Mapping[str, str]], str]
_PAGE = 1000  # rows


@contextmanager
def open_freeze(staged: StagedBatch, issue: IssueName, known: Campaign | None) -> Iterator[Connection]:
    """Open the one transaction in which all that was planned becomes the campaign's.

    `known` is the campaign as it was when this was planned, None when there was none. Raises DecisionNeeded when
    somebody has sent or changed it since.
    """
    with staged.durable() as connection:
        hold_off_erasing(connection)
        _refuse_changed(connection, issue, known)
        yield connection


def freeze_batch(
    connection: Connection,
    staged: StagedBatch,
    campaign: Campaign,
    tag: str,
    frozen_templates: Sequence[FrozenTemplate],
    *,
    known: Campaign | None = None,
    replaces_campaign: bool = False,
    erased: frozenset[str] = frozenset(),
) -> None:
    """Add a batch of staged recipients to the campaign (made when it is new), within `open_freeze`.

    `tag` says who they are: those with the tag, or, empty, the whole list.

    A subscriber whom the campaign has already stays as they are; with `replaces_campaign` what was frozen before is
    forgotten first, which is right only while nobody has had anything. `erased` are the hashes by which the list was
    read. Raises DecisionNeeded when somebody has sent the campaign since it was `known`, or was erased, who may be
    among the staged.
    """
    if list_erased_digests(connection) != erased:
        raise DecisionNeeded(
            "Somebody was erased from the list while you looked at this.",
            next_step="Nothing was sent. Run the same command again.",
        )
    mine = {"publication": publication_of(connection), "issue": campaign.issue}
    if replaces_campaign and known is not None:
        _refuse_begun(connection, campaign.issue)
        for table in (deliveries, batches, templates):
            connection.execute(delete(table).where(is_of(connection, table, campaign.issue)))
        # One that stood still and was settled is not ended, and its process may still hold the campaign's lock.
        ended = is_of(connection, workers, campaign.issue), workers.c.ended_at.is_not(None)
        connection.execute(delete(workers).where(*ended))
    if not _keep_campaign(connection, campaign) and known is None:
        raise _changed(campaign.issue)  # somebody was quicker by less than this transaction takes
    connection.execute(insert_new(connection, batches).values({**mine, "tag": tag, "created_at": now()}))
    numbers = _add_templates(connection, campaign.issue, frozen_templates)
    staged.move(connection, campaign.issue, numbers)
    readdress_moved(connection, campaign.issue)  # since this was planned


def replace_templates(
    connection: Connection,
    campaign: Campaign,
    frozen_templates: Sequence[FrozenTemplate],
    assigned: Mapping[tuple[frozenset[str], str], int],
    states: Sequence[State] = OPEN,
    choose_language: ChooseLanguage | None = None,
) -> None:
    """Give new templates to deliveries in these states: `assigned` says by tags and language which each gets.

    `choose_language` says by a recipient's fields in which language they get the new text; without it each keeps the
    language that was frozen.
    """
    numbers = _add_templates(connection, campaign.issue, frozen_templates)
    _keep_campaign(connection, campaign)
    if choose_language:
        _choose_languages(connection, campaign.issue, states, choose_language)
    in_states = (
        is_of(connection, deliveries, campaign.issue),
        or_(*(deliveries.c.state == state for state in states)),  # IN can't be executed for many rows
    )
    statement = (
        update(deliveries)
        .where(*in_states, deliveries.c.tags == bindparam("whose"), deliveries.c.language == bindparam("spoken"))
        .values(template=bindparam("number"))
    )
    # By the tags as they are stored, in whatever form an earlier version wrote them.
    kinds = select(deliveries.c.tags, deliveries.c.language).where(*in_states).distinct()
    for stored, language in connection.execute(kinds).all():
        if (index := assigned.get((parse_tags(stored), language))) is not None:
            connection.execute(statement, {"whose": stored, "spoken": language, "number": numbers[index]})


def _choose_languages(
    connection: Connection, issue: IssueName, states: Sequence[State], choose_language: ChooseLanguage
) -> None:
    """Write the language that each delivery in these states gets now, page by page."""
    last = 0
    wanted = select(deliveries.c.id, deliveries.c.fields, deliveries.c.language).where(
        is_of(connection, deliveries, issue), deliveries.c.state.in_(states)
    )
    statement = update(deliveries).where(deliveries.c.id == bindparam("key")).values(language=bindparam("chosen"))
    while rows := connection.execute(wanted.where(deliveries.c.id > last).order_by(deliveries.c.id).limit(_PAGE)).all():
        last = rows[-1].id
        chosen = [{"key": row.id, "chosen": choose_language(json.loads(row.fields))} for row in rows]
        changed = [new for new, row in zip(chosen, rows, strict=True) if new["chosen"] != row.language]
        if changed:
            connection.execute(statement, changed)


def _refuse_changed(connection: Connection, issue: IssueName, known: Campaign | None) -> None:
    """Hold the campaign's row until the commit. Raises DecisionNeeded unless it is as it was when it was `known`.

    The lock of `sole_sender` does not vouch for that while a person is asked: PostgreSQL frees it with a connection
    that is lost, and on SQLite it may be held beside that of a process that had stopped and goes on.
    """
    columns = [campaigns.c[name] for name in _TELLING]
    row = connection.execute(
        select(*columns).where(is_of(connection, campaigns, issue)).with_for_update()
    ).one_or_none()
    found = row and [
        parse_instant(value) if name in _MOMENTS and value else value for name, value in row._mapping.items()
    ]
    if found != (known and [getattr(known, name) for name in _TELLING]):
        raise _changed(issue)


# What a worker, another freeze, the outbox or a cancellation changes.
_MOMENTS = ("created_at", "cancelled_at", "due_at")
_TELLING = ("id", "seed", "runs", "draft_sha256", *_MOMENTS)


def _refuse_begun(connection: Connection, issue: IssueName) -> None:
    """Raise DecisionNeeded unless nobody has or may have had the campaign, and nobody sends it."""
    if not count_by_state(connection, issue).untouched or has_living_worker(connection, issue):
        raise _changed(issue)


def _changed(issue: IssueName) -> DecisionNeeded:
    return DecisionNeeded(
        f"Somebody else has sent or changed {issue} while you looked at this.",
        next_step="Nothing was sent by this command. `newsletter status` shows how far it is. To send to those who "
        f"still wait: newsletter send {issue}",
    )


def _keep_campaign(connection: Connection, campaign: Campaign) -> bool:
    """Add the campaign, or bring what a new template or batch changes up to date; it is open again then.

    Return whether it was added.
    """
    changing = {
        "kind": campaign.kind,
        "corrects": campaign.corrects,
        "subject": campaign.subject,
        "draft_sha256": campaign.draft_sha256,
        "rules": json.dumps(campaign.rules),
        "left_out": campaign.left_out,
        "created_at": format_instant(campaign.created_at),
        "finished_at": None,
        "due_at": campaign.due_at and format_instant(campaign.due_at),
        "expires_at": campaign.expires_at and format_instant(campaign.expires_at),
        "text_sha256": campaign.text_sha256,
        "commit_id": campaign.commit_id,
        "seed": campaign.seed,
    }
    known = {"publication": publication_of(connection), "issue": campaign.issue, "id": campaign.id, "runs": 0}
    added = connection.execute(insert_new(connection, campaigns).values(**known, **changing)).rowcount
    connection.execute(update(campaigns).where(is_of(connection, campaigns, campaign.issue)).values(**changing))
    return bool(added)


def _add_templates(connection: Connection, issue: IssueName, frozen_templates: Sequence[FrozenTemplate]) -> list[int]:
    return [
        connection.execute(
            insert(templates)
            .values(
                publication=publication_of(connection),
                issue=issue,
                variant=text.variant,
                language=text.language,
                payload=text.payload,
            )
            .returning(templates.c.id)
        ).scalar_one()
        for text in frozen_templates
    ]
