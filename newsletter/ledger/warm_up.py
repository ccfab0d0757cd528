"""The warm-up of a server: few messages at a publication's first sending through it, and twice as many at each next.

A mailbox provider distrusts an address that sends much from one day to the next. A sending is what leaves within a day:
what is sent again soon, after a crash or for another issue, belongs to the same one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select, update

from newsletter.clock import Instant, make_instant, parse_instant
from newsletter.ledger.states import State
from newsletter.store.engine import insert_new, is_ours, publication_of
from newsletter.store.schema import deliveries, warm_ups

LENGTH = timedelta(hours=23)  # one at the same hour of each day is the next, though it begins a little earlier
_DOUBLED_AT_MOST = 40  # times: by then it is no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUpStep:
    """A sending through a server: the first is number 1.

    `most` is how many readers may get their message within it, `left` how many of them still may. The next may begin
    at `next_at`. One that has not begun yet begins with its first message.
    """

    number: int
    began_at: Instant
    most: int
    left: int

    @property
    def next_at(self) -> Instant:
        """Return when the next sending may begin."""
        return Instant(self.began_at + LENGTH)


def find_warm_up_step(connection: Connection, server: str, first: int, now: datetime) -> WarmUpStep:
    """Return the sending that is under way through a server, or would begin now; `first` is how many the first has."""
    mine = is_ours(connection, warm_ups), warm_ups.c.server == server
    row = connection.execute(select(warm_ups.c.sending, warm_ups.c.began_at).where(*mine)).one_or_none()
    if row is None:
        return _make_step(1, _cut(now), first, sent=0)
    began_at = parse_instant(row.began_at)
    sent = count_accepted(connection, began_at)
    # A worker on another machine, whose clock is ahead, may have begun it in what is the future here.
    if began_at - LENGTH < now < began_at + LENGTH:
        return _make_step(row.sending, began_at, first, sent)
    # Through a server that took nothing, nothing was warmed up.
    return _make_step(row.sending + (1 if sent else 0), _cut(now), first, sent=0)


def begin_warm_up_step(connection: Connection, server: str, step: WarmUpStep) -> bool:
    """Write down that a sending is under way; return False, and change nothing, where one is written down already."""
    mine = is_ours(connection, warm_ups), warm_ups.c.server == server
    row = {"sending": step.number, "began_at": _write_moment(step.began_at)}
    # Each of the two waits for another worker's commit, and changes nothing then: the first that begins it counts.
    new = {**row, "publication": publication_of(connection), "server": server}
    if connection.execute(insert_new(connection, warm_ups).values(new)).rowcount:
        return True
    is_over = or_(
        warm_ups.c.began_at <= _write_moment(step.began_at - LENGTH),
        warm_ups.c.began_at >= _write_moment(step.began_at + LENGTH),
    )
    return bool(connection.execute(update(warm_ups).where(*mine, is_over).values(row)).rowcount)


def _write_moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _cut(now: datetime) -> Instant:
    """Return a moment to the second, so that what is accepted from then on is counted."""
    return make_instant(now.replace(microsecond=0))


def _make_step(number: int, began_at: Instant, first: int, sent: int) -> WarmUpStep:
    most = first * 2 ** min(number - 1, _DOUBLED_AT_MOST)
    return WarmUpStep(number=number, began_at=began_at, most=most, left=max(0, most - sent))


def count_accepted(connection: Connection, since: Instant) -> int:
    """Return how many messages of any issue were accepted since then."""
    statement = (
        select(func.count())
        .select_from(deliveries)
        .where(
            is_ours(connection, deliveries),
            deliveries.c.state == State.ACCEPTED,
            deliveries.c.at >= _write_moment(since),
        )
    )
    return connection.scalar(statement) or 0
