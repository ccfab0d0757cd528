"""What an editor should know about a built email before it is sent.

Each check is a small function over one `Email`, listed in `CHECKS`. What mail clients can do is looked up
in caniemail.com's data, which comes with the program: nothing is asked of the network.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.checks.accepting import accept_comments
from newsletter.checks.clients import CLIENTS, data_date
from newsletter.checks.email import Accepted, Email
from newsletter.checks.size import clipped, html_size
from newsletter.checks.support import client_support, image_support
from newsletter.editions import EditionContext, beside, default_fields, email_sources, render_html
from newsletter.errors import Problem
from newsletter.issue.model import Issue

__all__ = ["CHECKS", "CLIENTS", "Accepted", "Report", "check_email", "check_rendered", "data_date"]

CHECKS: tuple[Callable[[Email], Iterator[Problem | Accepted]], ...] = (
    client_support,
    image_support,
    clipped,
    accept_comments,
)


@dataclass(frozen=True)
class Report:
    """What was found: to be mended, and accepted as it is. `size` is the HTML's, in bytes."""

    problems: tuple[Problem, ...]
    accepted: tuple[Accepted, ...]
    size: int


def check_rendered(context: EditionContext, issue: Issue) -> Report:
    """Build the issue's email as the most readers get it, and check that."""
    html = render_html(context, issue.seen_by(frozenset()), default_fields, beside)
    kinds = {picture.kind for picture in context.pictures(issue)}
    return check_email(html, email_sources(context), context.config.email.clients, kinds, issue.path)


def check_email(
    html: str,
    sources: Sequence[Path],
    clients: Sequence[str],
    image_kinds: Collection[str] = (),
    draft: Path | None = None,
) -> Report:
    """All that is to be said of an email.

    `html` is what is sent, `sources` are the template files it was made from, `clients` names of `CLIENTS`,
    `image_kinds` the formats of its pictures, such as `jpeg`, and `draft` the file that its words are from.
    Raises ConfigError for an unknown client.
    """
    email = Email.read(html, sources, clients, image_kinds, draft)
    findings = [finding for check in CHECKS for finding in check(email)]
    return Report(
        problems=tuple(finding for finding in findings if isinstance(finding, Problem)),
        accepted=tuple(finding for finding in findings if isinstance(finding, Accepted)),
        size=html_size(html),
    )
