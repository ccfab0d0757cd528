"""Imports: a list in a file compared with the list in the store, and then brought into it.

Both read the file from its beginning, in groups of rows, so that a million of them are never in memory.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from sqlalchemy import Connection

from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.errors import Problem
from newsletter.store import Store
from newsletter.store.erased import find_erased, hold_off_erasing
from newsletter.store.events import find_last_said_by
from newsletter.subscribers.consent import CONSENT_COLUMNS
from newsletter.subscribers.feedback_events import LIFTING, EventKind, SuppressionKind
from newsletter.subscribers.import_changes import (
    ImportChange,
    add_changes,
    begin_import,
    forget_changes,
    hash_row,
    list_forgettable,
)
from newsletter.subscribers.import_plan import ImportableList, ImportPlan
from newsletter.subscribers.import_progress import ImportStage, OnImportProgress, ignore_progress
from newsletter.subscribers.imported_row import ImportedRow, read_imported_row
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.status_columns import SINCE, STATE, WORDS
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    add_consents,
    count_subscribers,
    find_new_consents,
    find_subscribers,
    save_subscribers,
)
from newsletter.subscribers.subscriber import Subscriber, SubscriberStatus
from newsletter.subscribers.suppression import suppress_group_as_in_file
from newsletter.subscribers.suppression_status import read_suppression_statuses

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
        form: str = "",
        on_progress: OnImportProgress = ignore_progress,
    ) -> None:
        """Read what the file's columns are. With `suppresses`, who left by its word is suppressed for any list.

        `shown` is how many rows that can't be used are named, `form` the program whose export the file is.
        """
        self._suppresses = suppresses
        self._shown = shown
        self._form = form
        self._on_progress = on_progress
        on_progress(ImportStage.READING, 0, None)
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
        for group in self._groups(ImportStage.COMPARING, counts, problems):
            statuses = read_suppression_statuses(self._store, self._keys, list(group))
            erased = {key for key, status in zip(group, statuses, strict=True) if status.erased}
            with self._store.reading() as connection:
                counts["returned"] += self._heed_returns(connection, group)
                _leave_pauses_to_store(connection, group)
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

    def apply(self) -> str:
        """Bring the file into the store, group by group: stopped halfway, the same import does the rest.

        Returns the name of the batch, by which it can be undone; of older imports what they changed is forgotten.
        """
        with self._store.transaction() as connection:
            columns = (name for name in self._columns if name not in self._special_columns)
            batch = begin_import(connection, self._source.path.name, self._form, columns)
        for group in self._groups(ImportStage.WRITING, Counter(), []):
            digests = {key: self._keys.digest(key) for key in group} if self._keys else {}
            with self._store.transaction() as connection:
                hold_off_erasing(connection)
                erased = find_erased(connection, list(digests.values())) if digests else {}
                wanted = {key: imported for key, imported in group.items() if digests.get(key) not in erased}
                self._heed_returns(connection, wanted)
                _leave_pauses_to_store(connection, wanted)
                self._write_group(connection, batch, wanted)
        self._forget_old_imports()
        return batch

    def _write_group(self, connection: Connection, batch: str, group: Mapping[SubscriberKey, ImportedRow]) -> None:
        known = find_subscribers(connection, group)
        said = {key: one.said for key, one in group.items() if one.said} if self._suppresses else {}
        said |= {key: one.pause for key, one in group.items() if one.pause}
        changes: list[ImportChange] = []
        rows: list[StoredSubscriber] = []
        for key, imported in group.items():
            before = known.get(key)
            after = imported.merge_into(before, self._columns)
            kind = said[key].kind if key in said else ""
            if before and after.is_same(before):
                changes.append(ImportChange(key=key, said=kind))
            else:
                changes.append(ImportChange(key=key, before=before, after=hash_row(after), said=kind))
                rows.append(after)
        save_subscribers(connection, rows)
        add_consents(connection, {key: one.consent for key, one in group.items() if one.consent}, batch)
        suppress_group_as_in_file(connection, said, batch)
        add_changes(connection, batch, changes)

    def _forget_old_imports(self) -> None:
        with self._store.reading() as connection:
            batches = list_forgettable(connection)
        for batch in batches:
            forgotten = 1
            while forgotten:
                with self._store.transaction() as connection:
                    forgotten = forget_changes(connection, batch)

    def _heed_returns(self, connection: Connection, group: dict[SubscriberKey, ImportedRow]) -> int:
        """Forget that somebody left by the file when they came back, or joined, after that; return how many did.

        Where the file does not say when they left, any coming back is later: the same file may be read again. Of
        joining nobody can tell then.
        """
        left = {key: one.said for key, one in group.items() if one.said} if self._suppresses else {}
        back = find_last_said_by(connection, list(left), LIFTING) if left else {}
        joined = find_last_said_by(connection, list(left), [EventKind.SIGNED_UP]) if left else {}
        returned = [
            key
            for key, said in left.items()
            if ((since := said.since) is None and key in back)
            or (since and any(parse_instant(moments[key]) >= since for moments in (back, joined) if key in moments))
        ]
        for key in returned:
            group[key] = replace(group[key], said=None, status=None)
        return len(returned)

    @property
    def _special_columns(self) -> set[str]:
        """Columns that become something else than a field."""
        return {"", "email", STATE, SINCE, WORDS, *CONSENT_COLUMNS, *self._own.honoured}

    def _groups(
        self, stage: ImportStage, counts: Counter[str], problems: list[Problem]
    ) -> Iterator[dict[SubscriberKey, ImportedRow]]:
        """Yield the file's subscribers by key, in groups; rows that can't be used are counted."""
        rows = self._source.read_subscribers()
        done = 0
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
            done += len(group)
            self._on_progress(stage, done, self._own.rows)


def _leave_pauses_to_store(connection: Connection, group: dict[SubscriberKey, ImportedRow]) -> None:
    """Drop pauses of those of whom the store knows one: whether that still is, is for it to say."""
    dated = [key for key, one in group.items() if one.pause]
    if dated:
        for key in find_last_said_by(connection, dated, [EventKind.PAUSED]):
            group[key] = replace(group[key], pause=None)
