"""Feedback events: what subscribers, mail servers and editors said of a subscriber."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import Instant
from newsletter.issue_name import IssueName
from newsletter.store.events import count_by_kind
from newsletter.subscribers.reasons import Reason


class EventKind(StrEnum):
    """Kinds of what was said."""

    UNSUBSCRIBED = "unsubscribed"
    RETURNED = "returned"  # wants mail again: took an unsubscribe back, or says that a bounced address works
    REASON = "reason"  # why they left, in their words
    HARD = "hard bounce"
    SOFT = "soft bounce"
    BLOCKED = "blocked"  # the server refuses the sender, and not this subscriber
    COMPLAINED = "complained"
    SIGNED_UP = "signed up"
    REMOVED = "removed"  # an editor took the row out of the list
    SUPPRESSED = "suppressed"  # an editor wants nothing sent there
    ALLOWED = "allowed"  # an editor has lifted every suppression
    ASKED = "asked to confirm"  # a mail in their name wants to leave, and may be anybody's
    PAUSED = "paused"  # wants nothing until a moment, which is in the evidence as `until`
    RESUMED = "resumed"  # a pause is over: its time has come, or they said so
    ADDRESS_CHANGED = "address changed"  # of both addresses
    UNCONFIRMED = "unconfirmed"  # was asked whether they still want it, and has not answered in time
    KEPT = "kept"  # they get it after all: they answered late, or an editor has undone that
    UNDONE = "undone"  # an editor has undone a reading of the inbox: its bounces are not believed


# What subscribers and their servers say of an issue that they got.
ANSWERS = (EventKind.HARD, EventKind.SOFT, EventKind.BLOCKED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED)
# By these a suppression is lifted; signing up, which anybody may, lifts none.
LIFTING = (EventKind.RETURNED, EventKind.ALLOWED, EventKind.UNDONE, EventKind.KEPT)


class SuppressionKind(StrEnum):
    """Kinds of suppression. Several may hold at once, and each is lifted for itself."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"  # ends by itself
    MOVED = "moved"  # this address is given up for another one
    UNCONFIRMED = "unconfirmed"  # did not say that they still want it


# The suppression that each kind of event makes, a soft bounce when it is one too many.
SUPPRESSING: Mapping[str, SuppressionKind] = {
    EventKind.UNSUBSCRIBED: SuppressionKind.UNSUBSCRIBED,
    EventKind.HARD: SuppressionKind.BOUNCED,
    EventKind.SOFT: SuppressionKind.BOUNCED,
    EventKind.COMPLAINED: SuppressionKind.COMPLAINED,
    EventKind.SUPPRESSED: SuppressionKind.SUPPRESSED,
    EventKind.PAUSED: SuppressionKind.PAUSED,
    EventKind.UNCONFIRMED: SuppressionKind.UNCONFIRMED,
}


class EventSource(StrEnum):
    """Places where an event was said."""

    ONE_CLICK = "one-click"  # a mail client's button (RFC 8058)
    PAGE = "page"  # the service's page
    MAIL = "mail"  # the inbox
    EDITOR = "editor"  # a command
    TIME = "time"  # nobody: its moment has come


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing said about one subscriber, who is named by key.

    `issue` is the one that it is about, `said_at` when it was said (None: now; of a mail, when it was received).
    `evidence` are words by name that show later why this was believed: `code`, `words`, `message` and others.
    `reason` is that of a bounce, where the kind alone does not say it, `stage` the command that a server refused, and
    `batch` names the run in which many were recorded at one time. `everywhere`: it was said of all publications of the
    database, and not of one.
    """

    subscriber: SubscriberKey
    kind: EventKind
    source: EventSource
    issue: IssueName | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    said_at: Instant | None = None
    reason: Reason | None = None
    stage: str = ""
    batch: str = ""
    everywhere: bool = False


def count_answers(connection: Connection, issue: IssueName) -> dict[EventKind, int]:
    """Return how many recipients of the issue have answered it in each way of ANSWERS and not taken it back since."""
    found = count_by_kind(connection, issue, unless={EventKind.UNSUBSCRIBED: (EventKind.RETURNED, EventKind.ALLOWED)})
    return {kind: found.get(kind, 0) for kind in ANSWERS}
