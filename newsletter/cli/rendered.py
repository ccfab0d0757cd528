"""What the checks of a built email found, for `export --check` and `draft check --rendered`."""

from newsletter.checks import Report
from newsletter.checks.size import CLIPPED_AT
from newsletter.cli.output import say, show_problems, size
from newsletter.editions import EditionContext
from newsletter.errors import counted
from newsletter.issue.model import Issue


def show_rendered(context: EditionContext, issue: Issue, report: Report) -> None:
    show_problems(report.problems)
    count = counted(len(report.problems), "problem") if report.problems else "no problems"
    say(
        f"{issue.name} as an email: {count} in {counted(len(context.config.email.clients), 'mail client')}, "
        f"{len(report.accepted)} accepted; {size(report.size)} of HTML (Gmail cuts off at {CLIPPED_AT // 1000} kB)",
        style="bold" if report.problems else "green",
    )
