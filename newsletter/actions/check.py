"""Checks of a draft, and of the email that is made of it, before anybody gets it."""

from newsletter import checks
from newsletter.checks import draft_checks
from newsletter.checks.draft_report import DraftReport
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication


def check_draft(publication: OpenPublication, draft: Draft) -> DraftReport:
    """Return what is wrong with the draft, and notes on what may be meant as it is. Raises ConfigError."""
    return draft_checks.check_draft(publication.workspace, draft)


def check_email(publication: OpenPublication, issue: Issue) -> checks.EmailReport:
    """Build the issue's email and return what mail clients lack of it, and its size.

    Raises TemplateError and ConfigError.
    """
    return checks.check_rendered(publication.edition_context, issue)
