"""The command `newsletter demo`."""

import sys
from pathlib import Path

import click

from newsletter.cli.output import say, shorten
from newsletter.demo import demonstrate
from newsletter.reports.formatting import format_balance
from newsletter.text import format_size


@click.command()
def demo() -> None:
    """Send the sample issue to an example list, over real SMTP, on this machine alone. Works in build/demo."""
    folder = Path.cwd() / "build" / "demo"
    done = demonstrate(folder)
    counts = done.result.counts
    if plan := done.result.plan:
        say(plan.campaign.subject, style="bold")
    say(format_balance(counts), style="bold green" if counts.complete else "bold yellow")
    for form, path in done.exported.items():
        if form != path.name:  # a picture beside the email
            say(f"  {form:<8} {shorten(path)}  {format_size(path.stat().st_size)}")
    say(f"  {'mailbox':<8} {shorten(done.mailbox)}  {len(list((done.mailbox / 'new').iterdir()))} messages")
    sys.exit(0 if counts.complete else 1)
