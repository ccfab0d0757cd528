"""Subscribers in a CSV: the editors' own file, which only commands that say so write."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from newsletter.address import SubscriberKey, domain_of, local_part_of
from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError, Problem
from newsletter.subscribers import csv_editing, csv_rows
from newsletter.subscribers.csv_file import hash_file
from newsletter.subscribers.csv_records import Wanted
from newsletter.subscribers.nearest import MOST_CANDIDATES, choose_nearest, may_be_meant
from newsletter.subscribers.source import ListReading, OwnSource, PreparedEdit, SubscriberRows
from newsletter.subscribers.status_columns import StatusColumns, read_own_status_columns, read_status_columns
from newsletter.subscribers.subscriber import Subscriber


@dataclass(frozen=True)
class CsvSource(OwnSource):
    """A list in a file. `settings` say which of its columns count; without them, each that may count is asked about.

    Lines that can't hold what is looked for are passed over unread, so that finding a few in a long list is quick.
    """

    path: Path
    settings: SubscriberListSettings | None = None

    @property
    def place(self) -> Path:
        return self.path

    @property
    def file(self) -> Path | None:
        return self.path

    def exists(self) -> bool:
        return self.path.exists()

    def require(self) -> None:
        if not self.path.exists():
            raise ListError(
                f"There is no subscriber list {self.path}.",
                next_step="Put the list there, or begin one: newsletter subscribers add ADDRESS. "
                "subscribers.example.csv shows the form.",
            )

    def version(self) -> Hashable:
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return None

    def fingerprint(self) -> str:
        honoured = (*self.settings.honour, "", *self.settings.ignore) if self.settings else ()
        return f"{hash_file(self.path)} {sha256(json.dumps(honoured).encode()).hexdigest()[:16]}"

    def read_columns(self) -> list[str]:
        return csv_rows.read_columns(self.path)

    def read_rows(self) -> Iterator[Subscriber | Problem]:
        return csv_rows.read_rows(self.path)

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        return csv_rows.read_subscribers(self.path)

    def read_statuses(self) -> StatusColumns:
        if self.settings is None:
            return read_status_columns(self.path)
        return read_own_status_columns(self.path, self.settings)

    def read_list(self) -> ListReading:
        with_questions = csv_rows.read_rows_with_questions(self.path, self.settings) if self.settings else None
        return ListReading(*with_questions) if with_questions else ListReading(self.read_statuses(), self.read_rows())

    def find(self, keys: Iterable[SubscriberKey]) -> dict[SubscriberKey, Subscriber]:
        wanted = set(keys)
        if not self.path.is_file():
            return {}
        # What is before the @ is written the same in the list; the rest may be in other letters.
        names = {local_part_of(key) for key in wanted}
        rows = self._subscribers(lambda _number, line: any(name in line.casefold() for name in names))
        return {row.key: row for row in rows if row.key in wanted}

    def find_rows(self, key: str) -> SubscriberRows:
        return csv_editing.find_rows(self.path, key)

    def find_hashed(self, line: int, matches: Callable[[Subscriber], bool]) -> Subscriber | None:
        if not self.path.is_file():
            return None
        first = self._subscribers(lambda number, _line: number == line)
        everyone = self._subscribers(lambda _number, _line: True)
        return next((row for rows in (first, everyone) for row in rows if matches(row)), None)

    def find_nearest(self, key: str) -> str:
        if not self.path.exists():
            return ""
        local, domain = local_part_of(key), domain_of(key)
        rows = csv_rows.read_rows(
            self.path, lambda _number, text: local in text.casefold() or domain in text.casefold()
        )
        near = (row.key for row in rows if isinstance(row, Subscriber) and may_be_meant(row.key, key))
        return choose_nearest(key, list(islice(near, MOST_CANDIDATES)))

    def search(self, words: Sequence[str]) -> Iterator[Subscriber]:
        wanted = [word.casefold() for word in words]

        def holds_all(_number: int, line: str) -> bool:
            text = line.casefold()
            return all(word in text for word in wanted)

        return self._subscribers(holds_all)

    def appending(
        self, cells: Mapping[str, str], tags: Sequence[str], evidence: str = ""
    ) -> AbstractContextManager[PreparedEdit]:
        del evidence  # is in the event that is recorded
        return csv_editing.appending_row(self.path, cells, tags)

    def removing(self, key: str) -> AbstractContextManager[PreparedEdit]:
        return csv_editing.removing_rows(self.path, key)

    def _subscribers(self, wanted: Wanted) -> Iterator[Subscriber]:
        return (row for row in csv_rows.read_subscribers(self.path, wanted) if isinstance(row, Subscriber))
