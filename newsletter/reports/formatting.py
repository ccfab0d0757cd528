"""Formatting of figures as words, for the terminal and the page alike."""

from collections.abc import Mapping
from datetime import timedelta

from newsletter.clock import describe_duration
from newsletter.ledger.states import ANSWERED, Counts, State
from newsletter.mail.message import join_reply
from newsletter.reports.reply_counts import ReplyCount
from newsletter.subscribers.feedback_events import EventKind
from newsletter.text import format_count

_ALWAYS = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN, State.PENDING, State.SUPPRESSED)

MEANINGS = {
    State.ACCEPTED: "the mail server took it",
    State.REFUSED: "the server will not have it",
    State.DEFERRED: "the server will not have it now",
    State.UNKNOWN: "it was in hand when the connection or the program ended",
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


def format_balance(counts: Counts) -> str:
    """Return the balance in one line: list = accepted + refused + ..."""
    shown = list_shown_states(counts)
    return f"{counts.total:,} on the list = " + " + ".join(f"{counts[state]:,} {state}" for state in shown)


def list_shown_states(counts: Counts) -> list[State]:
    """Return the states that a balance names, in its order: rare ones only when somebody is in them."""
    return [*_ALWAYS, *(state for state in (State.SENDING, State.CANCELLED) if counts[state])]


def list_domain_states(counts: Counts) -> list[State]:
    """Return the states that a table of domains needs, so that each of its rows adds up to its readers."""
    return [*ANSWERED, *(state for state in State if state not in ANSWERED and counts[state])]


def format_feedback(answers: Mapping[EventKind, int]) -> str:
    """Return what came back later in one line: `2 hard bounces, 1 complaint`; empty when nothing did."""
    plurals = {EventKind.BLOCKED: _SINCE[EventKind.BLOCKED]}
    return ", ".join(
        format_count(count, _SINCE[kind], plurals.get(kind, "")) for kind, count in answers.items() if count
    )


def format_welcomed(count: int) -> str:
    """Return how many got the issue when they joined, and not by its campaign; nothing for none."""
    return f"{format_count(count, 'other reader')} got it as a welcome when they joined" if count else ""


def format_suppressed_elsewhere(counts: Mapping[str, int]) -> str:
    """Return who is suppressed because of another newsletter in one line; empty when nobody is."""
    told = {"bounced": "whose mail bounced in", "complained": "who marked as spam"}
    parts = [
        f"{format_count(count, 'reader')} {told[cause]} another newsletter of yours" for cause, count in counts.items()
    ]
    return f"Of the suppressed, {', '.join(parts)}" if parts else ""


def format_reply(reply: ReplyCount) -> str:
    """Return a reply as one line: code, enhanced code and words, as far as there are any."""
    return join_reply(reply.code, reply.enhanced, reply.words)


def format_seconds(seconds: float) -> str:
    """Return a measured time in words: `40 milliseconds`, `1.2 seconds`, `3 minutes and 12 seconds`."""
    return describe_duration(timedelta(seconds=seconds), measured=True)


def format_rate(per_second: float | None) -> str:
    """Return a rate in messages a second, or a minute when it is low; empty when the time was too short to say."""
    if per_second is None:
        return ""
    if per_second < 1:
        return f"{per_second * 60:.1f} a minute"
    return f"{per_second:,.0f} a second" if per_second >= 10 else f"{per_second:.1f} a second"


def format_share(count: int, total: int) -> str:
    """Return a percentage, which is 100 only for all and 0 only for none."""
    if count in (0, total):
        return "100%" if count else "0%"
    percent = 100 * count / total
    return "< 0.1%" if percent < 0.1 else f"{min(percent, 99.9):.1f}%"


def format_other_domains(domains: int) -> str:
    """Return how many domains are summed in one row."""
    return format_count(domains, "other domain")
