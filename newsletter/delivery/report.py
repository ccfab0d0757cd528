"""What became of a campaign: a balance that adds up, and a table of everyone not reached."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from newsletter.delivery.ledger import Outstanding
from newsletter.delivery.states import Counts, State

_FORMULA = re.compile(r"[=+\-@\t\r]")
_COLUMNS = ("address", "state", "stage", "code", "enhanced", "reply")
_ALWAYS = (State.ACCEPTED, State.REFUSED, State.DEFERRED, State.UNKNOWN, State.PENDING, State.SUPPRESSED)


def balance(counts: Counts) -> str:
    """One line: list = accepted + refused + ... A state nobody is in is named only when it always belongs."""
    shown = [*_ALWAYS, *(state for state in (State.SENDING, State.CANCELLED) if counts[state])]
    return f"{counts.total:,} on the list = " + " + ".join(f"{counts[state]:,} {state}" for state in shown)


def by_reply(rows: Sequence[Outstanding]) -> list[tuple[str, str, int]]:
    """State, reply and how many readers, most first: what an editor wants to see before the single ones."""
    groups: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row.state, " ".join(str(part) for part in (row.code, row.enhanced, row.reply) if part))
        groups[key] = groups.get(key, 0) + 1
    ordered = sorted(groups.items(), key=lambda item: -item[1])
    return [(state, reply, count) for (state, reply), count in ordered]


def write_csv(path: Path, rows: Sequence[Outstanding]) -> None:
    """Everyone not accepted, a row each. A cell that a spreadsheet would run as a formula gets a quote before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in rows:
            writer.writerow([_inert(getattr(row, column)) for column in _COLUMNS])


def _inert(value: str | int | None) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text
