"""The state put back from a backup, and moved to another database; nothing may be sent meanwhile."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection

from newsletter.actions.erase import pseudonyms
from newsletter.errors import DeliveryError
from newsletter.ledger.campaigns import list_issues, list_unfinished
from newsletter.ledger.erasure import TABLES, erase_within, list_known_readers
from newsletter.ledger.schedule import hold_all_campaigns
from newsletter.store import Busy, Damaged, Store, open_store
from newsletter.store import events as log
from newsletter.store.copying import (
    back_up,
    bring_who_left,
    copy_rows,
    has_no_rows,
    is_damaged,
    lock_tables,
    note_moved,
    open_backup,
    remove_backup,
    set_aside,
    who_left,
)
from newsletter.store.marks import every_mark, note_marks
from newsletter.subscribers.feedback_events import ErasedSubscribers, read_erased
from newsletter.subscribers.secret_keys import SecretKeys


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was put back, and what became of the state that was there before.

    `kept` is where that is, `left` how many suppressions and erasures it had more, `held` which issues were in the
    outbox.
    """

    rows: dict[str, int]
    kept: Path | None
    left: int
    held: Sequence[str]


def restore(
    file: Path, place: Path | str, password: SecretStr | None, folder: Path, keys: SecretKeys | None = None
) -> Restored:
    """Put a backup in the place of the state, which is kept in `folder`, or beside itself when it is damaged.

    Everybody who left since the backup stays suppressed, and whoever was erased since, known by the `keys`, is erased
    again. What was in the outbox is held, since it may have been sent. Raises, with nothing changed, DeliveryError for
    a file that is no backup and while an issue is being sent, and ConfigError without the keys.
    """
    beside = place if isinstance(place, Path) else folder / "state.db"
    incoming = open_backup(file, beside)
    try:
        current, kept = _readable(place, password)
        with closing(current), nobody_sends(current):
            erased = read_erased(current, keys)
            if kept is None and not _is_empty(current):
                kept = free_name(folder, "state.before-restore")
                back_up(current, kept)
            with current.erasing() as ours, incoming.reading() as theirs:
                lock_tables(ours)
                before, marks = who_left(ours), every_mark(ours)
                rows = copy_rows(theirs, ours)
                left = bring_who_left(ours, before)
                note_marks(ours, marks)
                again = _erase_again(ours, erased)
                held = hold_all_campaigns(ours)
            if again:
                current.sweep(TABLES)
    finally:
        incoming.close()
        remove_backup(incoming)
    return Restored(rows=rows, kept=kept, left=left, held=held)


def move(store: Store, target: Store, place: str, kept: Path) -> dict[str, int]:
    """Move all of a state into another database, written as `place` in newsletter.toml; returns its rows by table.

    A backup of it stays in `kept`; the old one can't be used any more. Raises DeliveryError, with nothing changed,
    while an issue is being sent, when a state is there already (nobody else may know who left by it), and when the
    numbers of rows differ.
    """
    with nobody_sends(store), nobody_sends(target), store.transaction() as theirs:
        lock_tables(theirs)
        with target.transaction() as ours:
            lock_tables(ours)
            if not has_no_rows(ours):
                raise DeliveryError(
                    f"A state is in {target.place} already, and who left by that one would be mailed again.",
                    next_step="Nothing has changed. Name another file, another database, or a schema of its own "
                    "(CREATE SCHEMA; and end the URL with ?options=-csearch_path%3DNAME).\n"
                    "Only if it is not needed: back it up, and remove the file, or drop its tables.",
                )
            back_up(store, kept)
            rows = copy_rows(theirs, ours)
        # Only now: should the machine go down between, both are there, and the old one is in use.
        note_moved(theirs, place)
    return rows


def _erase_again(connection: Connection, erased: ErasedSubscribers) -> int:
    """Erase whom the backup has brought back of those who had been erased; returns how many they were."""
    if erased.keys is None:
        return 0  # nobody had been
    log.note_key(connection, erased.keys.mark)
    back = [reader for reader in list_known_readers(connection) if erased(reader)]
    for reader in back:
        digest = erased.keys.digest(reader)
        erase_within(connection, reader, pseudonyms(digest), digest, erased.keys.mark)
    return len(back)


@contextmanager
def nobody_sends(store: Store) -> Iterator[None]:
    """Hold every issue that is not at its end. Raises DeliveryError while one is being sent."""
    going_on = {*list_unfinished(store)}
    with ExitStack() as held:
        for issue in list_issues(store):
            try:
                if issue in going_on:
                    held.enter_context(store.sole(issue))
                else:  # it may still go to new readers; but to hold each would cost PostgreSQL a connection
                    with store.sole(issue):
                        pass
            except Busy as error:
                raise DeliveryError(
                    f"{issue} is being sent.", next_step="Wait until that has ended. Then run the same command again."
                ) from error
        yield


def _is_empty(store: Store) -> bool:
    with store.reading() as connection:
        return has_no_rows(connection)


def free_name(folder: Path, stem: str) -> Path:
    """Return the first path in the folder that nothing has yet: stem.db, stem-2.db and so on."""
    names = (f"{stem}{f'-{number}' if number > 1 else ''}.db" for number in count(1))
    return next(path for name in names if not (path := folder / name).exists())


def _readable(place: Path | str, password: SecretStr | None) -> tuple[Store, Path | None]:
    """Open the state, or a new one in the place of one that is damaged; returns what that is called now, too."""
    try:
        store = open_store(place, password, though_moved=True)
        if not is_damaged(store):
            return store, None
        store.close()
    except Damaged:
        pass
    aside = set_aside(Path(place), "damaged")
    return open_store(place), aside
