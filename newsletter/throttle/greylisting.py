"""Greylisting: first tries are put off, and second ones are accepted after a time that is learned."""

import re

from newsletter.throttle.advice import Evidence
from newsletter.throttle.stoppage import find_margin

_WORDS = re.compile(r"gr[ea]y[ -]?list", re.IGNORECASE)
_FIRST_TRIES = 10  # put off, and none accepted: no chance
_AFTER = 5  # first tries put off although a second one was accepted: it is not over, as an outage would be
# Times that postgrey, Rspamd, SQLgrey, milter-greylist and Exchange's like use, and some between them.
_SCOUTS_S = (
    1, 2, 3, 5, 7, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480, 600, 900, 1200, 1800,
    3600,
)  # fmt: skip
_LONGEST_S = 310.0  # for whoever is no scout: postgrey's default and a little


class Greylisting:
    """What is known of greylisting. `wait_s` is the time after which second tries are accepted, None while unknown.

    It shows in the words of a reply, or by this: no first try has ever been accepted, second ones are. The first
    readers who are put off are scouts: each is tried again after another time, and the first who is accepted shows it
    for all others.
    """

    def __init__(self, learned: float | None) -> None:
        self.wait_s = learned
        self.evidence: Evidence | None = None
        self.is_suspected = learned is not None
        self._has_accepted_first = False
        self._refused_s = 0.0  # the longest wait that was too short
        self._first_refused = self._refused_after = 0
        self._second_accepted_s: float | None = None
        self._scouts = 0

    @property
    def is_watched(self) -> bool:
        """Return whether accepted first tries say something."""
        return self.is_suspected or not self._has_accepted_first

    def is_meant(self, evidence: Evidence, waited: float | None) -> bool:
        """Return whether a reply that puts a reader off is greylisting's; `waited` is None at a first try."""
        if _WORDS.search(evidence.reply):
            self.is_suspected = True
            self.evidence = evidence
            return True
        if waited is None and not self._has_accepted_first:
            self._first_refused += 1
            self._refused_after += self._second_accepted_s is not None
            if self._first_refused >= _FIRST_TRIES and self._refused_after >= _AFTER:
                self.is_suspected = True
                self.evidence = evidence
                self.wait_s = self.wait_s or self._second_accepted_s
        known = self.evidence
        return self.is_suspected and known is not None and (known.code, known.enhanced) == evidence[1:3]

    def find_retry(self, now: float, waited: float | None) -> float:
        """Return when a reader is tried again who is put off now."""
        if waited is not None:
            self._refused_s = max(self._refused_s, waited)
            if self.wait_s is not None and waited >= self.wait_s:
                self.wait_s = None  # it takes longer than was thought
        if self.wait_s is not None:
            return now + max(self.wait_s - (waited or 0.0), 0.5)
        if waited is not None:
            return now + next((s + find_margin(s) - waited for s in _SCOUTS_S if s > waited), _LONGEST_S)
        seconds = _SCOUTS_S[self._scouts] if self._scouts < len(_SCOUTS_S) else _LONGEST_S
        self._scouts += 1
        return now + seconds + find_margin(seconds)

    def record_acceptance(self, waited: float | None) -> None:
        """Count a message that was accepted; `waited` is as in Throttle.record_acceptance."""
        if waited is None:
            self._has_accepted_first = True
            return
        self._second_accepted_s = min(waited, self._second_accepted_s or waited)
        if self.is_suspected and (self.wait_s is None or self._refused_s < waited < self.wait_s):
            self.wait_s = waited
