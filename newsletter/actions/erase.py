"""One reader: everything that is known of them, and its end."""

import glob
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.sent_record import write_record
from newsletter.ledger import erasure
from newsletter.ledger.campaigns import list_unfinished
from newsletter.ledger.runs import settle_crash
from newsletter.ledger.states import State
from newsletter.store import Busy, Store
from newsletter.store import events as log
from newsletter.subscribers.list_changes import sole_editor
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.source import ListRow, SubscriberSource
from newsletter.subscribers.suppression_status import SuppressionStatus, read_suppression_statuses
from newsletter.workspace import CONFIG_NAME, STATE_FOLDER, Workspace

_NOWHERE = "forgotten.invalid"  # RFC 6761, section 6.4: no mail ever goes there
_BLOCK = 1 << 20
_LONGEST = 2000  # bytes: no spelling of an address is longer
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything here about one reader, whom the list, the events and the issues sent know by `reader`.

    `mentions` are lines of the list about others in which the address stands, `asides` how many such rows of the
    state there are.
    """

    reader: str
    rows: Sequence[ListRow]
    mentions: Sequence[int]
    standing: SuppressionStatus
    events: Sequence[log.Row]
    deliveries: Sequence[erasure.Part]
    asides: int

    @property
    def anything(self) -> bool:
        return bool(self.rows or self.standing.suppressions or self.events or self.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased. `swept` says that the database's files have no trace, as far as the program can see to it."""

    rows: int
    store: erasure.ErasedRows
    swept: bool


def known_of(store: Store | None, keys: SecretKeys | None, source: SubscriberSource, reader: str) -> Known:
    """Raises ListError when the list can't be read."""
    found = source.find_rows(reader)
    (standing,) = read_suppression_statuses(store, keys, [reader])
    events: Sequence[log.Row] = ()
    if store:
        with store.reading() as connection:
            events = log.of_reader(connection, reader)
    return Known(
        reader=reader,
        rows=found.rows,
        mentions=found.other_lines,
        standing=standing,
        events=events,
        deliveries=erasure.list_parts(store, reader) if store else (),
        asides=erasure.count_mentions(store, reader) if store else 0,
    )


def forget(workspace: Workspace, store: Store, keys: SecretKeys, source: SubscriberSource, reader: str) -> Forgotten:
    """Erase a reader from the list and the state, and keep their keyed hash.

    The state comes first, since from then on nothing is sent to them whatever the list says, and the list shows them
    as erased until their rows are gone too. Whatever stops it between: running it again does the rest. Raises
    DeliveryError while a copy is under way to them, ListError when the list can't be written (nothing is erased then).
    """
    for issue in erasure.list_issues_in_hand(store, reader):
        try:
            with store.sole(issue):
                settle_crash(store, issue)  # nobody sends: the run that claimed it has died
        except Busy as error:
            raise erasure.refusal_while_sending(issue) from error
    digest = keys.digest(reader)
    with sole_editor(store), source.removing(reader) as edit:
        erased = erasure.erase_reader(store, reader, pseudonyms(digest), digest, keys.mark)
        edit.put()
    for issue in _changed(store, digest, erased.issues):
        if (record := workspace.record(issue)).exists():
            write_record(record, store, issue)
    return Forgotten(rows=len(edit.rows), store=erased, swept=_sweep(store))


def _changed(store: Store, digest: str, issues: Sequence[str]) -> Iterator[str]:
    """These, and those whose notes an erasure that was stopped before may have left as they were."""
    earlier = erasure.list_parts(store, pseudonyms(digest)(1))
    ended = (part.issue for part in earlier if part.state in (State.SUPPRESSED, State.CANCELLED))
    yield from dict.fromkeys([*issues, *ended])


def pseudonyms(digest: str) -> Callable[[int], str]:
    """Return what gives the n-th name that an erased reader's deliveries may have, from 1 on."""
    return lambda number: f"{digest[:16]}{f'-{number}' if number > 1 else ''}@{_NOWHERE}"


def _sweep(store: Store) -> bool:
    """Nobody may be sending meanwhile: the file is written anew, and a sender would wait too long for it."""
    with ExitStack() as held:
        for issue in list_unfinished(store):
            try:
                held.enter_context(store.sole(issue))
            except Busy:
                return False
        return store.sweep(erasure.TABLES)


def copies_of(workspace: Workspace, store: Store, reader: str) -> list[str]:
    """What still holds the address within reach: files made from the state and the list, copies of tables."""
    found = [path for path in _within_reach(workspace) if _holds(path, reader)]
    tables = erasure.list_table_copies(store, reader)
    return [*map(str, found), *(f"the table {name} in {store.place}" for name in tables)]


def _within_reach(workspace: Workspace) -> Iterator[Path]:
    """What was made from the state and the list, copies of both, and who gets tests; not the state and the list."""
    database, listed = workspace.database, workspace.subscribers.resolve()
    own = {*(f"{database}{ending}" for ending in ("", "-wal", "-shm", "-journal")), str(listed)}
    seen = {path: None for name in ("build", STATE_FOLDER) for path in _files(workspace.root / name)}
    if isinstance(database, Path):
        seen.update(dict.fromkeys(sorted(database.parent.glob(f"{database.name}*"))))
    for folder in (workspace.root, listed.parent):
        for pattern in ("*.csv*", f"*{glob.escape(listed.stem)}*", CONFIG_NAME):
            near = sorted(folder.glob(pattern))
            seen.update((path, None) for path in near if path.is_file() and not path.is_symlink())
    return (path for path in seen if str(path) not in own)


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _holds(path: Path, reader: str) -> bool:
    """A file that can't be read is not known to."""
    spelled = b"|".join(map(re.escape, _spellings(reader)))
    pattern = re.compile(rb"(?<![\w.+-])(?:%b)(?![\w-]|\.\w)" % spelled, re.IGNORECASE)
    before = b""
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:  # its cells stand side by side with nothing between
                pattern = re.compile(spelled, re.IGNORECASE)
            file.seek(0)
            while block := file.read(_BLOCK):
                if pattern.search(before + block):
                    return True
                before = block[-_LONGEST:]
    except OSError:
        return False
    return False


def _spellings(reader: str) -> Iterator[bytes]:
    """The address as files may have it: its domain in ASCII, in its own letters, small and large, and those in JSON."""
    local, _, domain = reader.partition("@")
    yield reader.encode()
    with suppress(UnicodeError):  # RFC 3492
        letters = ".".join(
            label[4:].encode().decode("punycode") if label.startswith("xn--") else label for label in domain.split(".")
        )
        for spelled in {letters, letters.upper()} - {domain, domain.upper()}:
            yield f"{local}@{spelled}".encode()
            yield f"{local}@{json.dumps(spelled)[1:-1]}".encode()
