"""Sent issues: those that somebody has, or may have, and everybody may see."""

from collections.abc import Sequence
from contextlib import suppress

from newsletter.campaigns.sent_record import read_record
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft import Draft
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.ledger.campaigns import find_campaign, list_issues
from newsletter.ledger.deliveries import has_deliveries
from newsletter.ledger.states import REACHED
from newsletter.store import Store
from newsletter.workspace import Workspace


def find_sent_issues(workspace: Workspace, store: Store | None) -> frozenset[IssueName]:
    """Return the issues that somebody has, or may have: by the store, and by records of what it does not know all of.

    A record is written when a sending begins and when it stops: of one that has not ended, somebody may have the issue.
    """
    recorded = {IssueName(path.name.removesuffix(".sent.toml")) for path in workspace.drafts.glob("*.sent.toml")}
    known = {*list_issues(store)} if store else set()
    return frozenset(name for name in recorded | known if _is_out(workspace, store, name))


def _is_out(workspace: Workspace, store: Store | None, issue: IssueName) -> bool:
    campaign = find_campaign(store, issue) if store else None
    if store and campaign and has_deliveries(store, issue, REACHED):
        return True
    record = None
    with suppress(DecisionNeeded):
        record = read_record(workspace.record(issue))
    ours = record and campaign and record.campaign == campaign.id and record.runs <= campaign.runs
    if ours or (record and record.in_vain):
        return False
    return workspace.sending_has_begun(issue)


def find_changed_issues(workspace: Workspace, store: Store | None, drafts: Sequence[Draft]) -> frozenset[IssueName]:
    """Return the sent issues among these drafts whose text is not the one that was sent, by record and store."""
    sent = find_sent_issues(workspace, store)
    changed = set()
    for draft in drafts:
        name = read_issue_name(draft.path)
        known = _list_sent_texts(workspace, store, name) if draft.issue and name in sent else set()
        if known and draft.sha256 not in known:
            changed.add(name)
    return frozenset(changed)


def _list_sent_texts(workspace: Workspace, store: Store | None, issue: IssueName) -> set[str]:
    """Return the hashes of the text that a campaign sent; where an early version noted none, there is none."""
    campaign = find_campaign(store, issue) if store else None
    record = None
    with suppress(DecisionNeeded):
        record = read_record(workspace.record(issue))
    known = (campaign and campaign.draft_sha256, record and record.draft_sha256)
    return {text for text in known if text}
