"""The throttle: lets messages and connections go as fast as the server bears, by what came of earlier ones."""

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

from newsletter.backends import Limits
from newsletter.mail.reply_concern import Concern
from newsletter.throttle.advice import Advice, Evidence
from newsletter.throttle.common_limits import Common, CommonLimits, Told
from newsletter.throttle.connection_limit import ConnectionLimit
from newsletter.throttle.departures import Departures
from newsletter.throttle.estimate import estimate_seconds
from newsletter.throttle.greylisting import Greylisting
from newsletter.throttle.holds import Hold, describe_hold
from newsletter.throttle.learned import LearnedLimits
from newsletter.throttle.quota import HOUR_S
from newsletter.throttle.session_length import SessionLength
from newsletter.throttle.session_refusals import SessionRefusals

__all__ = ["HOUR_S", "Throttle"]

# A reader whom the server's trouble hit is tried again, after twice as long each time.
_TROUBLE_RETRY_S, _LONGEST_TROUBLE_RETRY_S = 0.3, 10.0
_TRIES_UNCOUNTED = 8  # put off so often while others are accepted, it is about this reader
_MOST_UNCOUNTED = 24  # and so often in any case
_TRIES_BESIDE_OTHERS = 2  # put off so often while so many others were accepted, it is about this reader as well
_MANY = 20
_SMOOTHED, _MOST_TIMES = 20, 2.0  # answers, for the seconds that one usually takes, in which no late one counts more
_TO_SENDER = (Concern.RATE, Concern.QUOTA, Concern.HEALTH)


class Throttle:
    """A limit on departures and connections, by what came of earlier ones.

    Times are seconds of one clock that only goes forward; `now` is never less than in the call before. `recent` are
    times within the last hour at which messages left already, for the limit by the hour. `learned` is what an earlier
    send found out about this server. A moment of the clock plus `wall_clock_shift` is seconds since 1970.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        now: float,
        recent: Iterable[float] = (),
        learned: LearnedLimits | None = None,
        wall_clock_shift: float = 0.0,
    ) -> None:
        learned = learned or LearnedLimits()
        self._departures = Departures(limits, now, recent, learned, wall_clock_shift)
        self._connections = ConnectionLimit(limits.connections, learned.connections, now, is_known=learned.is_known)
        self._common_limits = CommonLimits(self._departures, self._connections)
        self._session_length = SessionLength(limits.per_connection, learned.session_length)
        self._session_refusals = SessionRefusals()
        self._greylisting = Greylisting(learned.greylisting_s)
        self._evidence: dict[str, Evidence] = {name: Evidence(reply=line) for name, line in learned.evidence.items()}
        self._took_s = learned.took_s or 0.0
        self._accepted: deque[float] = deque(maxlen=_MANY)

    @property
    def rate(self) -> float | None:
        """Messages a second at most; None without a limit."""
        return self._departures.rate.per_second

    # Departures

    def find_next_departure(self, now: float) -> float:
        """Return the time at which the next message may leave; infinity until something else is recorded."""
        return self._departures.find_next(now)

    def count_room(self, now: float, seconds: float) -> int | None:
        """Return how many may leave within the next seconds; None without a limit."""
        return self._departures.count_room(now, seconds)

    def record_departure(self, now: float) -> None:
        """Count a message that was handed over."""
        self._departures.record_departure(now)

    def set_share(self, messages: int | None, connections: int) -> None:
        """Let only so many messages leave before this is called again, over so many connections.

        It is for one of several workers, who keep the server's limits together. None is no limit of messages.
        """
        self._departures.set_share(messages)
        self._connections.set_most(connections)

    def tell(self) -> Told:
        """Return what this one of several workers has found out since it last heard of the others."""
        return self._common_limits.tell()

    def hear(self, now: float, common: Common, workers: int, *, raises: bool, stopped: bool, told: Told) -> None:
        """Go by what any of so many workers has found out, after this one has `told` its part.

        One of them `raises` the rate for all. While another finds out when the server takes mail again, this one is
        `stopped`.
        """
        self._common_limits.hear(now, common, workers, raises=raises, stopped=stopped, told=told)

    @property
    def is_adapted(self) -> bool:
        """Return whether the rate is limited by what the server showed."""
        return self._departures.rate.is_learned

    @property
    def is_stopped(self) -> bool:
        """Return whether a rate or a quota is used up, and single messages find out when mail is taken again.

        The server's own trouble is not meant: it may be this machine's way to it, and others may get through.
        """
        return self._departures.stoppage is not None and self._departures.stopped_by is not Concern.HEALTH

    @property
    def share_left(self) -> int:
        """Return how many messages of the share may still leave."""
        return self._departures.share or 0

    # What came back

    def record_acceptance(self, now: float, took: float = 0.0, waited: float | None = None) -> None:
        """Count a message that was accepted `took` seconds after it left.

        `waited` is how long before its departure its reader was first put off, None at a first try.
        """
        self._took_s = self._took_s or took
        usual = min(took, _MOST_TIMES * self._took_s)
        self._took_s += (usual - self._took_s) / _SMOOTHED
        self._accepted.append(now)
        self._departures.record_acceptance(now, now - took)
        if waited is not None or self._greylisting.is_watched:
            self._greylisting.record_acceptance(waited)

    def record_refusal(
        self,
        now: float,
        concern: Concern,
        evidence: Evidence,
        *,
        took: float = 0.0,
        session_carried: int = 0,
        waited: float | None = None,
        put_off: int = 0,
    ) -> Advice:
        """Count a message that was refused or put off, and return what to do about it.

        `took` and `waited` are as in record_acceptance; `session_carried` is how many messages its connection had had
        accepted before, and `put_off` how often its reader was put off without its counting as a try. For the server's
        health that is how often it was for that.
        """
        departures, departed = self._departures, now - took
        if evidence.is_for_now and concern in (Concern.READER, *_TO_SENDER) and self._is_greylisted(evidence, waited):
            departures.record_other(departed)
            return Advice(retry_reader_at=self._greylisting.find_retry(now, waited))
        if concern in _TO_SENDER:
            if self._is_about_reader(concern, put_off) or (
                concern is Concern.HEALTH and put_off >= _TRIES_BESIDE_OTHERS and self._is_left_over(departed, waited)
            ):
                departures.record_other(departed)
                return Advice(counts_against_reader=True)
            departures.record_refusal(now, departed, concern, evidence.wait_s)
            self._evidence["rate" if concern is not Concern.HEALTH else "outage"] = evidence
            if concern is Concern.HEALTH:
                is_stopped = departures.stoppage is not None
                wait = 0.0 if is_stopped else min(_TROUBLE_RETRY_S * 2.0**put_off, _LONGEST_TROUBLE_RETRY_S)
                # A session that got nothing but this is given up: another may come to another machine.
                return Advice(keep_session=session_carried > 0, retry_reader_at=now + wait)
            return Advice()
        departures.record_other(departed)
        if concern is Concern.CONNECTION:
            self._session_length.record_ended(session_carried)
            self._evidence["session_length"] = evidence
            return Advice(keep_session=False)
        if concern is Concern.CONNECTIONS:
            self._evidence["connections"] = evidence
            if self._connections.give_up(now, session_carried):
                return Advice(keep_session=False)
            if self._connections.open < 2:  # there are no others of ours: it is as good as a rate
                departures.record_refusal(now, departed, Concern.RATE, evidence.wait_s)
            return Advice(retry_reader_at=now + _TROUBLE_RETRY_S)
        return Advice(counts_against_reader=concern in (Concern.READER, Concern.PERHAPS_STANDING))

    def _is_left_over(self, departed: float, waited: float | None) -> bool:
        """Return whether many were accepted since a reader was first put off, and now nearly all or nearly none are.

        The first is a healthy server; the second is one whose remaining readers are all of this kind, such as those of
        a domain that it can't look up.
        """
        if waited is None or len(self._accepted) < _MANY or self._accepted[0] <= departed - waited:
            return False
        return self._departures.stoppage is not None or self._departures.accepts_most

    def _is_about_reader(self, concern: Concern, put_off: int) -> bool:
        """Return whether a reply that a reader has got several times is about them.

        By a rate anybody may be refused often, and whoever probes while a window is used up. In an outage a reader is
        tried so often only when hardly anybody else is left; then minutes are right as well.
        """
        if concern is Concern.HEALTH:
            return put_off >= (_TRIES_UNCOUNTED if self._departures.accepts_most else _MOST_UNCOUNTED)
        return put_off >= _MOST_UNCOUNTED and self._departures.accepts_most

    def record_no_answer(self, now: float, took: float) -> None:
        """Count a message that was given back, or whose connection was lost before its reply."""
        self._departures.record_other(now - took)

    def _is_greylisted(self, evidence: Evidence, waited: float | None) -> bool:
        if not self._greylisting.is_meant(evidence, waited):
            return False
        self._evidence["greylisting_s"] = evidence
        return True

    # Connections

    def find_next_connection(self, now: float, open: int) -> float:  # noqa: A002  # how many are open
        """Return when one connection more may be opened; infinity while `open` is all there may be.

        `open` includes those that are being opened.
        """
        if open and self._departures.stoppage is not None:
            return inf
        return self._connections.find_next(now, open)

    def record_connected(self, now: float) -> None:
        """Count a connection that is open and ready for messages."""
        self._connections.record_connected(now)

    def record_connection_refused(self, now: float, concern: Concern, evidence: Evidence) -> None:
        """Count a connection that could not be opened; `evidence` has a reply where there was one."""
        is_too_many = concern is Concern.CONNECTIONS
        if is_too_many:
            self._evidence["connections"] = evidence
        self._connections.record_refused(now, is_too_many=is_too_many)

    def record_connection_lost(self, now: float, carried: int, evidence: Evidence) -> None:
        """Count a connection that the other side ended, after it had `carried` so many messages."""
        del now
        self._connections.record_ended()
        self._session_length.record_ended(carried)
        if self._session_length.learned == carried:
            self._evidence["session_length"] = evidence

    def record_connection_closed(self, now: float, carried: int) -> None:
        """Count a connection that this side ended."""
        del now
        self._connections.record_ended()
        self._session_length.record_closed(carried)

    @property
    def session_length(self) -> int | None:
        """Return after how many messages a connection is to be closed; None for no such limit."""
        return self._session_length.find()

    def begin_session(self) -> int | None:
        """Return after how many messages a connection is to be closed that is open now; None for no such limit."""
        return self._session_length.begin_session()

    def record_announced_length(self, messages: int) -> None:
        """Take in how many messages a session may carry, as the server says in reply to EHLO (RFC 9422, MAILMAX)."""
        self._session_length.record_announced(messages)

    @property
    def session_refusals(self) -> int:
        """Return after how many messages refused in a row a connection is to give way to a new one."""
        return self._session_refusals.most

    def find_slow(self) -> float:
        """Return after how many seconds without an answer a session has turned slow."""
        return self._session_refusals.find_slow(self._took_s)

    def record_slow(self, refused: int) -> None:
        """Count a session that has turned slow after it refused so many messages in a row."""
        self._session_refusals.record_slow(refused)

    # Second tries

    def find_retry(
        self,
        now: float,
        tries: int,
        waits: Sequence[float],
        evidence: Evidence,
    ) -> float | None:
        """Return when a reader is tried again of whom a try was counted now; None when it was the last.

        `tries` is how many came before this one, and `waits` the seconds that an editor wants between them. A server
        that says how long to wait is believed, up to the editor's own wait.
        """
        if tries >= len(waits):
            return None
        return now + min(evidence.wait_s or waits[tries], waits[tries])

    @property
    def greylisting_s(self) -> float | None:
        """Return after how many seconds a second try is accepted, while first ones are not; None when not so."""
        return self._greylisting.wait_s

    # What a person sees, and what is kept

    def describe_hold(self, now: float) -> Hold | None:
        """Return what holds the send now; None when nothing does."""
        return describe_hold(self._departures, self._connections.learned, self._greylisting, self._evidence, now)

    def estimate(self, now: float, left: int) -> float | None:
        """Return how many seconds it takes until `left` messages are delivered; None while that is not known."""
        return estimate_seconds(self._departures, now, left)

    def learned(self, now: float) -> LearnedLimits:
        """Return what is known about the server by now."""
        del now
        departures = self._departures
        return LearnedLimits(
            rate=departures.rate.in_all if departures.rate.is_learned else None,
            quotas=departures.learned_quotas(),
            connections=self._connections.in_all,
            session_length=self._session_length.learned,
            greylisting_s=self._greylisting.wait_s,
            took_s=self._took_s,
            evidence={name: evidence.line for name, evidence in self._evidence.items()},
        )
