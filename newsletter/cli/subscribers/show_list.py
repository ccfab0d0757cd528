"""The command `newsletter subscribers list`."""

import json
import sys
from collections.abc import Iterator
from itertools import chain, islice

import click

from newsletter.actions.list_subscribers import SubscriberFilter, list_subscribers
from newsletter.cli.context import open_publication
from newsletter.cli.output import console, print_table, printable_cell, say
from newsletter.clock import format_instant
from newsletter.subscribers.subscriber import Subscriber
from newsletter.subscribers.suppression_status import SuppressionStatus
from newsletter.text import format_count

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

    All of them, or those whose row has all WORDS.
    """
    if mailable and suppressed:
        raise click.UsageError("Nobody is both --mailable and --suppressed.")
    state = mailable if mailable or suppressed else None
    wanted = SubscriberFilter(words=words, tag=tag or "", mailable=state)
    listing = list_subscribers(open_publication(), wanted)
    shown = _print_json(iter(listing)) if json_ else _print_rows(iter(listing))
    if console().is_terminal and not json_:
        say(f"{format_count(shown, 'reader')}." if shown else "Nobody on the list is that.", style="bold")
    for kind, why in (
        ("unusable", "can't be used"),
        ("duplicate", "left out, with an address that is in an earlier row"),
    ):
        if listing.passed[kind]:
            click.echo(f"{format_count(listing.passed[kind], 'row')} {why}: newsletter subscribers check", err=True)


def _print_rows(rows: Iterator[tuple[Subscriber, SuppressionStatus]]) -> int:
    """Print a table page by page on a terminal, lines in one go when piped; return how many the table had.

    Neither holds a long list in memory.
    """
    count = 0
    cells = (
        (
            row.address,
            row.fields["name"],
            " ".join(sorted(row.tags)),
            status.state,
            f"{status.since:%Y-%m-%d}" if status.since else "",
        )
        for row, status in rows
    )
    page = list(islice(cells, _PAGE))  # before the headings: a list that can't be read has none
    if not console().is_terminal:
        sys.stdout.writelines("\t".join(map(printable_cell, row)) + "\n" for row in chain([_HEADINGS], page, cells))
        return 0
    while page:
        print_table(_HEADINGS, page)
        count += len(page)
        page = list(islice(cells, _PAGE))
    return count


def _print_json(rows: Iterator[tuple[Subscriber, SuppressionStatus]]) -> int:
    count = 0
    for count, (row, status) in enumerate(rows, start=1):
        one = {
            "address": row.address,
            "line": row.line,
            "fields": dict(row.fields),
            "tags": sorted(row.tags),
            "state": status.state,
            "since": status.since and format_instant(status.since),
            "causes": [
                {"cause": each.kind, "since": each.since and format_instant(each.since), "words": each.words}
                for each in status.suppressions
            ],
        }
        sys.stdout.write(f"{',' if count > 1 else '['}\n{json.dumps(one)}")
    sys.stdout.write("\n]\n" if count else "[]\n")
    return count
