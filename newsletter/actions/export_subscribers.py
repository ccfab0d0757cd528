"""Exports of the list, and of what is known of subscribers, as a CSV for a spreadsheet or for another state."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from newsletter.campaigns.unknown_campaigns import refuse_unknown_campaigns
from newsletter.errors import DecisionNeeded, ListError
from newsletter.files import open_private
from newsletter.ownership import resolve_own_target
from newsletter.publication import OpenPublication
from newsletter.subscribers import list_export
from newsletter.subscribers.list_formats.written_forms import WrittenForm, write_in_form
from newsletter.subscribers.suppression_status import ERASED
from newsletter.text import shorten_path


class ExportKind(StrEnum):
    """Whom or what an export holds."""

    EVERYONE = "everyone"  # on the list, with their state
    MAILABLE = "mailable"  # who gets the next issue: a list again
    SUPPRESSED = "suppressed"  # who must not be mailed, for another state
    EVENTS = "events"  # all that subscribers, mail servers and editors said


@dataclass(frozen=True, kw_only=True)
class SubscriberExport:
    """Counts of an export: rows written, and how many were left out as unusable, and because a person was erased."""

    rows: int
    unusable: int
    erased: int


def export_subscribers(
    publication: OpenPublication,
    kind: ExportKind,
    file: TextIO,
    *,
    nobody_left: bool = False,
    form: WrittenForm | None = None,
) -> SubscriberExport:
    """Write a CSV into an open file; no cell is a formula.

    A list to mail is refused while this state may not know who left, unless `nobody_left` is a person's word on it.
    `form` is that of another program. Raises ListError, DecisionNeeded, and ConfigError when nobody can tell who was
    erased.
    """
    left_out = Counter[str]()
    rows = _rows(publication, kind, left_out, nobody_left=nobody_left)
    count = _write(file, rows, form)
    return SubscriberExport(rows=count, unusable=left_out["unusable"], erased=left_out[ERASED])


def export_subscribers_file(
    publication: OpenPublication,
    kind: ExportKind,
    path: Path,
    *,
    overwrite: bool = False,
    nobody_left: bool = False,
    form: WrittenForm | None = None,
) -> SubscriberExport:
    """Write a CSV into a file that only its owner can read; where it is a link, into what it leads to.

    Raises DecisionNeeded when the file is there, unless `overwrite` is set, and ListError when it is the list itself.
    """
    path = resolve_own_target(path)
    left_out = Counter[str]()
    rows = _rows(publication, kind, left_out, nobody_left=nobody_left)
    _refuse_existing(path, publication.subscriber_source().file, overwrite=overwrite)
    # The mark is for Excel, which guesses wrong without; another program may take it for a part of a heading.
    with open_private(path, encoding="utf-8" if form else "utf-8-sig") as text:
        count = _write(text, rows, form)
    return SubscriberExport(rows=count, unusable=left_out["unusable"], erased=left_out[ERASED])


def _write(file: TextIO, rows: Iterator[Sequence[str]], form: WrittenForm | None) -> int:
    """Write a CSV, or a program's form of it, and return how many rows it has; without headings, lines of one cell."""
    if form is None:
        return list_export.write_csv(file, rows)
    written = write_in_form(rows, form)
    if any(form.columns):
        return list_export.write_csv(file, written)
    next(written)
    return sum(1 for (member,) in written if file.write(f"{member}\n"))


def _rows(
    publication: OpenPublication, kind: ExportKind, left_out: Counter[str], *, nobody_left: bool
) -> Iterator[Sequence[str]]:
    publication.refuse_without_erasure_keys()
    store, keys = publication.known_store, publication.keys
    match kind:
        case ExportKind.MAILABLE:
            if not nobody_left:
                refuse_unknown_campaigns(store, publication.workspace.drafts)
            return list_export.export_mailable(store, keys, publication.require_subscribers(), left_out)
        case ExportKind.SUPPRESSED:
            return list_export.export_suppressed(store, keys)
        case ExportKind.EVENTS:
            return list_export.export_events(store)
        case ExportKind.EVERYONE:
            return list_export.export_everyone(store, keys, publication.require_subscribers(), left_out)


def _refuse_existing(path: Path, list_file: Path | None, *, overwrite: bool) -> None:
    name = shorten_path(path, Path.cwd())
    if list_file and path == list_file.resolve():
        raise ListError(f"{name} is the list itself, and an export has other columns.", next_step="Name another file.")
    if path.exists() and not path.is_file():
        raise ListError(
            f"{name} is no file that could be written over.",
            next_step="Name another file; or none, for standard output.",
        )
    if path.exists() and not overwrite:
        raise DecisionNeeded(f"{name} is there already.", next_step="Name another file, or write over it with --yes.")
