"""newsletter subscribers check"""

import sys
from collections import Counter
from pathlib import Path

import click

from newsletter.cli.output import say, short, show_problems
from newsletter.cli.subscribers.opening import open_to_read, require_list
from newsletter.errors import ConfigError, Problem
from newsletter.subscribers.csv_source import CsvSource
from newsletter.subscribers.source import SubscriberSource
from newsletter.subscribers.status_columns import QUESTION
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import ERASED, SuppressionStatus, with_suppression_status
from newsletter.text import format_count


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Find the rows that can't be used.

    FILE is the publication's list when left out. The readers in it are counted, too.
    """
    store, keys = None, None
    try:
        publication = open_to_read()
        source = publication.subscriber_source(file) if file else require_list(publication)
        store, keys = publication.known_store, publication.keys
    except ConfigError:
        if file is None:
            raise
        source = CsvSource(file)  # a file can be looked at anywhere
    own = source.read_statuses()
    readers, problems, tags = 0, list(own.questions), Counter[str]()
    for row, standing in with_suppression_status(store, keys, source.read_subscribers()):
        if isinstance(row, Problem):
            problems.append(row)
        elif standing.erased:
            problems.append(_erased(source, row, standing))
        else:
            readers += 1
            tags.update(row.tags)
    show_problems(problems)
    known = ("duplicate", ERASED, QUESTION)
    kinds = Counter(problem.code if problem.code in known else "unusable" for problem in problems)
    said = [
        format_count(readers, "reader"),
        format_count(kinds["unusable"], "unusable row"),
        format_count(kinds["duplicate"], "duplicate"),
    ]
    said += [f"{kinds[ERASED]:,} erased"] if kinds[ERASED] else []
    by_own_word = "its own columns" if source.file else "what it says itself"
    said += [f"{own.count:,} not to be mailed by {by_own_word}"] if own.count else []
    say(f"{short(source.place)}: {', '.join(said)}", style="bold")
    if tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in tags.most_common()))
    sys.exit(1 if len(problems) > kinds["duplicate"] else 0)


def _erased(source: SubscriberSource, row: Subscriber, standing: SuppressionStatus) -> Problem:
    return Problem(
        path=source.place,
        line=row.line,
        code=ERASED,
        message=f"this person was erased on {(standing.erased or '')[:10]}, and gets nothing",
        next_step="Take the row out of this file, and out of wherever it came from.",
    )
