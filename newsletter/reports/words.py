"""Figures in words, the same in the terminal and on the page."""

from collections.abc import Mapping

from newsletter.ledger.states import ANSWERED, Counts, State
from newsletter.mail.message import reply_line
from newsletter.reports.replies import Reply
from newsletter.subscribers.feedback_events import EventKind
from newsletter.text import format_count

_ALWAYS = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN, State.PENDING, State.SUPPRESSED)

MEANINGS = {
    State.ACCEPTED: "the mail server took it",
    State.REFUSED: "the server will not have it",
    State.DEFERRED: "the server will not have it now",
    State.UNKNOWN: "its text was under way when the connection or the program ended",
    State.PENDING: "its turn has not come",
    State.SUPPRESSED: "the reader asked to leave, or can't be reached",
    State.SENDING: "it is under way this moment",
    State.CANCELLED: "an editor cancelled it",
}


_SINCE = {
    EventKind.HARD: "hard bounce",
    EventKind.SOFT: "soft bounce",
    EventKind.BLOCKED: "refused because of the sender",
    EventKind.COMPLAINED: "complaint",
    EventKind.UNSUBSCRIBED: "unsubscribe",
}


def balance(counts: Counts) -> str:
    """One line: list = accepted + refused + ... A state nobody is in is named only when it always belongs."""
    shown = shown_states(counts)
    return f"{counts.total:,} on the list = " + " + ".join(f"{counts[state]:,} {state}" for state in shown)


def shown_states(counts: Counts) -> list[State]:
    """The states that a balance names, in its order."""
    return [*_ALWAYS, *(state for state in (State.SENDING, State.CANCELLED) if counts[state])]


def domain_states(counts: Counts) -> list[State]:
    """Return the states that a table of domains needs, so that each of its rows adds up to its readers."""
    return [*ANSWERED, *(state for state in State if state not in ANSWERED and counts[state])]


def since(answers: Mapping[EventKind, int]) -> str:
    """What came back since, in a line: `2 hard bounces, 1 complaint`; empty when nothing did."""
    plurals = {EventKind.BLOCKED: _SINCE[EventKind.BLOCKED]}
    return ", ".join(
        format_count(count, _SINCE[kind], plurals.get(kind, "")) for kind, count in answers.items() if count
    )


def said(reply: Reply) -> str:
    """The reply as one line: code, enhanced code and words, as far as there are any."""
    return reply_line(reply.code, reply.enhanced, reply.words)


def lasted(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 12 s`, `2 h 5 min`, `3 days 2 h`: what a person would say of that time."""
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", 1, "s")
    if whole < 86_400:
        return _two(whole, 3600, "h", 60, "min")
    return _two(whole, 86_400, "days" if whole >= 2 * 86_400 else "day", 3600, "h")


def took(milliseconds: int) -> str:
    """How long an answer took: `40 ms`, `1.2 s`, `2 min 5 s`."""
    return f"{milliseconds:,} ms" if milliseconds < 1000 else lasted(milliseconds / 1000)


def pace(per_second: float | None) -> str:
    """A rate in messages a second, or a minute when it is slow; empty when the time was too short to say."""
    if per_second is None:
        return ""
    if per_second < 1:
        return f"{per_second * 60:.1f} a minute"
    return f"{per_second:,.0f} a second" if per_second >= 10 else f"{per_second:.1f} a second"


def share(count: int, total: int) -> str:
    """A percentage that says 100 only of all, and 0 only of none."""
    if count in (0, total):
        return "100%" if count else "0%"
    percent = 100 * count / total
    return "< 0.1%" if percent < 0.1 else f"{min(percent, 99.9):.1f}%"


def others(domains: int) -> str:
    return format_count(domains, "other domain")


def _two(value: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = value % large // small
    return f"{value // large} {large_name}" + (f" {rest} {small_name}" if rest else "")
