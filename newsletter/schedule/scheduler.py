"""The scheduler: sends each scheduled campaign when its time has come (`newsletter outbox`).

No sleep is trusted. The wall clock is read every second, and each decision is made by the time it shows then, so that
the first one after a suspend, a SIGSTOP or a jump of the clock is right again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from newsletter.backends import SenderRefused, Unreachable
from newsletter.campaigns.sent_record import refuse_foreign_record
from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.clock import make_instant
from newsletter.errors import DecisionNeeded, DeliveryError, ListError, NewsletterError, explain
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.schedule import has_begun, hold_campaign, list_scheduled, postpone_campaign, unschedule_campaign
from newsletter.ledger.states import Counts, State
from newsletter.ledger.workers import LeaseLost
from newsletter.schedule.schedule_state import TO_BE_SENT, ScheduleState, find_schedule_state
from newsletter.schedule.stop_signals import StopSignals
from newsletter.sending.refusals import QuotaUsedUp, SenderBlocked, TooManyRefused
from newsletter.sending.takeover import lock_campaign
from newsletter.store import Busy, Store

LOOK_EVERY_S = 1.0
_REST_S = 60.0  # after a failure; twice as long after each further one
_LONGEST_REST_S = 900.0
MAYBE_SENT = "If this state is a copy from a backup, it may have left meanwhile."
_LOG = logging.getLogger(__name__)


class ScheduleResult(StrEnum):
    """Result of one look at a scheduled campaign."""

    SENT = "sent"  # everyone was tried
    STOPPED = "stopped"  # as a signal asked; the next start goes on
    LATER = "later"  # it failed, and may be tried again
    HELD = "held"
    EXPIRED = "expired"
    BUSY = "busy"  # another process is at it


OnResult = Callable[[IssueName, ScheduleResult, NewsletterError | None], None]


class TooLate(DecisionNeeded):
    """Nothing has been recorded for so long that another copy of the store may have sent it; nobody said to go on."""


class NextDeparture(NamedTuple):
    """The next campaign to leave, and when."""

    at: datetime
    issue: IssueName


@dataclass(frozen=True, kw_only=True)
class WallClock:
    """The wall clock, and a pause of some seconds that may be cut short or last for days."""

    now: Callable[[], datetime]
    pause: Callable[[float], None]


class Scheduler:
    """Sender of what is due, look after look; it remembers what it has told, and which campaigns rest after a failure.

    `record` returns where an issue's sent record is, `carry` sends a campaign and raises what `send_campaign` does, and
    `tell` is given each campaign's result: once, until it changes. `confirm` asks a person whether a late campaign is
    to leave; without it such a campaign is held.
    """

    def __init__(
        self,
        store: Store,
        record: Callable[[IssueName], Path],
        carry: Callable[[Campaign], None],
        tell: OnResult,
        clock: WallClock,
        stop: StopSignals,
        confirm: Callable[[Campaign], bool] | None = None,
    ) -> None:
        self._confirm = confirm
        self._store = store
        self._record = record
        self._carry = carry
        self._tell = tell
        self._clock = clock
        self._stop = stop
        self._upcoming: list[NextDeparture] = []
        self._told: dict[IssueName, tuple[object, ...]] = {}
        self._failures: Counter[IssueName] = Counter()
        self._rests_until: dict[IssueName, datetime] = {}

    def look(self) -> bool:
        """Send what is due, one after another; return False when something is left to a person or to a later look.

        The failure of one does not keep the others back. Raises DeliveryError when the store can't be used.
        """
        self._upcoming = []
        well = True
        for issue in list_scheduled(self._store):
            if self._stop.asked:
                return False
            well = self._serve(issue) and well
        return well

    @property
    def upcoming(self) -> NextDeparture | None:
        """The next campaign to leave, as of the last look."""
        return min(self._upcoming, default=None)

    def watch(self, on_wait: Callable[[NextDeparture | None, NewsletterError | None], None]) -> None:
        """Look every second until a signal asks to end.

        `on_wait` is given what comes next after each look, and what is wrong with the store, which may recover.
        """
        watch_all([self], self._clock, self._stop, on_wait)

    def _serve(self, issue: IssueName) -> bool:
        campaign, state = self._find_state(issue)
        if state in TO_BE_SENT and not self._rests(issue):
            try:
                with lock_campaign(self._store, issue):
                    # Once more: another process may just have sent it, or this one have stood still for days.
                    campaign, state = self._find_state(issue)
                    if campaign is not None and state in TO_BE_SENT:
                        return self._send(campaign, late=state is ScheduleState.LATE)
            except (Busy, LeaseLost):  # whoever has it, or has taken it over, sees to it
                self._say(issue, ScheduleResult.BUSY)
                return True
        return campaign is None or state is None or self._leave(campaign, state)

    def _find_state(self, issue: IssueName) -> tuple[Campaign | None, ScheduleState | None]:
        campaign = find_campaign(self._store, issue)
        return campaign, find_schedule_state(self._store, campaign, self._clock.now()) if campaign else None

    def _leave(self, campaign: Campaign, state: ScheduleState) -> bool:
        """Leave a campaign as it is at this look; return whether all is well with it."""
        issue = campaign.issue
        if state is ScheduleState.WAITING and campaign.due_at:
            self._upcoming.append(NextDeparture(campaign.due_at, issue))
            for past in (self._told, self._failures, self._rests_until):
                past.pop(issue, None)  # of an earlier time in the outbox
            return True
        if state in TO_BE_SENT:
            self._upcoming.append(NextDeparture(self._rests_until[issue], issue))
        else:
            self._say(issue, ScheduleResult.EXPIRED if state is ScheduleState.EXPIRED else ScheduleResult.HELD)
        return False

    def _send(self, campaign: Campaign, *, late: bool) -> bool:
        issue = campaign.issue
        before = _count_reached(count_deliveries(self._store, issue))
        try:
            self._refuse(campaign, late=late)
            self._carry(campaign)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and the others get their turn
            _LOG.debug("%s could not be sent", issue, exc_info=True)
            moved = _count_reached(count_deliveries(self._store, issue)) > before
            self._handle_failure(issue, explain(error), moved=moved)
            return False
        counts = count_deliveries(self._store, issue)
        if self._stop.asked and counts.waiting:
            self._say(issue, ScheduleResult.STOPPED)
            return False
        unschedule_campaign(self._store, issue)
        self._failures.pop(issue, None)
        self._say(issue, ScheduleResult.SENT)
        return counts.complete and not campaign.left_out

    def _refuse(self, campaign: Campaign, *, late: bool) -> None:
        """Raise DecisionNeeded when the records or the clock show that this store may not know all."""
        record = self._record(campaign.issue)
        refuse_foreign_record(record, self._store, campaign)
        refuse_unknown_campaigns(self._store, record.parent)
        if late and not (self._confirm and self._confirm(campaign)):
            half = "half sent" if has_begun(self._store, campaign) else "due"
            raise TooLate(
                f"it was {half} more than an hour ago. {MAYBE_SENT}",
                next_step="Look whether readers have it: a copy of your own, the mail server's log, "
                f"{campaign.issue}.sent.toml in git.",
            )

    def _handle_failure(self, issue: IssueName, error: NewsletterError, *, moved: bool) -> None:
        """Try again later what may mend itself, and hold the rest for a person: each try could leave some unknown."""
        if isinstance(error, QuotaUsedUp):
            # In the store, so that `outbox list` shows it, and no wait of hours is taken for a store out of use.
            current = find_campaign(self._store, issue)
            begun = current is not None and has_begun(self._store, current)
            postpone_campaign(self._store, issue, make_instant(error.wait.next_try), begun=begun)
            self._say(issue, ScheduleResult.LATER, error)
        elif _is_for_good(error) or (
            moved and not self._stop.asked and not isinstance(error, Unreachable | ListError | DecisionNeeded)
        ):
            hold_campaign(self._store, issue)
            self._say(issue, ScheduleResult.HELD, error)
        elif self._stop.asked:
            self._say(issue, ScheduleResult.STOPPED, error)
        else:
            rest = min(_REST_S * 2 ** self._failures[issue], _LONGEST_REST_S)
            self._failures[issue] += 1
            self._rests_until[issue] = self._clock.now() + timedelta(seconds=rest)
            self._say(issue, ScheduleResult.LATER, error)

    def _rests(self, issue: IssueName) -> bool:
        if issue not in self._rests_until:
            return False
        left = (self._rests_until[issue] - self._clock.now()).total_seconds()
        return 0 < left <= _LONGEST_REST_S  # more is left only when the clock was set back

    def _say(self, issue: IssueName, result: ScheduleResult, error: NewsletterError | None = None) -> None:
        what = (result, error.message if error else None)
        known = self._told.get(issue)
        # That it is held was said with the reason.
        if known != what and not (known and result is ScheduleResult.HELD is known[0]):
            self._told[issue] = what
            self._tell(issue, result, error)


def watch_all(
    schedulers: Sequence[Scheduler],
    clock: WallClock,
    stop: StopSignals,
    on_wait: Callable[[NextDeparture | None, NewsletterError | None], None],
) -> None:
    """Look at the outbox of each publication every second until a signal asks to end."""
    while not stop.asked:
        trouble = None
        for scheduler in schedulers:
            try:
                scheduler.look()
            except DeliveryError as error:
                trouble = error
        if not stop.asked:
            upcoming = [scheduler.upcoming for scheduler in schedulers if scheduler.upcoming]
            on_wait(min(upcoming, default=None), trouble)
            clock.pause(LOOK_EVERY_S)


def _count_reached(counts: Counts) -> int:
    return counts[State.ACCEPTED] + counts[State.REFUSED] + counts[State.UNKNOWN]


def _is_for_good(error: NewsletterError) -> bool:
    """Return whether trying again is of no use: a wrong password, tried every minute, locks the account."""
    if isinstance(error, Unreachable):
        return error.code is not None and error.code // 100 == 5
    return isinstance(error, TooManyRefused | SenderBlocked | SenderRefused | TooLate)
