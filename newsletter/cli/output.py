"""Output for people: errors with their next step, tables; plain lines when piped."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from math import ceil
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from newsletter.errors import Problem, explain
from newsletter.text import escape_controls, shorten_path

# Commands that are about one publication, where a sentence names one to be typed. Those that are about all run by cron.
_COMMAND = re.compile(
    r"(?:^ *|(?<=[:.;?] )|(?<=`))newsletter (?=(?!outbox run|inbox read)(?:draft|preview|export|templates|approve|send"
    r"|retry|outbox|status|report|reconcile|cancel|subscribers|inbox|state)\b)",
    re.MULTILINE,
)


def console(*, err: bool = False) -> Console:
    out = Console(stderr=err, highlight=False, markup=False, emoji=False)
    # Lines are broken between words for people, and left whole for whatever reads them from a pipe.
    out.soft_wrap = not out.is_terminal
    return out


def can_ask() -> bool:
    """Return whether a person is at the terminal, who sees a question and can answer it."""
    return sys.stdin.isatty() and console().is_terminal


def say(text: str = "", style: str = "") -> None:
    console().print(Text(printable_lines(name_publication(text)), style=style))


def name_publication(text: str, chosen: str | None = None) -> str:
    """Return a text whose commands have -P where the command that prints it had: typed without, they mean another."""
    context = click.get_current_context(silent=True)
    if context and not chosen:
        chosen = context.find_root().params.get("publication")
    return _COMMAND.sub(lambda match: f"{match[0]}-P {chosen} ", text) if chosen else text


def printable_lines(text: str) -> str:
    return "\n".join(escape_controls(line) for line in text.split("\n"))


def show_error(error: Exception, publication: str | None = None) -> int:
    """Print place, cause and next step; returns the exit status. `publication` is the one that -P names."""
    out = console(err=True)
    explained = explain(error)
    out.print(Text(printable_lines(explained.message), style="bold red"))
    show_problems(explained.problems, err=True, publication=publication)
    if explained.next_step:
        out.print(Text(printable_lines(name_publication(explained.next_step, publication))))
    return explained.exit_status


def print_lease_wait(seconds: float) -> None:
    """Print why a command waits: so many seconds until a crashed send is certain to send no more."""
    console(err=True).print(f"An earlier send broke off. In {ceil(seconds)} s it is certain that it sends no more.")


def show_problems(problems: Iterable[Problem], *, err: bool = False, publication: str | None = None) -> None:
    """Print each with its place; what to do about several in a row is printed once, below the last of them."""
    out = console(err=err)
    listed = list(problems)
    for problem, following in zip_longest(listed, listed[1:]):
        line = Text(f"{describe_place(problem)}: ", style="bold")
        line.append(escape_controls(problem.message), style="not bold")
        line.append(f"  [{problem.code}]", style="dim not bold")
        out.print(line)
        if problem.next_step and (following is None or following.next_step != problem.next_step):
            next_step = name_publication(problem.next_step, publication)
            out.print(Text(f"    {escape_controls(next_step)}", style="cyan"))


def describe_place(problem: Problem) -> str:
    """Return a problem's place, its path written from the current folder when it lies below."""
    return replace(problem, path=shorten(Path(problem.path))).place


def shorten(path: Path) -> str:
    """Return a path written from the current folder when it lies below."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody has taken the folder away
        return str(path)
    return str(shorten_path(path, here))


def printable_cell(text: str) -> str:
    """Return a cell without what a terminal obeys, nor the tabs and line breaks that begin another cell or row."""
    return escape_controls(text).replace("\t", "\\t").replace("\n", "\\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal; tab-separated lines under a line of headings when piped."""
    out = console()
    if not out.is_terminal:
        for row in chain([headings], rows):
            click.echo("\t".join(map(printable_cell, row)))
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        grid.add_column(heading)
    for row in rows:
        grid.add_row(*(Text(printable_cell(cell)) for cell in row))
    out.print(grid)


def print_as_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))
