"""The commands `newsletter draft new`, `list`, `check` and `schema`; others of the group have files of their own."""

import datetime
import json
import sys
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from newsletter.actions.create_draft import create_correction, create_draft, create_translation
from newsletter.cli.context import name_of, open_publication, open_publications, say_whose
from newsletter.cli.draft_format import format_drafts
from newsletter.cli.draft_import import import_
from newsletter.cli.issue_number import DATE, parse_issue_number
from newsletter.cli.language import LANGUAGE
from newsletter.cli.output import print_as_json, print_table, say, shorten
from newsletter.errors import ConfigError, Problem, TemplateError
from newsletter.field import fill_fields
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.draft_schema import SCHEMA_NAME, build_draft_schema
from newsletter.issue.model import Issue
from newsletter.issue_name import NAME_ADVICE, read_issue_name
from newsletter.publication import OpenPublication
from newsletter.text import format_count
from newsletter.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.checks.draft_report import Finding


@click.group()
def draft() -> None:
    """Write and check issues. A draft is one issue, as a YAML file in drafts/."""


draft.add_command(import_)
draft.add_command(format_drafts)


@draft.command()
@click.argument("name", required=False)
@click.option(
    "--kind", type=click.Choice(["issue", "announcement"]), default="issue", help="An announcement has a NAME."
)
@click.option("--correction", metavar="ISSUE", help="A correction to this issue: it goes to those who have it.")
@click.option("--volume", type=click.IntRange(1, 999_999), help="Begin this volume instead of the next number.")
@click.option("--number", metavar="NUMBER", help="This number instead of the next one: 11, or 2.11 with its volume.")
@click.option("--date", type=DATE, help="The issue's date instead of the next one due.")
@click.option("--language", metavar="TAG", default="", help="The draft of a translation of NAME into this language.")
@click.option("--edit", is_flag=True, help="Open it in $EDITOR.")
def new(
    name: str | None,
    kind: Literal["issue", "announcement"],
    correction: str | None,
    volume: int | None,
    number: str | None,
    date: datetime.date | None,
    language: str,
    edit: bool,
) -> None:
    """Begin an issue, announcement, correction or translation.

    The draft has its number and date, and every field explained. A series that began elsewhere goes on with its own
    number: --number 2.11.
    """
    within, issue_number = parse_issue_number(volume, number)
    if correction is not None and (name or volume or number or kind != "issue"):
        raise click.UsageError("--correction names the issue, and goes with --date and --edit alone.")
    if language and (correction or volume or number or date or kind != "issue"):
        raise click.UsageError(
            "--language is for a translation of an issue that has a draft, and goes with --edit alone."
        )
    publication = open_publication()
    if language:
        made = create_translation(publication, name, language)
    elif correction is not None:
        made = create_correction(publication, correction, date=date)
    else:
        made = create_draft(publication, name, kind=kind, volume=within, number=issue_number, date=date)
    path = made.path
    say(f"{shorten(path)}: {made.issue.date}")
    if edit:
        click.edit(filename=str(path))
        from newsletter.actions.check import check_draft
        from newsletter.cli.findings import show_findings, show_verdict

        found = publication.read_draft(path)
        report = check_draft(publication, found)
        show_findings(report.findings)
        show_verdict(found, report)


@draft.command("list")
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def list_(json_: bool) -> None:
    """List drafts with date, title, state and languages."""
    publications = open_publications()
    every = [(publication, _list_rows(publication)) for publication in publications]
    if json_:
        print_as_json([name_of(publication, publications) | row for publication, rows in every for row in rows])
        return
    for publication, rows in every:
        say_whose(publication, publications)
        _print_drafts(publication.workspace, rows)


def _print_drafts(workspace: Workspace, rows: Sequence[dict[str, Any]]) -> None:
    columns = {
        "issue": "Issue", "date": "Date", "state": "State", "approved": "Approved", "languages": "Languages",
        "title": "First headline",
    }  # fmt: skip
    if not workspace.config.approval.approvers:
        del columns["approved"]
    if len(workspace.config.languages) == 1:
        del columns["languages"]
    if rows:
        shown = [{"approved": "", **row, "languages": ", ".join(row["languages"])} for row in rows]
        print_table(tuple(columns.values()), [tuple(row[name] for name in columns) for row in shown])
    else:
        say(f"There is no draft in {shorten(workspace.drafts)} yet. Run: newsletter draft new")
    for path in workspace.misnamed_drafts():
        say(f"{shorten(path)} is left out, for no command finds it by its name. {NAME_ADVICE}.", style="yellow")
    for path in workspace.translation_paths():
        issue = workspace.split_name(path.stem)[0]
        if all(row["issue"] != issue for row in rows):
            say(f"{shorten(path)} is a translation of {issue}, which has no draft.", style="yellow")


def _list_rows(publication: OpenPublication) -> list[dict[str, Any]]:
    # The ledger brings SQLAlchemy, a tenth of a second that writing should not wait for.
    from newsletter.actions.status import list_approvals
    from newsletter.cli.approvals_view import count_approvals
    from newsletter.reports.issue_status import find_issue_stage

    approvals = list_approvals(publication)
    workspace, store = publication.workspace, publication.known_store
    rows = []
    for path in workspace.draft_paths():
        found = read_draft(path)
        row = {
            "issue": path.stem,
            "date": found.date.isoformat() if found.date else "?",
            "state": find_issue_stage(store, read_issue_name(path), workspace.record(path.stem)).value,
            "title": _find_title(found.issue) if found.issue else format_count(len(found.problems), "problem"),
            "languages": [workspace.config.publication.language, *workspace.translations_of(path.stem)],
        }
        if name_approvals := approvals.get(read_issue_name(path)):
            row["approved"] = count_approvals(name_approvals)
        rows.append(row)
    return rows


def _find_title(issue: Issue) -> str:
    return issue.title or issue.lead_words.plain() or fill_fields(issue.subject or ())


@draft.command()
@click.argument("names", nargs=-1, metavar="[DRAFT]...")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="For people, for scripts, or as annotations in a GitHub workflow.",
)
@click.option("--rendered", is_flag=True, help="Build the email too, and say what mail clients lack.")
@click.option("--links", is_flag=True, help="Ask where the links lead: dead, moved, to a login, tracked.")
@LANGUAGE
def check(names: tuple[str, ...], format_: str, rendered: bool, links: bool, language: str) -> None:
    """Find problems, with places and what to do.

    In the drafts named, or in the newest one, and in their translations, which are compared with them.
    """
    from newsletter.actions.check import check_languages
    from newsletter.checks.draft_report import DraftReport, Finding
    from newsletter.cli.findings import print_annotations, print_json, show_findings, show_verdict

    publication = open_publication()
    named = [_read_named(publication, name, language) for name in names or (None,)]
    broken = _find_configuration_error(publication.workspace)
    seen: dict[Finding, None] = {}
    if broken:
        reports = [(found, DraftReport(tuple(map(Finding, found.problems)))) for found in named]
    else:
        reports = [pair for each in named for pair in check_languages(publication, each)]
    drafts = [found for found, _ in reports]
    for found, report in reports:
        if format_ == "text":
            # What is wrong with the publication is printed with the first draft that it concerns.
            show_findings(finding for finding in report.findings if finding not in seen)
            if not broken:  # what the settings bear on was not looked at
                show_verdict(found, report)
        seen |= dict.fromkeys(report.findings)
    issues = [found.issue for found in drafts if found.issue and rendered and not broken]
    seen |= dict.fromkeys(map(Finding, _check_emails(publication, issues, seen, show=format_ == "text")))
    if links and not broken:
        from newsletter.cli.link_check import check_links_of_drafts

        seen |= dict.fromkeys(check_links_of_drafts(publication, drafts, seen, show=format_ == "text"))
    if format_ == "json":
        print_json([*seen, *map(Finding, broken.problems if broken else ())])
    elif format_ == "github":
        print_annotations([*seen, *map(Finding, broken.problems if broken else ())])
    if broken:
        raise broken
    sys.exit(1 if any(not finding.note for finding in seen) else 0)


def _read_named(publication: OpenPublication, name: str | None, language: str) -> Draft:
    """Return the draft that a name means: that of an issue, or a translation by its own name."""
    workspace = publication.workspace
    path = workspace.find_draft(name, language) if language else workspace.find_draft_file(name)
    return read_draft(path, workspace.language_of(path))


def _find_configuration_error(workspace: Workspace) -> ConfigError | None:
    """Return what keeps the configuration from being used, so that a draft's own problems are printed before it."""
    try:
        _ = workspace.config
    except ConfigError as error:
        return error
    return None


def _check_emails(
    publication: OpenPublication, issues: Sequence[Issue], seen: "Container[Finding]", *, show: bool
) -> list[Problem]:
    """Return what mail clients lack of the issues' emails; building them is slow, so only where it is asked for."""
    problems: list[Problem] = []
    if issues:
        from newsletter.actions.check import check_email
        from newsletter.checks.draft_report import Finding
        from newsletter.cli.findings import show_email_report

        for issue in issues:
            try:
                report = check_email(publication, issue)
            except (TemplateError, ConfigError) as error:
                new = [problem for problem in error.problems if Finding(problem) not in seen]
                if show and new:
                    raise
                problems += new
                continue
            problems += report.problems
            if show:
                show_email_report(publication.config, issue, report)
    return problems


@draft.command()
@click.option("--print", "print_", is_flag=True, help="Print it instead of writing it.")
def schema(print_: bool) -> None:
    """Write the JSON Schema for your editor."""
    if print_:
        click.echo(json.dumps(json.loads(build_draft_schema()), indent=2))
        return
    workspace = open_publication().workspace
    path = workspace.drafts / SCHEMA_NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(build_draft_schema(), encoding="utf-8")
    say(f"{shorten(path)} is written. An editor with a YAML language server completes drafts by it.")
