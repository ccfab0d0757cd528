"""Imports: a list in a file compared with the list in the store, and then brought into it.

Both read the file from its beginning, in groups of rows, so that a million of them are never in memory.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import Instant, format_instant, parse_instant
from newsletter.errors import Problem
from newsletter.store import Store
from newsletter.store.engine import now
from newsletter.store.erased import find_erased, hold_off_erasing
from newsletter.store.events import find_last_said_by
from newsletter.subscribers.consent import CONSENT_COLUMNS
from newsletter.subscribers.feedback_events import LIFTING, SuppressionKind
from newsletter.subscribers.import_plan import ImportableList, ImportPlan
from newsletter.subscribers.imported_row import ImportedRow, read_imported_row
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS
from newsletter.subscribers.stored_subscribers import (
    add_columns,
    add_consents,
    count_subscribers,
    find_new_consents,
    find_subscribers,
    save_subscribers,
)
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppress_as_in_file
from newsletter.subscribers.suppression_status import Suppression, read_suppression_statuses

_GROUP = 500  # rows compared or written at once: others who write wait for no longer than that takes
_SHOWN = 3


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

    def _heed_returns(self, connection: Connection, group: dict[SubscriberKey, ImportedRow]) -> int:
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

    def _groups(self, counts: Counter[str], problems: list[Problem]) -> Iterator[dict[SubscriberKey, ImportedRow]]:
        """Yield the file's subscribers by key, in groups; rows that can't be used are counted."""
        rows = self._source.read_subscribers()
        special = self._special_columns
        while group := list(islice(rows, _GROUP)):
            found: dict[SubscriberKey, ImportedRow] = {}
            for row in group:
                imported = (
                    read_imported_row(row, self._own, special, self._source.path)
                    if isinstance(row, Subscriber)
                    else row
                )
                if isinstance(imported, ImportedRow):
                    found[imported.row.key] = imported
                    continue
                counts["duplicates" if imported.code == "duplicate" else "unusable"] += 1
                if imported.code == "encoding":
                    problems[:] = [imported, *problems][: self._shown]
                elif imported.code != "duplicate" and len(problems) < self._shown:
                    problems.append(imported)
            yield found


def _is_later(moment: str, since: Instant) -> bool:
    return parse_instant(moment) >= since


def _suppress(connection: Connection, key: SubscriberKey, said: Suppression) -> None:
    since = min(format_instant(said.since), now()) if said.since else now()
    suppress_as_in_file(connection, key, SuppressionKind(said.kind), said.words, since)
