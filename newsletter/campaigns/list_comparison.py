"""Comparison of a frozen campaign with the list as it is now, so that nobody who has left since is mailed.

The list is frozen hours or weeks before the last message leaves: in the outbox, after a crash, with a retry. Whom it
says not to mail by now, and who was taken off it, is suppressed with the reason. A list that can't be read, or from
which many are missing at once, stops the send: nobody is mailed blindly, and nobody is dropped because of a wrong file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from newsletter.address import SubscriberKey
from newsletter.campaigns.row_count import RowCount
from newsletter.errors import DecisionNeeded, ListError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import has_deliveries
from newsletter.ledger.departures import Departures, StagedList, stage_list
from newsletter.ledger.frozen_lists import OWN_LIST, read_frozen_lists
from newsletter.ledger.states import OPEN
from newsletter.store import Store
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.source import SubscriberSource
from newsletter.text import format_count

FLAG = "--list-is-right"
# Fewer are an editor's work of a day; more of a small list, or a greater share, look like another file or half of one.
_FEW, _SHARE = 10, 0.1


class ListChanged(DecisionNeeded):
    """A person has to say whether the list is the right one: readers who wait are not on it."""


@dataclass(frozen=True, kw_only=True)
class ListComparison:
    """Comparison of an issue's waiting recipients with the lists they were frozen from.

    `open_source` returns the list at a place, see FrozenLists. `unusable` is the percentage of rows that can't be used
    above which a list is refused. With `is_right` a person has said that whoever is missing from it is meant to be.
    """

    store: Store
    issue: IssueName
    open_source: Callable[[str], SubscriberSource]
    unusable: float
    is_right: bool = False

    def suppress_departed(self, *, is_sole: bool = True) -> None:
        """Suppress those who wait and have left or were taken off the lists; nothing is read of an unchanged list.

        `is_sole` says that no worker has anything in hand, which could wait again without having been compared.
        Raises ListError for a list that can't be read, and DecisionNeeded when a person has to look at it first.
        """
        if not has_deliveries(self.store, self.issue, OPEN):
            return
        with self.store.reading() as connection:
            frozen = read_frozen_lists(connection, self.issue)
        sources = [self.open_source(place) for place in frozen.places or [OWN_LIST]]
        if is_sole:  # while a campaign leaves, it is compared with what was fetched when it began to
            self._refresh(sources)
        fingerprint = self._find_fingerprint(sources)
        if fingerprint and fingerprint == frozen.compared:
            return
        with stage_list(self.store) as staged:
            found = self._stage(staged, sources, may_be_gone=bool(frozen.places))
            if found.left or found.gone or is_sole:
                # Where it was not noted which list it was (by an earlier version), who is missing was never on this.
                staged.suppress(self.issue, gone=bool(frozen.places), fingerprint=fingerprint if is_sole else None)

    def _refresh(self, sources: Sequence[SubscriberSource]) -> None:
        try:
            for source in sources:
                source.refresh()
        except ListError as error:
            raise self._make_unread_error(error) from error

    def _find_fingerprint(self, sources: Sequence[SubscriberSource]) -> str:
        """Return the fingerprint of all the lists, empty when one of them has none."""
        try:
            return join_fingerprints([source.fingerprint() for source in sources])
        except ListError as error:
            raise self._make_unread_error(error) from error

    def _stage(self, staged: StagedList, sources: Sequence[SubscriberSource], *, may_be_gone: bool) -> Departures:
        try:
            counts = [RowCount(source.place) for source in sources]
            read = staged.fill(
                row for source, count in zip(sources, counts, strict=True) for row in _read_list(source, count)
            )
            for count in counts:
                count.refuse_unusable(self.unusable)
        except ListError as error:
            raise self._make_unread_error(error) from error
        found = staged.count(self.issue)
        if found.gone and may_be_gone and not self.is_right:
            self._refuse_missing(found, read, sum(count.unusable for count in counts), sources[0])
        return found

    def _refuse_missing(self, found: Departures, read: int, unusable: int, source: SubscriberSource) -> None:
        """Raise ListChanged when so many are missing, or rows can't be read, that it may be no editor's intent."""
        campaign = find_campaign(self.store, self.issue)
        whom = (
            f"{found.gone:,} of {format_count(found.waiting, 'reader')} who still wait for {self.issue} "
            f"{'is' if found.gone == 1 else 'are'} no longer on {source.place.name}"
        )
        if campaign and unusable > campaign.left_out:
            why = f"{whom}, and {format_count(unusable, 'row')} of it can't be used: they may be in there."
        elif not read or is_suspicious(found.gone, found.waiting):
            why = f"{whom}. It may be the wrong file, or half of it."
        else:
            return
        raise ListChanged(
            why,
            next_step="Nothing leaves, and nobody is lost, until it is right. Put the list back, or mend it: "
            "newsletter subscribers check\n"
            f"If it is right, and they are to get nothing: newsletter send {self.issue} {FLAG}",
        )

    def _make_unread_error(self, error: ListError) -> ListError:
        return ListError(
            f"{error.message} Readers still wait for {self.issue}, and who of them has left since can't be known.",
            next_step=f"{error.next_step}\nNothing leaves, and nobody is lost, until it can be read. Where there is no "
            "list, go on from the machine that has it.",
            problems=error.problems,
        )


def is_suspicious(gone: int, before: int) -> bool:
    """Return whether so many are gone, of those before, that it looks like another list or half of one."""
    return gone > max(_FEW, before * _SHARE)


def refuse_shrunken(source: SubscriberSource, difference: ListDifference | None, issue: IssueName) -> None:
    """Raise ListChanged when many are gone from another system's list since a campaign was frozen from it."""
    if difference and is_suspicious(difference.gone, difference.before):
        raise ListChanged(
            f"{difference.gone:,} of {format_count(difference.before, 'reader')} are gone from {source.place.name} "
            "since an issue was last frozen from it. It may be the wrong list, or half of it.",
            next_step="Nothing leaves until it is right. See what was fetched: newsletter subscribers check\n"
            f"If it is right, and they are to get nothing: newsletter send {issue} {FLAG}",
        )


def join_fingerprints(fingerprints: Sequence[str]) -> str:
    """Return the fingerprint of several lists together, empty when one of them has none."""
    return " ".join(fingerprints) if all(fingerprints) else ""


def _read_list(source: SubscriberSource, count: RowCount) -> Iterator[tuple[SubscriberKey, str]]:
    """Yield everyone on a list, with the words by which it keeps them from being mailed. Raises DecisionNeeded too."""
    source.require()
    own, rows = source.read_list()
    for row in count.pass_usable(rows):
        yield row.key, own.describe(row)
    own.require_answers()
