"""Plan of an import: how a list in a file differs from the list in the store."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from newsletter.errors import Problem
from newsletter.subscribers.status_columns import StatusColumns
from newsletter.subscribers.subscriber import Subscriber


class ImportableList(Protocol):
    """A list in a file, as it can be compared with the list in the store."""

    @property
    def path(self) -> Path:
        """Return the file's path."""
        ...

    def version(self) -> Hashable:
        """Return a value that changes with the file."""
        ...

    def read_columns(self) -> list[str]:
        """Return the names of the columns."""
        ...

    def read_statuses(self) -> StatusColumns:
        """Return whom the file says not to mail."""
        ...

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        """Yield each row, or what keeps it from being a subscriber; an address's second row as a duplicate."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """Counts of what an import would do.

    `suppressed` are those of the file who must not be mailed, by what the store knows, `inactive` those whom the list
    itself does not have mailed afterwards, `activated` those pending or paused whom the file says to be active; all are
    imported. `erased` asked to be forgotten and are not. `absent` are on the list and not in the file. `consents` are
    those not on record yet. `problems` are those of a few rows that can't be used, one that is not UTF-8 first.
    `left` and `bounced` are those of whom an export of another program says so, `news` those of them of whom it was not
    known, and `returned` those who have come back since; `form` says which export it is, and
    `left_out` names files in it that are no lists.
    """

    file: Path
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    unusable: int = 0
    duplicates: int = 0
    suppressed: int = 0
    inactive: int = 0
    activated: int = 0
    erased: int = 0
    absent: int = 0
    consents: int = 0
    unknown_languages: int = 0
    left: int = 0
    bounced: int = 0
    news: int = 0
    returned: int = 0
    form: str = ""
    left_out: Sequence[str] = ()
    problems: Sequence[Problem] = ()

    @property
    def writes(self) -> bool:
        """Return whether it would write anything."""
        return bool(self.new or self.changed or self.consents or self.news)
