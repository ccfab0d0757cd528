"""Ranges of a campaign's deliveries, which its workers take one after another and claim from by themselves.

A range is taken with one row of the handover. To mark each delivery as reserved would write every row a third time, and
would have each claim read past what others have reserved. So nothing hangs on whose range a delivery is in: what a
crashed worker leaves of its range is claimed by whoever finds no further range, row by row, as on one machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, null, select, update

from newsletter.issue_name import IssueName
from newsletter.ledger.deliveries import COLUMNS
from newsletter.ledger.states import State
from newsletter.store.engine import publication_of
from newsletter.store.prepared_statements import PreparedStatement
from newsletter.store.schema import deliveries, handovers
from newsletter.store.suppression_rule import is_suppressed

RANGE = 5000  # deliveries: seconds of one worker's work, where nothing limits it


class Claimant(NamedTuple):
    """Worker that claims, until when its lease is, and the claim's number as its flight recorder has it."""

    worker: str
    lease_until: float
    claim: int | None


@dataclass(slots=True)
class RangeCursor:
    """A worker's place in its range of a handover's deliveries; it moves on as they are claimed."""

    handover: str
    size: int = RANGE
    after: int = 0  # ids up to here have been claimed, or were not to be had
    last: int = 0
    is_over: bool = False  # no further range can be taken
    is_stopped: bool = False  # nor anything else

    @property
    def has_left(self) -> bool:
        """Return whether the range may have deliveries that wait."""
        return self.after < self.last


def claim_in_range(
    connection: Connection, issue: IssueName, claimant: Claimant, want: int, cursor: RangeCursor
) -> Sequence[tuple[Any, ...]]:
    """Claim up to `want` pending deliveries of the range, in order; returns their rows, of the suppressed as well."""
    rows = _CLAIM.fetch(
        connection,
        {
            "ours": publication_of(connection),
            "the_issue": issue,
            "holder": claimant.worker,
            "lease": claimant.lease_until,
            "number": claimant.claim,
            "after_id": cursor.after,
            "last_id": cursor.last,
            "want": want,
        },
    )
    # Fewer than wanted are the last of them: others have been claimed by workers without a range.
    cursor.after = max(row[0] for row in rows) if len(rows) == want else cursor.last
    return rows


def take_range(connection: Connection, issue: IssueName, cursor: RangeCursor) -> bool:
    """Take the next range, which no other worker gets; return False for none left, or workers that are stopped."""
    which = {"ours": publication_of(connection), "the_issue": issue, "the_handover": cursor.handover}
    rows = _TAKE.fetch(connection, {**which, "size": cursor.size})
    if not rows:
        cursor.is_stopped = not _GOES_ON.fetch(connection, which)
        cursor.is_over = True
        return False
    ((following,),) = rows
    cursor.after, cursor.last = following - cursor.size - 1, following - 1
    return True


_OPEN = (
    handovers.c.publication == bindparam("ours"),
    handovers.c.issue == bindparam("the_issue"),
    handovers.c.id == bindparam("the_handover"),
    handovers.c.ended_at.is_(None),
)
_GOES_ON = PreparedStatement(select(handovers.c.id).where(*_OPEN))
_TAKE = PreparedStatement(
    update(handovers)
    .where(*_OPEN, handovers.c.next_delivery <= handovers.c.last_delivery)
    .values(next_delivery=handovers.c.next_delivery + bindparam("size"))
    .returning(handovers.c.next_delivery)
)
_CHOSEN = (
    select(
        deliveries.c.id,
        is_suppressed(bindparam("ours"), deliveries.c.subscriber).label("suppressed"),
    )
    .where(
        deliveries.c.id > bindparam("after_id"),
        deliveries.c.id <= bindparam("last_id"),
        # By the primary key alone: where nobody has counted the new rows yet, the planner would believe that an index
        # by state has only a few of them, and would read all of it for each claim.
        deliveries.c.publication.concat("") == bindparam("ours"),
        deliveries.c.issue.concat("") == bindparam("the_issue"),
        deliveries.c.state == State.PENDING.value,
        deliveries.c.lease_until.is_(None),
    )
    .order_by(deliveries.c.id)
    .limit(bindparam("want"))
    .with_for_update(skip_locked=True, of=deliveries)
    .cte("chosen")
)
_CLAIM = PreparedStatement(
    update(deliveries)
    .where(deliveries.c.id == _CHOSEN.c.id)
    .values(
        worker=bindparam("holder"),
        lease_until=case((_CHOSEN.c.suppressed, null()), else_=bindparam("lease")),
        claim=bindparam("number"),
        state=case((_CHOSEN.c.suppressed, State.SUPPRESSED.value), else_=State.SENDING.value),
    )
    .returning(*COLUMNS)
)
