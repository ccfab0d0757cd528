"""Fingerprints of an issue in all its languages: of the mail that leaves, and of every edition."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from newsletter.campaigns.issue_texts import IssueTexts
from newsletter.issue.model import Issue

if TYPE_CHECKING:
    from newsletter.editions import EditionContext

# In place of what differs by campaign, so that the same text is the same each time it is rendered.
_NO_CAMPAIGN = "0" * 16
_NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)


def hash_renderings(texts: IssueTexts) -> dict[str, str]:
    """Return the hash of the issue's mail in each language, the publication's own as an empty one."""
    return {
        language: hash_rendering(texts.find_context(language), issue)
        for language, issue in texts.require_issues().items()
    }


def hash_rendering(context: "EditionContext", issue: Issue) -> str:
    """Return a hash of the issue's mail: all its items, for any tags, with everything but campaign and date.

    Raises what rendering raises.
    """
    # What renders takes long to import, and sending on from frozen texts needs none of it.
    from newsletter.mail.compiler import compile_message

    return sha256(compile_message(context, issue, _NO_CAMPAIGN, _NO_DATE).to_bytes()).hexdigest()


def fingerprint_texts(texts: IssueTexts, mails: Mapping[str, str] | None = None) -> dict[str, dict[str, str]]:
    """Return by language tag the hash of each edition, and of the mail as it leaves as `mail`.

    `mails` are what `hash_renderings` returns, where that is known. Raises DraftError and TemplateError.
    """
    from newsletter.editions.fingerprints import fingerprint_editions

    mails = hash_renderings(texts) if mails is None else mails
    own = texts.context.config.own.publication.language
    return {
        language or own: fingerprint_editions(texts.find_context(language), issue) | {"mail": mails[language]}
        for language, issue in texts.require_issues().items()
    }
