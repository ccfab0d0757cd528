"""The list as editors change it by command: each change is an event, too."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from newsletter.errors import DecisionNeeded
from newsletter.store import Busy, Store
from newsletter.subscribers.csv_source import reader_key
from newsletter.subscribers.events import Cause, Event, Kind, Source, record
from newsletter.subscribers.keys import Keys
from newsletter.subscribers.row_editing import find_rows, with_row, without_rows
from newsletter.subscribers.standing import Standing, standings

_PATIENCE_S, _PAUSE_S = 5.0, 0.1


def add(
    store: Store,
    keys: Keys | None,
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
    reader = reader_key(cells["email"])
    with sole_editor(store):
        (standing,) = standings(store, keys, [reader])
        there = find_rows(path, reader).rows
        if not standing.mailable and not again:
            raise DecisionNeeded(
                f"{reader} must not be mailed: {in_words(standing)}.",
                next_step=_mailbox_works(reader, there=bool(there))
                if standing.state == Cause.BOUNCED
                else "Did they ask to come back? Add --again, and --evidence with how they asked.",
            )
        if there and standing.mailable:
            raise DecisionNeeded(
                f"{reader} is on the list already, in line {there[0].line} of {path.name}.",
                next_step="Change the row there.",
            )
        # Who comes back counts once. Of the erased nothing would be kept before they have signed up.
        kinds = [
            *([Kind.SIGNED_UP] if standing.erased or not standing.held else []),
            *([Kind.ALLOWED] if standing.held else []),
        ]
        events = [Event(reader=reader, kind=kind, source=Source.EDITOR, evidence={"words": evidence}) for kind in kinds]
        if there:
            record(store, keys, events)
            return False
        with with_row(path, cells, tags) as edit:
            # A crash between leaves them off the list, and the same command puts them on it.
            record(store, keys, events)
            edit.put()
        return True


def remove(store: Store, keys: Keys | None, path: Path, reader: str) -> Sequence[int]:
    """Take a reader's rows out of the list; returns the lines they stood in, none when there were none."""
    with sole_editor(store), without_rows(path, reader) as edit:
        if edit.lines:
            record(store, keys, [Event(reader=reader, kind=Kind.REMOVED, source=Source.EDITOR)])
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


def in_words(standing: Standing) -> str:
    """`unsubscribed since 2026-03-01, bounced since ... (mailbox gone)`."""
    said = [f"erased on record since {standing.erased[:10]}"] if standing.erased else []
    for held in standing.held:
        words = " ".join(held.words.split())
        said.append(f"{held.cause} since {held.since[:10]}{f' ({words})' if words else ''}")
    return ", ".join(said)
