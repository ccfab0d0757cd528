"""The seam between what needs subscribers and where they come from: a CSV, the store, or another system."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from newsletter.address import SubscriberKey
from newsletter.errors import Problem
from newsletter.subscribers.consent import Consent
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import OwnStatuses


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A row as the source has it: its cells by the columns' names, and in a file its first line and its last."""

    cells: Mapping[str, str]
    line: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRows:
    """Rows and consents that the source has of one subscriber: their own rows, and what they agreed to.

    `other_lines` are lines of a file about others in which the address is.
    """

    rows: Sequence[ListRow] = ()
    other_lines: Sequence[int] = ()
    consents: Sequence[Consent] = ()


@dataclass(frozen=True, slots=True)
class PreparedEdit:
    """A change of the list that is ready to be made: `put` makes it. `rows` are those that it takes out."""

    rows: Sequence[ListRow]
    put: Callable[[], None]


class SubscriberSource(Hashable, Protocol):
    """Where subscribers come from.

    What reads all of them streams, since there may be a million; nothing else depends on how many there are. Each
    method may raise ListError for a list that can't be read.
    """

    @property
    def place(self) -> Path:
        """Where problems of its rows are: the file, or a name in a file's stead."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that holds the subscribers, None where there is none."""
        ...

    def exists(self) -> bool:
        """Return whether there is a list at all."""
        ...

    def require(self) -> None:
        """Raise ListError, with what to do, when there is no list."""
        ...

    def require_editable(self) -> None:
        """Raise ListError when the list is another system's, which alone changes it."""
        ...

    def refresh(self) -> None:
        """Fetch the list when it is another system's. Raises ListError, with what was fetched before as it was."""
        ...

    def find_difference(self) -> ListDifference | None:
        """Return how another system's list has changed since it was frozen last; None where that is unknown."""
        ...

    def note_frozen(self) -> None:
        """Note that a campaign was frozen from the list as it is, for the next difference."""
        ...

    def version(self) -> Hashable:
        """Return what is another once the list has changed."""
        ...

    def fingerprint(self) -> str:
        """Return what is the same only while nobody's row, nor how its status is understood, has changed.

        It is empty where that can't be told.
        """
        ...

    def read_columns(self) -> list[str]:
        """Return the names of the fields that subscribers have, "tags" among them where they have tags."""
        ...

    def read_rows(self) -> Iterator[Subscriber | Problem]:
        """Yield each row as a Subscriber, or as the Problem that keeps it from being one."""
        ...

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        """Yield what `read_rows` does, with an address that came before as a Problem of code "duplicate"."""
        ...

    def read_statuses(self) -> OwnStatuses:
        """Return whom the source itself, whatever is known of them elsewhere, keeps from being mailed."""
        ...

    def read_list(self) -> "ListReading":
        """Return whom the source keeps from being mailed, and its rows as `read_rows` gives them, read once."""
        ...

    def find(self, keys: Iterable[SubscriberKey]) -> dict[SubscriberKey, Subscriber]:
        """Return those of these subscribers who are on the list."""
        ...

    def find_rows(self, key: str) -> SubscriberRows:
        """Return all that the source has of one subscriber, rows that can't be used included."""
        ...

    def find_hashed(self, line: int, matches: Callable[[Subscriber], bool]) -> Subscriber | None:
        """Return the first subscriber who matches; `line` is where a file probably has them."""
        ...

    def find_nearest(self, key: str) -> str:
        """Return the address on the list that may be meant by one that is not, or an empty string."""
        ...

    def search(self, words: Sequence[str]) -> Iterator[Subscriber]:
        """Yield the subscribers in whose row all the words occur, in whatever case."""
        ...

    def appending(
        self, cells: Mapping[str, str], tags: Sequence[str], evidence: str = ""
    ) -> AbstractContextManager[PreparedEdit]:
        """Prepare one subscriber more. `cells` are by column, `email` among them as it is mailed.

        `evidence` says how they asked for it, for a source that keeps consents.

        Raises ListError for a column that the list lacks, and for a value that could not be read back.
        """
        ...

    def removing(self, key: str) -> AbstractContextManager[PreparedEdit]:
        """Prepare to take out all rows of a subscriber, also those that can't be used."""
        ...


class ListReading(NamedTuple):
    """A list that is read once. All the questions of its statuses are known when all of its rows are read.

    Of a row it is known by then whether it is to be mailed.
    """

    statuses: OwnStatuses
    rows: Iterator[Subscriber | Problem]


class OwnSource:
    """The part of a source whose list is the publication's own: nothing is fetched, and all of it is editable."""

    def require_editable(self) -> None:
        """Do nothing, since the list is the publication's to change."""

    def refresh(self) -> None:
        """Do nothing, since the list is always as it is."""

    def find_difference(self) -> None:
        """Return None: how the list has changed is what the editor did."""

    def note_frozen(self) -> None:
        """Do nothing, since no difference is asked for."""
