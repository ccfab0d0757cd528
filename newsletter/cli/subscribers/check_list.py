"""The command `newsletter subscribers check`."""

import sys
from collections import Counter
from pathlib import Path

import click

from newsletter.actions.check_subscribers import check_subscribers
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten, show_problems
from newsletter.errors import ConfigError
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.suppression_status import ERASED
from newsletter.text import format_count


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Find the rows that can't be used.

    FILE is the publication's list when left out. The readers in it are counted, too.
    """
    try:
        publication = open_publication()
        publication.refuse_without_erasure_keys()
        source = publication.subscriber_source(file) if file else publication.require_subscribers()
        source.refresh()
        found = check_subscribers(source, publication)
    except ConfigError:
        if file is None:
            raise
        found = check_subscribers(CsvSource(file))  # a file can be looked at anywhere
    kinds, source = found.kinds, found.source
    show_problems(found.problems)
    said = [
        format_count(found.subscribers, "reader"),
        format_count(kinds["unusable"], "unusable row"),
        format_count(kinds["duplicate"], "duplicate"),
    ]
    said += [f"{kinds[ERASED]:,} erased"] if kinds[ERASED] else []
    by_own_word = "its own columns" if source.file else "what it says itself"
    said += [f"{found.own:,} not to be mailed by {by_own_word}"] if found.own else []
    say(f"{shorten(source.place)}: {', '.join(said)}", style="bold")
    if found.tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in Counter(found.tags).most_common()))
    sys.exit(0 if found.is_clean else 1)
