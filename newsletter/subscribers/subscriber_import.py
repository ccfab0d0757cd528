"""Imports: a list in a file compared with the list in the store, and then brought into it.

Both read the file from its beginning, in groups of rows, so that a million of them are never in memory.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError
from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.config.validators import check_language
from newsletter.errors import Problem
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.erased import find_erased, hold_off_erasing
from newsletter.store.events import find_last_said_by
from newsletter.subscribers.consent import CONSENT_AT, CONSENT_COLUMNS, Consent
from newsletter.subscribers.feedback_events import LIFTING, SuppressionKind
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS, StatusColumns
from newsletter.subscribers.status_words import says_mailed
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_columns,
    add_consents,
    count_subscribers,
    find_new_consents,
    find_subscribers,
    save_subscribers,
)
from newsletter.subscribers.subscriber import LANGUAGE_COLUMNS, Subscriber, SubscriberStatus, find_language
from newsletter.subscribers.suppression import suppress_as_in_file
from newsletter.subscribers.suppression_status import Suppression, read_suppression_statuses

_GROUP = 500  # rows compared or written at once: others who write wait for no longer than that takes
_SHOWN = 3
_IMPORTED = "import"  # where a consent was noted of which the file does not say it
# What an export of another program says of somebody that any list has to heed, and not this one alone.
_SAID = (SuppressionKind.UNSUBSCRIBED, SuppressionKind.BOUNCED, SuppressionKind.COMPLAINED)
_ZONES = ("time_zone", "timezone")
# Words of a status by which somebody is to be asked first, or gets nothing for a while.
_STATUSES = {
    **dict.fromkeys(("pending", "unconfirmed", "unactivated"), SubscriberStatus.PENDING),
    **dict.fromkeys(("paused", "on hold", "snoozed"), SubscriberStatus.PAUSED),
}


class ImportableList(Protocol):
    """A list in a file, as it can be compared with the list in the store."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def version(self) -> Hashable:
        """Return what is another once the file has changed."""
        ...

    def read_columns(self) -> list[str]:
        """Return the names of the columns."""
        ...

    def read_statuses(self) -> StatusColumns:
        """Return whom the file says not to mail."""
        ...

    def read_subscribers(self) -> Iterator[Subscriber | Problem]:
        """Yield each row, or what keeps it from being a subscriber; an address's second row as a duplicate."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """Counts of what an import would do.

    `suppressed` are those of the file who must not be mailed, by what the store knows, `inactive` those whom the list
    itself does not have mailed afterwards, `activated` those pending or paused whom the file says to be active; all are
    imported. `erased` asked to be forgotten and are not. `absent` are on the list and not in the file. `consents` are
    those not on record yet. `problems` are those of a few rows that can't be used, one that is not UTF-8 first.
    `left` and `bounced` are those of whom an export of another program says so, `news` those of them of whom it was not
    known, and `returned` those who have come back since; `form` says which export it is, and
    `left_out` names files in it that are no lists.
    """

    file: Path
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    unusable: int = 0
    duplicates: int = 0
    suppressed: int = 0
    inactive: int = 0
    activated: int = 0
    erased: int = 0
    absent: int = 0
    consents: int = 0
    unknown_languages: int = 0
    left: int = 0
    bounced: int = 0
    news: int = 0
    returned: int = 0
    form: str = ""
    left_out: Sequence[str] = ()
    problems: Sequence[Problem] = ()

    @property
    def writes(self) -> bool:
        """Whether it would write anything."""
        return bool(self.new or self.changed or self.consents or self.news)


@dataclass(frozen=True, slots=True)
class _Imported:
    """A row of the file: what it gives the store, which columns it has, and what it says of status and consent."""

    row: StoredSubscriber
    status: SubscriberStatus | None
    consent: Consent | None
    said: Suppression | None
    is_understood: bool

    def merge_into(self, known: StoredSubscriber | None, columns: Collection[str]) -> StoredSubscriber:
        """Return what the store is to have. Values stay that the file has no column for; who left stays away."""
        if known is None:
            return replace(self.row, status=self.status) if self.status else self.row
        status = self.status or known.status
        if known.status is SubscriberStatus.LEFT:
            status = SubscriberStatus.LEFT
        return replace(
            self.row,
            status=status,
            # A row has a name even where its file has no such column.
            fields=dict(known.fields) | {name: value for name, value in self.row.fields.items() if name in columns},
            tags=self.row.tags if "tags" in columns else known.tags,
            language=self.row.language if any(name in self.row.fields for name in LANGUAGE_COLUMNS) else known.language,
            time_zone=self.row.time_zone if any(name in self.row.fields for name in _ZONES) else known.time_zone,
            created_at=known.created_at,
            changed_at=known.changed_at,
        )


class SubscriberImport:
    """One import of a file. Raises ListError for a file that can't be read, DecisionNeeded while it has questions."""

    def __init__(
        self,
        store: Store,
        keys: SecretKeys | None,
        source: ImportableList,
        *,
        suppresses: bool = False,
        shown: int = _SHOWN,
    ) -> None:
        """Read what the file's columns are. With `suppresses`, who left by its word is suppressed for any list.

        `shown` is how many rows that can't be used are named.
        """
        self._suppresses = suppresses
        self._shown = shown
        self._store = store
        self._keys = keys
        self._source = source
        self._own = source.read_statuses()
        self._own.require_answers()
        self._columns = source.read_columns()

    def plan(self) -> ImportPlan:
        """Compare the file with the list; nothing is written."""
        counts = Counter[str]()
        problems: list[Problem] = []
        for group in self._groups(counts, problems):
            statuses = read_suppression_statuses(self._store, self._keys, list(group))
            erased = {key for key, status in zip(group, statuses, strict=True) if status.erased}
            with self._store.reading() as connection:
                counts["returned"] += self._heed_returns(connection, group)
                known = find_subscribers(connection, group)
                given = {key: one.consent for key, one in group.items() if one.consent and key not in erased}
                counts["consents"] += len(find_new_consents(connection, given)) if given else 0
            for (key, imported), status in zip(group.items(), statuses, strict=True):
                if key in erased:
                    counts["erased"] += 1
                    continue
                before = known.get(key)
                after = imported.merge_into(before, self._columns)
                counts["new" if before is None else "unchanged" if after.is_same(before) else "changed"] += 1
                counts["suppressed"] += bool(status.suppressions)
                was_inactive = before is not None and before.status is not SubscriberStatus.ACTIVE
                counts["activated"] += was_inactive and after.status is SubscriberStatus.ACTIVE
                counts["inactive"] += after.status is not SubscriberStatus.ACTIVE
                counts["unknown_languages"] += not imported.is_understood
                if self._suppresses and imported.said:
                    counts["bounced" if imported.said.kind == SuppressionKind.BOUNCED else "left"] += 1
                    counts["news"] += all(one.kind != imported.said.kind for one in status.suppressions)
        with self._store.reading() as connection:
            there = sum(count_subscribers(connection).values())
        absent = there - counts["changed"] - counts["unchanged"]
        return ImportPlan(file=self._source.path, problems=problems, absent=absent, form="", left_out=(), **counts)

    def apply(self) -> None:
        """Bring the file into the store, group by group: stopped halfway, the same import does the rest."""
        with self._store.transaction() as connection:
            add_columns(connection, (name for name in self._columns if name not in self._special_columns))
        for group in self._groups(Counter(), []):
            digests = {key: self._keys.digest(key) for key in group} if self._keys else {}
            with self._store.transaction() as connection:
                hold_off_erasing(connection)
                erased = find_erased(connection, list(digests.values())) if digests else {}
                wanted = {key: imported for key, imported in group.items() if digests.get(key) not in erased}
                self._heed_returns(connection, wanted)
                known = find_subscribers(connection, wanted)
                merged = {key: one.merge_into(known.get(key), self._columns) for key, one in wanted.items()}
                changed = (key for key, row in merged.items() if key not in known or not row.is_same(known[key]))
                save_subscribers(connection, [merged[key] for key in changed])
                add_consents(connection, {key: one.consent for key, one in wanted.items() if one.consent})
                for key, one in wanted.items():
                    if self._suppresses and one.said:
                        _suppress(connection, key, one.said)

    def _heed_returns(self, connection: Connection, group: dict[SubscriberKey, _Imported]) -> int:
        """Forget that somebody left by the file when they came back after that; return how many did.

        Where the file does not say when they left, any coming back is later: the same file may be read again.
        """
        left = {key: one.said for key, one in group.items() if one.said} if self._suppresses else {}
        back = find_last_said_by(connection, list(left), LIFTING) if left else {}
        returned = [
            key for key, moment in back.items() if (since := left[key].since) is None or _is_later(moment, since)
        ]
        for key in returned:
            group[key] = replace(group[key], said=None, status=None)
        return len(returned)

    @property
    def _special_columns(self) -> set[str]:
        """Columns that become something else than a field."""
        return {"", "email", STATE, SINCE, WORDS, *CONSENT_COLUMNS, *self._own.honoured}

    def _groups(self, counts: Counter[str], problems: list[Problem]) -> Iterator[dict[SubscriberKey, _Imported]]:
        """Yield the file's subscribers by key, in groups; rows that can't be used are counted."""
        rows = self._source.read_subscribers()
        special = self._special_columns
        while group := list(islice(rows, _GROUP)):
            found: dict[SubscriberKey, _Imported] = {}
            for row in group:
                imported = _import_row(row, self._own, special, self._source) if isinstance(row, Subscriber) else row
                if isinstance(imported, _Imported):
                    found[imported.row.key] = imported
                    continue
                counts["duplicates" if imported.code == "duplicate" else "unusable"] += 1
                if imported.code == "encoding":
                    problems[:] = [imported, *problems][: self._shown]
                elif imported.code != "duplicate" and len(problems) < self._shown:
                    problems.append(imported)
            yield found


def _import_row(
    subscriber: Subscriber, own: StatusColumns, special: set[str], source: ImportableList
) -> _Imported | Problem:
    fields = {name: value for name, value in subscriber.fields.items() if name not in special}
    try:
        consent = _consent(subscriber.fields)
    except ValueError as error:
        return Problem(
            path=source.path,
            line=subscriber.line,
            code="consent",
            message=str(error),
            next_step=f"Write {CONSENT_AT} as 2026-03-01, or 2026-03-01T09:30:00+00:00.",
        )
    language, zone = find_language(fields), next((fields[name] for name in _ZONES if fields.get(name)), "")
    row = StoredSubscriber(
        address=subscriber.address,
        fields=fields,
        tags=subscriber.tags,
        language=_parse_language(language),
        time_zone=_parse_zone(zone),
    )
    is_understood = bool(row.language) == bool(language) and row.time_zone == zone
    said = own.find(subscriber)
    said = said if said and said.kind in _SAID else None
    return _Imported(row, _status_in_file(subscriber, own), consent, said, is_understood)


def _is_later(moment: str, since: Instant) -> bool:
    return parse_instant(moment) >= since


def _suppress(connection: Connection, key: SubscriberKey, said: Suppression) -> None:
    since = min(format_instant(said.since), now()) if said.since else now()
    suppress_as_in_file(connection, key, SuppressionKind(said.kind), said.words, since)


def _status_in_file(subscriber: Subscriber, own: StatusColumns) -> SubscriberStatus | None:
    """Return the status that the file gives somebody; None where it gives none, as by an empty cell."""
    if own.find(subscriber) is None:
        said = any(says_mailed(name, subscriber.fields.get(name, "")) for name in own.honoured)
        return SubscriberStatus.ACTIVE if said else None
    word = own.describe(subscriber).partition(": ")[2].casefold()
    return _STATUSES.get(word, SubscriberStatus.LEFT)


def _consent(fields: Mapping[str, str]) -> Consent | None:
    """Return what a row says of a consent. Raises ValueError when it does not say when that was given."""
    at, where, words, evidence = (fields.get(name, "") for name in CONSENT_COLUMNS)
    if not (at or where or words or evidence):
        return None
    if not at:
        raise ValueError(f"{CONSENT_AT}: it is not said when they agreed")
    try:
        given_at = parse_instant(at)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{CONSENT_AT}: {at!r} is no moment") from error
    return Consent(
        given_at=given_at.isoformat(timespec="milliseconds"),
        source=where or _IMPORTED,
        words=words,
        evidence={"note": evidence} if evidence else {},
    )


def _parse_language(text: str) -> str:
    """Return a BCP 47 tag, empty when it is none: JA_jp, as some programs write it, is ja-jp."""
    main, *more = text.replace("_", "-").split("-")
    with suppress(PydanticCustomError):
        return check_language("-".join([main.lower(), *more])) if text else ""
    return ""


def _parse_zone(text: str) -> str:
    """Return IANA's name of a time zone as it was written, empty when it is none."""
    with suppress(KeyError, ValueError, OSError):
        return ZoneInfo(text).key if text else ""
    return ""
