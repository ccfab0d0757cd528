"""The links' part of `newsletter draft check`: asking with a bar on a terminal, findings, and a line of counts."""

from collections.abc import Container, Iterable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from newsletter.actions.check_links import check_links
from newsletter.checks.draft_report import Finding
from newsletter.cli.findings import show_findings
from newsletter.cli.output import console, say, shorten
from newsletter.issue.draft import Draft
from newsletter.link_check import LinkReport, Verdict
from newsletter.publication import OpenPublication
from newsletter.text import format_count

_SAID = {
    Verdict.FINE: "fine",
    Verdict.DEAD: "dead",
    Verdict.CERTIFICATE: "with a wrong certificate",
    Verdict.MOVED: "moved",
    Verdict.FRONT_PAGE: "to a front page",
    Verdict.LOGIN: "to a login",
    Verdict.TROUBLE: "out of order",
    Verdict.SLOW: "too slow",
    Verdict.UNSEEN: "that could not be looked at",
    Verdict.UNREACHED: "not reached",
    Verdict.PRIVATE: "private",
}


def check_links_of_drafts(
    publication: OpenPublication, drafts: Iterable[Draft], seen: Container[Finding], *, show: bool
) -> list[Finding]:
    """Ask the links of drafts, and return the findings; with `show`, print those that are not `seen` and the counts."""
    found: list[Finding] = []
    for draft in drafts:
        report = _ask_with_bar(publication, draft)
        if show and draft.issue is None:
            say(f"{shorten(draft.path)}: its links are looked at once it has no problems.")
        elif show:
            show_findings(finding for finding in report.findings if finding not in seen and finding not in found)
            _show_counts(draft, report)
        found += report.findings
    return found


def _ask_with_bar(publication: OpenPublication, draft: Draft) -> LinkReport:
    err = console(err=True)
    columns = (TextColumn("Asking links"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("", total=None)
        return check_links(publication, draft, lambda known, every: bar.update(task, completed=known, total=every))


def _show_counts(draft: Draft, report: LinkReport) -> None:
    """Print in a line how many of a draft's links are fine, and how many are what else."""
    pages = sum(report.verdicts.values())
    counts = [f"{report.verdicts[verdict]} {said}" for verdict, said in _SAID.items() if report.verdicts.get(verdict)]
    counts += [f"{report.unasked} for one reader each, not asked"] if report.unasked else []
    remembered = pages - report.asked
    asked = f" ({report.asked} asked now, {remembered} lately)" if remembered else ""
    told = f": {', '.join(counts)}" if counts else ""
    say(
        f"{shorten(draft.path)}: {format_count(pages, 'page')} linked{told}{asked}",
        style="bold" if report.problems else "green",
    )
