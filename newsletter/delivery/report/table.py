"""Readers as rows of a CSV, safe to open in a spreadsheet."""

import csv
import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TextIO

from newsletter.delivery.ledger import Delivery

NOT_ACCEPTED = ("address", "state", "stage", "code", "enhanced", "reply")
EVERYTHING = (*NOT_ACCEPTED, "tries", "run", "at", "took")
# What a spreadsheet takes for a formula, after the blanks that some of them skip.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def write_csv(file: TextIO, rows: Iterable[Delivery], columns: Sequence[str]) -> None:
    """A row each, under the columns' names. A cell that would run as a formula gets a quote before it."""
    writer = csv.writer(file)
    writer.writerow(columns)
    cells = attrgetter(*columns)
    for row in rows:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell for cell in cells(row)])
