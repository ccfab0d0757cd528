"""The plan of a send, as `send` and `retry` show it, and the options that both have."""

from collections import Counter
from pathlib import Path

import click

from newsletter.campaigns.batch_reader import Batch
from newsletter.campaigns.corrections import CorrectedIssue
from newsletter.campaigns.list_comparison import FLAG as LIST_FLAG
from newsletter.campaigns.plan import SendPlan
from newsletter.campaigns.unknown_campaigns import FLAG
from newsletter.cli.output import say, shorten
from newsletter.cli.reader_languages import count_in_languages, show_languages, show_subjects
from newsletter.config import Config
from newsletter.config.preference_settings import SUMMARY_TAG
from newsletter.ledger.warm_up import WarmUpStep
from newsletter.text import format_count
from newsletter.workspace import Workspace

nobody_left = click.option(
    FLAG,
    "nobody_left",
    is_flag=True,
    help="This state is new, and you know that nobody left or bounced since the issues sent from another.",
)

list_is_right = click.option(
    LIST_FLAG,
    "list_is_right",
    is_flag=True,
    help="Readers who still wait are missing from the list now, and are to get nothing.",
)


def show_plan(workspace: Workspace, plan: SendPlan, list_path: Path, label: str) -> None:
    """Print what is about to happen, before anybody is asked; `label` is that of the issue, such as Vol. 2.10."""
    config = workspace.config
    say(f"{config.publication.title} {label or plan.campaign.issue}", style="bold")
    show_subjects(config, plan)
    if plan.batch is not None:
        _show_batch(config, plan, plan.batch, list_path)
    elif plan.waiting:
        say("  To        the list as it was frozen, without those who left it since")
    if plan.waiting:
        mixed = any(plan.waiting_languages)
        languages = f" ({count_in_languages(config, plan.waiting_languages)})" if mixed else ""
        say(f"  Going on  {format_count(plan.waiting, 'reader')} of the frozen list still to be tried{languages}")
    if plan.text_changed:
        say("  Text      " + ("as it is now" if plan.takes_over else "as it was when the sending began"))
    _show_unsubscribing(workspace)
    name = config.send.backend
    place = getattr(config.backends[name], "place", "")
    say(f"  Through   {name}{f' {place}' if place else ''}")


def _show_batch(config: Config, plan: SendPlan, batch: Batch, list_path: Path) -> None:
    """Print to how many new recipients it goes, and who of the list is left out."""
    tagged = f" tagged {batch.tag}" if batch.tag else ""
    having = f" who have {batch.corrected.issue}," if batch.corrected else ""
    say(f"  To        {format_count(plan.added, 'reader')}{having} of {shorten(list_path)}{tagged}")
    if batch.difference:
        new, gone = batch.difference.new, batch.difference.gone
        say(f"  List      {new:,} new, {gone:,} gone since an issue was last frozen from it")
    show_languages(config, plan)
    if suppressed := batch.suppressed - batch.paused:
        say(f"  Left out  {suppressed:,} who must not be mailed: newsletter subscribers list --suppressed")
    if batch.paused:
        say(f"  Left out  {batch.paused:,} who have paused it; it comes back to them by itself")
    if batch.summary:
        say(f"  Left out  {batch.summary:,} who want only the summary: newsletter send NAME --tag {SUMMARY_TAG}")
    if batch.welcomed:
        say(f"  Left out  {batch.welcomed:,} who got it as a welcome when they joined")
    if batch.corrected:
        _show_corrected(plan, batch.corrected, list_path)
    elif batch.erased:
        say(f"  Left out  {batch.erased:,} who asked to be erased; take them out of {shorten(list_path)}, too")
    if batch.left and not batch.corrected:
        words = ", ".join(f"{words} {count:,}" for words, count in Counter(batch.left).most_common(5))
        say(f"  Left out  {sum(batch.left.values()):,} by what {shorten(list_path)} itself says ({words})")
    if batch.unusable:
        hint = f"newsletter subscribers check {shorten(list_path)}"
        say(f"  Left out  {format_count(batch.unusable, 'row')} that can't be used; see them: {hint}")
    if batch.duplicates:
        say(f"  Left out  {format_count(batch.duplicates, 'row')} with an address that is in an earlier row")
    for tag in plan.tags_without_recipients:
        say(f"  Note      no reader here has the tag {tag!r}, which items are only for", style="yellow")


def _show_corrected(plan: SendPlan, corrected: CorrectedIssue, list_path: Path) -> None:
    """Print who has the issue that is corrected and gets no correction, or has it not yet."""
    if corrected.lost:
        say(f"  Left out  {corrected.lost:,} who have {corrected.issue} and are not on {shorten(list_path)} any more")
    if corrected.waiting:
        say(
            f"  Note      {format_count(corrected.waiting, 'reader')} still to get {corrected.issue}; "
            f"once they have it: newsletter send {plan.campaign.issue} --to-new",
            style="yellow",
        )


def show_warm_up(step: WarmUpStep | None, plan: SendPlan) -> None:
    """Print how many may have it now, where a server's warm-up leaves others for a later sending."""
    if step is not None and step.left < plan.added + plan.waiting:
        say(
            f"  Warm-up   {step.left:,} of these readers now; the others at the next sending, "
            f"from {step.next_at.astimezone():%Y-%m-%d %H:%M} on",
            style="yellow",
        )


def _show_unsubscribing(workspace: Workspace) -> None:
    service = workspace.config.service
    if service.takes_one_click:
        say(f"  To leave  {service.url} (one click), and by mail")
    elif service.url:
        say(f"  To leave  {service.url}, which only this machine can open: for a trial, and not for readers", "yellow")
    else:
        say("  To leave  by mail")
