"""The links' part of `newsletter draft check`: asking with a bar on a terminal, findings, and a line of counts."""

from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from newsletter.actions.check_links import OnAnswer, check_links
from newsletter.checks.draft_report import Finding
from newsletter.cli.findings import show_findings
from newsletter.cli.output import console, say, shorten
from newsletter.issue.draft import Draft
from newsletter.link_check import LinkReport, describe_links
from newsletter.publication import OpenPublication


def check_links_of_drafts(
    publication: OpenPublication, drafts: Iterable[Draft], seen: Container[Finding], *, show: bool
) -> list[Finding]:
    """Ask the links of drafts, and return the findings; with `show`, print those that are not `seen` and the counts."""
    found: list[Finding] = []
    for draft in drafts:
        with show_link_bar() as on_answer:
            report = check_links(publication, draft, on_answer)
        if show and draft.issue is None:
            say(f"{shorten(draft.path)}: its links are looked at once it has no problems.")
        elif show:
            show_findings(finding for finding in report.findings if finding not in seen and finding not in found)
            _show_counts(draft, report)
        found += report.findings
    return found


@contextmanager
def show_link_bar() -> Iterator[OnAnswer]:
    """Show on a terminal how many links have an answer; what is yielded has to be told of each."""
    err = console(err=True)
    columns = (TextColumn("Asking links"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda known, every: bar.update(task, completed=known, total=every)


def _show_counts(draft: Draft, report: LinkReport) -> None:
    """Print in a line how many of a draft's links are fine, and how many are what else."""
    remembered = sum(report.verdicts.values()) - report.asked
    asked = f" ({report.asked} asked now, {remembered} lately)" if remembered else ""
    say(
        f"{shorten(draft.path)}: {describe_links(report)}{asked}",
        style="bold" if report.problems else "green",
    )
