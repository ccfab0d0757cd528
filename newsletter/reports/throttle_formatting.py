"""Formatting of what holds a send, of how long it will take, and of what was learned of a server, as words."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from newsletter.ledger.warm_up import WarmUpStep
from newsletter.text import format_count, remove_addresses
from newsletter.throttle.holds import HoldKind
from newsletter.throttle.learned import LearnedLimits, LearnedQuota

_NAMED_S = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86_400.0: "day"}
_UNITS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
# What follows the words of a hold that has an end, by its kind.
_ENDS = {
    HoldKind.QUOTA: "the next leave {at}",
    HoldKind.OUTAGE: "it is tried again {at}",
    HoldKind.GREYLISTING: "they are tried again {at}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit of a server in words, with the reply that it was concluded from, empty where it is not known."""

    name: str
    words: str
    evidence: str


def format_hold(kind: str, words: str, until: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Return what holds a send, as a sentence without its full stop.

    With an end that is a second or more away it says until when.
    """
    said = remove_addresses(words)
    if until is None or until - now < timedelta(seconds=1):
        return said
    ending = _ENDS.get(HoldKind(kind) if kind in list(HoldKind) else HoldKind.RATE, "more may leave {at}")
    return f"{said}; {ending.format(at=format_near_moment(until, now, zone))}"


def format_near_moment(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment as somebody who waits for it says it: `at 14:05:10`, `at 14:05`, `on 2026-12-01 at 09:00`."""
    local, here = moment.astimezone(zone), now.astimezone(zone)
    if local.date() != here.date():
        return f"on {local:%Y-%m-%d} at {local:%H:%M}"
    return f"at {local:%H:%M:%S}" if moment - now < timedelta(minutes=10) else f"at {local:%H:%M}"


def format_time_left(seconds: float) -> str:
    """Return about how long something takes, in its two largest units: `3 min 10 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(1, round(seconds))
    for unit, name, smaller, smaller_name in _UNITS:
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name} {rest} {smaller_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def format_warm_up(step: WarmUpStep, zone: tzinfo) -> str:
    """Return how far a server is warmed up, as a sentence."""
    if step.left:
        left = format_count(step.left, "message")
        return f"Warm-up: {left} may leave now, at sending {step.number} through this server."
    at = f"{step.next_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"Warm-up: the next sending through this server, with up to {2 * step.most:,} messages, may begin {at}."


def list_limit_lines(limits: LearnedLimits) -> list[LimitLine]:
    """Return what was learned of a server, a line for each limit."""
    said: list[tuple[str, str]] = []
    if limits.rate is not None:
        said.append(("rate", f"it takes {format_learned_rate(limits.rate)}"))
    said += [("quotas", _format_quota(quota)) for quota in limits.quotas]
    if limits.connections is not None:
        said.append(("connections", f"it takes {format_count(limits.connections, 'connection')} at once"))
    if limits.session_length is not None:
        said.append(("session_length", f"a connection carries {format_count(limits.session_length, 'message')}"))
    if limits.greylisting_s is not None:
        after = format_time_left(limits.greylisting_s)
        said.append(("greylisting_s", f"it puts off each first try, and takes a second one after {after}"))
    return [
        LimitLine(name=name, words=words, evidence=remove_addresses(_find_evidence(limits, name)))
        for name, words in said
    ]


def format_learned_rate(per_second: float) -> str:
    """Return a rate as a limit is spoken of: `14 messages a second`, `30 messages a minute`."""
    if per_second >= 1:
        return f"{per_second:,.0f} messages a second" if per_second >= 10 else f"{per_second:,.1f} messages a second"
    return f"{per_second * 60:,.3g} messages a minute"


def _find_evidence(limits: LearnedLimits, name: str) -> str:
    # A window is concluded from the replies that the rate is concluded from.
    return limits.evidence.get(name) or (limits.evidence.get("rate", "") if name == "quotas" else "")


def _format_quota(quota: LearnedQuota) -> str:
    named = _NAMED_S.get(quota.seconds)
    length = f"each {named}" if named else f"in {format_time_left(quota.seconds)}"
    return f"it takes {format_count(quota.count, 'message')} {length}"
