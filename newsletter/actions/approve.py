"""Approval of an issue: who has approved it, one more who does, and one who does no longer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.address import EmailAddress, subscriber_key
from newsletter.approvals import IssueApprovals, Statement
from newsletter.approvals.approval_files import find_approval_file, write_approval_file
from newsletter.approvals.signatures import BadSignature, open_signature_checker
from newsletter.approvals.signing import find_identity, sign_statement
from newsletter.approvals.statement import Fingerprints, SignedStatement
from newsletter.campaigns.gates import find_uncommitted
from newsletter.campaigns.git_commits import Repository
from newsletter.campaigns.issue_approvals import find_approvals, find_frozen_approvals
from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import IssueTexts, read_issue_texts
from newsletter.checks.draft_report import DraftReport
from newsletter.errors import ConfigError, DecisionNeeded, Problem
from newsletter.git import NoAnswer
from newsletter.issue.draft import Draft
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.publication import OpenPublication


@dataclass(frozen=True, kw_only=True)
class ApprovalProposal:
    """All that a person has to know who is asked whether to approve; nothing is signed yet.

    `editions` are the hashes that are signed. `findings` are by language what the checks of a draft found, and
    `uncommitted` are the files of the issue that others don't have as they are here, so that nobody else could find the
    same editions.
    """

    draft: Draft
    approver: EmailAddress
    editions: Fingerprints
    versions: Mapping[str, str]
    findings: Mapping[str, DraftReport]
    uncommitted: Sequence[Problem]


def find_issue_approvals(publication: OpenPublication, draft: Draft) -> IssueApprovals:
    """Return who has approved an issue: its frozen text once that leaves, else its drafts as they are now.

    `is_approved` says whether as many have as have to. It takes some seconds where somebody has approved drafts, since
    their editions are rendered for it. Raises DraftError and ConfigError.
    """
    workspace, store = publication.workspace, publication.known_store
    campaign = find_campaign(store, draft.name) if store else None
    if store and campaign and (campaign.due_at or not count_deliveries(store, draft.name).untouched):
        return find_frozen_approvals(workspace, campaign)
    return find_approvals(workspace, read_issue_texts(workspace, publication.edition_context, draft))


def approve(
    publication: OpenPublication,
    draft: Draft,
    *,
    confirm: Callable[[ApprovalProposal], bool],
    approver: str | None = None,
) -> IssueApprovals | None:
    """Sign an issue's editions as one of its approvers, and write that beside the draft; None if that is declined.

    The editions are rendered before `confirm` is asked, and what is signed is what it was shown. The approver is who
    git says the user is, or `approver`. Returns all approvals of the issue as they are then.

    Raises DraftError and TemplateError when there is an edition that can't be made, ConfigError when git can't sign or
    the key is not the approver's, and DecisionNeeded for somebody who is not among the approvers.
    """
    from newsletter.checks.draft_checks import check_languages
    from newsletter.editions.fingerprints import list_renderer_versions

    workspace = publication.workspace
    chosen = _choose_approver(publication, approver)
    texts = read_issue_texts(workspace, publication.edition_context, draft)
    statement = Statement(
        publication=publication.config.subscriber_list.id,
        issue=texts.name,
        approver=chosen,
        editions=fingerprint_texts(texts),
        versions=list_renderer_versions(),
    )
    own = publication.config.publication.language
    proposal = ApprovalProposal(
        draft=draft,
        approver=chosen,
        editions=statement.editions,
        versions=statement.versions,
        findings={each.language or own: report for each, report in check_languages(workspace, draft)},
        uncommitted=_list_uncommitted(publication, texts),
    )
    if not confirm(proposal):
        return None
    signed = sign_statement(workspace.root, statement)
    _require_own_key(publication, signed)
    write_approval_file(find_approval_file(workspace, texts.name, chosen), signed.data)
    return find_approvals(workspace, texts)


def withdraw(publication: OpenPublication, issue: IssueName, approver: str | None = None) -> Path:
    """Remove one's own approval of an issue; return the file that it was in. Raises DecisionNeeded without one.

    Only a commit makes others see that. What was sent or frozen by it is not called back.
    """
    chosen = _choose_approver(publication, approver)
    path = find_approval_file(publication.workspace, issue, chosen)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise DecisionNeeded(
            f"There is no approval of {issue} by {chosen}.", next_step=f"Who has approved it: newsletter status {issue}"
        ) from error
    return path


def _choose_approver(publication: OpenPublication, named: str | None) -> EmailAddress:
    """Return the approver who is named, or who git says the user is. Raises DecisionNeeded for anybody else."""
    approvers = publication.config.approval.approvers
    if not approvers:
        raise ConfigError(
            "newsletter.toml names nobody who may approve.",
            next_step='Add a table [approval] with approvers = ["ada@example.org"] and allowed_signers = "approvers".',
        )
    address = named or find_identity(publication.workspace.root)
    known = {subscriber_key(approver): approver for approver in approvers}
    if found := known.get(subscriber_key(address.strip())):
        return found
    raise DecisionNeeded(
        f"{address} is not among the approvers ({', '.join(approvers)})."
        if address
        else "git does not know who you are.",
        next_step="Say which of them you are: newsletter approve --as ada@example.org",
    )


def _list_uncommitted(publication: OpenPublication, texts: IssueTexts) -> Sequence[Problem]:
    """Return what of the issue is not in git as it is; nothing where the publication is not kept in git."""
    workspace = publication.workspace
    try:
        return list(find_uncommitted(Repository.around(workspace.root), workspace, texts))
    except NoAnswer:
        return ()


def _require_own_key(publication: OpenPublication, signed: SignedStatement) -> None:
    """Refuse a signed statement that would not count as the approver's, before it is written. Raises ConfigError."""
    approver = signed.statement.approver
    try:
        with open_signature_checker(publication.workspace) as checker:
            checker.verify(signed, approver)
    except BadSignature as error:
        raise ConfigError(
            f"git signed, and the signature does not count: {error}.",
            next_step="`git config user.signingkey` says which key signs. Use one that [approval] has for you, or have "
            "yours added.",
        ) from error
    except NoAnswer as error:
        raise ConfigError(f"The signature can't be verified: {error.message}.", next_step=error.next_step) from error
