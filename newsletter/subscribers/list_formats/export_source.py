"""Export of another program, read as a list that can be imported: all its files in the columns of a list of ours."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from newsletter.config import SubscriberListSettings
from newsletter.errors import Problem
from newsletter.subscribers.csv_file import CsvHeader
from newsletter.subscribers.csv_records import CsvRecord
from newsletter.subscribers.csv_rows import FirstLines, make_duplicate_problem, read_row_of
from newsletter.subscribers.list_formats.exported_file import PLAIN, ExportedFile, is_workbook, open_export
from newsletter.subscribers.list_formats.workbook import converting_workbook
from newsletter.subscribers.status_columns import StatusColumns, read_record_statuses
from newsletter.subscribers.subscriber import Subscriber

_FILE_STEP = 10**10  # lines that a file may have, as FirstLines counts them through all files


@dataclass(frozen=True)
class ExportSource:
    """Lists of an export, read as one. Whoever left by any of them has left. `left_out` names other files in it."""

    path: Path
    files: Sequence[ExportedFile]
    settings: SubscriberListSettings
    left_out: Sequence[str] = ()

    @property
    def description(self) -> str:
        """Say which program's export it is: `Mailchimp, unsubscribed; Mailchimp, subscribed`."""
        names = (f"{one.form.name if one.form else PLAIN}{_name_encoding(one)}" for one in self.files)
        return "; ".join(dict.fromkeys(names))

    @property
    def tells_for_all(self) -> bool:
        """Whether what it says of who left is known to be meant, since it is another program's export."""
        return any(one.form for one in self.files)

    def version(self) -> Hashable:
        return self.path.stat().st_mtime_ns

    def read_columns(self) -> list[str]:
        return list(self._header.columns)

    def read_statuses(self) -> StatusColumns:
        records = (record for _, record in self._records())
        return read_record_statuses(self.path, self._header, records, self.settings.honour, self.settings.ignore)

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        """Yield each row as `csv_rows.read_subscribers` does, with problems at their line of the exported file."""
        header = self._header
        with closing(FirstLines()) as first_lines:
            for number, record in self._records():
                place = self.files[number].place
                row = read_row_of(place, record, header)
                if isinstance(row, Subscriber):
                    counted = number * _FILE_STEP + record.line
                    first = first_lines.find(row.key, counted)
                    if first != counted:
                        file, line = divmod(first, _FILE_STEP)
                        where = f"line {line}" if file == number else f"{self.files[file].place.name}, line {line},"
                        row = make_duplicate_problem(place, record.line, where)
                if row is not None:
                    yield row

    @property
    def _header(self) -> CsvHeader:
        if len(self.files) == 1:
            return CsvHeader(columns=self.files[0].target_columns, delimiter=",")
        columns = dict.fromkeys(name for one in self.files for name in one.target_columns)
        return CsvHeader(columns=list(columns), delimiter=",")

    def _records(self) -> Iterator[tuple[int, CsvRecord]]:
        """Yield each row with its file's number, in the columns of all files."""
        columns = self._header.columns
        for number, one in enumerate(self.files):
            own = list(one.target_columns)
            for record in one.read_records():
                if len(self.files) > 1 and record.cells:
                    row = dict(zip(own, record.cells, strict=False))
                    cells = [row.get(name, "") for name in columns] + list(record.cells[len(own) :])
                    yield number, record._replace(cells=cells)
                else:
                    yield number, record


def _name_encoding(one: ExportedFile) -> str:
    return "" if one.encoding == "utf-8-sig" else f" (read as {one.encoding})"


@contextmanager
def opening_export(path: Path, settings: SubscriberListSettings) -> Iterator[ExportSource | None]:
    """Hold the export, or the workbook, that a file is; None for a list of ours. Raises ListError."""
    if is_workbook(path):
        with converting_workbook(path) as (text, sheets):
            yield ExportSource(path, [ExportedFile(text, original=path)], settings, [f"sheet {one}" for one in sheets])
        return
    files, left_out = open_export(path)
    yield ExportSource(path, files, settings, left_out) if files else None
