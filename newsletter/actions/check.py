"""Checks of a draft, and of the email that is made of it, before anybody gets it."""

from collections.abc import Iterator

from newsletter import checks
from newsletter.checks import draft_checks
from newsletter.checks.draft_report import DraftReport
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication


def check_draft(publication: OpenPublication, draft: Draft) -> DraftReport:
    """Return what is wrong with the draft and its translations, and notes on what may be meant. Raises ConfigError."""
    return draft_checks.check_draft(publication.workspace, draft)


def check_languages(publication: OpenPublication, draft: Draft) -> Iterator[tuple[Draft, DraftReport]]:
    """Yield an issue's draft and then its translations, each with what is wrong with it. Raises ConfigError."""
    return draft_checks.check_languages(publication.workspace, draft)


def check_email(publication: OpenPublication, issue: Issue) -> checks.EmailReport:
    """Build the issue's email and return what mail clients lack of it, and its size.

    Raises TemplateError and ConfigError.
    """
    return checks.check_rendered(publication.edition_context.in_language(issue.language), issue)
