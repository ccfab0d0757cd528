"""Sent issues: those that somebody has, or may have, and everybody may see."""

from collections.abc import Sequence
from contextlib import suppress

from newsletter.campaigns.issue_texts import read_translations, split_hashes
from newsletter.campaigns.sent_record import read_record
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft import Draft
from newsletter.issue_name import IssueName
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
    """Return the sent issues among these drafts whose text is not the one that was sent, by record and store.

    A translation that was added later was sent to nobody, and so has not changed.
    """
    sent = find_sent_issues(workspace, store)
    changed = set()
    for draft in drafts:
        known = _list_sent_texts(workspace, store, draft.name) if draft.issue and draft.name in sent else {}
        translations = read_translations(workspace, draft) if len(known) > 1 and not draft.language else {}
        texts = {draft.language: draft, **translations}
        if any(one.sha256 not in known[language] for language, one in texts.items() if language in known):
            changed.add(draft.name)
    return frozenset(changed)


def _list_sent_texts(workspace: Workspace, store: Store | None, issue: IssueName) -> dict[str, set[str]]:
    """Return by language the hashes of the text that a campaign sent; where an early version noted none, there is none.

    The publication's own language is an empty one.
    """
    campaign = find_campaign(store, issue) if store else None
    record = None
    with suppress(DecisionNeeded):
        record = read_record(workspace.record(issue))
    known: dict[str, set[str]] = {}
    for hashes in (campaign and campaign.draft_sha256, record and record.draft_sha256):
        for language, text in split_hashes(hashes).items() if hashes else ():
            known.setdefault(language, set()).add(text)
    return known
