"""Checks of a built email: what an editor should know before it is sent.

Each check is a small function over one `CheckedEmail`, listed in `CHECKS`. What mail clients can do is looked up in
caniemail.com's data, which comes with the program: the network is not used.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.checks.acceptance import check_accept_comments
from newsletter.checks.checked_email import AcceptedProblem, CheckedEmail
from newsletter.checks.mail_clients import CLIENTS, read_data_date
from newsletter.checks.size import check_clipping, measure_html
from newsletter.checks.support import check_client_support, check_image_support
from newsletter.editions import EditionContext, list_email_templates, place_beside, render_html, write_default
from newsletter.errors import Problem
from newsletter.issue.model import Issue

__all__ = ["CHECKS", "CLIENTS", "AcceptedProblem", "EmailReport", "check_email", "check_rendered", "read_data_date"]

CHECKS: tuple[Callable[[CheckedEmail], Iterator[Problem | AcceptedProblem]], ...] = (
    check_client_support,
    check_image_support,
    check_clipping,
    check_accept_comments,
)


@dataclass(frozen=True)
class EmailReport:
    """The findings about an email: problems to be mended, and accepted ones.

    `size` is the HTML's, `picture_weight` that of the pictures shown in it, both in bytes.
    """

    problems: tuple[Problem, ...]
    accepted: tuple[AcceptedProblem, ...]
    size: int
    picture_weight: int = 0


def check_rendered(context: EditionContext, issue: Issue) -> EmailReport:
    """Check the issue's email as readers without tags get it."""
    html = render_html(context, issue.seen_by(frozenset()), write_default, place_beside)
    pictures = context.pictures(issue)
    kinds = {picture.kind for picture in pictures}
    report = check_email(html, list_email_templates(context), context.config.email.clients, kinds, issue.path)
    return replace(report, picture_weight=sum(len(picture.data) for picture in pictures))


def check_email(
    html: str,
    sources: Sequence[Path],
    clients: Sequence[str],
    image_kinds: Collection[str] = (),
    draft: Path | None = None,
) -> EmailReport:
    """Run every check on an email.

    `html` is what is sent, `sources` are the template files it was made from, `clients` names of `CLIENTS`,
    `image_kinds` the formats of its pictures, such as `jpeg`, and `draft` the file that its words are from.
    Raises ConfigError for an unknown client.
    """
    email = CheckedEmail.read(html, sources, clients, image_kinds, draft)
    findings = [finding for check in CHECKS for finding in check(email)]
    return EmailReport(
        problems=tuple(finding for finding in findings if isinstance(finding, Problem)),
        accepted=tuple(finding for finding in findings if isinstance(finding, AcceptedProblem)),
        size=measure_html(html),
    )
