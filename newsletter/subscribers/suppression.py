"""Suppressions that an editor enters, one by one or as another store knew them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.errors import ListError, Problem
from newsletter.store import Store, suppressions
from newsletter.store.engine import now
from newsletter.store.erased import add_erased, hold_off_erasing, list_erased_digests
from newsletter.store.events import StoredEvent, add_events
from newsletter.store.publication_facts import note_erasing_key
from newsletter.store.suppression_rule import SHARED_CAUSES
from newsletter.store.timed_suppressions import suppress_until
from newsletter.subscribers.csv_editing import cells_of
from newsletter.subscribers.csv_file import CsvHeader, read_header, read_lines, read_records
from newsletter.subscribers.csv_records import CsvRecord
from newsletter.subscribers.csv_rows import read_row
from newsletter.subscribers.event_recording import counts_for_all, record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS, read_row_status
from newsletter.subscribers.status_words import StatusMeaning, cause_of
from newsletter.subscribers.suppression_status import ERASED, MAILABLE, Suppression, find_end
from newsletter.text import escape_controls
from newsletter.validation import Fault

_MEND = "Mend the row, or export again: newsletter subscribers export -o FILE --suppressed"
_FROM_A_FILE = {"note": "brought over from a file"}
_KINDS = {
    SuppressionKind.UNSUBSCRIBED: EventKind.UNSUBSCRIBED,
    SuppressionKind.BOUNCED: EventKind.HARD,
    SuppressionKind.COMPLAINED: EventKind.COMPLAINED,
    SuppressionKind.MOVED: EventKind.ADDRESS_CHANGED,
    SuppressionKind.UNCONFIRMED: EventKind.UNCONFIRMED,
}
# What is more than a reason: a pause has an end, and an address that was given up another one in its place.
_NO_REASONS = (SuppressionKind.PAUSED, SuppressionKind.MOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSuppressions:
    """Numbers of suppressions and erasures that were new here, and that were known; `mailed` are rows to be mailed.

    `whole` says that the file is an export of everybody whom the other state suppressed.
    """

    new: int
    known: int
    mailed: int = 0
    whole: bool = False


def suppress(
    store: Store, keys: SecretKeys | None, key: SubscriberKey, reason: str, *, everywhere: bool = False
) -> bool:
    """Suppress a subscriber for an editor's reason; return False when that was so already for the same kind.

    With `everywhere` no publication of the database mails them, also for a reason that else is one's own.
    """
    cause, words = _parse_reason(reason)
    event = Event(
        subscriber=key,
        kind=_KINDS.get(cause, EventKind.SUPPRESSED),
        source=EventSource.EDITOR,
        evidence={"words": words},
        everywhere=everywhere,
    )
    return record_events(store, keys, [event])[0]


def unsuppress(store: Store, keys: SecretKeys | None, key: SubscriberKey, *, everywhere: bool = False) -> bool:
    """Lift all suppressions of a subscriber, as an editor's decision; return False when there were none.

    It is for this publication, which mails them again whatever is about all; with `everywhere` it is for each one.
    """
    event = Event(subscriber=key, kind=EventKind.ALLOWED, source=EventSource.EDITOR, everywhere=everywhere)
    return record_events(store, keys, [event])[0]


def import_suppressions(
    store: Store,
    keys: SecretKeys | None,
    path: Path,
    reason: str,
    honour: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> ImportedSuppressions:
    """Suppress everyone of an export, with causes, words and dates as they were; all of them or nobody.

    Readers of a file without states are suppressed for `reason`, but for rows whose status, by whatever name another
    program has given to it, says that they are mailed. `honour` and `ignore` are what newsletter.toml says of such
    columns. Raises ListError with every row that can't be taken.
    """
    lines = read_lines(path)
    header = read_header(path, lines)
    counts = Counter[str]()
    problems: list[Problem] = []
    with store.transaction() as connection:
        hold_off_erasing(connection)
        erased = list_erased_digests(connection)
        for record in read_records(lines, header):
            try:
                if _is_mailed(record, header, honour, ignore):
                    counts["mailed"] += 1
                    continue
                for one in _read_suppressions(record, header, keys, reason):
                    gone = keys is not None and one.state != ERASED and keys.digest(one.known_as) in erased
                    counts["new" if not gone and _import(connection, keys, one) else "known"] += 1
            except ListError as error:
                why, remedy = error.message, error.next_step or _MEND
                problems.append(Problem(path=path, line=record.line, code="row", message=why, next_step=remedy))
        if problems:
            raise ListError("Nobody was suppressed, since not every row can be taken.", problems=problems)
    whole = STATE in header.columns and not counts["mailed"]
    return ImportedSuppressions(new=counts["new"], known=counts["known"], mailed=counts["mailed"], whole=whole)


def _is_mailed(record: CsvRecord, header: CsvHeader, honour: Sequence[str], ignore: Sequence[str]) -> bool:
    """Return whether a row says that its subscriber is mailed. Raises ListError for a status that may say either."""
    cells = dict(cells_of(record, header))
    if record.fault or cells.get(STATE):
        return cells.get(STATE) == MAILABLE and not record.fault
    meaning, column = read_row_status(cells, honour, ignore)
    if meaning is StatusMeaning.UNCLEAR:
        raise ListError(
            f"nobody can tell whether the column {column} says here that nothing is to be sent",
            next_step=f'If it does not: ignore = ["{column}"] under [list] in newsletter.toml. If it does: honour.',
        )
    return meaning is StatusMeaning.MAILED


@dataclass(frozen=True, slots=True)
class _ImportedRow:
    """A row's suppression of one kind, or that the person with this hash was erased."""

    known_as: str
    state: str
    words: str
    since: str


def _read_suppressions(
    record: CsvRecord, header: CsvHeader, keys: SecretKeys | None, reason: str
) -> Iterator[_ImportedRow]:
    """Yield the suppressions that a row tells of. Raises ListError."""
    cells = dict(cells_of(record, header))
    states, words = cells.get(STATE, ""), cells.get(WORDS, "")
    since = _parse_moment(cells.get(SINCE, ""))
    if states == ERASED:
        yield _ImportedRow(_hash(cells.get("email", ""), words, keys), ERASED, "", since)
        return
    found = read_row(record, header)
    if isinstance(found, Fault):
        raise ListError(found.message)
    if found is None:
        return
    if not states:
        cause, words = _parse_reason(reason)
        named = (cause_of(cell) for name, cell in cells.items() if name not in ("email", "name", "tags"))
        cause = next(filter(None, named), cause)
        yield _ImportedRow(found.key, cause, words, since)
        return
    for state in states.split(", "):
        if state not in list(SuppressionKind):
            raise ListError(f"{state!r} is none of {', '.join(SuppressionKind)}")
        yield _ImportedRow(found.key, state, words, since)


def _import(connection: Connection, keys: SecretKeys | None, row: _ImportedRow) -> bool:
    if row.state == ERASED:
        if keys:
            note_erasing_key(connection, keys.fingerprint)
        return add_erased(connection, row.known_as, row.since)
    return suppress_as_in_file(
        connection, SubscriberKey(row.known_as), SuppressionKind(row.state), row.words, row.since
    )


def suppress_group_as_in_file(
    connection: Connection, said: Mapping[SubscriberKey, Suppression], batch: str
) -> frozenset[str]:
    """Suppress subscribers as an import's file says it of them, each with an event; return of whom that was news.

    `batch` is the import's, which can be undone. They are few enough for either database's parameters.
    """
    moment = now()
    by_cause: dict[SuppressionKind, dict[SubscriberKey, str]] = {}
    since = {key: min(format_instant(one.since), moment) for key, one in said.items() if one.since}
    news: frozenset[str] = frozenset()
    for key, one in said.items():
        if one.kind == SuppressionKind.PAUSED and (end := find_end(one.words)):
            if _pause_as_in_file(connection, key, end, since.get(key) or moment, batch):
                news |= {key}
        else:
            by_cause.setdefault(SuppressionKind(one.kind), {})[key] = one.words
    for cause, words in by_cause.items():
        kind = _KINDS.get(cause, EventKind.SUPPRESSED)
        new = suppressions.suppress_all(
            connection,
            words,
            cause,
            everywhere=cause in SHARED_CAUSES,
            source=EventSource.EDITOR,
            batch=batch,
            since=since,
        )
        told = [
            StoredEvent(key, kind, EventSource.EDITOR, None, {"words": noted, **_FROM_A_FILE}, since.get(key) or moment,
                        moment, batch=batch)
            for key, noted in words.items()
            if key in new
        ]  # fmt: skip
        add_events(connection, told)
        news |= new
    return news


def suppress_as_in_file(
    connection: Connection, key: SubscriberKey, cause: SuppressionKind, words: str, since: str
) -> bool:
    """Suppress a subscriber as a file says it of them, with an event; return False when that was so already.

    `since` is a moment in UTC (ISO 8601), not later than now. A pause that is over by what `words` say is none.
    """
    if cause is SuppressionKind.PAUSED and (until := find_end(words)):
        return _pause_as_in_file(connection, key, until, since)
    kind = _KINDS.get(cause, EventKind.SUPPRESSED)
    everywhere = counts_for_all(Event(subscriber=key, kind=kind, source=EventSource.EDITOR), cause)
    new = suppressions.suppress(
        connection, key, cause, words, everywhere=everywhere, source=EventSource.EDITOR, at=since
    )
    if new:
        evidence = {"words": words, **_FROM_A_FILE}
        add_events(connection, [StoredEvent(key, kind, EventSource.EDITOR, None, evidence, since, now())])
    return new


def _pause_as_in_file(connection: Connection, key: SubscriberKey, until: Instant, since: str, batch: str = "") -> bool:
    end = until.isoformat(timespec="milliseconds")
    if end <= now():
        return False
    kind, source = EventKind.PAUSED, EventSource.EDITOR
    new = suppress_until(connection, key, SuppressionKind.PAUSED, end, source=source, batch=batch, at=since)
    if new:
        evidence = {"until": end, **_FROM_A_FILE}
        add_events(connection, [StoredEvent(key, kind, source, None, evidence, since, now(), batch=batch)])
    return new


def _hash(cell: str, mark: str, keys: SecretKeys | None) -> str:
    if not re.fullmatch("[0-9a-f]{64}", cell):
        raise ListError("this is not the hash of an erased reader")
    if keys is None or mark != keys.fingerprint:
        raise ListError(
            "this hash was made with another key",
            next_step="Copy .newsletter/keys.toml from where the file was written. Then read the file again.",
        )
    return cell


def _parse_moment(text: str) -> str:
    if not text:
        return now()
    try:
        at = parse_instant(text).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError) as error:  # a zone may lead out of the calendar
        raise ListError(f"{SINCE}: {text!r} is no moment such as 2026-03-01T09:30:00+00:00") from error
    return min(at, now())  # another machine's clock may be wrong


def _parse_reason(reason: str) -> tuple[SuppressionKind, str]:
    """Return the kind that a reason names, and an editor's own words where it names none."""
    wanted = reason.strip().casefold()
    named = next((cause for cause in SuppressionKind if cause == wanted and cause not in _NO_REASONS), None)
    return (named, "") if named else (SuppressionKind.SUPPRESSED, escape_controls(" ".join(reason.split())))
