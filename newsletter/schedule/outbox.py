"""The outbox: issues that are frozen, and leave when their moment has come.

No sleep is trusted. The clock on the wall is looked at every second, and each decision is made by what it shows then;
so the first look after a suspend, a SIGSTOP or a jump of the clock is right again.
"""

import logging
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from newsletter.backends import SenderRefused, Unreachable
from newsletter.campaigns.sent_record import read_record, refuse_foreign_record, write_record
from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.errors import DecisionNeeded, DeliveryError, DraftError, NewsletterError, explained
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.schedule import find_last_activity, has_begun, hold_campaign, list_scheduled, unschedule_campaign
from newsletter.ledger.states import Counts, State
from newsletter.sending.refusals import SenderBlocked, TooManyRefused
from newsletter.store import Busy, Store

LOOK_EVERY_S = 1.0
_REST_S = 60.0  # after a failure; twice as long after each further one
_LONGEST_REST_S = 900.0
MAYBE_SENT = "If this state is a copy from a backup, it may have left meanwhile."
LATE = timedelta(hours=1)  # longer than any cron's or timer's interval, and than a restart
_LOG = logging.getLogger(__name__)


class Standing(StrEnum):
    """How an issue in the outbox stands at a moment."""

    WAITING = "waiting"  # its moment has not come
    DUE = "due"
    BEGUN = "half sent"  # the outbox was stopped, or died, in the middle of it, and goes on, expired or not
    LATE = "late"  # one of these for so long that the state may be a copy from before it was sent: a person is asked
    EXPIRED = "expired"  # its moment is over, and nobody has it
    HELD = "held"  # it was tried, and a person has to look before anybody tries again


class Fate(StrEnum):
    """What came of an issue at a look."""

    SENT = "sent"  # everyone was tried
    STOPPED = "stopped"  # as a signal asked; the next run goes on
    LATER = "later"  # it failed, and may be tried again
    HELD = "held"
    EXPIRED = "expired"
    BUSY = "busy"  # another process is at it


Tell = Callable[[str, Fate, NewsletterError | None], None]
_TO_BE_SENT = (Standing.DUE, Standing.BEGUN, Standing.LATE)


class TooLate(DecisionNeeded):
    """Nothing has moved for so long that another copy of the state may have sent it, and nobody said to go on."""


class Upcoming(NamedTuple):
    """When which issue comes next."""

    at: datetime
    issue: str


def standing(store: Store, campaign: Campaign, now: datetime) -> Standing | None:
    """How the campaign stands; None when it is not in the outbox."""
    if campaign.due_at is None:
        return Standing.HELD if campaign.expires_at else None
    begun = has_begun(store, campaign)
    if not begun:
        if now < datetime.fromisoformat(campaign.due_at):
            return Standing.WAITING
        if campaign.expires_at is not None and now >= datetime.fromisoformat(campaign.expires_at):
            return Standing.EXPIRED
    if now - datetime.fromisoformat(find_last_activity(store, campaign)) > LATE:
        return Standing.LATE
    return Standing.BEGUN if begun else Standing.DUE


def take_out(store: Store, issue: str, record: Path) -> Campaign:
    """Take an issue out of the outbox; returns what it was in there. Raises DraftError when it is not in it.

    The caller is the issue's sole sender. The record of a sending that never began is removed, so that it keeps
    nobody from sending the issue.
    """
    campaign = find_campaign(store, issue)
    if campaign is None or not (campaign.due_at or campaign.expires_at):
        raise DraftError(f"{issue} is not in the outbox.", next_step="`newsletter outbox list` shows what is.")
    unschedule_campaign(store, issue)
    noted = read_record(record)
    if campaign.runs:
        write_record(record, store, issue)
    elif noted is not None and noted.campaign == campaign.id:
        record.unlink(missing_ok=True)
    return campaign


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The clock on the wall, and a pause of some seconds that may be cut short or last for days."""

    now: Callable[[], datetime]
    pause: Callable[[float], None]


class Stop:
    """SIGINT and SIGTERM ask the outbox to end. A run that is under way hears them by itself."""

    def __init__(self) -> None:
        self.asked = False
        self._unheard = False

    def listen(self) -> None:
        """To be called again after each run, which has had handlers of its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def pass_on(self) -> None:
        """Let a run hear the signal that came just before it could."""
        if self._unheard:
            self._unheard = False
            signal.raise_signal(signal.SIGTERM)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.asked = self._unheard = True


class Outbox:
    """Sends what is due, look after look; remembers what it has said, and what rests after a failure.

    `record` says where an issue's record is, `carry` sends a campaign and raises what `send_campaign` does, and `tell`
    hears of each issue's fate: once, until it changes. `confirm` asks a person whether a late issue is to leave;
    without it such an issue is held.
    """

    def __init__(
        self,
        store: Store,
        record: Callable[[str], Path],
        carry: Callable[[Campaign], None],
        tell: Tell,
        clock: Clock,
        stop: Stop,
        confirm: Callable[[Campaign], bool] | None = None,
    ) -> None:
        self._confirm = confirm
        self._store = store
        self._record = record
        self._carry = carry
        self._tell = tell
        self._clock = clock
        self._stop = stop
        self._upcoming: list[Upcoming] = []
        self._told: dict[str, tuple[object, ...]] = {}
        self._failures: Counter[str] = Counter()
        self._rests_until: dict[str, datetime] = {}

    def look(self) -> bool:
        """Send what is due, one after another; False when something is left to a person or to a later look.

        One's failure does not keep the others back. Raises DeliveryError when the store can't be used.
        """
        self._upcoming = []
        well = True
        for issue in list_scheduled(self._store):
            if self._stop.asked:
                return False
            well = self._serve(issue) and well
        return well

    @property
    def upcoming(self) -> Upcoming | None:
        """What comes next, as of the last look."""
        return min(self._upcoming, default=None)

    def watch(self, on_wait: Callable[[Upcoming | None, NewsletterError | None], None]) -> None:
        """Look every second until a signal asks to end.

        `on_wait` hears after each look what comes next, and what is wrong with the store, which may come back.
        """
        while not self._stop.asked:
            trouble = None
            try:
                self.look()
            except DeliveryError as error:
                trouble = error
            if not self._stop.asked:
                on_wait(self.upcoming, trouble)
                self._clock.pause(LOOK_EVERY_S)

    def _serve(self, issue: str) -> bool:
        campaign, stands = self._standing(issue)
        if stands in _TO_BE_SENT and not self._rests(issue):
            try:
                with self._store.sole(issue):
                    # Once more: another process may just have sent it, or this one have stood still for days.
                    campaign, stands = self._standing(issue)
                    if campaign is not None and stands in _TO_BE_SENT:
                        return self._send(campaign, late=stands is Standing.LATE)
            except Busy:
                self._say(issue, Fate.BUSY)
                return True
        return campaign is None or stands is None or self._leave(campaign, stands)

    def _standing(self, issue: str) -> tuple[Campaign | None, Standing | None]:
        campaign = find_campaign(self._store, issue)
        return campaign, standing(self._store, campaign, self._clock.now()) if campaign else None

    def _leave(self, campaign: Campaign, stands: Standing) -> bool:
        """Nothing is done about it at this look."""
        issue = campaign.issue
        if stands is Standing.WAITING and campaign.due_at:
            self._upcoming.append(Upcoming(datetime.fromisoformat(campaign.due_at), issue))
            for past in (self._told, self._failures, self._rests_until):
                past.pop(issue, None)  # of an earlier time in the outbox
            return True
        if stands in _TO_BE_SENT:
            self._upcoming.append(Upcoming(self._rests_until[issue], issue))
        else:
            self._say(issue, Fate.EXPIRED if stands is Standing.EXPIRED else Fate.HELD)
        return False

    def _send(self, campaign: Campaign, *, late: bool) -> bool:
        issue = campaign.issue
        before = _reached(count_deliveries(self._store, issue))
        try:
            self._refuse(campaign, late=late)
            self._carry(campaign)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and the others get their turn
            _LOG.debug("%s could not be sent", issue, exc_info=True)
            moved = _reached(count_deliveries(self._store, issue)) > before
            self._failed(issue, explained(error), moved=moved)
            return False
        counts = count_deliveries(self._store, issue)
        if self._stop.asked and counts.waiting:
            self._say(issue, Fate.STOPPED)
            return False
        unschedule_campaign(self._store, issue)
        self._failures.pop(issue, None)
        self._say(issue, Fate.SENT)
        return counts.complete and not campaign.left_out

    def _refuse(self, campaign: Campaign, *, late: bool) -> None:
        """Raise DecisionNeeded when the records show, or the clock, that this state may not know all."""
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

    def _failed(self, issue: str, error: NewsletterError, *, moved: bool) -> None:
        """What may mend itself is tried again. Anything else is for a person: each try could leave some unknown."""
        if _is_for_good(error) or (moved and not self._stop.asked and not isinstance(error, Unreachable)):
            hold_campaign(self._store, issue)
            self._say(issue, Fate.HELD, error)
        elif self._stop.asked:
            self._say(issue, Fate.STOPPED, error)
        else:
            rest = min(_REST_S * 2 ** self._failures[issue], _LONGEST_REST_S)
            self._failures[issue] += 1
            self._rests_until[issue] = self._clock.now() + timedelta(seconds=rest)
            self._say(issue, Fate.LATER, error)

    def _rests(self, issue: str) -> bool:
        if issue not in self._rests_until:
            return False
        left = (self._rests_until[issue] - self._clock.now()).total_seconds()
        return 0 < left <= _LONGEST_REST_S  # more is left only when the clock was set back

    def _say(self, issue: str, fate: Fate, error: NewsletterError | None = None) -> None:
        what = (fate, error.message if error else None)
        known = self._told.get(issue)
        # That it is held was said with the reason.
        if known != what and not (known and fate is Fate.HELD is known[0]):
            self._told[issue] = what
            self._tell(issue, fate, error)


def _reached(counts: Counts) -> int:
    return counts[State.ACCEPTED] + counts[State.REFUSED] + counts[State.UNKNOWN]


def _is_for_good(error: NewsletterError) -> bool:
    """Is there no use in trying again by itself? A wrong password, tried every minute, locks the account."""
    if isinstance(error, Unreachable):
        return error.code is not None and error.code // 100 == 5
    return isinstance(error, TooManyRefused | SenderBlocked | SenderRefused | TooLate)
