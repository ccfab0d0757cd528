"""Corrections: who has the issue that one is about, by the ledger, and the refusals where nobody has."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.campaigns.sent_record import refuse_foreign_record
from newsletter.errors import DecisionNeeded, ListError
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.staging import StagedBatch
from newsletter.ledger.states import OPEN, REACHED
from newsletter.store import Store


@dataclass(frozen=True, kw_only=True)
class CorrectedIssue:
    """An issue that is corrected: how many have it, or may have it, and how many still wait for it.

    `lost` are those of the former who are not on the list any more, or have left by what it says of them; None where
    not all of them were looked for.
    """

    issue: IssueName
    reached: int
    waiting: int
    lost: int | None


def refuse_foreign_issue(record: Path, store: Store, corrects: IssueName) -> None:
    """Raise DecisionNeeded when the issue that is corrected was sent to more than this store knows of."""
    refuse_foreign_record(record.with_name(f"{corrects}.sent.toml"), store, find_campaign(store, corrects))


def keep_reached(staged: StagedBatch, corrects: IssueName, draft: Path, *, is_whole: bool) -> CorrectedIssue:
    """Leave those staged alone who have the corrected issue, or may have it.

    `is_whole` says that the whole list is staged. Raises DecisionNeeded when the issue was sent to nobody, and
    ListError when none of those who have it is on the list.
    """
    counts = staged.count_deliveries(corrects)
    reached = sum(counts[state] for state in REACHED) + staged.count_welcomed(corrects)
    if not reached:
        sent_elsewhere = draft.with_name(f"{corrects}.sent.toml").exists()
        raise DecisionNeeded(
            f"{corrects} has been sent to nobody from here, so there is nobody to send a correction to.",
            next_step="Send the correction from where the issue was sent, or bring its whole .newsletter folder here."
            if sent_elsewhere
            else f"Mend the issue itself, and send it: newsletter send {corrects}",
        )
    kept = staged.keep_reached(corrects)
    if is_whole and not kept:
        raise ListError(
            f"Nobody who has {corrects} is on the list any more.",
            next_step="`newsletter subscribers check` shows what is in the list.",
        )
    waiting = sum(counts[state] for state in OPEN)
    return CorrectedIssue(issue=corrects, reached=reached, waiting=waiting, lost=reached - kept if is_whole else None)
