"""Freezing a list and its texts into a campaign, all of it or nothing."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from newsletter.delivery.ledger.values import Campaign, Entry, Text
from newsletter.delivery.states import OPEN, State
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.schema import campaigns, deliveries, templates, waves
from newsletter.store.suppressions import suppressed_readers

_GROUP = 500
_T = TypeVar("_T")


def freeze(
    store: Store, campaign: Campaign, wave: str, texts: Sequence[Text], entries: Iterable[Entry], *, anew: bool = False
) -> None:
    """Add a wave of readers to the campaign (made when it is new), all of them or none.

    An entry's `template` counts into `texts`. A reader whom the campaign has already stays as they are; with
    `anew` what was frozen before is forgotten first, which is right only when nobody has had anything.
    """
    with store.transaction() as connection:
        if anew:
            for table in (deliveries, waves, templates):
                connection.execute(delete(table).where(table.c.issue == campaign.issue))
        _keep_campaign(connection, campaign)
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


def replace_text(store: Store, campaign: Campaign, texts: Sequence[Text], assigned: Mapping[str, int]) -> None:
    """Give a new text to readers who have had none: `assigned` says which of `texts` is whose."""
    with store.transaction() as connection:
        numbers = _add_texts(connection, campaign.issue, texts)
        _keep_campaign(connection, campaign)
        statement = (
            update(deliveries)
            .where(
                deliveries.c.issue == campaign.issue,
                deliveries.c.reader == bindparam("who"),
                or_(*(deliveries.c.state == state for state in OPEN)),  # IN can't be executed for many rows
            )
            .values(template=bindparam("number"))
        )
        for group in _groups(assigned.items()):
            connection.execute(statement, [{"who": reader, "number": numbers[index]} for reader, index in group])


def _keep_campaign(connection: Connection, campaign: Campaign) -> None:
    """Add the campaign, or bring what a new text or wave changes up to date; it is open again then."""
    changing = {
        "subject": campaign.subject,
        "draft_sha256": campaign.draft_sha256,
        "rules": json.dumps(campaign.rules),
        "left_out": campaign.left_out,
        "created_at": campaign.created_at,
        "finished_at": None,
    }
    known = {"issue": campaign.issue, "id": campaign.id, "runs": 0}
    connection.execute(insert(campaigns).prefix_with("OR IGNORE").values(**known, **changing))
    connection.execute(update(campaigns).where(campaigns.c.issue == campaign.issue).values(**changing))


def _add_texts(connection: Connection, issue: str, texts: Sequence[Text]) -> list[int]:
    return [
        connection.execute(
            insert(templates).values(issue=issue, variant=text.variant, payload=text.payload).returning(templates.c.id)
        ).scalar_one()
        for text in texts
    ]


def _groups(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Lists of at most 500, so that a long list of readers never stands in memory twice."""
    rest = iter(items)
    while group := list(islice(rest, _GROUP)):
        yield group
