"""Approval of an issue: who has approved it, and one more who does."""

from newsletter.approvals import IssueApprovals
from newsletter.campaigns.issue_approvals import find_approvals
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.issue.draft import Draft
from newsletter.publication import OpenPublication


def find_issue_approvals(publication: OpenPublication, draft: Draft) -> IssueApprovals:
    """Return who has approved an issue as its drafts are now; `is_approved` says whether as many as have to.

    It takes some seconds where somebody has, since the editions are rendered for it. Raises DraftError, TemplateError
    and ConfigError.
    """
    workspace = publication.workspace
    return find_approvals(workspace, read_issue_texts(workspace, publication.edition_context, draft))
