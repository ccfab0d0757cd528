"""Findings of a check of drafts or emails, for people, for scripts, and as annotations in a GitHub workflow."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from newsletter.checks import EmailReport
from newsletter.checks.draft_report import DraftReport, Finding
from newsletter.checks.size import CLIPPED_AT
from newsletter.cli.output import print_as_json, say, shorten, show_problems
from newsletter.config import Config
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.text import format_count, format_size

_REPOSITORY_FOLDERS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")  # on GitHub and Forgejo, and on GitLab


def show_findings(findings: Iterable[Finding]) -> None:
    """Print problems first, then notes, each with its place and what to do."""
    found = list(findings)
    show_problems(each.problem for each in found if not each.note)
    show_problems(replace(each.problem, message=f"note: {each.problem.message}") for each in found if each.note)


def show_verdict(draft: Draft, report: DraftReport) -> None:
    """Print in a line how many problems and notes a draft has."""
    noted = f", {format_count(len(report.notes), 'note')}" if report.notes else ""
    if draft.issue and not report.problems:
        links = sum(1 for text in draft.issue.texts() for _ in text.links()) + len(draft.issue.links())
        extent = [format_count(len(draft.issue.all_items), "item"), format_count(links, "link")]
        if pictures := len(dict.fromkeys(image.file for image in draft.issue.images())):
            extent.append(f"{format_count(pictures, 'picture')} of {format_size(report.picture_weight)}")
        say(f"{shorten(draft.path)}: no problems{noted} ({', '.join(extent)})", style="green")
    else:
        say(f"{shorten(draft.path)}: {format_count(len(report.problems), 'problem')}{noted}", style="bold")


def show_email_report(config: Config, issue: Issue, report: EmailReport) -> None:
    """Print what mail clients lack of an issue's email, and a line with its size."""
    show_problems(report.problems)
    count = format_count(len(report.problems), "problem") if report.problems else "no problems"
    whole = f", {format_size(report.size + report.picture_weight)} with its pictures" if report.picture_weight else ""
    say(
        f"{issue.edition_name} as an email: {count} in {format_count(len(config.email.clients), 'mail client')}, "
        f"{len(report.accepted)} accepted; {format_size(report.size)} of HTML "
        f"(Gmail cuts off at {CLIPPED_AT // 1000} kB){whole}",
        style="bold" if report.problems else "green",
    )


def print_json(findings: Iterable[Finding]) -> None:
    """Print the findings for scripts; `kind` is "problem" or "note"."""
    print_as_json(
        [
            {
                "kind": "note" if each.note else "problem",
                "path": shorten(Path(each.problem.path)),
                "line": each.problem.line,
                "column": each.problem.column,
                "code": each.problem.code,
                "message": each.problem.message,
                "next_step": each.problem.next_step,
            }
            for each in findings
        ]
    )


def print_annotations(findings: Iterable[Finding]) -> None:
    """Print the findings as GitHub's workflow commands `error` and `notice`, problems first.

    GitHub shows ten of each kind that a step prints.
    """
    for each in sorted(findings, key=lambda finding: finding.note):
        click.echo(_annotation(each))


def _annotation(finding: Finding) -> str:
    """Return a workflow command; its data and its properties each have their own escapes."""
    problem = finding.problem

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def prop(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    path = _from_repository(Path(problem.path))
    place = f"file={prop(path)},line={max(problem.line, 1)},col={max(problem.column, 1)}"
    kind = "notice" if finding.note else "error"
    return f"::{kind} {place},title={prop(problem.code)}::{data(f'{problem.message}. {problem.next_step}')}"


def _from_repository(path: Path) -> str:
    """Return a path from the repository's root, as GitHub wants it; that need not be the publication's folder."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow a draft that is a link
    root = find_repository_folder()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else shorten(path)


def find_repository_folder() -> Path:
    """Return where a forge's runner says that the repository is; the current folder where none says so."""
    return Path(next((os.environ[name] for name in _REPOSITORY_FOLDERS if os.environ.get(name)), Path.cwd()))
