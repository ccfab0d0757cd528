"""The list as editors change it by command: each change is an event, too."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from newsletter.address import subscriber_key
from newsletter.errors import DecisionNeeded
from newsletter.store import Busy, Store
from newsletter.subscribers.csv_editing import appending_row, find_rows, removing_rows
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind, record_events
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses

_PATIENCE_S, _PAUSE_S = 5.0, 0.1


def add_to_list(
    store: Store,
    keys: SecretKeys | None,
    path: Path,
    cells: Mapping[str, str],
    tags: Sequence[str],
    evidence: str,
    *,
    again: bool,
) -> bool:
    """Put a reader on the list, and note how they asked for it; False when they stand there and were let back only.

    `cells` are by column, `email` in its one spelling. With `again`, what stood against them is lifted, since they
    asked to come back. Raises DecisionNeeded when they are on the list or something stands against them, ListError for
    a row that could not be read again.
    """
    reader = subscriber_key(cells["email"])
    with sole_editor(store):
        (standing,) = read_suppression_statuses(store, keys, [reader])
        there = find_rows(path, reader).rows
        if not standing.mailable and not again:
            raise DecisionNeeded(
                f"{reader} must not be mailed: {describe_suppression(standing)}.",
                next_step=_mailbox_works(reader, there=bool(there))
                if standing.state == SuppressionKind.BOUNCED
                else "Did they ask to come back? Add --again, and --evidence with how they asked.",
            )
        if there and standing.mailable:
            raise DecisionNeeded(
                f"{reader} is on the list already, in line {there[0].line} of {path.name}.",
                next_step="Change the row there.",
            )
        # Who comes back counts once. Of the erased nothing would be kept before they have signed up.
        kinds = [
            *([EventKind.SIGNED_UP] if standing.erased or not standing.held else []),
            *([EventKind.ALLOWED] if standing.held else []),
        ]
        events = [
            Event(subscriber=reader, kind=kind, source=EventSource.EDITOR, evidence={"words": evidence})
            for kind in kinds
        ]
        if there:
            record_events(store, keys, events)
            return False
        with appending_row(path, cells, tags) as edit:
            # A crash between leaves them off the list, and the same command puts them on it.
            record_events(store, keys, events)
            edit.put()
        return True


def remove_from_list(store: Store, keys: SecretKeys | None, path: Path, reader: str) -> Sequence[int]:
    """Take a reader's rows out of the list; returns the lines they stood in, none when there were none."""
    with sole_editor(store), removing_rows(path, reader) as edit:
        if edit.lines:
            record_events(store, keys, [Event(subscriber=reader, kind=EventKind.REMOVED, source=EventSource.EDITOR)])
            edit.put()
        return edit.lines


def _mailbox_works(reader: str, *, there: bool) -> str:
    works = f"Does the mailbox work again? newsletter subscribers unsuppress {reader}"
    return works if there else f"{works}. Then add them."


@contextmanager
def sole_editor(store: Store) -> Iterator[None]:
    """One command changes the list at a time, or one would undo what another did.

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


def describe_suppression(standing: SuppressionStatus) -> str:
    """`unsubscribed since 2026-03-01, bounced since ... (mailbox gone)`."""
    said = [f"erased on record since {standing.erased[:10]}"] if standing.erased else []
    for held in standing.held:
        words = " ".join(held.words.split())
        said.append(f"{held.cause} since {held.since[:10]}{f' ({words})' if words else ''}")
    return ", ".join(said)
