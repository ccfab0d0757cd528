"""Undoing of an import as one: whom it brought goes, and what it changed is as before.

What a subscriber or an editor has done since stays. Nobody is put onto the list by it, so it brings no erased person
back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from newsletter.address import SubscriberKey
from newsletter.clock import parse_instant
from newsletter.store import Store
from newsletter.store.engine import is_ours
from newsletter.store.erased import hold_off_erasing
from newsletter.store.events import find_last_said_by
from newsletter.store.import_batches import count_suppressions_of, hand_over_suppressions, remove_suppressions_of
from newsletter.store.schema import consents, preferences
from newsletter.subscribers.feedback_events import EventKind
from newsletter.subscribers.import_changes import (
    ImportChange,
    StoredImport,
    count_changes,
    end_undo,
    find_later_changes,
    hash_row,
    read_changes,
    remove_changes,
    replace_change,
)
from newsletter.subscribers.import_progress import ImportStage, OnImportProgress, ignore_progress
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    count_consents_of,
    delete_subscribers,
    find_subscribers,
    hand_over_consents,
    remove_consents_of,
    save_subscribers,
)

_GROUP = 500  # subscribers looked at or written at once: others who write wait for no longer than that takes
# By these somebody is on the list because they, or an editor, wanted it, and not by the import alone.
_WANTED = (EventKind.SIGNED_UP, EventKind.RETURNED, EventKind.ALLOWED)


@dataclass(frozen=True, kw_only=True)
class UndoPlan:
    """Counts of what undoing an import does.

    `removed` are those whom it brought, and `restored` those whose row it changed. `kept` are rows that stay, since a
    subscriber, an editor or a later import has changed them, or wants them there. `consents` and `suppressions` go.
    """

    undone: StoredImport
    removed: int = 0
    restored: int = 0
    kept: int = 0
    consents: int = 0
    suppressions: int = 0


@dataclass(slots=True, kw_only=True)
class _Decisions:
    """Decisions about a group: whose rows go, which are as before, whose stay, and whom a later import has, too.

    Whose rows an import found as they were is in none of the first three.
    """

    removed: list[SubscriberKey] = field(default_factory=list)
    restored: list[StoredSubscriber] = field(default_factory=list)
    kept: list[SubscriberKey] = field(default_factory=list)
    later: Mapping[SubscriberKey, Sequence[tuple[str, ImportChange]]] = field(default_factory=dict)
    inherited: list[tuple[str, ImportChange]] = field(default_factory=list)  # what later imports are to have been

    def count(self) -> Counter[str]:
        return Counter(removed=len(self.removed), restored=len(self.restored), kept=len(self.kept))

    @property
    def consenting(self) -> dict[str, list[SubscriberKey]]:
        """Return whose consents stay, by the later import whose they become; empty: no import's."""
        found: dict[str, list[SubscriberKey]] = {}
        for key in {*self.kept, *self.later}:
            found.setdefault(self.later[key][0][0] if key in self.later else "", []).append(key)
        return found

    @property
    def suppressed(self) -> dict[tuple[str, str], list[SubscriberKey]]:
        """Return whose suppressions stay, by the later import and the kind that its file has."""
        found: dict[tuple[str, str], list[SubscriberKey]] = {}
        for key, changes in self.later.items():
            first_of_kind = {change.said: batch for batch, change in reversed(changes) if change.said}
            for kind, batch in first_of_kind.items():
                found.setdefault((batch, kind), []).append(key)
        return found


class ImportUndo:
    """The undoing of one import, of which what it changed is still kept."""

    def __init__(self, store: Store, undone: StoredImport, on_progress: OnImportProgress = ignore_progress) -> None:
        """Take the import to be undone; `on_progress` is told how far it is."""
        self._store = store
        self._undone = undone
        self._on_progress = on_progress

    def plan(self) -> UndoPlan:
        """Count what would be undone; nothing is written."""
        batch, last, done = self._undone.batch, "", 0
        counts = Counter[str]()
        with self._store.reading() as connection:
            total = count_changes(connection, batch)
        while True:
            with self._store.reading() as connection:
                if not (changes := read_changes(connection, batch, last, _GROUP)):
                    return UndoPlan(undone=self._undone, **counts)
                decisions = self._decide(connection, changes)
                counts.update(decisions.count())
                counts.update(_count_said(connection, batch, changes, decisions))
            last, done = changes[-1].key, done + len(changes)
            self._on_progress(ImportStage.COMPARING, done, total)

    def apply(self) -> UndoPlan:
        """Undo it group by group: stopped halfway, undoing it again does the rest. Returns what it did."""
        batch, done = self._undone.batch, 0
        counts = Counter[str]()
        with self._store.reading() as connection:
            total = count_changes(connection, batch)
        while True:
            with self._store.transaction() as connection:
                hold_off_erasing(connection)
                if not (changes := read_changes(connection, batch, "", _GROUP)):
                    end_undo(connection, batch)
                    return UndoPlan(undone=self._undone, **counts)
                decisions = self._decide(connection, changes)
                counts.update(decisions.count())
                counts.update(_undo_group(connection, batch, changes, decisions))
            done += len(changes)
            self._on_progress(ImportStage.UNDOING, done, total)

    def _decide(self, connection: Connection, changes: Sequence[ImportChange]) -> _Decisions:
        """Return what becomes of each row."""
        keys = [change.key for change in changes]
        rows = find_subscribers(connection, keys)
        later = find_later_changes(connection, self._undone.batch, keys)
        wanted = self._find_wanted(connection, [change.key for change in changes if change.is_new])
        decisions = _Decisions(later=later)
        for change in changes:
            row = rows.get(change.key)
            if not change.after or (row is None and change.is_new):
                continue
            if change.key in later:
                decisions.kept.append(change.key)
                decisions.inherited += _inherit(change, later[change.key], row)
            elif row is None or hash_row(row) != change.after or change.key in wanted:
                decisions.kept.append(change.key)
            elif change.before is None:
                decisions.removed.append(change.key)
            else:
                decisions.restored.append(change.before)
        return decisions

    def _find_wanted(self, connection: Connection, keys: Sequence[SubscriberKey]) -> frozenset[str]:
        """Return who has wanted the mail, or chosen how they get it, since they were imported."""
        if not keys:
            return frozenset()
        since = self._undone.at
        said = find_last_said_by(connection, keys, _WANTED)
        chosen = select(preferences.c.subscriber).where(
            is_ours(connection, preferences),
            preferences.c.subscriber.in_(keys),
            preferences.c.changed_at >= since.isoformat(timespec="milliseconds"),
        )
        # Who confirmed that they want it while the import had them on the list has joined by that, without an event.
        agreed = select(consents.c.subscriber).where(
            is_ours(connection, consents),
            consents.c.subscriber.in_(keys),
            consents.c.batch == "",
            consents.c.given_at >= since.isoformat(timespec="milliseconds"),
        )
        wanted = {key for key, moment in said.items() if parse_instant(moment) >= since}
        return frozenset([*wanted, *connection.scalars(chosen), *connection.scalars(agreed)])


def _inherit(
    change: ImportChange, later: Sequence[tuple[str, ImportChange]], row: StoredSubscriber | None
) -> Iterator[tuple[str, ImportChange]]:
    """Yield what a later import is to have changed once this one is undone, with its batch.

    Undoing all of them, in whatever order, leads to the row before all, unless somebody has changed it between.
    """
    changed = next(((batch, one) for batch, one in later if one.after), None)
    if changed is None:  # they have found the row as this one left it
        batch, first = later[0]
        if row and hash_row(row) == change.after:
            yield batch, replace(first, before=change.before, after=change.after)
        return
    batch, one = changed
    if one.before and hash_row(one.before) == change.after:
        yield batch, replace(one, before=change.before)


def _count_said(
    connection: Connection, batch: str, changes: Sequence[ImportChange], decisions: _Decisions
) -> Mapping[str, int]:
    """Return how many consents and suppressions of a group would go."""
    staying = {key for keys in decisions.consenting.values() for key in keys}
    again = {key for keys in decisions.suppressed.values() for key in keys}
    keys = [change.key for change in changes]
    return {
        "consents": count_consents_of(connection, batch, [key for key in keys if key not in staying]),
        "suppressions": count_suppressions_of(connection, batch, [key for key in keys if key not in again]),
    }


def _undo_group(
    connection: Connection, batch: str, changes: Sequence[ImportChange], decisions: _Decisions
) -> Mapping[str, int]:
    """Carry decisions out; return how many consents and suppressions went."""
    keys = [change.key for change in changes]
    delete_subscribers(connection, decisions.removed)
    save_subscribers(connection, decisions.restored)
    for later, inherited in decisions.inherited:
        replace_change(connection, later, inherited)
    for later, theirs in decisions.consenting.items():
        hand_over_consents(connection, batch, later, theirs)
    for (later, kind), theirs in decisions.suppressed.items():
        hand_over_suppressions(connection, batch, later, kind, theirs)
    said = {
        "consents": remove_consents_of(connection, batch, keys),
        "suppressions": remove_suppressions_of(connection, batch, keys),
    }
    remove_changes(connection, batch, keys)
    return said
