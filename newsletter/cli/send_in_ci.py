"""`newsletter send --ci`: what a runner prints, and the summary of its job."""

import os
from pathlib import Path

import click

from newsletter.actions.send_in_ci import RecordWish, RunnerOrder, RunnerReport, send_in_ci
from newsletter.cli.output import say, shorten, show_error
from newsletter.cli.send_progress import SendProgress
from newsletter.cli.state import tell_wait
from newsletter.errors import NewsletterError, explain
from newsletter.publication import OpenPublication
from newsletter.reports.formatting import format_balance
from newsletter.reports.job_summary import format_job_summary
from newsletter.text import format_count, remove_addresses

_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"  # of GitHub and Forgejo: a file that the job's page shows


def read_record_wish(written: str) -> RecordWish:
    """Return what --record asks for. Raises UsageError."""
    if written in ("commit", "none"):
        return RecordWish(commits=written == "commit")
    how, _, file = written.partition("=")
    if how != "patch" or not file:
        raise click.UsageError("--record is commit, patch=FILE or none.")
    return RecordWish(commits=False, patch=Path(file).absolute())


def send_as_runner(publication: OpenPublication, order: RunnerOrder) -> int:
    """Send as a runner does; return the exit status. What a public log must not have, it does not print: addresses."""
    try:
        done = send_in_ci(publication, order, observer=SendProgress(), on_wait=tell_wait)
    except Exception as error:
        _write_summary(format_job_summary(publication.config.publication.title, RunnerReport(error=explain(error))))
        raise
    _write_summary(format_job_summary(publication.config.publication.title, done))
    return _show(done)


def _show(done: RunnerReport) -> int:
    for found in done.campaigns:
        say(f"{found.campaign.issue}: {found.campaign.subject}", style="bold")
        say(format_balance(found.counts), style="bold green" if found.counts.complete else "bold yellow")
    for page in done.pages:
        say(f"The report, without any address: {shorten(page)}")
    if done.unusable:
        say(f"{format_count(done.unusable, 'row')} of the list could not be used: newsletter subscribers check")
    if done.scheduled:
        say(f"{done.scheduled} is in the outbox: newsletter send --ci --due sends it at its moment.")
    for issue in done.held:
        say(f"{issue} was stopped, and a person has to look first. Then: newsletter send --ci {issue}", style="yellow")
    if done.commit:
        say(f"The sent record is pushed, as {done.commit[:10]}.")
    if done.waits_for:
        say(f"The state is in other hands: {done.waits_for}. What is due is sent by a later run.")
    elif not done.campaigns and not done.error:
        for issue, why in done.void:
            say(f"{issue} is not sent: an approval of it is void: {remove_addresses(why)}", style="yellow")
        say("Nothing is to be sent: no issue is approved and unsent, and nothing is due.")
    for error in (done.error, done.record_error):
        if error is not None:
            show_error(_hide_addresses(error))
    return 0 if done.is_well else 1


def _hide_addresses(error: NewsletterError) -> NewsletterError:
    """Return an error as a public log may have it: a server's words may name a reader."""
    return NewsletterError(
        remove_addresses(error.message), next_step=remove_addresses(error.next_step), problems=error.problems
    )


def _write_summary(text: str) -> None:
    """Add the summary to the job's page, where the forge shows one."""
    path = os.environ.get(_SUMMARY_VARIABLE)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        say(f"The summary could not be written: {error.strerror}.", style="yellow")
