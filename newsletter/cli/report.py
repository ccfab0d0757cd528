"""newsletter report, and the shorter one that `send` ends with and `status` shows."""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from newsletter.cli.output import as_json, say, short, table
from newsletter.cli.store import known_store
from newsletter.errors import DraftError
from newsletter.files import open_private, open_shared
from newsletter.ledger.campaigns import find_campaign, find_last_sent, list_issues
from newsletter.ledger.deliveries import count_deliveries, stream_deliveries
from newsletter.ledger.states import Counts, State
from newsletter.ledger.statistics import sum_replies
from newsletter.ownership import own_target
from newsletter.reports import (
    EVERYTHING,
    NOT_ACCEPTED,
    Report,
    as_dict,
    gather,
    make_report,
    shortened,
    words,
    write_csv,
)
from newsletter.reports.runs import rate
from newsletter.store import Store
from newsletter.subscribers.feedback_events import EventKind, count_answers
from newsletter.text import format_count
from newsletter.workspace import Workspace, find_workspace

_DOMAINS = 15
_REPLIES = 12


@click.command()
@click.argument("draft", required=False)
@click.option("--json", "json_", is_flag=True, help="For scripts: numbers, and no address.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write every reader with the server's answer; - for standard output.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the page goes; build/ISSUE/report.html when left out.",
)
def report(draft: str | None, json_: bool, csv_file: Path | None, html_file: Path | None) -> None:
    """Show what became of an issue: who got it and who not, what servers said, how fast it went.

    DRAFT is 2.10 or a path; the issue sent last when left out. The same stands, with plots and without any
    address, in a page that can be passed around.
    """
    if json_ and (csv_file or html_file):
        raise click.UsageError("--json prints the report for scripts, and goes with neither --csv nor --html.")
    workspace = find_workspace(Path.cwd())
    store = known_store(workspace)
    name = _chosen(workspace, store, draft)
    found = make_report(store, name) if store else None
    if store is None or found is None:
        raise DraftError(f"{name} has not been sent from here.", next_step=f"Run: newsletter send {name}")
    if json_:
        as_json(as_dict(found))
        return
    to_pipe = csv_file is not None and str(csv_file) == "-"
    if csv_file is not None:
        _write_readers(store, name, csv_file)
    if to_pipe and html_file is None:
        return
    page = _write_page(workspace, found, html_file)
    if to_pipe:
        return
    _show(workspace, found)
    say()
    say(f"The same with plots, and no address in it: {short(page)}")
    if found.counts.total > found.counts[State.ACCEPTED]:
        say(f"Everyone not accepted: {short(_write_not_accepted(store, workspace, name))}")
    say(f"Every reader: {short(csv_file)}" if csv_file else f"Every reader: newsletter report {name} --csv FILE")


def show_report(store: Store, workspace: Workspace, issue: str) -> int:
    """Print the balance and the reasons, write the CSV; returns 0 when everyone who should have it has it.

    Rows of the list that could not be used are readers who may have wanted it.
    """
    counts = count_deliveries(store, issue)
    campaign = find_campaign(store, issue)
    left_out = campaign.left_out if campaign else 0
    _show_balance(counts, left_out)
    if counts.total > counts[State.ACCEPTED]:
        with store.reading() as connection:
            replies = gather(sum_replies(connection, issue, but=State.ACCEPTED))
        for reply in replies[:8]:
            say(f"  {reply.readers:,} {reply.state}{f': {told}' if (told := words.said(reply)) else ''}")
        say(f"  Each of them: {short(_write_not_accepted(store, workspace, issue))}")
    else:
        _not_accepted(workspace, issue).unlink(missing_ok=True)  # of a time when not everyone had it
    if counts[State.REFUSED]:
        say(f"  Once the cause is mended, the refused can be tried again: newsletter retry {issue} --state refused")
    if counts[State.UNKNOWN]:
        say(
            f"  Unknown means that the text was under way when the connection or the program ended: "
            f"{format_count(counts[State.UNKNOWN], 'reader')} may have it or not, and nothing is sent again "
            "by itself.\n"
            f"  To find out and say so: newsletter reconcile {issue}"
        )
    with store.reading() as connection:
        _show_since(count_answers(connection, issue))
    return 0 if counts.complete and not left_out else 1


def _show_since(since: Mapping[EventKind, int]) -> None:
    if told := words.since(since):
        say(f"  Since then: {told}")


def campaign_name(workspace: Workspace, store: Store | None, draft: str) -> str:
    """A campaign is known by its name, even when its draft is gone. Raises DraftError."""
    if store is not None and find_campaign(store, draft) is not None:
        return draft
    return workspace.find_draft(draft).stem


def _chosen(workspace: Workspace, store: Store | None, draft: str | None) -> str:
    if draft is not None:
        return campaign_name(workspace, store, draft)
    names = list_issues(store) if store else []
    if not names:
        raise DraftError("Nothing has been sent from here yet.", next_step="Run: newsletter send")
    return (find_last_sent(store) if store else None) or names[-1]


def _write_readers(store: Store, issue: str, path: Path) -> None:
    with nullcontext(sys.stdout) if str(path) == "-" else open_private(own_target(path)) as file:
        write_csv(file, stream_deliveries(store, issue), EVERYTHING)


def _write_not_accepted(store: Store, workspace: Workspace, issue: str) -> Path:
    path = _not_accepted(workspace, issue)
    with open_private(path) as file:
        write_csv(file, stream_deliveries(store, issue, but=State.ACCEPTED), NOT_ACCEPTED)
    return path


def _not_accepted(workspace: Workspace, issue: str) -> Path:
    return workspace.build(issue) / "not-accepted.csv"


def _write_page(workspace: Workspace, found: Report, path: Path | None) -> Path:
    from newsletter.reports.page import render_page  # Jinja is for the page alone

    path = own_target(path) if path else workspace.build(found.campaign.issue) / "report.html"
    with open_shared(path) as file:  # there is no address in it
        file.write(render_page(found, workspace.config.publication, datetime.now(UTC)))
    return path


def _show(workspace: Workspace, found: Report) -> None:
    say(found.campaign.subject, style="bold")
    _show_balance(found.counts, found.campaign.left_out)
    _show_since(found.since)
    _show_runs(found, ZoneInfo(workspace.config.publication.timezone))
    _show_replies(found)
    _show_domains(found)
    if times := found.answer_times:
        say()
        say(
            f"An answer took {words.took(times.p50)} or less for half of the messages, {words.took(times.p90)} for "
            f"90%, {words.took(times.p99)} for 99%; the slowest took {words.took(times.slowest)}."
        )


def _show_balance(counts: Counts, left_out: int) -> None:
    say(words.balance(counts), style="bold green" if counts.complete else "bold yellow")
    if left_out:
        say(
            f"  {format_count(left_out, 'row')} of the list could not be used: newsletter subscribers check",
            style="yellow",
        )


def _show_runs(found: Report, zone: ZoneInfo) -> None:
    if found.began is None:
        say("  Its sending has not begun.")
        return
    began, ended = (at and f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" for at in (found.began, found.ended))
    pace = f", {words.pace(found.per_second)}" if found.per_second else ""
    say(f"  Begun     {began}")
    say(f"  Ended     {ended or 'not yet'}")
    say(f"  Sending   {words.lasted(found.seconds)} in {format_count(len(found.runs), 'run')}{pace}")
    if len(found.runs) > 1 or found.runs[0].ending:
        say()
        rows = [
            (
                f"{run.began.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                words.lasted(run.seconds),
                f"{run.answers.total:,}",
                words.pace(rate(run.answers.total, run.seconds)),
                "it is under way" if run.under_way else run.ending or "everyone was answered",
            )
            for run in found.runs
        ]
        table(("Run", "Took", "Answers", "Messages", "Ended because"), rows)


def _show_replies(found: Report) -> None:
    say()
    shown = [(f"{one.readers:,}", one.state.value, words.said(one)) for one in found.replies[:_REPLIES]]
    if rest := found.replies[_REPLIES:]:
        shown.append((f"{sum(one.readers for one in rest):,}", "", f"({len(rest):,} other)"))
    table(("Readers", "State", "Reply"), shown)


def _show_domains(found: Report) -> None:
    say()
    largest = shortened(found, domains=_DOMAINS)
    others = largest.other_domains
    states = words.domain_states(found.counts)
    rows = [(one.domain, one.readers, one.counts) for one in largest.domains]
    if others.domains:
        rows.append((f"({words.others(others.domains)})", others.readers, others.counts))
    shown = [(name, f"{readers:,}", *(f"{counts[state]:,}" for state in states)) for name, readers, counts in rows]
    table(("Domain", "Readers", *(state.value for state in states)), shown)
