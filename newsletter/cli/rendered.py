"""What the checks of a built email found, for `export --check` and `draft check --rendered`."""

from newsletter.checks import Report, check_email
from newsletter.cli.output import say, show_problems, size
from newsletter.editions import Press, beside, default_fields, email_sources, render_html
from newsletter.errors import counted
from newsletter.issue.model import Issue


def check_rendered(press: Press, issue: Issue) -> Report:
    """Build the issue's email as the most readers get it, and check that."""
    html = render_html(press, issue.seen_by(frozenset()), default_fields, beside)
    kinds = {picture.kind for picture in press.pictures(issue)}
    return check_email(html, email_sources(press), press.config.email.clients, kinds)


def show_rendered(press: Press, issue: Issue, report: Report) -> None:
    show_problems(report.problems)
    count = counted(len(report.problems), "problem") if report.problems else "no problems"
    say(
        f"{issue.name} as an email: {count} in {counted(len(press.config.email.clients), 'mail client')}, "
        f"{len(report.accepted)} accepted; {size(report.size)} of HTML (Gmail cuts off at 102 kB)",
        style="bold" if report.problems else "green",
    )
