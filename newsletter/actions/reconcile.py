"""The settling of unknown deliveries, by what a person or their mail server says."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import cast

from newsletter.actions.deliver import sole_sender
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DraftError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.states import State
from newsletter.ledger.workers import wait_for_leases
from newsletter.publication import OpenPublication
from newsletter.reconcile.unknown_deliveries import (
    Findings,
    count_verdicts,
    parse_addresses,
    require_unknown,
    search_files,
    settle_deliveries,
)
from newsletter.store import Store


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence of who has the issue: addresses, files of Message-IDs, logs of Postfix or Exim; and all the others.

    `others` is ACCEPTED when everyone else has it, PENDING when nobody else has it, None when that is not known. A
    file named - is standard input.
    """

    arrived: Sequence[str] = ()
    not_arrived: Sequence[str] = ()
    id_files: Sequence[Path] = ()
    logs: Sequence[Path] = ()
    others: State | None = None


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """Verdict of the evidence on the `unknown` recipients: `sides` counts accepted, pending, and still unknown ones."""

    unknown: int
    findings: Findings
    sides: Counter[State]

    @property
    def settles_any(self) -> bool:
        """Whether anybody would no longer be unknown."""
        return self.sides[State.UNKNOWN] < self.unknown


def count_unknown(
    publication: OpenPublication, issue: IssueName, on_wait: Callable[[float], None] = lambda _seconds: None
) -> int:
    """Return how many recipients may have the issue or not. Raises DraftError when it has not been sent.

    `on_wait` is told for how many seconds a crashed send's lease is waited for.
    """
    with _sole_campaign(publication, issue, on_wait) as store:
        return count_deliveries(store, issue)[State.UNKNOWN]


def reconcile(
    publication: OpenPublication,
    issue: IssueName,
    evidence: Evidence,
    confirm: Callable[[Reconciliation], bool],
    on_wait: Callable[[float], None] = lambda _seconds: None,
) -> Reconciliation:
    """Work out what the evidence says of each unknown recipient, and write it down when `confirm` agrees.

    Nobody is asked when nothing would change. `on_wait` is told for how many seconds a crashed send's lease is waited
    for. Raises DraftError when the issue has not been sent, ListError and
    DecisionNeeded for evidence that can't be used, and DeliveryError while the issue is being sent.
    """
    with _sole_campaign(publication, issue, on_wait) as store:
        unknown = count_deliveries(store, issue)[State.UNKNOWN]
        if not unknown:
            return Reconciliation(unknown=0, findings=Findings(), sides=Counter())
        pipe = cast("BufferedReader", sys.stdin.buffer)
        others_without = evidence.others is State.PENDING
        findings = Findings(
            arrived=parse_addresses(evidence.arrived),
            not_arrived=parse_addresses(evidence.not_arrived),
            found_ids=search_files(store, issue, evidence.id_files, evidence.logs, pipe, all_else=others_without),
            others=evidence.others,
        )
        require_unknown(store, issue, findings)
        found = Reconciliation(unknown=unknown, findings=findings, sides=count_verdicts(store, issue, findings))
        if found.settles_any and confirm(found):
            settle_deliveries(store, issue, findings)
            write_record(publication.record(issue), store, issue)
        return found


@contextmanager
def _sole_campaign(publication: OpenPublication, issue: IssueName, on_wait: Callable[[float], None]) -> Iterator[Store]:
    """Yield the store while nobody else sends the issue, with the end of a crashed run settled."""
    store = publication.known_store
    if store is None or find_campaign(store, issue) is None:
        raise DraftError(f"{issue} has not been sent from here, so there is nothing to reconcile.")
    with sole_sender(store, issue, may_take_over=False):
        wait_for_leases(store, issue, on_wait)
        yield store
