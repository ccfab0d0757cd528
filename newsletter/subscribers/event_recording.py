"""Recording of feedback events, and what follows from them.

Each event is kept with its time, its source and its evidence, and changes in the same transaction who must not be
mailed: an unsubscribe wins over any row of the list.

Of several publications in one database an unsubscribe is about its own alone, a bounce or a complaint about all, see
`counts_for_all`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import format_instant
from newsletter.store import Store, suppressions
from newsletter.store.engine import now, publication_of, storable
from newsletter.store.erased import find_erased, hold_off_erasing, is_erased, remove_erased
from newsletter.store.events import StoredEvent, add_events, find_last_said, list_events, list_said, remove_events
from newsletter.store.handled_mails import add_handled
from newsletter.store.suppression_rule import SHARED_CAUSES
from newsletter.store.timed_suppressions import suppress_until
from newsletter.subscribers.feedback_events import SUPPRESSING, Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.moved_addresses import follow_moves, follow_moves_everywhere
from newsletter.subscribers.reasons import Reason
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import format_count

_SECOND = len("2026-11-30T09:30:00")
# By these somebody is to be mailed again, whatever an older mail says.
_COMING_BACK = (EventKind.RETURNED, EventKind.ALLOWED, EventKind.SIGNED_UP)
# By this one only older bounces are void, and not what the subscriber wrote meanwhile.
_WORKING_AGAIN = (*_COMING_BACK, EventKind.UNDONE)
# What keeps a person from being mailed, whichever address they have; and what they want for the one they have now.
_ABOUT_A_PERSON = (EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.SUPPRESSED)
_WISHES = (EventKind.RETURNED, EventKind.REASON, EventKind.PAUSED, EventKind.RESUMED)
_BOUNCES = (EventKind.HARD, EventKind.SOFT, EventKind.BLOCKED)
# Suppressions that a subscriber lifts who wants the mail again: their own leaving, and that mail to them came back. A
# complaint and what an editor has entered, for whatever reason, stay.
_LIFTED_BY_RETURN = {SuppressionKind.UNSUBSCRIBED: EventKind.UNSUBSCRIBED, SuppressionKind.BOUNCED: EventKind.HARD}
# A soft bounce makes one only when it is one too many.
_CAUSES = {kind: cause for kind, cause in SUPPRESSING.items() if kind != EventKind.SOFT}
# Suppressions that are made, and can be undone, many at one time.
_IN_BATCHES = (SuppressionKind.BOUNCED, SuppressionKind.UNCONFIRMED)
_REASONS = {
    EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
    EventKind.COMPLAINED: Reason.COMPLAINT,
    EventKind.SUPPRESSED: Reason.MANUAL,
    EventKind.BLOCKED: Reason.BLOCKED_SENDER,
    EventKind.HARD: Reason.UNDETERMINED,
    EventKind.SOFT: Reason.UNDETERMINED,
}


@dataclass(frozen=True, slots=True)
class SoftRule:
    """The number of soft bounces, within how many days, at which an address counts as bounced. An issue counts once.

    Those of all publications of the database count together, since it is one mailbox.
    """

    bounces: int
    days: float


def record_events(
    store: Store,
    keys: SecretKeys | None,
    events: Sequence[Event],
    soft: SoftRule | None = None,
    handled: Sequence[str] = (),
) -> list[bool]:
    """Record events, all of them or none, durably, and that the mails of these keys were `handled`.

    Returns of each event whether it was news. What is known already adds nothing: an unsubscribe repeated a thousand
    times is one event. Nothing is kept of a person who was erased. `keys` know the erased; without keys nobody can have
    been.
    """
    with store.transaction() as connection:
        hold_off_erasing(connection)
        add_handled(connection, handled)
        told = _follow_moves(connection, events)
        every = [one for each in told for one in each]
        own = (EventSource.PAGE, EventSource.ONE_CLICK)
        if all(event.kind is EventKind.UNSUBSCRIBED and event.source in own for event in every):
            news = iter(_record_leaving(connection, keys, every))
        else:
            news = iter([record_event(connection, keys, event, soft) for event in every])
        return [sum(next(news) for _ in each) > 0 for each in told]


def would_suppress(store: Store, event: Event, soft: SoftRule) -> bool:
    """Return whether this soft bounce is one too many."""
    if event.kind is not EventKind.SOFT:
        return False
    with store.reading() as connection:
        return _softs(connection, event, soft) >= soft.bounces


class IgnoredBecause(StrEnum):
    """Reasons, in words, why an event is not recorded."""

    ERASED = "this person was erased, and nothing is kept of them"
    OLDER = "they wanted the mail again after it came"


def why_ignored(store: Store, keys: SecretKeys | None, event: Event) -> IgnoredBecause | None:
    """Return why this event would not be recorded; None when it would."""
    with store.reading() as connection:
        return _void(connection, keys, event)


_FOLLOW = {False: follow_moves, True: follow_moves_everywhere}


def _follow_moves(connection: Connection, events: Sequence[Event]) -> list[list[Event]]:
    """Return for each event those that follow from it, where its subscriber has another address by now.

    Who leaves by an old link leaves with each address that they had since; what else they want is about their present
    one. A bounce is about its own mailbox.
    """
    following = {
        everywhere: follow(connection, {event.subscriber for event in events})
        for everywhere, follow in {event.everywhere: _FOLLOW[event.everywhere] for event in events}.items()
    }
    told = []
    for event in events:
        addresses = following[event.everywhere].get(event.subscriber, [])
        if event.kind in _ABOUT_A_PERSON:
            told.append([event, *(replace(event, subscriber=address) for address in addresses)])
        elif addresses and event.kind in _WISHES:
            told.append([replace(event, subscriber=addresses[-1])])
        else:
            told.append([event])
    return told


def record_event(connection: Connection, keys: SecretKeys | None, event: Event, soft: SoftRule | None = None) -> bool:
    """Record one event within the caller's transaction, which holds off erasing; return whether it was news."""
    if _void(connection, keys, event):
        return False
    news = _apply(connection, keys, event)
    if event.kind is EventKind.SOFT and soft and _softs(connection, event, soft) >= soft.bounces:
        _suppress(connection, event, SuppressionKind.BOUNCED, format_count(soft.bounces, "soft bounce"))
    if news:
        add_events(connection, [_row(event)], everywhere=_is_about_all(event))
    return news


def counts_for_all(event: Event, cause: SuppressionKind) -> bool:
    """Return whether an event keeps its subscriber from being mailed by every publication of the database.

    A mailbox that is gone is gone for all of them, and who marks a mail as spam means its sender. Who unsubscribes
    means one newsletter, unless they say that it is everything.
    """
    return event.everywhere or cause in SHARED_CAUSES


def _is_about_all(event: Event) -> bool:
    """Return whether the event itself is no publication's own: what is about an issue belongs to the issue's."""
    return event.everywhere and event.issue is None


def _void(connection: Connection, keys: SecretKeys | None, event: Event) -> IgnoredBecause | None:
    if keys and event.kind is not EventKind.SIGNED_UP and is_erased(connection, keys.digest(event.subscriber)):
        return IgnoredBecause.ERASED
    if event.source is EventSource.MAIL:
        # To the second, which is all that a mailbox knows: of one second, the mail is the later one.
        bounced = event.kind in _BOUNCES
        kinds = _WORKING_AGAIN if bounced else _COMING_BACK
        back = find_last_said(connection, event.subscriber, kinds, of_all=bounced)[:_SECOND]
        said_at = format_instant(event.said_at) if event.said_at else now()
        return IgnoredBecause.OLDER if said_at[:_SECOND] < back else None
    return None


def _record_leaving(connection: Connection, keys: SecretKeys | None, events: Sequence[Event]) -> list[bool]:
    """Record unsubscribes as `record_event` does, in few statements: many leave at once when an issue has come."""
    digests = {event.subscriber: keys.digest(event.subscriber) for event in events} if keys else {}
    erased = find_erased(connection, list(digests.values()))
    words: dict[tuple[EventSource, bool], dict[SubscriberKey, str]] = {}
    for event in events:
        if digests.get(event.subscriber) not in erased:
            noted = storable(event.evidence.get("words", ""))
            words.setdefault((event.source, event.everywhere), {}).setdefault(event.subscriber, noted)
    new: set[tuple[bool, str]] = set()
    for (source, everywhere), said in words.items():
        found = suppressions.suppress_all(
            connection,
            said,
            SuppressionKind.UNSUBSCRIBED,
            everywhere=everywhere,
            reason=Reason.UNSUBSCRIBED,
            source=source,
        )
        new |= {(everywhere, subscriber) for subscriber in found}
    news = []
    for event in events:
        left = (event.everywhere, event.subscriber)
        news.append(left in new)
        new.discard(left)  # the first of a subscriber's is news
    told = [event for event, is_news in zip(events, news, strict=True) if is_news]
    for about_all in (False, True):
        rows = [_row(event) for event in told if _is_about_all(event) is about_all]
        add_events(connection, rows, everywhere=about_all)
    return news


def _apply(connection: Connection, keys: SecretKeys | None, event: Event) -> bool:
    """Change who must not be mailed; return False when the event says what is known already."""
    key = event.subscriber
    words = storable(event.evidence.get("words", ""))
    if event.kind is EventKind.PAUSED:
        until = event.evidence["until"]
        return suppress_until(connection, key, SuppressionKind.PAUSED, until, source=event.source)
    if event.kind is EventKind.RESUMED:
        return suppressions.unsuppress(connection, key, SuppressionKind.PAUSED)
    if event.kind in _CAUSES:
        entered = event.source is EventSource.EDITOR and not _entered_by_editor(connection, key, event.kind)
        new = _suppress(connection, event, _CAUSES[event.kind], words) or entered
        # A bounce or a complaint about another issue is news about that issue.
        return new or (event.kind is not EventKind.UNSUBSCRIBED and not _is_repeated(connection, event))
    if event.kind is EventKind.RETURNED:
        remove_events(connection, key, EventKind.REASON)
        lifted = [
            suppressions.unsuppress(connection, key, cause, everywhere=event.everywhere)
            for cause in (*kinds_lifted_by_return(connection, key), SuppressionKind.PAUSED, SuppressionKind.UNCONFIRMED)
        ]
        return any(lifted)
    if event.kind is EventKind.ALLOWED:
        if event.everywhere:
            return suppressions.unsuppress_by_all(connection, key)
        return suppressions.unsuppress(connection, key)
    if event.kind is EventKind.UNDONE:
        return suppressions.unsuppress(connection, key, SuppressionKind.BOUNCED)
    if event.kind is EventKind.KEPT:
        return suppressions.unsuppress(connection, key, SuppressionKind.UNCONFIRMED)
    if event.kind is EventKind.REASON:
        if SuppressionKind.UNSUBSCRIBED not in suppressions.list_causes(connection, key):
            return False
        remove_events(connection, key, EventKind.REASON)  # the last one counts
        return bool(words)
    if event.kind is EventKind.SIGNED_UP:
        if keys:
            remove_erased(connection, keys.digest(key))
        return True
    return event.kind not in (EventKind.SOFT, EventKind.BLOCKED) or not _is_repeated(connection, event)


def _suppress(connection: Connection, event: Event, kind: SuppressionKind, words: str) -> bool:
    """Suppress for an event, with its reason, stage, source and batch; return whether that was news."""
    return suppressions.suppress(
        connection,
        event.subscriber,
        kind,
        words,
        everywhere=counts_for_all(event, kind),
        reason=_reason_of(event),
        stage=event.stage,
        source=event.source,
        batch=event.batch if kind in _IN_BATCHES else "",
    )


def _reason_of(event: Event) -> str:
    """Return the event's reason, else the one that its kind has; empty for what is no reason to suppress."""
    if event.kind is EventKind.HARD and event.source is EventSource.EDITOR:
        return Reason.MANUAL
    return event.reason or _REASONS.get(event.kind) or ""


def kinds_lifted_by_return(connection: Connection, key: SubscriberKey) -> set[SuppressionKind]:
    """Return which causes a key lifts by wanting the mail again; what an editor has entered is not among them."""
    held = suppressions.list_causes(connection, key).keys() & _LIFTED_BY_RETURN.keys()
    return {
        cause
        for cause in map(SuppressionKind, held)
        if not _entered_by_editor(connection, key, _LIFTED_BY_RETURN[cause])
    }


def _entered_by_editor(connection: Connection, key: SubscriberKey, kind: EventKind) -> bool:
    """Return whether an editor has said this, and has not lifted it since: of a bounce, of whichever publication."""
    undoing = (EventKind.ALLOWED, EventKind.UNDONE) if kind is EventKind.HARD else (EventKind.ALLOWED,)
    entered = False
    for row in list_events(connection, key, of_all=kind is EventKind.HARD):
        entered = (entered or (row.kind == kind and row.source == EventSource.EDITOR)) and row.kind not in undoing
    return entered


def _is_repeated(connection: Connection, event: Event) -> bool:
    """Return whether an event of this kind was recorded of the subscriber and the issue already."""
    return any(issue == event.issue for _, issue in list_said(connection, event.subscriber, event.kind, ""))


def _softs(connection: Connection, event: Event, soft: SoftRule) -> int:
    """Return for how many issues this subscriber's mail was put off within the rule's days, this one included.

    Issues of all publications count: it is one mailbox.
    """
    since = (datetime.now(UTC) - timedelta(days=soft.days)).isoformat(timespec="milliseconds")
    since = max(since, find_last_said(connection, event.subscriber, _WORKING_AGAIN, of_all=True))
    recent = set(list_said(connection, event.subscriber, EventKind.SOFT, since, of_all=True))
    return len(recent | {(publication_of(connection), event.issue)})


def _row(event: Event) -> StoredEvent:
    at = now()
    said_at = min(format_instant(event.said_at), at) if event.said_at else at  # a mail's clock may be wrong
    evidence = {name: storable(text) for name, text in event.evidence.items() if text}
    if event.everywhere:
        evidence["of"] = "everything"
    return StoredEvent(
        event.subscriber,
        event.kind,
        event.source,
        event.issue,
        evidence,
        said_at,
        at,
        reason=_reason_of(event),
        stage=event.stage,
        batch=event.batch,
    )
