"""newsletter subscribers list|check|stats"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click

from newsletter.audience.events import Kind
from newsletter.audience.standing import ERASED, MAILABLE, Standing, with_standing
from newsletter.audience.subscribers import Subscriber, read_rows, read_subscribers
from newsletter.cli.output import as_json, console, say, short, show_problems, table
from newsletter.cli.subscribers.opened import Looking, looking
from newsletter.errors import ConfigError, Problem, counted, printable
from newsletter.store import events as log
from newsletter.store import suppressions

_PAGE = 200  # rows of a table on a terminal, whose columns are as wide as these need
_OF_AN_ISSUE = (Kind.UNSUBSCRIBED, Kind.RETURNED, Kind.HARD, Kind.SOFT, Kind.COMPLAINED)
_HEADINGS = ("Address", "Name", "Tags", "State", "Since")


@click.command("list")
@click.argument("words", nargs=-1)
@click.option("--tag", help="Readers with this tag.")
@click.option("--mailable", is_flag=True, help="Those who get the next issue.")
@click.option("--suppressed", is_flag=True, help="Those who must not be mailed.")
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def list_(words: tuple[str, ...], tag: str | None, mailable: bool, suppressed: bool, json_: bool) -> None:
    """Show the list's readers, each with their state: all, or those in whose row all WORDS stand."""
    if mailable and suppressed:
        raise click.UsageError("Nobody is both --mailable and --suppressed.")
    found = looking()
    wanted = [word.casefold() for word in words]
    unusable = 0

    def chosen() -> Iterator[tuple[Subscriber, Standing]]:
        nonlocal unusable
        for row, standing in with_standing(found.store, found.keys, read_rows(found.workspace.subscribers)):
            if isinstance(row, Problem):
                unusable += 1
            elif (
                (not tag or tag.casefold() in row.tags)
                and not (mailable and not standing.mailable)
                and not (suppressed and standing.mailable)
                and _has(row, wanted)
            ):
                yield row, standing

    shown = _print_json(chosen()) if json_ else _print_rows(chosen())
    if console().is_terminal and not json_:
        say(f"{counted(shown, 'reader')}." if shown else "Nobody on the list is that.", style="bold")
    if unusable:
        click.echo(f"{counted(unusable, 'row')} can't be used: newsletter subscribers check", err=True)


def _has(row: Subscriber, words: Sequence[str]) -> bool:
    if not words:
        return True
    text = "\n".join((row.address, *row.fields.values(), *row.tags)).casefold()
    return all(word in text for word in words)


def _print_rows(rows: Iterator[tuple[Subscriber, Standing]]) -> int:
    """A table page by page on a terminal, lines in one go when piped: a long list stands in neither."""
    count = 0
    cells = (
        (row.address, row.fields["name"], " ".join(sorted(row.tags)), standing.state, standing.since[:10])
        for row, standing in rows
    )
    if not console().is_terminal:
        sys.stdout.writelines("\t".join(map(printable, row)) + "\n" for row in chain([_HEADINGS], cells))
        return 0
    while page := list(islice(cells, _PAGE)):
        table(_HEADINGS, page)
        count += len(page)
    return count


def _print_json(rows: Iterator[tuple[Subscriber, Standing]]) -> int:
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
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Count the readers in FILE (the publication's list when left out), and show every row that can't be used."""
    store, keys = None, None
    try:
        found = looking()
        path, store, keys = file or found.workspace.subscribers, found.store, found.keys
    except ConfigError:
        if file is None:
            raise
        path = file  # a file can be looked at anywhere
    readers, problems, tags = 0, [], Counter[str]()
    for row, standing in with_standing(store, keys, read_subscribers(path)):
        if isinstance(row, Problem):
            problems.append(row)
        elif standing.erased:
            problems.append(_erased(path, row, standing))
        else:
            readers += 1
            tags.update(row.tags)
    show_problems(problems)
    kinds = Counter(problem.code if problem.code in ("duplicate", ERASED) else "unusable" for problem in problems)
    said = [
        counted(readers, "reader"),
        counted(kinds["unusable"], "unusable row"),
        counted(kinds["duplicate"], "duplicate"),
    ]
    said += [f"{kinds[ERASED]:,} erased"] if kinds[ERASED] else []
    say(f"{short(path)}: {', '.join(said)}", style="bold")
    if tags:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in tags.most_common()))
    sys.exit(1 if len(problems) > kinds["duplicate"] else 0)


def _erased(path: Path, row: Subscriber, standing: Standing) -> Problem:
    return Problem(
        path=path,
        line=row.line,
        code=ERASED,
        message=f"this person was erased on {(standing.erased or '')[:10]}, and gets nothing",
        next_step="Take the row out of this file, and out of wherever it came from.",
    )


@click.command()
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def stats(json_: bool) -> None:
    """Count: who can be mailed and who not, and why; what was said month by month, and issue by issue."""
    found = looking()
    counts, states, tags = Counter[str](), Counter[str](), Counter[str]()
    for row, standing in with_standing(found.store, found.keys, read_subscribers(found.workspace.subscribers)):
        if isinstance(row, Problem):
            counts["duplicates" if row.code == "duplicate" else "unusable"] += 1
            continue
        counts["readers"] += 1
        tags.update(row.tags)
        counts[MAILABLE] += standing.mailable
        states.update([*([ERASED] if standing.erased else []), *(held.cause for held in standing.held)])
    figures = {
        "list": {name: counts[name] for name in ("readers", "unusable", "duplicates", MAILABLE)},
        "held_back": dict(sorted(states.items())),
        "tags": dict(tags.most_common()),
        **_said(found),
    }
    if json_:
        as_json(figures)
    else:
        _show(figures)


def _said(found: Looking) -> dict[str, object]:
    """What the state knows, of readers on the list or not."""
    if found.store is None:
        return {"causes": {}, "erased": 0, "months": [], "issues": []}
    with found.store.reading() as connection:
        by_issue = log.counts_by_issue(connection)
        issues = sorted({issue for issue, _ in by_issue if issue}, key=_by_number)
        return {
            "causes": dict(sorted(suppressions.counts(connection).items())),
            "erased": len(log.every_forgotten(connection)),
            "months": [
                {"month": month, "kind": kind, "events": count}
                for month, kind, count in log.counts_by_month(connection)
            ],
            "issues": [
                {"issue": issue, **{kind.value: by_issue.get((issue, kind), 0) for kind in _OF_AN_ISSUE}}
                for issue in issues
            ],
        }


def _by_number(issue: str) -> tuple[int, ...]:
    return tuple(int(part) for part in issue.split(".") if part.isdecimal())


def _show(figures: Mapping[str, Any]) -> None:
    of_list, held_back = figures["list"], figures["held_back"]
    say(f"{counted(of_list['readers'], 'reader')} on the list, {of_list[MAILABLE]:,} of them mailable", style="bold")
    for state, count in held_back.items():
        say(f"  {count:,} {state}")
    for name, noun in (("unusable", "unusable row"), ("duplicates", "duplicate")):
        if of_list[name]:
            say(f"  {counted(of_list[name], noun)}: newsletter subscribers check")
    if figures["tags"]:
        say("Tags: " + ", ".join(f"{tag} ({count:,})" for tag, count in figures["tags"].items()))
    everywhere = [f"{count:,} {cause}" for cause, count in figures["causes"].items()]
    everywhere += [f"{figures['erased']:,} erased"] if figures["erased"] else []
    say(f"On record, on the list or not: {', '.join(everywhere) or 'nobody'}")
    if months := figures["months"]:
        say()
        table(("Month", "Events", "What"), [(one["month"], f"{one['events']:,}", one["kind"]) for one in months])
    if issues := figures["issues"]:
        say()
        headings = ("Issue", *(kind.value for kind in _OF_AN_ISSUE))
        table(headings, [(one["issue"], *(f"{one[kind.value]:,}" for kind in _OF_AN_ISSUE)) for one in issues])
