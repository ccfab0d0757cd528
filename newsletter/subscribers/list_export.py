"""The list and what is known of its readers as rows of a CSV: for spreadsheets, and for moving to another state."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from newsletter.errors import Problem
from newsletter.store import Store, suppressions
from newsletter.store import events as log
from newsletter.subscribers.csv_file import guard_cell
from newsletter.subscribers.csv_source import MAX_VALUE, read_columns, read_rows
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import ERASED, Suppression, with_suppression_status
from newsletter.text import escape_controls

_OURS = (STATE, SINCE, WORDS)
_EVIDENCE = ("code", "words", "proof", "address", "note")
_OF_AN_EVENT = ("reader", "kind", "source", "issue", "said_at", "at", *_EVIDENCE, "more")


def export_everyone(
    store: Store | None,
    keys: SecretKeys | None,
    path: Path,
    left_out: Counter[str],
    left: Mapping[str, Suppression] = MappingProxyType({}),
) -> Iterator[Sequence[str]]:
    """A heading, and each reader of the list with the list's columns and their state. Streams.

    The erased have no place in a copy of the list: they are counted in `left_out`, as are rows that can't be used.
    `left` is who must not be mailed by the list's own columns.
    """
    columns = _columns(path)
    yield [*columns, *_OURS]
    for row, standing in with_suppression_status(store, keys, read_rows(path), left):
        if isinstance(row, Problem) or standing.erased:
            left_out[ERASED if standing.erased else "unusable"] += 1
        else:
            yield [*_cells(row, columns), standing.state, standing.since, _on_one_line(standing.words)]


def export_mailable(
    store: Store | None,
    keys: SecretKeys | None,
    path: Path,
    left_out: Counter[str],
    left: Mapping[str, Suppression] = MappingProxyType({}),
) -> Iterator[Sequence[str]]:
    """Yield a heading, and each reader who may be mailed, with the list's columns alone: a list again. Streams."""
    columns = _columns(path)
    yield columns
    for row, standing in with_suppression_status(store, keys, read_rows(path), left):
        if isinstance(row, Problem):
            left_out["unusable"] += 1
        elif standing.mailable:
            yield _cells(row, columns)


def export_suppressed(store: Store | None, keys: SecretKeys | None) -> Iterator[Sequence[str]]:
    """A heading, a row for each reader and cause, on the list or not, and the hashes of the erased. Streams.

    `newsletter subscribers suppress --from` reads it into another state.
    """
    yield ("email", *_OURS)
    if store is None:
        return
    with store.reading() as connection:
        for reader, cause, words, at in suppressions.suppressed_readers(connection):
            yield reader, cause, at, _on_one_line(words)
        if keys:
            for digest, at in log.every_forgotten(connection):
                yield digest, ERASED, at, keys.mark


def export_events(store: Store | None) -> Iterator[Sequence[str]]:
    """A heading, and everything that readers, mail servers and editors said, the oldest first. Streams."""
    yield _OF_AN_EVENT
    if store is None:
        return
    with store.reading() as connection:
        for row in log.every(connection):
            told = {name: escape_controls(" ".join(text.split())) for name, text in row.evidence.items()}
            known = (told.pop(name, "") for name in _EVIDENCE)
            about = (row.reader, row.kind, row.source, row.issue or "", row.said_at, row.at)
            yield *about, *known, "; ".join(f"{name}: {text}" for name, text in told.items())


def write_csv(file: TextIO, rows: Iterable[Sequence[str]]) -> int:
    """Write the heading and the rows, safe for a spreadsheet; returns how many rows there were."""
    writer = csv.writer(file)
    written = sum(1 for row in rows if writer.writerow([guard_cell(cell) for cell in row]))
    return written - 1


def _columns(path: Path) -> list[str]:
    """The list's, but for ours: a list that was an export gets them anew."""
    return [name for name in read_columns(path) if name and name not in _OURS]


def _cells(row: Subscriber, columns: Sequence[str]) -> list[str]:
    return [";".join(sorted(row.tags)) if name == "tags" else row.fields[name] for name in columns]


def _on_one_line(words: str) -> str:
    """As a list's value may be, so that it can be read again."""
    return escape_controls(" ".join(words.split()))[:MAX_VALUE]
