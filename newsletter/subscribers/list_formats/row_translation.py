"""Translation of an export's rows into rows of a list of ours, with the columns that such a list has."""

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, repeat

from newsletter.clock import parse_instant
from newsletter.subscribers.consent import CONSENT_AT, CONSENT_EVIDENCE, CONSENT_SOURCE, CONSENT_WORDS
from newsletter.subscribers.csv_file import unguard_cell
from newsletter.subscribers.csv_rows import BREAKS, MAX_VALUE
from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.list_formats.list_format import ListFormat
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS
from newsletter.subscribers.subscriber import SubscriberStatus
from newsletter.subscribers.suppression_status import MAILABLE

_OURS = ("email", "name", "tags", "language", "time_zone", CONSENT_AT, CONSENT_SOURCE, CONSENT_EVIDENCE)
_STATES = (STATE, SINCE, WORDS)
# Go writes "2021-02-03 10:00:00.123 +0000 UTC", and the offset once more where the zone has no name: so listmonk does.
_GO_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)\d* ([+-]\d\d)(\d\d)(?: (?:[A-Z]{3,5}|[+-]\d{4}))?"
)
_NO_MOMENT = frozenset(["", "null", "none", "nan", "false", "0", "[]", "-"])
_GOOGLE_GROUP = re.compile(r"\s*:::\s*")


@dataclass(frozen=True)
class RowTranslation:
    """A translation of rows with these columns. `columns` of the file may have a name twice: the first counts."""

    form: ListFormat
    columns: Sequence[str]

    @cached_property
    def fields(self) -> list[str]:
        """Columns that stay what they are."""
        if not self.form.keeps_fields:
            return []
        form = self.form
        used = {*form.email, *form.full_name, *form.given_names, *form.tags, *form.language, *form.time_zone}
        used |= {*form.left_at, *form.reasons, *form.status, *form.dropped, *_OURS, *_STATES, CONSENT_WORDS, ""}
        return [name for name in dict.fromkeys(self.columns) if name not in used]

    @cached_property
    def target_columns(self) -> list[str]:
        return [*_OURS, *_STATES, *self.fields]

    def translate(self, cells: Sequence[str]) -> list[str]:
        """Return the cells of a row by `target_columns`. An overlong row keeps what is too much, to be named.

        What a row is too short for is empty: a status that is missing says what an empty one does.
        """
        row: dict[str, str] = {}
        for name, cell in zip(self.columns, chain(cells, repeat("")), strict=False):
            row.setdefault(name, unguard_cell(cell).strip())
        form = self.form
        state, since, words = _find_state(form, row)
        agreed = next((moment for name in form.agreed if (moment := parse_moment(row.get(name, "")))), "")
        evidence = ", ".join(f"{name} {row[name]}" for name in form.evidence if row.get(name)) if agreed else ""
        name = _first(row, form.full_name) or " ".join(row[one] for one in form.given_names if row.get(one))
        ours = [
            _first(row, form.email),
            name,
            _join_tags(_first(row, form.tags)),
            _first(row, form.language),
            _first(row, form.time_zone),
            agreed,
            form.name.partition(",")[0] if agreed else "",
            _shorten(evidence),
            state,
            since,
            _shorten(words),
            *(row.get(name, "") for name in self.fields),
        ]
        return ours + [""] * max(0, len(self.target_columns) - len(ours)) + list(cells[len(self.columns) :])


def _first(row: Mapping[str, str], names: Collection[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _find_state(form: ListFormat, row: Mapping[str, str]) -> tuple[str, str, str]:
    """Return a row's state in the words of our exports, since when it is, and why; who left by any column, left."""
    reason = _first(row, form.reasons)
    for name, kind in form.left_at.items():
        if row.get(name, "").casefold() not in _NO_MOMENT:
            return kind.value, parse_moment(row[name]), reason
    if form.everyone:
        return form.everyone.value, "", reason
    column = next((name for name in form.status if name in row), None)
    if column is None:
        return "", "", ""
    word = " ".join(row[column].casefold().split())
    if not word and word not in form.words:
        return "", "", ""
    state = form.words.get(word, SuppressionKind.SUPPRESSED.value)
    return state, "", reason if state not in (MAILABLE, SubscriberStatus.PENDING) else ""


def parse_moment(text: str) -> str:
    """Return a moment of an export as ISO 8601 in UTC, empty where it is none; one without a zone is taken for UTC."""
    if go := _GO_MOMENT.fullmatch(text):
        text = f"{go[1]}{go[2]}:{go[3]}"
    with suppress(ValueError, OverflowError):
        return parse_instant(text.removesuffix(" UTC")).isoformat(timespec="milliseconds")
    return ""


@lru_cache(maxsize=10_000)
def _join_tags(cell: str) -> str:
    """Return tags as a list of ours has them: without blanks in them, and separated by semicolons."""
    if not cell or len(cell) > MAX_VALUE:
        return cell  # which is named as too long
    try:
        parts = next(csv.reader([_GOOGLE_GROUP.sub(",", BREAKS.sub(" ", cell))], skipinitialspace=True), [])
    except csv.Error:
        parts = cell.split(",")
    tags = (re.sub(r"[\s,;|]+", "-", part.strip(" \"'[]*;")) for each in parts for part in each.split(";"))
    return ";".join(tag for tag in tags if tag and tag != "myContacts")


def _shorten(text: str) -> str:
    """Return text as a value may be. What is printable has no break, which takes longer to look for."""
    text = text[:MAX_VALUE]
    return text if text.isprintable() else BREAKS.sub(" ", text)
