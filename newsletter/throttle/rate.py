"""The rate: messages a second at which departures are paced, found from what is accepted and what is refused."""

from collections import deque
from math import inf

from newsletter.throttle.chance import ChanceRefusals

_BURST_S = 0.05  # as much may leave at once as the rate gives in this time, so that timers can be coarse
_BELOW = 0.97  # of what was accepted: jitter on the way must not bring two of our seconds into one of the server's
_LOOK_BACK_S, _LOOK_BACK_MESSAGES = 1.0, 8  # servers count by the second; fewer messages measure nothing
_FIRST_CUT = 4  # one refusal among few answers cuts by a fifth, among many by its share
_STEP, _LONGEST_STEP = 0.05, 0.25  # of the rate; each step that is kept doubles the next, so that a new limit is found
_LONGEST_COARSE_STEP = 1.0  # from a guess, until the first refusal
_TRIAL_S, _TRIAL_MESSAGES = 1.1, 8  # a step is kept after this long without a refusal: servers count by the second
_REST_S, _LONGEST_REST_S = 2.0, 8.0  # between steps, longer each time that one was refused
_KNOWN_REST_S = 0.5  # below a rate that was accepted for long
_REST_MESSAGES = 60  # so that steps that are refused stay far below one message in twenty
_LONG_S = 5.0  # in which even a few messages measure a rate
_COARSE = 20  # messages: a measure of fewer is a guess, and more is tried at once
_ECHO_S = 1.0  # after a cut, what filled the server's second before it may still refuse a message
_DEEP = 0.75  # of the rate: so deep a fall, which another worker tells of, is a guess
_LOUD, _LOUD_SHARE = 5, 0.2  # so many refusals, and of so many answers, are no echo
_HELD = 0.3  # of the messages: if the rate holds fewer, something else limits, and the rate is none
_FIRST_GUESS = 20.0  # messages a second, when the first refusal comes before enough was accepted to measure
_MOST_MEASURED = 4096
_REMEMBERED = 200  # answers at one rate; of more the older ones count less and less


class Rate:
    """A pace of departures. `per_second` is None while nothing limits it; `ceiling` is never exceeded.

    It is cut by each refusal of a message that left after the last cut. It is raised in short steps: a step without a
    refusal is kept, and one with a refusal is taken back.
    """

    def __init__(self, ceiling: float | None, now: float, learned: float | None = None) -> None:
        self.ceiling = ceiling
        self.per_second = ceiling if learned is None else min(learned, ceiling or learned)
        self._slot = now
        self._accepted: deque[float] = deque(maxlen=_MOST_MEASURED)
        self._measured_from = now
        self._began_at = now  # of the present rate: older departures say nothing about it
        self._answered = self._refused = 0
        self._left = self._held = 0  # messages that left, and those of them that the rate had held
        self._before_step: float | None = None
        self._echoes_until = now
        self._refused_at = -inf
        self._refused_rate = 0.0  # at which the last refusal came: up to it, an accepted step proves nothing new
        self._step, self._longest_step = _STEP, _LONGEST_STEP
        self._rest_s = 0.0
        self.chance = ChanceRefusals()
        self.workers = 1  # that share the server's rate; this is the rate of one of them
        self._raises = True  # whether it is this one of them who tries more

    @property
    def in_all(self) -> float | None:
        """Return the rate of all workers together."""
        share = self._find_share()
        return None if share is None else share * self.workers

    @property
    def in_all_proven(self) -> float | None:
        """Return the rate of all workers together, without a step that is on trial."""
        return None if self.proven is None else self.proven * self.workers

    @property
    def is_learned(self) -> bool:
        """Return whether the rate is limited by what the server showed."""
        return self.per_second is not None and self.per_second != self.ceiling

    def share(self, workers: int, *, raises: bool) -> None:
        """Be the rate of one of so many workers, of whom one `raises` it for all."""
        self._raises = raises
        if workers == self.workers:
            return
        part = self.workers / workers
        self.workers = workers
        self._refused_rate *= part
        self.ceiling = None if self.ceiling is None else self.ceiling * part
        self._before_step = None if self._before_step is None else self._before_step * part
        self.per_second = None if self.per_second is None else self.per_second * part

    def follow(self, now: float, per_second: float | None) -> None:
        """Go by what another of the workers found out; a lower rate is one at which it was refused."""
        before = self.proven
        self._before_step = None
        if per_second is not None and (before is None or per_second < _DEEP * before):
            self._search_coarsely()
        elif per_second is not None and before is not None and per_second < before:
            self._note_cut(now, before)
        self._change(now, per_second)

    def _search_coarsely(self) -> None:
        self._refused_rate = 0.0
        self._step, self._longest_step, self._rest_s = 2 * _STEP, _LONGEST_COARSE_STEP, 0.0

    def find_next_departure(self, now: float) -> float:
        """Return when the next message may leave."""
        return now if self.per_second is None else max(now, self._slot - _BURST_S)

    def record_departure(self, now: float) -> None:
        """Count a message that leaves."""
        if self.per_second is not None:
            self._left += 1
            self._held += self._slot > now
            self._slot = max(self._slot, now) + 1 / self.per_second

    def record_acceptance(self, now: float, departed: float) -> None:
        """Count a message that was accepted, and raise the rate when it is time."""
        if not self._accepted:
            self._measured_from = departed
        self._accepted.append(now)
        if departed < self._began_at:
            return
        self._answered += 1
        if self._answered >= _REMEMBERED:
            self._answered, self._refused = self._answered // 2, self._refused // 2
        if self._before_step is None:
            self.chance.count(refused=False)
        if self.per_second is None:
            return
        if self.per_second != self.ceiling:
            self._consider_step(now)

    def record_refusal(self, now: float, departed: float) -> bool:
        """Count a message that was refused by rate, and cut the rate. Return False when it left before the last cut."""
        if departed < self._began_at:
            return False
        self._answered += 1
        self._refused += 1
        if self.chance.explains(self._answered, self._refused, is_limited=self.per_second is not None):
            return True
        if self.chance.share and self._before_step is None:
            self.chance.refute()
        before = self._find_share() or 0.0
        if self._before_step is None:
            self.chance.count(refused=True)
            self.chance.begin(before or max(self.measure(now), _FIRST_GUESS), self.per_second)
        if self.per_second is None:
            self._change(now, max(self.measure(now), _FIRST_GUESS) * _BELOW)
        elif self._before_step is not None:
            # What was accepted beyond the former rate is owed: a window that is full would refuse the next as well.
            owed = (self._answered - self._refused) * (1 - self._before_step / self.per_second)
            self._change(now, self._before_step)
            self._slot += owed / self._before_step
        elif now < self._echoes_until and not self._is_loud():
            self._began_at = now
            self._slot = max(self._slot, now + _BURST_S) + 1 / self.per_second
            return True
        elif self.chance.is_shown(self.per_second):
            self._change(now, self.chance.before)
            return True
        else:
            cut = self.per_second * (1 - self._refused / (self._answered * self.workers + _FIRST_CUT)) * 0.99
            self._change(now, min(cut, self._measure_between_refusals(now)))
        self._slot = max(self._slot, now + _BURST_S) + 1 / (self.per_second or 1.0)
        self._refused_at = now
        self._before_step = None
        self._note_cut(now, before)
        return True

    def _note_cut(self, now: float, before: float) -> None:
        self._echoes_until = now + _ECHO_S
        self._refused_rate = before
        self._step, self._longest_step = _STEP, _LONGEST_STEP
        self._rest_s = min(max(_REST_S, 2 * self._rest_s), _LONGEST_REST_S)

    def _find_share(self) -> float | None:
        """Return the rate of each worker when a step, which one of them takes for all, is divided among them."""
        if self.per_second is None or self._before_step is None:
            return self.per_second
        return self._before_step + (self.per_second - self._before_step) / self.workers

    def _measure_between_refusals(self, now: float) -> float:
        """Return what was accepted since the last refusal: a bucket was empty both times."""
        if self.workers > 1:
            return inf  # others had a part of what the bucket held
        count = sum(moment > self._refused_at for moment in self._accepted)
        elapsed = now - self._refused_at
        if count < _LOOK_BACK_MESSAGES and elapsed < _LONG_S:
            return inf
        return max((count + 0.5) / elapsed * _BELOW, (self.per_second or 0.0) / 2)

    def _is_loud(self) -> bool:
        return self._refused >= _LOUD and self._refused > _LOUD_SHARE * self._answered

    def measure(self, now: float, look_back_s: float = _LOOK_BACK_S) -> float:
        """Return how many messages a second were accepted lately, by those of some seconds and by eight at least."""
        count, since = self._count_accepted(now, look_back_s)
        return count / max(now - since, _BURST_S)

    def _count_accepted(self, now: float, look_back_s: float) -> tuple[int, float]:
        """Return how many were accepted since when."""
        count = 0
        begin = max(self._measured_from, now - look_back_s)
        since = begin
        for moment in reversed(self._accepted):
            if moment <= self._measured_from or (moment < begin and count >= _LOOK_BACK_MESSAGES):
                break
            count += 1
            since = min(since, moment)
        if count < _LOOK_BACK_MESSAGES:
            since = self._measured_from
        return count, since

    def find_pace(self, now: float | None, opened_at: float) -> float | None:
        """Return how many messages a second were accepted lately, none before `opened_at`; None when few were.

        None for `now` is the moment of the last one, of a time in which nothing may leave.
        """
        if not self._accepted:
            return None
        end = self._accepted[-1] if now is None else now
        moments: list[float] = []
        for moment in reversed(self._accepted):
            if moment < opened_at or (moment < end - _LOOK_BACK_S and len(moments) > _LOOK_BACK_MESSAGES):
                break
            moments.append(moment)
        if len(moments) <= _LOOK_BACK_MESSAGES:
            return None
        if moments[-1] >= end - _LOOK_BACK_S >= opened_at:
            measured = len(moments) / _LOOK_BACK_S
        else:
            measured = (len(moments) - 1) / max(end - moments[-1], _BURST_S)
        return measured if self.per_second is None else min(measured, self.per_second)

    def begin_measuring(self, now: float) -> None:
        """Measure from now on: what was accepted before is about another time."""
        self._measured_from = now

    def can_measure(self, now: float, look_back_s: float) -> bool:
        """Return whether enough was accepted in the last seconds to say at what rate."""
        return self._count_accepted(now, look_back_s)[0] >= _LOOK_BACK_MESSAGES

    def set_measured(self, now: float, look_back_s: float) -> None:
        """Set the rate to what was accepted in the last seconds."""
        count, since = self._count_accepted(now, look_back_s)
        self.chance.end()
        self._change(now, count / max(now - since, _BURST_S) * _BELOW)
        self._slot = now + _BURST_S
        self._before_step = None
        self._refused_rate = 0.0
        if count < _COARSE or self.workers > 1:  # others had a part of what was accepted
            self._search_coarsely()
        else:
            self._step, self._longest_step, self._rest_s = _STEP, _LONGEST_STEP, _REST_S

    @property
    def proven(self) -> float | None:
        """Return the rate, without a step that is on trial."""
        return self.per_second if self._before_step is None else self._before_step

    def restore(self, now: float, per_second: float | None) -> None:
        """Go back to a former rate."""
        self._change(now, per_second)
        self._before_step = None

    def _change(self, now: float, per_second: float | None) -> None:
        if self.ceiling is not None:
            per_second = self.ceiling if per_second is None else min(per_second, self.ceiling)
        self.per_second = per_second
        self._slot = max(self._slot, now)
        self._began_at = now
        self._answered = self._refused = 0
        self._left = self._held = 0

    def _consider_step(self, now: float) -> None:
        per_second = self._find_share() or 0.0
        since = now - self._began_at
        answered = self._answered * self.workers  # the others' answers would have cut the rate as well
        if self._before_step is not None:
            if since < _TRIAL_S or answered < _TRIAL_MESSAGES:
                return
            if per_second >= self._refused_rate:
                self._step = min(2 * self._step, self._longest_step)
                self._rest_s = 0.0
            if self._held < _HELD * self._left:
                self._change(now, None if self.workers == 1 else per_second)
                self._before_step = None
                return
            if self._rest_s or not self._raises:
                self._change(now, per_second)
                self._before_step = None
                return
        elif not self._raises:
            return
        elif self._rest_s:
            is_known = per_second * (1 + self._step) < _BELOW * self._refused_rate
            if since < (_KNOWN_REST_S if is_known else self._rest_s):
                return
            if answered < (_TRIAL_MESSAGES if is_known else _REST_MESSAGES):
                return
        self._change(now, per_second * (1 + self._step * self.workers))
        self._before_step = per_second
