"""Exports of the list, and of what is known of subscribers, as rows of a CSV for spreadsheets and for other stores."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from newsletter.clock import format_instant
from newsletter.errors import Problem
from newsletter.store import Store, suppressions
from newsletter.store.erased import list_erased
from newsletter.store.events import stream_events
from newsletter.subscribers.csv_file import guard_cell
from newsletter.subscribers.csv_rows import MAX_VALUE
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import ERASED, UNTIL, with_suppression_status
from newsletter.text import escape_controls

_OURS = (STATE, SINCE, WORDS)
_EVIDENCE = ("code", "words", "proof", "address", "note")
_OF_AN_EVENT = ("reader", "kind", "source", "issue", "said_at", "at", *_EVIDENCE, "more")


def export_everyone(
    store: Store | None, keys: SecretKeys | None, source: SubscriberSource, left_out: Counter[str]
) -> Iterator[Sequence[str]]:
    """Yield a heading, and each subscriber of the list with the list's columns and their state. Streams.

    The erased have no place in a copy of the list: they are counted in `left_out`, as are rows that can't be used.
    """
    own = source.read_statuses()
    columns = _columns(source)
    yield [*columns, *_OURS]
    for row, status in with_suppression_status(store, keys, source.read_rows(), own):
        if isinstance(row, Problem) or status.erased:
            left_out[ERASED if status.erased else "unusable"] += 1
        else:
            yield [
                *_cells(row, columns),
                status.state,
                format_instant(status.since) if status.since else "",
                _on_one_line(status.words),
            ]


def export_mailable(
    store: Store | None, keys: SecretKeys | None, source: SubscriberSource, left_out: Counter[str]
) -> Iterator[Sequence[str]]:
    """Yield a heading, and each subscriber who may be mailed, with the list's columns alone: a list again. Streams.

    Raises DecisionNeeded while nobody has said what a column of the list means.
    """
    own = source.read_statuses()
    own.require_answers()
    columns = _columns(source)
    yield columns
    for row, status in with_suppression_status(store, keys, source.read_rows(), own):
        if isinstance(row, Problem):
            left_out["unusable"] += 1
        elif status.mailable:
            yield _cells(row, columns)


def export_suppressed(store: Store | None, keys: SecretKeys | None) -> Iterator[Sequence[str]]:
    """Yield a heading, a row for each subscriber and kind of suppression, and the hashes of the erased. Streams.

    Whether they are on the list makes no difference.

    `newsletter subscribers suppress --from` reads it into another state.
    """
    yield ("email", *_OURS)
    if store is None:
        return
    with store.reading() as connection:
        for row in suppressions.stream_suppressions(connection):
            yield row.subscriber, row.cause, row.at, f"{UNTIL}{row.until}" if row.until else _on_one_line(row.words)
        if keys:
            for digest, at in list_erased(connection):
                yield digest, ERASED, at, keys.fingerprint


def export_events(store: Store | None) -> Iterator[Sequence[str]]:
    """Yield a heading, and everything that subscribers, mail servers and editors said, the oldest first. Streams."""
    yield _OF_AN_EVENT
    if store is None:
        return
    with store.reading() as connection:
        for row in stream_events(connection):
            evidence = {name: escape_controls(" ".join(text.split())) for name, text in row.evidence.items()}
            known = (evidence.pop(name, "") for name in _EVIDENCE)
            about = (row.subscriber, row.kind, row.source, row.issue or "", row.said_at, row.at)
            yield *about, *known, "; ".join(f"{name}: {text}" for name, text in evidence.items())


def write_csv(file: TextIO, rows: Iterable[Sequence[str]]) -> int:
    """Write the heading and the rows, safe for a spreadsheet; return how many rows there were."""
    writer = csv.writer(file)
    written = sum(1 for row in rows if writer.writerow([guard_cell(cell) for cell in row]))
    return written - 1


def _columns(source: SubscriberSource) -> list[str]:
    """Return the list's columns, but for ours: a list that was an export gets new ones."""
    return [name for name in source.read_columns() if name and name not in _OURS]


def _cells(row: Subscriber, columns: Sequence[str]) -> list[str]:
    return [";".join(sorted(row.tags)) if name == "tags" else row.fields[name] for name in columns]


def _on_one_line(words: str) -> str:
    """Return words as a list's value may be, so that it can be read again."""
    return escape_controls(" ".join(words.split()))[:MAX_VALUE]
