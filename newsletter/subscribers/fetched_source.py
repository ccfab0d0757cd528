"""Subscribers of another system: fetched when a campaign is frozen, and kept here as a file until the next time.

What is read is always the kept file, so that all that holds for a list in a file holds for these: the columns that say
who left, rows that can't be used, a million rows in bounded memory. Who left here is suppressed whatever is fetched.
"""

import csv
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import NoReturn, Protocol

from newsletter.address import SubscriberKey
from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError, Problem
from newsletter.files import make_private_folder, open_private
from newsletter.subscribers.csv_file import column_name, guard_cell
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.list_difference import ListDifference, compare_subscribers
from newsletter.subscribers.source import ListReading, PreparedEdit, SubscriberRows
from newsletter.subscribers.status_columns import StatusColumns
from newsletter.subscribers.subscriber import Subscriber


class ListOrigin(Hashable, Protocol):
    """Another system that has the list."""

    @property
    def name(self) -> str:
        """Return which one it is, for messages, without a secret."""
        ...

    def fetch(self, path: Path) -> None:
        """Write the list as it is now into a private file. Raises ListError, with the file as it was before."""
        ...


@dataclass(frozen=True)
class FetchedSource:
    """A list of another system. `path` is where it is kept, `settings` say which of its columns count."""

    path: Path
    origin: ListOrigin
    settings: SubscriberListSettings

    @property
    def _kept(self) -> CsvSource:
        # By the file's name a list is known as the publication's own, whose honoured columns must not be missing.
        return CsvSource(self.path, self.settings.model_copy(update={"file": self.path.name}))

    @property
    def _frozen(self) -> Path:
        """Return where the list is kept as it was when a campaign was frozen last."""
        return self.path.with_stem(f"{self.path.stem}-frozen")

    @property
    def place(self) -> Path:
        return self.path

    @property
    def file(self) -> Path | None:
        return self.path

    def exists(self) -> bool:
        return self.path.exists()

    def require(self) -> None:
        if not self.exists():
            self.refresh()

    def require_editable(self) -> NoReturn:
        raise ListError(
            f"The list is another system's: {self.origin.name}. It is only read here.",
            next_step="Put them on that list, or take them off it, there. Who is to get nothing, whatever it says: "
            "newsletter subscribers suppress ADDRESS",
        )

    def refresh(self) -> None:
        try:
            make_private_folder(self.path.parent)
            self.origin.fetch(self.path)
        except OSError as error:
            raise ListError(
                f"The list of {self.origin.name} can't be kept in {self.path}: {error.strerror}.",
                next_step="See that the folder is yours to write, and has room. Then run the same command again.",
            ) from error

    def find_difference(self) -> ListDifference | None:
        if not self._frozen.exists():
            return None
        return compare_subscribers(_read_keys(self._frozen), _read_keys(self.path))

    def note_frozen(self) -> None:
        with self.path.open("rb") as now, open_private(self._frozen, "wb") as kept:
            copyfileobj(now, kept)

    def version(self) -> Hashable:
        return self._kept.version()

    def fingerprint(self) -> str:
        return self._kept.fingerprint()

    def read_columns(self) -> list[str]:
        self.require()
        return self._kept.read_columns()

    def read_rows(self) -> Iterator[Subscriber | Problem]:
        self.require()
        return self._kept.read_rows()

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        self.require()
        return self._kept.read_subscribers()

    def read_statuses(self) -> StatusColumns:
        self.require()
        return self._kept.read_statuses()

    def read_list(self) -> ListReading:
        self.require()
        return self._kept.read_list()

    def find(self, keys: Iterable[SubscriberKey]) -> dict[SubscriberKey, Subscriber]:
        self.require()
        return self._kept.find(keys)

    def find_rows(self, key: str) -> SubscriberRows:
        self.require()
        return self._kept.find_rows(key)

    def find_hashed(self, line: int, matches: Callable[[Subscriber], bool]) -> Subscriber | None:
        return self._kept.find_hashed(line, matches)

    def find_nearest(self, key: str) -> str:
        return self._kept.find_nearest(key)

    def search(self, words: Sequence[str]) -> Iterator[Subscriber]:
        self.require()
        return self._kept.search(words)

    def appending(
        self, cells: Mapping[str, str], tags: Sequence[str], evidence: str = ""
    ) -> AbstractContextManager[PreparedEdit]:
        del cells, tags, evidence
        self.require_editable()

    @contextmanager
    def removing(self, key: str) -> Iterator[PreparedEdit]:
        """Prepare to take a subscriber out of what is kept here; the other system's own list stays as it is."""
        with ExitStack() as held:
            edits = [
                held.enter_context(CsvSource(path).removing(key)) for path in (self.path, self._frozen) if path.exists()
            ]

            def put() -> None:
                for edit in edits:
                    edit.put()

            yield PreparedEdit(rows=edits[0].rows if edits else (), put=put)


def write_list(path: Path, origin: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a list's columns and rows as a private CSV. Raises ListError for columns that no list may have."""
    names = [column_name(name) for name in columns]
    if "email" not in names:
        raise ListError(
            f"What {origin} gives has no column email; its columns are: {', '.join(columns)}.",
            next_step="Name the one with the addresses so in [list] query: SELECT address AS email, ...",
        )
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ListError(
            f"What {origin} gives has two columns named {twice}.",
            next_step="Give each a name of its own in [list] query: SELECT one AS ..., other AS ...",
        )
    with open_private(path) as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names)
        out.writerows([guard_cell(cell) for cell in row] for row in rows)
        file.flush()
        os.fsync(file.fileno())


def _read_keys(path: Path) -> Iterator[SubscriberKey]:
    return (row.key for row in CsvSource(path).read_rows() if isinstance(row, Subscriber))
