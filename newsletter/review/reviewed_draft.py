"""Reviewed drafts: what is shown of an issue in one language to those who judge it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.issue.extent import Extent

EVERY_TAG = "every-tag"  # the form of the email with what is only for some readers


@dataclass(frozen=True, kw_only=True)
class InboxLine:
    """A mail as an inbox shows it before it is opened."""

    sender: str
    subject: str
    preheader: str


@dataclass(frozen=True, kw_only=True)
class RenderedIssue:
    """A valid issue with its editions, as readers without tags get them.

    `email_size` is that of the email's HTML and `picture_weight` that of its pictures, in bytes. `only_for` names the
    tags of readers who get more than the others. `files` are those of each edition that could be made, by its form
    (html, text, pdf, web, and EVERY_TAG where there is `only_for`): names and contents, the edition itself first.
    `pages` are the PDF's as PNG pictures.
    """

    title: str
    inbox: InboxLine
    extent: Extent
    items: int
    links: int
    email_size: int
    picture_weight: int
    only_for: tuple[str, ...]
    files: Mapping[str, Mapping[str, bytes]]
    pages: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class ReviewedDraft:
    """A draft in one language, with all that was found in it; `rendered` is None while it is no valid issue.

    `name` is that of its editions, such as 2.10 or 2.10.ja, and `language` the tag of its language (BCP 47).
    """

    name: str
    path: Path
    language: str
    findings: tuple[Finding, ...]
    rendered: RenderedIssue | None
