"""Recipients as rows of a CSV, safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TextIO

from newsletter.ledger.deliveries import Delivery
from newsletter.subscribers.csv_file import guard_cell
from newsletter.text import escape_controls

NOT_ACCEPTED_COLUMNS = ("address", "state", "stage", "code", "enhanced", "reply")
ALL_COLUMNS = (*NOT_ACCEPTED_COLUMNS, "tries", "run", "at", "took", "language")
_ATTRIBUTES = {"run": "worker"}  # what a column shows, where it is called otherwise


def write_recipients_csv(file: TextIO, rows: Iterable[Delivery], columns: Sequence[str], own_language: str) -> None:
    """Write a row for each delivery, under the columns' names; `own_language` is that of the publication.

    A server's words are hostile: what a terminal would obey is escaped, and a cell that would run as a formula gets a
    quote before it.
    """
    writer = csv.writer(file)
    writer.writerow(columns)
    cells = attrgetter(*(_ATTRIBUTES.get(name, name) for name in columns))
    for row in rows:
        shown = row if row.language else row._replace(language=own_language)
        writer.writerow([guard_cell(escape_controls(cell)) if isinstance(cell, str) else cell for cell in cells(shown)])
