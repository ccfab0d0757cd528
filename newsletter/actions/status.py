"""The state of each issue: still a draft, in the outbox, being sent, sent or cancelled."""

from pathlib import Path

from newsletter.actions.approve import find_issue_approvals
from newsletter.approvals import IssueApprovals
from newsletter.errors import DecisionNeeded, DraftError
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue_name import IssueName, read_issue_name
from newsletter.ledger.campaigns import list_issues
from newsletter.publication import OpenPublication
from newsletter.reports.issue_status import CampaignStatus, IssueStage, find_campaign_status, find_issue_stage
from newsletter.transactional.mail_status import MailStatus, find_mail_status


def list_unsent_drafts(publication: OpenPublication) -> list[Path]:
    """Return the files of the drafts that have not been sent, nor cancelled."""
    workspace, store = publication.workspace, publication.known_store
    return [
        path
        for path in workspace.draft_paths()
        if find_issue_stage(store, read_issue_name(path), workspace.record(path.stem))
        not in (IssueStage.SENT, IssueStage.CANCELLED)
    ]


def find_unsent_draft(publication: OpenPublication) -> Draft:
    """Return the one draft that has not been sent.

    Raises DraftError when there is none, and DecisionNeeded rather than guess among several.
    """
    workspace, unsent = publication.workspace, list_unsent_drafts(publication)
    if len(unsent) == 1:
        return read_draft(workspace.find_draft(str(unsent[0])))
    if not unsent:
        raise DraftError("Every draft has been sent.", next_step="Run: newsletter draft new")
    raise DecisionNeeded(
        f"{len(unsent)} drafts have not been sent: {', '.join(path.stem for path in unsent)}.",
        next_step=f"Name one: newsletter send {unsent[-1].stem}",
    )


def find_status(publication: OpenPublication, issue: IssueName) -> CampaignStatus | None:
    """Return where an issue's campaign is; None when it has not been sent from here."""
    store = publication.known_store
    return find_campaign_status(store, issue) if store else None


def find_reader_mails(publication: OpenPublication) -> MailStatus | None:
    """Return the status of the mails to single readers; None where there is nothing to tell."""
    store = publication.known_store
    if store is None:
        return None
    with store.reading() as connection:
        status = find_mail_status(connection)
    return None if status.is_quiet else status


def list_statuses(publication: OpenPublication) -> list[CampaignStatus]:
    """Return where each campaign is, the oldest first."""
    store = publication.known_store
    names = list_issues(store) if store else []
    return [status for name in names if (status := find_status(publication, name))]


def list_approvals(publication: OpenPublication, issue: IssueName | None = None) -> dict[IssueName, IssueApprovals]:
    """Return who has approved an issue, or else every one that has not been sent; nothing where nobody may approve.

    Of an issue that left when nobody was asked, there is nothing to tell either.

    Raises DraftError for a draft that can't be read, and ConfigError where signatures can't be verified here.
    """
    if not publication.config.approval.approvers:
        return {}
    if issue is None:
        drafts = [publication.read_draft(path) for path in list_unsent_drafts(publication)]
    else:
        path = publication.workspace.drafts / f"{issue}.yaml"
        # One that is gone was sent under that name, and its frozen text was approved.
        drafts = [publication.draft(issue) if path.exists() else Draft(path, "", None, ())]
    found = {draft.name: find_issue_approvals(publication, draft) for draft in drafts}
    has_begun = publication.workspace.sending_has_begun
    return {name: each for name, each in found.items() if each.approvals or not has_begun(name)}
