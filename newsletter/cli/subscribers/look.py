"""newsletter subscribers list|check"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import click

from newsletter.cli.output import console, say, short, show_problems, table
from newsletter.cli.subscribers.opened import looking, the_list
from newsletter.errors import ConfigError, Problem
from newsletter.subscribers.csv_source import read_subscribers
from newsletter.subscribers.status_columns import QUESTION, read_own_status_columns, read_status_columns
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import ERASED, SuppressionStatus, with_suppression_status
from newsletter.text import escape_controls, format_count

_PAGE = 200  # rows of a table on a terminal, whose columns are as wide as these need
_HEADINGS = ("Address", "Name", "Tags", "State", "Since")


@click.command("list")
@click.argument("words", nargs=-1)
@click.option("--tag", help="Readers with this tag.")
@click.option("--mailable", is_flag=True, help="Those who get the next issue.")
@click.option(
    "--suppressed", is_flag=True, help="Those on the list who must not be mailed; `export --suppressed` has everyone."
)
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def list_(words: tuple[str, ...], tag: str | None, mailable: bool, suppressed: bool, json_: bool) -> None:
    """Show the readers and their state.

    All of them, or those in whose row all WORDS stand.
    """
    if mailable and suppressed:
        raise click.UsageError("Nobody is both --mailable and --suppressed.")
    found = looking()
    path = the_list(found.workspace)
    wanted = [word.casefold() for word in words]
    passed = Counter[str]()

    def chosen() -> Iterator[tuple[Subscriber, SuppressionStatus]]:
        left = read_own_status_columns(path, found.workspace.config.subscriber_list).left
        for row, standing in with_suppression_status(found.store, found.keys, read_subscribers(path), left):
            if isinstance(row, Problem):
                passed["duplicate" if row.code == "duplicate" else "unusable"] += 1
            elif (
                (not tag or tag.casefold() in row.tags)
                and not (mailable and not standing.mailable)
                and not (suppressed and standing.mailable)
                and _has(row, wanted)
            ):
                yield row, standing

    shown = _print_json(chosen()) if json_ else _print_rows(chosen())
    if console().is_terminal and not json_:
        say(f"{format_count(shown, 'reader')}." if shown else "Nobody on the list is that.", style="bold")
    for kind, why in (("unusable", "can't be used"), ("duplicate", "left out, with an address that stands before")):
        if passed[kind]:
            click.echo(f"{format_count(passed[kind], 'row')} {why}: newsletter subscribers check", err=True)


def _has(row: Subscriber, words: Sequence[str]) -> bool:
    if not words:
        return True
    text = "\n".join((row.address, *row.fields.values(), *row.tags)).casefold()
    return all(word in text for word in words)


def _print_rows(rows: Iterator[tuple[Subscriber, SuppressionStatus]]) -> int:
    """A table page by page on a terminal, lines in one go when piped: a long list stands in neither."""
    count = 0
    cells = (
        (row.address, row.fields["name"], " ".join(sorted(row.tags)), standing.state, standing.since[:10])
        for row, standing in rows
    )
    page = list(islice(cells, _PAGE))  # before the headings: a list that can't be read has none
    if not console().is_terminal:
        sys.stdout.writelines("\t".join(map(escape_controls, row)) + "\n" for row in chain([_HEADINGS], page, cells))
        return 0
    while page:
        table(_HEADINGS, page)
        count += len(page)
        page = list(islice(cells, _PAGE))
    return count


def _print_json(rows: Iterator[tuple[Subscriber, SuppressionStatus]]) -> int:
    count = 0
    for count, (row, standing) in enumerate(rows, start=1):
        one = {
            "address": row.address,
            "line": row.line,
            "fields": dict(row.fields),
            "tags": sorted(row.tags),
            "state": standing.state,
            "since": standing.since or None,
            "causes": [{"cause": held.cause, "since": held.since, "words": held.words} for held in standing.held],
        }
        sys.stdout.write(f"{',' if count > 1 else '['}\n{json.dumps(one)}")
    sys.stdout.write("\n]\n" if count else "[]\n")
    return count


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Find the rows that can't be used.

    FILE is the publication's list when left out. The readers in it are counted, too.
    """
    store, keys = None, None
    try:
        found = looking()
        path, store, keys = file or the_list(found.workspace), found.store, found.keys
        statuses = read_own_status_columns(path, found.workspace.config.subscriber_list)
    except ConfigError:
        if file is None:
            raise
        path = file  # a file can be looked at anywhere
        statuses = read_status_columns(path)
    readers, problems, tags = 0, list(statuses.questions), Counter[str]()
    for row, standing in with_suppression_status(store, keys, read_subscribers(path)):
        if isinstance(row, Problem):
            problems.append(row)
        elif standing.erased:
            problems.append(_erased(path, row, standing))
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
    said += [f"{len(statuses.left):,} not to be mailed by its own columns"] if statuses.left else []
    say(f"{short(path)}: {', '.join(said)}", style="bold")
    if tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in tags.most_common()))
    sys.exit(1 if len(problems) > kinds["duplicate"] else 0)


def _erased(path: Path, row: Subscriber, standing: SuppressionStatus) -> Problem:
    return Problem(
        path=path,
        line=row.line,
        code=ERASED,
        message=f"this person was erased on {(standing.erased or '')[:10]}, and gets nothing",
        next_step="Take the row out of this file, and out of wherever it came from.",
    )
