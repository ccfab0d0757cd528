"""newsletter subscribers check|suppress|unsuppress"""

import sys
from collections import Counter
from pathlib import Path

import click

from newsletter.audience import suppression
from newsletter.audience.subscribers import read_subscribers
from newsletter.cli.output import say, short, show_problems
from newsletter.cli.state import opened_store
from newsletter.errors import Problem, counted
from newsletter.workspace import find_workspace


@click.group()
def subscribers() -> None:
    """Check the list, and keep who asked to leave."""


@subscribers.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Count the readers in FILE (the publication's list when left out), and show every row that can't be used."""
    path = file or find_workspace(Path.cwd()).subscribers
    readers, problems, tags = 0, [], Counter[str]()
    for row in read_subscribers(path):
        if isinstance(row, Problem):
            problems.append(row)
        else:
            readers += 1
            tags.update(row.tags)
    show_problems(problems)
    duplicates = sum(problem.code == "duplicate" for problem in problems)
    kinds = ((readers, "reader"), (len(problems) - duplicates, "unusable row"), (duplicates, "duplicate"))
    say(f"{short(path)}: {', '.join(counted(number, noun) for number, noun in kinds)}", style="bold")
    if tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in tags.most_common()))
    sys.exit(1 if len(problems) > duplicates else 0)


@subscribers.command()
@click.argument("address")
@click.option("--reason", default="unsubscribed", show_default=True, help="Why: unsubscribed, bounced, complained, ...")
def suppress(address: str, reason: str) -> None:
    """Never mail ADDRESS again, whatever the list says."""
    store = opened_store(find_workspace(Path.cwd()))
    new = suppression.suppress(store, address, reason)
    say(f"{address} gets no more mail ({reason})." if new else f"{address} was on record already.")


@subscribers.command()
@click.argument("address")
def unsuppress(address: str) -> None:
    """Mail ADDRESS again when it is on the list."""
    store = opened_store(find_workspace(Path.cwd()))
    was = suppression.unsuppress(store, address)
    say(f"{address} can get mail again." if was else f"Nothing stood against {address}.")
