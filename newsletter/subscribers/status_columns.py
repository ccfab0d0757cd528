"""Columns of a list that say who must not be mailed: those of this program's exports, and those of other programs.

Ours are always honoured. Another program's column may mean something else by the same name, so an editor says once,
in newsletter.toml, whether it is honoured.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from newsletter.address import normalise_address, subscriber_key
from newsletter.clock import Instant, parse_instant
from newsletter.config import SubscriberListSettings
from newsletter.errors import DecisionNeeded, ListError, Problem
from newsletter.subscribers.consent import CONSENT_COLUMNS
from newsletter.subscribers.csv_file import (
    CsvHeader,
    column_name,
    read_header,
    read_lines,
    read_records,
    unguard_cell,
)
from newsletter.subscribers.csv_records import CsvRecord
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.listed_suppressions import ListedSuppressions
from newsletter.subscribers.status_words import (
    LONGEST,
    MARKS,
    StatusMeaning,
    cause_in,
    cause_of,
    interpret_cell,
    is_telling,
    keeps_out,
)
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import MAILABLE, Suppression, find_end
from newsletter.text import format_count

# The columns of an export beside the list's own; no list has columns of these names by chance.
STATE, SINCE, WORDS = "newsletter_state", "newsletter_since", "newsletter_words"

_ASKED = (StatusMeaning.LEFT, StatusMeaning.UNCLEAR)
_MOST_WORDS = 1_000  # that are counted of a column: one that is written in any number of ways has no more in memory
QUESTION = "status-column"  # the code of a problem that asks what a column means


@dataclass(frozen=True, slots=True)
class StatusColumns:
    """Statuses in the columns of a list: which subscribers must not be mailed, why, and by which words.

    `honoured` are the columns that were heeded. `questions` name columns of which nobody has said what they mean.
    `rows` is how many rows were read, blank ones and those that can't be used included.
    """

    path: Path
    suppressed: ListedSuppressions = field(default_factory=ListedSuppressions)
    questions: Sequence[Problem] = ()
    honoured: Sequence[str] = ()
    rows: int = field(default=0, compare=False)

    @property
    def count(self) -> int:
        return len(self.suppressed)

    def find(self, subscriber: Subscriber) -> Suppression | None:
        return self.suppressed.get(subscriber.key) if self.suppressed else None

    def describe(self, subscriber: Subscriber) -> str:
        return self.suppressed.describe(subscriber.key)

    def require_answers(self) -> None:
        _require_answers(self.path, self.questions)


class StatusQuestions:
    """Questions about the columns of a list, which are gathered while its rows are read; none of them is honoured.

    `settled` are the columns of which nothing is asked.
    """

    count = 0

    def __init__(self, path: Path, header: CsvHeader, settled: Collection[str]) -> None:
        self._path = path
        open_ = [name for name in dict.fromkeys(header.columns) if name not in settled]
        self._nameless = [number for number, name in enumerate(header.columns) if not name]
        # Of several columns of one name the last counts. A dict of each row's cells would take a fifth of the time.
        places = {name: number for number, name in enumerate(header.columns)}
        self._telling = [(places[name], name, name in MARKS or is_telling(name)) for name in open_]
        self._asked: dict[str, _AskedRows] = {}
        self._harmless: set[str] = set()  # cells that no word begins with, of which most columns have the same few

    def look(self, record: CsvRecord) -> None:
        """Look at a row."""
        cells = record.cells
        for number, name, tells in self._telling:
            cell = cells[number] if number < len(cells) else ""
            if not name:
                cell = ", ".join(cells[place] for place in self._nameless if place < len(cells))
            if not tells:
                if cell in self._harmless:
                    continue
                if len(cell) > LONGEST or not cause_of(cell):
                    if len(self._harmless) < _MOST_WORDS and len(cell) <= LONGEST:
                        self._harmless.add(cell)
                    continue
            if interpret_cell(name, cell) in _ASKED and not record.fault and "".join(cells).strip():
                self._asked.setdefault(name, _AskedRows(record.line)).add(cell.strip())

    @property
    def questions(self) -> list[Problem]:
        """The questions by now: all of them once every row was looked at."""
        return [_ask_about(self._path, name, rows) for name, rows in self._asked.items()]

    def find(self, _subscriber: Subscriber) -> None:
        """Return None: the list keeps nobody from being mailed."""

    def describe(self, _subscriber: Subscriber) -> str:
        return ""

    def require_answers(self) -> None:
        """Raise DecisionNeeded while there is a question."""
        _require_answers(self._path, self.questions)


def _require_answers(path: Path, questions: Sequence[Problem]) -> None:
    if questions:
        several = 'Several columns go into one list: honour = ["one", "other"]. ' if len(questions) > 1 else ""
        raise DecisionNeeded(
            f"Does {path.name} itself say who must not be mailed?",
            next_step=f"{several}Once you have answered, you are not asked again.",
            problems=questions,
        )


def read_own_status_columns(path: Path, settings: SubscriberListSettings) -> StatusColumns:
    """Return what the columns of a list say, as newsletter.toml would have them understood.

    Raises ListError when the publication's own list lacks a column that is to be honoured: it could no longer
    be known who has left. Another list has columns of its own.
    """
    if path.name == Path(settings.file).name:
        _refuse_lacking(path, settings.honour)
    return read_status_columns(path, settings.honour, settings.ignore)


def read_status_columns(path: Path, honour: Sequence[str] = (), ignore: Sequence[str] = ()) -> StatusColumns:
    """Read who must not be mailed by a list's columns, as `honour` and `ignore` say; other columns are asked about.

    Of an address with several rows each counts.
    """
    lines = read_lines(path)
    header = read_header(path, lines)
    return read_record_statuses(path, header, read_records(lines, header), honour, ignore)


def read_record_statuses(
    path: Path, header: CsvHeader, records: Iterable[CsvRecord], honour: Sequence[str] = (), ignore: Sequence[str] = ()
) -> StatusColumns:
    """Read who must not be mailed by records that have a header's columns, as `read_status_columns` does."""
    honoured = _choose_honoured(header, honour)
    asking = StatusQuestions(path, header, _choose_settled(honoured, ignore))
    suppressed = ListedSuppressions()
    count = 0
    for record in records:
        count += 1
        cells = record.cells
        if record.fault or not "".join(cells).strip():
            continue
        asking.look(record)
        if not honoured:
            continue
        named = dict(zip(header.columns, cells, strict=False))
        if kept_out := _find_suppression(named, honoured):
            column, word, cause = kept_out
            with suppress(ValueError):
                key = subscriber_key(normalise_address(unguard_cell(named.get("email", "").strip()).strip()))
                suppressed.add(key, cause, f"{column}: {word}" if word else f"no {column}")
    return StatusColumns(path, suppressed, asking.questions, tuple(honoured), count)


def begin_status_questions(path: Path, header: CsvHeader, settings: SubscriberListSettings) -> StatusQuestions | None:
    """Return what asks about the columns of a list that honours none, row by row; None for one that does.

    There every row has to be read before anybody is mailed: the last of an address may be the one that tells.
    """
    if settings.honour or _choose_honoured(header, ()):
        return None
    return StatusQuestions(path, header, _choose_settled((), settings.ignore))


def _choose_honoured(header: CsvHeader, honour: Sequence[str]) -> list[str]:
    return [name for name in (*map(column_name, honour), STATE) if name in header.columns]


def _choose_settled(honoured: Sequence[str], ignore: Sequence[str]) -> set[str]:
    """Return the columns of which nothing has to be asked."""
    return {"email", "name", STATE, SINCE, WORDS, *CONSENT_COLUMNS, *honoured, *map(column_name, ignore)}


@dataclass
class _AskedRows:
    """Rows in which a column may say that nothing is to be sent: the first, how many, and the known words in them."""

    first_line: int
    count: int = 0
    known_words: Counter[str] = field(default_factory=Counter)

    def add(self, word: str) -> None:
        """Count a row with this word; of words that are not known none is kept, since they may be personal."""
        self.count += 1
        if cause_of(word) and (len(self.known_words) < _MOST_WORDS or word.casefold() in self.known_words):
            self.known_words[word.casefold()] += 1


def _refuse_lacking(path: Path, honour: Sequence[str]) -> None:
    columns = read_header(path, read_lines(path)).columns
    if missing := [name for name in honour if column_name(name) not in columns]:
        raise ListError(
            f"{path.name} has no column {missing[0]}, and newsletter.toml says that it tells who must not be mailed.",
            next_step="Bring the column back, or take it out of [list] honour once nobody on the list has left.",
        )


def _find_suppression(cells: Mapping[str, str], honoured: Sequence[str]) -> tuple[str, str, Suppression] | None:
    """Return the column and the word by which this row must not be mailed, and the cause; None when it may be."""
    for column in honoured:
        word = " ".join(cells.get(column, "").split())
        if column == STATE:
            states = [one for one in word.casefold().split(", ") if not _is_over(one, cells.get(WORDS, ""))]
            if word and states and states != [MAILABLE]:
                cause = next((one for one in SuppressionKind if one in states), SuppressionKind.SUPPRESSED)
                words = cells.get(WORDS, "") if cause in states else f"{column}: {word}"
                return column, word, Suppression(cause, words, _parse_since(cells.get(SINCE, "")))
        elif keeps_out(column, word):
            cause = cause_in(column, word)
            return column, word, Suppression(cause, f"{column}: {word}", None)
    return None


def _is_over(state: str, words: str) -> bool:
    """Return whether a state of a row is a pause that has ended since it was exported."""
    end = find_end(words) if state == SuppressionKind.PAUSED else None
    return end is not None and end <= datetime.now(UTC)


def _parse_since(cell: str) -> Instant | None:
    """Return the moment in a cell; None where it is empty or no moment: a spreadsheet may have rewritten it."""
    with suppress(ValueError, OverflowError):  # a zone may lead out of the calendar
        return parse_instant(unguard_cell(cell.strip()))
    return None


def _ask_about(path: Path, name: str, rows: _AskedRows) -> Problem:
    """Ask what a column means, and show only words that are known for it: others may be personal."""
    shown = "".join(f", {word!r} {count:,}" for word, count in rows.known_words.most_common(3))
    column = f"the column {name}" if name else "a column without a name"
    return Problem(
        path=path,
        line=rows.first_line,
        code=QUESTION,
        message=f"{column} seems to say of {format_count(rows.count, 'row')} that nothing is to be sent there"
        f"{f' ({shown[2:]})' if shown else ''}",
        next_step="Give the column a name, and you are asked whether that column is honoured."
        if not name
        else f'Under [list] in newsletter.toml: honour = ["{name}"] keeps those rows from being mailed; '
        f'ignore = ["{name}"] says that it means something else.',
    )


def read_row_status(
    cells: Mapping[str, str], honour: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[StatusMeaning, str]:
    """Return what a row of any file says of its subscriber, all its columns together, and which column says so.

    One that says "left" outweighs the others.
    """
    ignored = {"email", "name", "tags", *map(column_name, ignore)}
    meanings = {name: interpret_cell(name, cell) for name, cell in cells.items() if name not in ignored}
    meanings |= {
        name: StatusMeaning.LEFT
        for name in map(column_name, honour)
        if name in meanings and keeps_out(name, cells[name])
    }
    verdicts = (StatusMeaning.LEFT, StatusMeaning.UNCLEAR, StatusMeaning.MAILED)
    found = ((verdict, name) for verdict in verdicts for name, meaning in meanings.items() if meaning is verdict)
    return next(found, (StatusMeaning.NOTHING, ""))
