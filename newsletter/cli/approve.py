"""The command `newsletter approve`."""

import shlex
from zoneinfo import ZoneInfo

import click

from newsletter.actions.approve import ApprovalProposal, withdraw
from newsletter.actions.approve import approve as approve_issue
from newsletter.actions.status import find_unsent_draft
from newsletter.approvals.approval_files import find_approvals_folder
from newsletter.cli.approvals_view import show_approvals
from newsletter.cli.context import open_publication
from newsletter.cli.findings import show_findings
from newsletter.cli.output import print_table, say, shorten, show_problems
from newsletter.text import format_count

_EDITIONS = {
    "html": "HTML email",
    "text": "text email",
    "pdf": "PDF",
    "web": "web page",
    "readers": "who gets what",
    "mail": "whole mail",
}
_SHOWN = 16  # letters of a hash, by which two people can compare what is on their screens


@click.command()
@click.argument("draft", required=False)
@click.option("--as", "approver", metavar="ADDRESS", help="Which approver you are, if git's user.email differs.")
@click.option("--withdraw", "withdraws", is_flag=True, help="Take your approval back.")
@click.option("--yes", is_flag=True, help="Approve without asking; names the draft.")
def approve(draft: str | None, approver: str | None, withdraws: bool, yes: bool) -> None:
    """Sign that an issue may leave as it is now, in all its editions.

    It shows what is signed, and asks. git signs, with the key that it signs your tags with. Any change afterwards voids
    the approval.
    """
    publication = open_publication()
    if draft is None and (yes or withdraws):
        raise click.UsageError("Name the draft: newsletter approve 2.10")
    found = publication.draft(draft) if draft else find_unsent_draft(publication)
    folder = find_approvals_folder(publication.workspace, found.name)
    if withdraws:
        path = withdraw(publication, found.name, approver)
        say(f"{shorten(path)} is removed: {found.name} is no longer approved by you.")
        say(f"Commit that: {_write_commit(shorten(folder), f'Withdraw approval of {found.name}')}")
        return

    def confirm(proposal: ApprovalProposal) -> bool:
        _show_proposal(proposal)
        return yes or click.confirm(f"Approve {proposal.draft.name} as {proposal.approver}?")

    approvals = approve_issue(publication, found, confirm=confirm, approver=approver)
    if approvals is None:
        say("Nothing is signed.")
        raise SystemExit(1)
    show_approvals(approvals, ZoneInfo(publication.config.publication.timezone))
    say(f"Commit it: {_write_commit(shorten(folder), f'Approve {found.name}')}")


def _write_commit(folder: str, message: str) -> str:
    return f"git add {shlex.quote(folder)} && git commit -m {shlex.quote(message)}"


def _show_proposal(proposal: ApprovalProposal) -> None:
    """Print the editions with their fingerprints, and what is wrong with the issue."""
    name = proposal.draft.name
    several = len(proposal.editions) > 1
    print_table(
        ("Edition", *(["Language"] if several else []), "SHA-256"),
        [
            (_EDITIONS.get(edition, edition), *([language] if several else []), digest[:_SHOWN])
            for language, hashes in proposal.editions.items()
            for edition, digest in hashes.items()
        ],
    )
    for report in proposal.findings.values():
        show_findings(report.findings)
    problems = sum(len(report.problems) for report in proposal.findings.values())
    if problems:
        say(f"{name} has {format_count(problems, 'problem')}.", style="bold")
    if proposal.uncommitted:
        show_problems(proposal.uncommitted)
        say("Others don't have this as it is here, and your approval is of what is here.", style="bold")
    say(f"Have you read it? newsletter preview {name}")
