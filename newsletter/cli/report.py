"""newsletter report, and the shorter one that `send` ends with and `status` shows."""

import sys
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from newsletter.actions.report import (
    find_campaign_name,
    summarize_campaign,
    write_not_accepted,
    write_recipients,
    write_recipients_file,
    write_report_page,
)
from newsletter.actions.report import report as make_report
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_as_json, print_table, say, shorten
from newsletter.cli.reader_languages import count_in_languages
from newsletter.clock import format_moment
from newsletter.issue_name import IssueName
from newsletter.ledger.states import Counts, State
from newsletter.publication import OpenPublication
from newsletter.reports import formatting
from newsletter.reports.campaign_report import CampaignReport, shorten_report
from newsletter.reports.json_report import build_json_report
from newsletter.reports.send_course import shorten_course
from newsletter.reports.throttle_formatting import format_warm_up, list_limit_lines
from newsletter.reports.worker_runs import compute_rate
from newsletter.subscribers.feedback_events import EventKind
from newsletter.text import format_count
from newsletter.translation import describe_language
from newsletter.workspace import Workspace

_DOMAINS = 15
_REPLIES = 12
_SUMMARY_REPLIES = 8
_COURSES, _COURSE_ROWS = 3, 12


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

    DRAFT is 2.10 or a path; the issue sent last when left out. The report is also written as a
    page, with plots and without any address, that can be passed around.
    """
    if json_ and (csv_file or html_file):
        raise click.UsageError("--json prints the report for scripts, and goes with neither --csv nor --html.")
    publication = open_publication()
    name = find_campaign_name(publication, draft)
    found = make_report(publication, name)
    if json_:
        print_as_json(build_json_report(found))
        return
    to_pipe = csv_file is not None and str(csv_file) == "-"
    if to_pipe:
        write_recipients(publication, name, sys.stdout)
        if html_file is not None:
            write_report_page(publication, found, html_file)
        return
    if csv_file is not None:
        write_recipients_file(publication, name, csv_file)
    page = write_report_page(publication, found, html_file)
    _show(publication.workspace, found)
    if found.warm_up and found.counts.waiting:
        say()
        say(format_warm_up(found.warm_up, ZoneInfo(publication.config.publication.timezone)))
    say()
    say(f"The same with plots, and no address in it: {shorten(page)}")
    if found.counts.total > found.counts[State.ACCEPTED]:
        say(f"Everyone not accepted: {shorten(write_not_accepted(publication, name))}")
    say(f"Every reader: {shorten(csv_file)}" if csv_file else f"Every reader: newsletter report {name} --csv FILE")


def show_summary(publication: OpenPublication, issue: IssueName) -> None:
    """Print the balance and the reasons, and write the table of those who were not accepted."""
    summary = summarize_campaign(publication, issue)
    counts = summary.counts
    _show_balance(counts, summary.unusable)
    if elsewhere := formatting.format_suppressed_elsewhere(summary.suppressed_elsewhere):
        say(f"  {elsewhere}")
    if welcomed := formatting.format_welcomed(summary.welcomed):
        say(f"  {welcomed}")
    if summary.languages:
        say(f"  In {count_in_languages(publication.config, summary.languages)}")
    for reply in summary.replies[:_SUMMARY_REPLIES]:
        say(f"  {reply.readers:,} {reply.state}{f': {words}' if (words := formatting.format_reply(reply)) else ''}")
    if summary.not_accepted:
        say(f"  Each of them: {shorten(summary.not_accepted)}")
    if counts[State.REFUSED]:
        say(f"  Once the cause is mended, the refused can be tried again: newsletter retry {issue} --state refused")
    if counts[State.UNKNOWN]:
        say(
            f"  Unknown means that the message was in hand when the connection or the program ended: "
            f"{format_count(counts[State.UNKNOWN], 'reader')} may have it or not, and nothing is sent again "
            "by itself.\n"
            f"  To find out and say so: newsletter reconcile {issue}"
        )
    _show_since(summary.answers)


def _show_since(since: Mapping[EventKind, int]) -> None:
    if answers := formatting.format_feedback(since):
        say(f"  Since then: {answers}")


def _show(workspace: Workspace, found: CampaignReport) -> None:
    say(found.campaign.subject, style="bold")
    _show_balance(found.counts, found.campaign.left_out)
    if elsewhere := formatting.format_suppressed_elsewhere(found.suppressed_elsewhere):
        say(f"  {elsewhere}")
    if welcomed := formatting.format_welcomed(found.welcomed):
        say(f"  {welcomed}")
    _show_since(found.since)
    _show_runs(found, ZoneInfo(workspace.config.publication.timezone))
    _show_holds(found, ZoneInfo(workspace.config.publication.timezone))
    if found.is_translated:
        _show_languages(found)
    _show_replies(found)
    _show_domains(found)
    if times := found.answer_times:
        say()
        p50, p90, p99, slowest = (
            formatting.format_seconds(took / 1000) for took in (times.p50, times.p90, times.p99, times.slowest)
        )
        say(
            f"An answer took {p50} or less for half of the messages, {p90} for 90%, {p99} for 99%; "
            f"the slowest took {slowest}."
        )


def _show_balance(counts: Counts, left_out: int) -> None:
    say(formatting.format_balance(counts), style="bold green" if counts.complete else "bold yellow")
    if left_out:
        say(
            f"  {format_count(left_out, 'row')} of the list could not be used: newsletter subscribers check",
            style="yellow",
        )


def _show_runs(found: CampaignReport, zone: ZoneInfo) -> None:
    if found.began is None:
        say("  Its sending has not begun.")
        return
    began, ended = (at and format_moment(at, zone, seconds=True) for at in (found.began, found.ended))
    pace = f", {formatting.format_rate(found.per_second)}" if found.per_second else ""
    say(f"  Begun     {began}")
    say(f"  Ended     {ended or 'not yet'}")
    say(f"  Sending   {formatting.format_seconds(found.seconds)} in {format_count(len(found.runs), 'run')}{pace}")
    if len(found.runs) > 1 or found.runs[0].ending:
        say()
        rows = [
            (
                f"{run.began.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                formatting.format_seconds(run.seconds),
                f"{run.answers.total:,}",
                formatting.format_rate(compute_rate(run.answers.total, run.seconds)),
                "it is under way" if run.under_way else run.ending or "everyone was answered",
            )
            for run in found.runs
        ]
        print_table(("Run", "Took", "Answers", "Messages", "Ended because"), rows)


def _show_holds(found: CampaignReport, zone: ZoneInfo) -> None:
    """Print what held the send, what was learned of the server, and how each run went."""
    if found.holds:
        say()
        rows = [
            (one.words, formatting.format_seconds(one.seconds), one.evidence or "(it was not said)")
            for one in found.holds
        ]
        print_table(("Held because", "For", "The server's reply"), rows)
    lines = list_limit_lines(found.learned.limits) if found.learned else []
    if found.learned and lines:
        say()
        at = format_moment(found.learned.learned_at, zone)
        say(f"Learned of {found.learned.host} by {at}; the next send begins with it:")
        for line in lines:
            say(f"  {line.words}{f' ({line.evidence})' if line.evidence else ''}")
        say("  To forget it: newsletter limits --forget")
    for course in found.courses[-_COURSES:]:
        say()
        rows_of_course = [
            (
                f"{column.begin.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                formatting.format_seconds(column.seconds),
                f"{column.accepted:,}",
                f"{column.refused:,}",
                f"{column.put_off:,}",
                formatting.format_rate(column.rate) or "no limit",
            )
            for column in shorten_course(course, _COURSE_ROWS).columns
        ]
        print_table(("From", "For", "accepted", "refused", "put off", "Allowed"), rows_of_course)


def _show_replies(found: CampaignReport) -> None:
    say()
    shown = [(f"{one.readers:,}", one.state.value, formatting.format_reply(one)) for one in found.replies[:_REPLIES]]
    if rest := found.replies[_REPLIES:]:
        shown.append((f"{sum(one.readers for one in rest):,}", "", f"({len(rest):,} other)"))
    print_table(("Readers", "State", "Reply"), shown)


def _show_languages(found: CampaignReport) -> None:
    say()
    states = formatting.list_domain_states(found.counts)
    rows = [
        (describe_language(one.language), f"{one.readers:,}", *(f"{one.counts[state]:,}" for state in states))
        for one in found.languages
    ]
    print_table(("Language", "Readers", *(state.value for state in states)), rows)


def _show_domains(found: CampaignReport) -> None:
    say()
    largest = shorten_report(found, domains=_DOMAINS)
    others = largest.other_domains
    states = formatting.list_domain_states(found.counts)
    rows = [(one.domain, one.readers, one.counts) for one in largest.domains]
    if others.domains:
        rows.append((f"({formatting.format_other_domains(others.domains)})", others.readers, others.counts))
    shown = [(name, f"{readers:,}", *(f"{counts[state]:,}" for state in states)) for name, readers, counts in rows]
    print_table(("Domain", "Readers", *(state.value for state in states)), shown)
