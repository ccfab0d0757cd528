"""Workbooks (.xlsx): their first sheet with anything in it as a CSV, made in a process with limits.

A workbook of some kilobytes can unpack to gigabytes, or keep a reader busy for hours.
"""

import csv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.errors import ListError
from newsletter.limited_process import LimitReached, run_limited
from newsletter.subscribers.csv_rows import BREAKS
from newsletter.subscribers.list_formats.archive_limits import refuse_bomb
from newsletter.text import format_size

MOST_SECONDS = 300  # of computing; a million rows of ten cells take about a third of it
_MOST_PARTS = 5_000
_MOST_WRITTEN = 1_000_000_000
_LOOKED_AT = 1_000  # rows after which it is seen how much was written
_MOST_COLUMNS = 1_000
# What openpyxl raises for files that no spreadsheet wrote.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError,
    OSError, RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip


@contextmanager
def converting_workbook(path: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """Hold the text of a workbook's first sheet that has any: a CSV in UTF-8 that nobody else can read.

    Each row of the sheet is one line, so that lines have the rows' numbers. Gives the names of the other sheets as
    well. Raises ListError.
    """
    with TemporaryDirectory(prefix="newsletter-list-") as folder:
        target = Path(folder) / "sheet.csv"
        _refuse_bloated(path)
        try:
            others = run_limited(convert_workbook, str(path), str(target), seconds=MOST_SECONDS)
        except LimitReached as error:
            raise ListError(
                f"{path.name} takes more time or memory than a list does.",
                next_step="Save the sheet with the subscribers as CSV UTF-8.",
            ) from error
        if not target.exists():
            raise ListError(f"{path.name} has no sheet with anything in it.")
        yield target, others


def _refuse_bloated(path: Path) -> None:
    """Raise ListError for a workbook of which a part may be too large, or that has too many of them."""
    with zipfile.ZipFile(path) as package:
        entries = package.infolist()
    if len(entries) > _MOST_PARTS:
        raise ListError(f"{path.name} has {len(entries):,} parts, which is too much for a list.")
    refuse_bomb(path, entries)


def convert_workbook(path: str, target: str) -> list[str]:
    """Write the first sheet that has any cell as a CSV; return the names of the others. Raises ListError."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # What a formula came to is in the file beside it; no formula is computed.
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        sheets = book.worksheets
        for sheet in sheets:
            sheet.reset_dimensions()  # what the file says of them may be wrong
            if _write_sheet(sheet.iter_rows(values_only=True), Path(target)):
                return [other.title for other in sheets if other is not sheet]
    except (InvalidFileException, *_BROKEN) as error:
        raise ListError(
            f"{Path(path).name} can't be read as a workbook.",
            next_step="Open it in a spreadsheet, and save it as .xlsx again, or as CSV UTF-8.",
        ) from error
    return []


def _write_sheet(rows: Iterator[Sequence[object]], target: Path) -> bool:
    """Write a sheet's rows; return False, with nothing written, for one that has no cell."""
    some = False
    with target.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, row in enumerate(rows, 1):
            cells = [_show_cell(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if len(cells) > _MOST_COLUMNS:
                raise ListError(f"Row {number:,} has {len(cells):,} cells, which is too much for a list.")
            some = some or bool(cells)
            writer.writerow(cells)
            if number % _LOOKED_AT == 0 and target.stat().st_size > _MOST_WRITTEN:
                raise ListError(f"A sheet of it has more than {format_size(_MOST_WRITTEN, 0)} of text.")
    if not some:
        target.unlink()
    return some


def _show_cell(value: object) -> str:
    """Return a cell's value on one line: moments in ISO 8601, whole numbers without a fraction, yes and no as words."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return BREAKS.sub(" ", str(value))
