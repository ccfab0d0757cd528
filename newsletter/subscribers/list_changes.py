"""Changes that editors make to the list by command, each of which is an event, too."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep

from newsletter.address import SubscriberKey, subscriber_key
from newsletter.errors import DecisionNeeded
from newsletter.store import Busy, Store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.source import ListRow, SubscriberSource
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus
from newsletter.subscribers.suppression_status import Suppression, SuppressionStatus, read_suppression_statuses

_PATIENCE_S, _PAUSE_S = 5.0, 0.1


def add_subscriber(
    store: Store,
    keys: SecretKeys | None,
    source: SubscriberSource,
    cells: Mapping[str, str],
    tags: Sequence[str],
    evidence: str,
    *,
    again: bool,
) -> bool:
    """Put somebody on the list, and note how they asked for it; False when they were on it and were only let back.

    `cells` are by column, `email` as it is mailed. With `again`, what kept them from being mailed is lifted, since they
    asked to come back. Raises DecisionNeeded when they are on the list or must not be mailed, ListError for a row that
    could not be read again, and for another system's list.
    """
    key = subscriber_key(cells["email"])
    source.require_editable()
    with sole_editor(store):
        (status,) = read_suppression_statuses(store, keys, [key])
        there = source.find_rows(key).rows
        listed = source.find([key]).get(key) if there else None
        inactive = listed is not None and listed.status is not SubscriberStatus.ACTIVE
        if not again:
            _refuse_suppressed(key, status, there=bool(there))
            _refuse_inactive(key, listed)
        if there and status.mailable and not inactive:
            raise _already_on_the_list(key, there[0], source)
        # Who comes back counts once. Of the erased nothing would be kept before they have signed up.
        kinds = [
            *([EventKind.SIGNED_UP] if status.erased or not status.suppressions else []),
            *([EventKind.ALLOWED] if status.suppressions else []),
        ]
        events = [
            Event(subscriber=key, kind=kind, source=EventSource.EDITOR, evidence={"words": evidence}) for kind in kinds
        ]
        if there and not inactive:
            record_events(store, keys, events)
            return False
        with source.appending(cells, tags, evidence) as edit:
            # A crash between leaves them off the list, and the same command puts them on it.
            record_events(store, keys, events)
            edit.put()
        return not there


def _refuse_suppressed(key: SubscriberKey, status: SuppressionStatus, *, there: bool) -> None:
    if not status.mailable:
        raise DecisionNeeded(
            f"{key} must not be mailed: {describe_suppression(status)}.",
            next_step=_mailbox_works(key, there=there)
            if status.state == SuppressionKind.BOUNCED
            else "Did they ask to come back? Add --again, and --evidence with how they asked.",
        )


def _refuse_inactive(key: SubscriberKey, listed: Subscriber | None) -> None:
    if listed and listed.status is not SubscriberStatus.ACTIVE:
        raise DecisionNeeded(
            f"{key} is on the list, and {listed.status}: nothing is sent to them.",
            next_step="Did they ask for it? Add --again, and --evidence with how they asked.",
        )


def _already_on_the_list(key: str, row: ListRow, source: SubscriberSource) -> DecisionNeeded:
    if row.line:
        where, remedy = f", in line {row.line} of {source.place.name}", "Change the row there."
    else:
        where, remedy = "", "To change what it says of them: newsletter subscribers import FILE, with their new row."
    return DecisionNeeded(f"{key} is on the list already{where}.", next_step=remedy)


def remove_subscriber(
    store: Store, keys: SecretKeys | None, source: SubscriberSource, key: SubscriberKey
) -> Sequence[ListRow]:
    """Take a subscriber's rows out of the list; return them, none when there were none.

    One who had left by the list's own word is suppressed: only the row says so, and another list brings them back.
    Raises ListError for another system's list.
    """
    source.require_editable()
    with sole_editor(store), source.removing(key) as edit:
        if edit.rows:
            listed = source.find([key]).get(key)
            kinds = [EventKind.REMOVED]
            if listed and listed.status is SubscriberStatus.LEFT:
                kinds.insert(0, EventKind.UNSUBSCRIBED)
            record_events(store, keys, [Event(subscriber=key, kind=kind, source=EventSource.EDITOR) for kind in kinds])
            edit.put()
        return edit.rows


def _mailbox_works(key: str, *, there: bool) -> str:
    works = f"Does the mailbox work again? newsletter subscribers unsuppress {key}"
    return works if there else f"{works}. Then add them."


@contextmanager
def sole_editor(store: Store) -> Iterator[None]:
    """Hold the list as the only command that changes it, or one would undo what another did.

    Waits some seconds for another one to end. Raises DecisionNeeded when it does not.
    """
    latest = monotonic() + _PATIENCE_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(store.sole("list"))
                break
            except Busy as error:
                if monotonic() > latest:
                    raise DecisionNeeded(
                        "Another command is changing the list right now.",
                        next_step="Run the same command again when it has ended.",
                    ) from error
                sleep(_PAUSE_S)
        yield


def describe_suppression(status: SuppressionStatus) -> str:
    """Return why somebody is not mailed: `unsubscribed since 2026-03-01, bounced since ... (mailbox gone)`."""
    said = [f"erased on record since {status.erased:%Y-%m-%d}"] if status.erased else []
    for each in status.suppressions:
        words = " ".join(each.words.split())
        since = f" since {each.since:%Y-%m-%d}" if each.since else ""
        since += f" until {each.until:%Y-%m-%d}" if each.until else ""
        said.append(f"{_name_scope(each)}{since}{f' ({words})' if words else ''}")
    return ", ".join(said)


def _name_scope(suppression: Suppression) -> str:
    """Return a suppression's kind, and which newsletter it is about where that is not this one alone."""
    if suppression.kind == SuppressionKind.UNSUBSCRIBED and suppression.everywhere:
        return "unsubscribed from everything of yours"
    if suppression.elsewhere:
        return f"{suppression.kind} in another newsletter of yours"
    return suppression.kind
