"""Departures of messages: paced by the rate, within quotas, and stopped while the server takes nothing."""

from collections.abc import Iterable
from math import inf

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.learned import LearnedLimits, LearnedQuota
from newsletter.throttle.quota import HourlyLimit, Quota
from newsletter.throttle.rate import Rate
from newsletter.throttle.stoppage import LOST_S, ROUNDING_S, Stoppage

_LIMITED_IN_A_ROW = 3  # messages that left one after another cut, all refused: the server takes nothing now
_REFUSED_TOGETHER = 8  # in a row, whenever they left: what was under way on ten connections is refused with the first
_TROUBLED_IN_A_ROW = 5  # with 3 % of refusals by chance, this happens once in forty million messages
_OVERLOADED = 0.25  # of the last answers: so much trouble is no chance, but too much for the server
_FEW = 0.1  # of the last answers: who is refused time after time then is meant
_REMEMBERED = 30  # answers
_SHORT_S = 1.5  # a stoppage by a rate is over within the second that servers count by; a longer one is a window's
_SECOND_S = 1.0  # servers count by it
_LOG_S = 0.5  # a server that takes nothing for so long has a second's messages on record, not a bucket that fills
_FIRST_PROBE_S = {Concern.RATE: 0.05, Concern.QUOTA: 1.0, Concern.HEALTH: 1.0}
# A server that recovers is to be noticed soon; most windows are of a round length, at whose end a probe leaves anyway.
_PROBE_GROWTH = {Concern.RATE: 0.2, Concern.QUOTA: 0.2, Concern.HEALTH: 0.08}
_LONGEST_PROBE_S = {Concern.RATE: 3600.0, Concern.QUOTA: 3600.0, Concern.HEALTH: 60.0}
_MOST_QUOTAS = 3
_BUCKET_AFTER = 2  # stoppages after which one of these was refused: no window opens, tokens come one by one
_FEELERS_REFUSED = 3  # of them; fewer may be chance
_FEELERS = 4  # messages after the first stoppage, before the rest: a bucket of tokens is still empty, a window is not


class Departures:
    """The limits on when messages leave. `stoppage` is the present one, None while the server takes messages."""

    def __init__(
        self,
        limits: Limits,
        now: float,
        recent: Iterable[float],
        learned: LearnedLimits,
        wall_clock_shift: float,
    ) -> None:
        self.rate = Rate(limits.per_second, now, learned.rate)
        self.hourly = HourlyLimit(limits.per_hour, recent) if limits.per_hour else None
        self.quotas = [_restore_quota(quota, now, wall_clock_shift) for quota in learned.quotas]
        self.stoppage: Stoppage | None = None
        self.stopped_by = Concern.RATE
        self.accepted = 0
        self._is_mixed = False  # a window was used up, and there was trouble: when it opened is not known
        self.share: int | None = None  # messages that may leave until more are drawn; None: nobody shares
        self.is_held = False  # while another worker finds out when the server takes mail again
        self._workers = 1  # that share the server's quotas
        self._shift = wall_clock_shift
        self._in_a_row = self._together = 0
        self._row_began = self._refused_first_at = now
        self._rate_before_row: float | None = None
        self._refused_share = 0.0  # of the last answers
        self._trouble = 0.0  # the share of the last answers that were about the server's health
        self._opening: Quota | None = None  # whose new window the last of them begins
        self._feelers = 0  # that may leave, while it is not known how many more may
        self._feelers_out = 0
        self._feelers_since = now
        self._feelers_refused = 0
        self._false_openings = 0  # in a row: stoppages after which one of them was refused
        self._emptied_at = now  # when the first of those began
        self._cycle_began: float | None = None  # of what was accepted since the last long stoppage
        self._cycle_count = 0
        self._opened_at = now  # the last window, or the server after a stoppage
        self._pace_before: float | None = None  # in the window before
        self.is_free = False
        self._look()

    def find_next(self, now: float) -> float:
        """Return when the next message may leave; infinity while a probe is under way."""
        if self.is_free:
            return now
        if self.share == 0 or self.is_held:
            return inf
        if self.stoppage is not None:
            at = self.stoppage.find_next_departure(now)
        elif self._feelers_out and not self._feelers and now - self._feelers_since < LOST_S:
            return inf
        else:
            at = self.rate.find_next_departure(now)
            for quota in self.quotas:
                at = max(at, quota.find_next_departure(now))
        return at if self.hourly is None else max(at, self.hourly.find_next_departure(now))

    def count_room(self, now: float, seconds: float) -> int | None:
        """Return how many may leave within the next seconds; None without a limit."""
        if self.is_free:
            return None
        if self.find_next(now) > now + seconds:
            return 0
        if self.stoppage is not None:
            return 1
        rooms = [] if self.share is None else [self.share]
        if self.rate.per_second is not None:
            rooms.append(max(1, int(self.rate.per_second * seconds)))
        if self.hourly is not None:
            rooms.append(max(1, self.hourly.count_room(now)))
        rooms += [max(1, quota.count_room(now)) for quota in self.quotas if quota.is_kept]
        return min(rooms, default=None)

    def set_share(self, messages: int | None) -> None:
        """Let only so many messages leave until the next call."""
        self.share = messages
        self._look()

    def share_among(self, workers: int, *, raises: bool, stopped: bool) -> None:
        """Be the departures of one of so many workers; while another one's messages probe, it is `stopped`."""
        self.rate.share(workers, raises=raises)
        if workers != self._workers:
            for quota in self.quotas:
                quota.count = max(1, round(quota.count * self._workers / workers))
            self._workers = workers
        self.is_held = stopped
        self._look()

    def record_departure(self, now: float) -> None:
        """Count a message that leaves."""
        if self.is_free:
            return
        if self.share:
            self.share -= 1
        if self.hourly is not None:
            self.hourly.record_departure(now)
        if self.stoppage is not None:
            self.stoppage.record_departure(now)
            return
        if self._feelers:
            self._feelers -= 1
            self._feelers_out += 1
        self.rate.record_departure(now)
        for quota in self.quotas:
            if quota.record_departure(now):
                self._note_pace()
                self._opened_at = now
                # Clocks differ: the window may open a little later, which one message finds out.
                self._opening = quota
                self._feelers, self._feelers_out, self._feelers_since, self._feelers_refused = 0, 1, now, 0

    def record_acceptance(self, now: float, departed: float) -> None:
        """Count a message that was accepted."""
        self.accepted += 1
        self._cycle_count += 1
        if self._cycle_began is None:
            self._cycle_began = departed
        self.rate.record_acceptance(now, departed)
        if self.stoppage is not None and self.stoppage.is_probe(departed):
            self._resume(now, departed)
        else:
            for quota in self.quotas:
                quota.record_acceptance(departed)
        if self._refused_share > 0.0:
            self._trouble -= self._trouble / _REMEMBERED
            self._refused_share -= self._refused_share / _REMEMBERED
        self._together = 0
        if departed >= self._row_began:
            self._in_a_row = 0
        if self._note_feeler(departed):
            self._look_at_feelers()
        if not self.is_free:
            self._look()

    def record_refusal(self, now: float, departed: float, concern: Concern, wait: float | None = None) -> None:
        """Count a message that was refused by rate, by a quota or by the server's trouble."""
        if self.stoppage is not None:
            if self.stoppage.is_probe(departed):
                self.stoppage.record_refusal(now, wait)
                self._is_mixed = self._is_mixed or (concern is Concern.HEALTH) != (self.stopped_by is Concern.HEALTH)
            return
        was_feeler = self._note_feeler(departed)
        if was_feeler and self._opening is not None and concern is not Concern.HEALTH:
            self._opening.take_back(departed)
            self._opening = None
            return
        for quota in self.quotas:
            if quota.record_refusal(departed):
                return
        before = self.rate.proven
        self._refused_share += (1 - self._refused_share) / _REMEMBERED
        if concern is Concern.HEALTH:
            self._trouble += (1 - self._trouble) / _REMEMBERED
        if was_feeler and concern is not Concern.HEALTH:
            self._feelers_refused += 1
            if self._feelers_refused < _FEELERS_REFUSED:
                self._look_at_feelers()
                return
            self._feelers = self._feelers_out = 0  # what comes of the others says nothing more
            self._false_openings += 1
            if self._false_openings < _BUCKET_AFTER:
                self._refused_first_at = now
                self._stop(now, concern, wait)
                return
            self.rate.set_measured(now, max(_SECOND_S, 2 * (now - self._emptied_at)))
        if concern is not Concern.HEALTH or self._trouble > _OVERLOADED:
            counts = self.rate.record_refusal(now, departed)
        else:
            counts = True
        if counts and departed >= self._row_began:
            if not self._in_a_row:
                self._row_began = departed
                self._rate_before_row = before
                self._refused_first_at = now
            self._in_a_row += 1
        self._together += 1
        most = _TROUBLED_IN_A_ROW if concern is Concern.HEALTH else _LIMITED_IN_A_ROW
        if self._in_a_row >= most or (self._in_a_row and self._together >= _REFUSED_TOGETHER):
            self._stop(now, concern, wait)
        self._look()

    def record_other(self, departed: float) -> None:
        """Count a message whose reply says nothing of limits, or that got none."""
        self._note_feeler(departed)
        if self.stoppage is not None and self.stoppage.is_probe(departed):
            self.stoppage.release_probe()

    @property
    def accepts_most(self) -> bool:
        """Return whether most of the last messages were accepted."""
        return self.stoppage is None and self._refused_share < _FEW

    def find_pace(self, now: float) -> float | None:
        """Return how many messages a second leave while the present window is open, or left in the one before."""
        waits = self.stoppage is not None or any(quota.find_next_departure(now) > now for quota in self.quotas)
        return self.rate.find_pace(None if waits else now, self._opened_at) or self._pace_before or self.rate.per_second

    def _note_pace(self) -> None:
        self._pace_before = self.rate.find_pace(None, self._opened_at) or self._pace_before

    @property
    def is_end_unknown(self) -> bool:
        """Return whether nothing is taken, and no window is known whose end it is waited for."""
        return self.stoppage is not None and self._find_quota(self.stoppage.began) is None

    def learned_quotas(self) -> tuple[LearnedQuota, ...]:
        """Return the windows that are kept to."""
        return tuple(
            LearnedQuota(
                seconds=quota.seconds,
                count=quota.count * self._workers,
                opened_at=None if quota.began is None else quota.began + self._shift,
                used=quota.used * self._workers,
            )
            for quota in self.quotas
            if quota.is_kept
        )

    def _stop(self, now: float, concern: Concern, wait: float | None) -> None:
        self._note_pace()
        self.rate.chance.forget(self._in_a_row)
        self.stopped_by = concern
        self._is_mixed = False
        began = self._refused_first_at
        expected = None
        window_began = self._cycle_began if self._cycle_began is not None else began
        if wait is not None:
            expected = (now + wait, now + wait)
        elif (quota := self._find_quota(began)) is not None:
            window_began = quota.began or window_began
            expected = (window_began + quota.shut_s, window_began + quota.opens_after_s)
            if expected[0] < began:
                expected = None
        self.stoppage = Stoppage(
            began,
            first_s=_FIRST_PROBE_S[concern],
            growth=_PROBE_GROWTH[concern],
            longest_s=_LONGEST_PROBE_S[concern],
            window_began=window_began,
            expected=expected,
            wall_clock_shift=self._shift,
        )
        self._look()

    def _find_quota(self, at: float, opened: float | None = None) -> Quota | None:
        """Return the quota that was used up when a stoppage began."""
        used = [quota for quota in self.quotas if quota.is_used_up(at, opened)]
        return max(used, key=lambda quota: quota.used / quota.count, default=None)

    def _resume(self, now: float, departed: float) -> None:
        """Go on after a stoppage: at the former rate after trouble and after a window, else at what is accepted."""
        stoppage, self.stoppage = self.stoppage, None
        assert stoppage is not None  # noqa: S101  # for mypy
        self._in_a_row = self._together = 0
        self._row_began = departed
        gap = departed - stoppage.began
        is_window = self._is_mixed or (gap >= _SHORT_S and self._learn_window(stoppage, departed))
        if self._is_mixed:
            for quota in self.quotas:
                quota.begin(departed, 1)
        look_back = max(_SECOND_S, 2 * gap)
        is_measured = not is_window and self.rate.can_measure(now, look_back)
        if is_measured and self.stopped_by is not Concern.HEALTH:
            self.rate.set_measured(now, look_back)
        else:
            self.rate.restore(now, self._rate_before_row)
        self._feelers_out, self._feelers_since, self._feelers_refused, self._opening = 0, now, 0, None
        needs_feelers = self._rate_before_row is None or not is_measured
        self._feelers = _FEELERS if needs_feelers and self.stopped_by is not Concern.HEALTH else 0
        if self.stopped_by is Concern.HEALTH or self._is_mixed:
            self.rate.begin_measuring(departed)
        elif needs_feelers:
            if not self._false_openings:
                self._emptied_at = stoppage.began
            if departed - self._emptied_at < _LOG_S:
                # What a bucket of tokens held at first does not come again.
                self.rate.begin_measuring(self._emptied_at)
        if gap >= _SHORT_S:
            self._opened_at = departed
            self._cycle_began, self._cycle_count = departed, 1
        self._look()

    def _learn_window(self, stoppage: Stoppage, opened: float) -> bool:
        """Learn from a window that was used up; return False when it was none."""
        if (quota := self._find_quota(stoppage.began, opened)) is not None:
            quota.learn(stoppage.refused_at, opened)
            return True
        self.quotas = [kept for kept in self.quotas if kept.is_kept]
        count = self._cycle_count - 1  # but for the probe
        if self._cycle_began is None or not Quota.may_be(count):
            return False
        made = Quota(count, stoppage.refused_at - self._cycle_began, opened - self._cycle_began)
        made.begin(opened, 1)
        self.quotas = [*self.quotas[-_MOST_QUOTAS + 1 :], made]
        return True

    def _look_at_feelers(self) -> None:
        """Let the rest go once all feelers are answered, of which some may have been refused by chance."""
        if not self._feelers and not self._feelers_out:
            self._false_openings = 0
            self._opening = None
            self._look()

    def _note_feeler(self, departed: float) -> bool:
        is_feeler = self._feelers_out > 0 and departed >= self._feelers_since - ROUNDING_S
        self._feelers_out -= is_feeler
        return is_feeler

    def _look(self) -> None:
        limited = self.rate.per_second is not None or self.stoppage is not None or self.hourly is not None
        limited = limited or self.share is not None or self.is_held
        self.is_free = not limited and not self.quotas and not self._feelers


def _restore_quota(learned: LearnedQuota, now: float, wall_clock_shift: float) -> Quota:
    quota = Quota(learned.count, learned.seconds, learned.seconds, known=True)
    if learned.opened_at is not None and learned.opened_at - wall_clock_shift <= now:
        quota.begin(learned.opened_at - wall_clock_shift, learned.used)
    return quota
