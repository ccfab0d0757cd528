"""newsletter inbox read"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter.audience.events import erased_readers
from newsletter.audience.keys import find_keys
from newsletter.cli.output import console, say, show_problems, table
from newsletter.cli.state import opened_store
from newsletter.config.stored import stored_password
from newsletter.errors import ConfigError, counted
from newsletter.inbox.reading import Kind
from newsletter.inbox.sources import Source, open_source
from newsletter.inbox.verdict import Action
from newsletter.inbox.work import Desk, Handled, work_through
from newsletter.mail.marks import Marks
from newsletter.workspace import Workspace, find_workspace

_SHOWN = 20  # mails left to a person, on the terminal
_NAMES = {
    Kind.HARD: "hard bounce",
    Kind.SOFT: "soft bounce",
    Kind.COMPLAINT: "complaint",
    Kind.UNSUBSCRIBE: "unsubscribe",
    Kind.AUTO_REPLY: "auto-reply",
    Kind.OTHER: "other",
}
_DONE = {
    Action.SUPPRESS: "no more mail goes there",
    Action.COUNT: "counted",
    Action.UNSUBSCRIBE: "unsubscribed",
    Action.NOTHING: "nothing to do",
    Action.ASK: "left to you",
}


@click.group()
def inbox() -> None:
    """Mail that comes back: bounces, complaints, and mails of readers who want to leave."""


@inbox.command()
@click.argument("source", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "json_", is_flag=True, help="Each mail with what is done about it, for scripts.")
@click.option("--move/--leave", "move", default=None, help="Move handled mails into a folder, or leave them.")
@click.option("--again", is_flag=True, help="Look at mails that were handled before, too.")
def read(source: str | None, dry_run: bool, json_: bool, move: bool | None, again: bool) -> None:
    """Act on bounces, complaints and mails to leave.

    SOURCE is a Maildir, an mbox, or imaps://user@host/INBOX; [inbox] source when left out.

    Hard bounces, complaints and mails to leave take effect at once, soft bounces when there are too many. A bounce
    with nothing in it out of the reader's own copy may be forged, and is left to you. Each mail is handled once.
    """
    workspace = find_workspace(Path.cwd())
    config = workspace.config
    if move is not None:
        chosen = {"after": "move" if move else "leave"}
        config = config.model_copy(update={"inbox": config.inbox.model_copy(update=chosen)})
    place = source or _configured(workspace)
    if place is None:
        raise ConfigError(
            "No mailbox is named.",
            next_step="Name one: newsletter inbox read ~/Maildir\n"
            'Or write it into newsletter.toml, under [inbox]: source = "..."',
        )

    def password(host: str, username: str) -> str | None:
        known = config.inbox.password
        return known.get_secret_value() if known else stored_password(host, username)

    after = "leave" if dry_run else config.inbox.after
    with open_source(place, after=after, password=password) as opened:
        store = opened_store(workspace)
        Marks.of(workspace)  # without the keys that it asks for, nothing could be proved
        keys = find_keys(workspace)
        erased_readers(store, keys)  # refuses when nobody could tell who
        desk = Desk(store=store, keys=keys, config=config, list_path=workspace.subscribers)
        summary = _Summary(dry_run=dry_run, again=again)
        try:
            with _progress(opened, desk, dry_run=dry_run, again=again, hidden=json_) as handled:
                _print_json(handled) if json_ else summary.gather(handled)
        finally:
            summary.show()
        show_problems(opened.unread, err=True)
        sys.exit(1 if opened.unread else 0)


def _configured(workspace: Workspace) -> str | None:
    """A path in newsletter.toml begins where that file is, as every other path there does."""
    source = workspace.config.inbox.source
    return source if source is None or "://" in source else str(workspace.root / Path(source).expanduser())


@contextmanager
def _progress(source: Source, desk: Desk, *, dry_run: bool, again: bool, hidden: bool) -> Iterator[Iterator[Handled]]:
    """The mails as they are dealt with, with a bar on a terminal that shows nothing else meanwhile."""
    err = console(err=True)
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=err, transient=True, disable=not err.is_terminal or (hidden and console().is_terminal)
    ) as bar:
        task = bar.add_task("", total=len(source))

        def counted_mails() -> Iterator[Handled]:
            for one in work_through(desk, source, dry_run=dry_run, again=again):
                yield one
                bar.advance(task)

        yield counted_mails()


def _print_json(handled: Iterator[Handled]) -> None:
    """One array, an object a line, printed as they come: ten thousand mails need no memory."""
    click.echo("[", nl=False)
    try:
        for number, one in enumerate(handled):
            click.echo((",\n " if number else "\n ") + json.dumps(_as_dict(one)), nl=False)
    finally:
        click.echo("\n]")  # also when the mailbox is lost half way: what stands before was done


def _as_dict(one: Handled) -> dict[str, object]:
    verdict = one.verdict
    return {
        "file": one.file,
        "kind": verdict.kind.value,
        "address": verdict.address or None,
        "status": verdict.status or None,
        "issue": verdict.issue or None,
        "action": verdict.action.value,
        "why": verdict.why,
    }


class _Summary:
    """How many of each kind, and what a person has to look at; shown in the end, however it came."""

    def __init__(self, *, dry_run: bool, again: bool) -> None:
        self._dry_run = dry_run
        self._again = again
        self._done: Counter[tuple[Kind, Action]] = Counter()
        self._left: list[str] = []
        self._asked = self._moved = 0
        self._gathered = False

    def gather(self, handled: Iterator[Handled]) -> None:
        self._gathered = True
        on_terminal = console().is_terminal
        for one in handled:
            verdict = one.verdict
            if one.met_before and not on_terminal and not self._again:
                continue  # cron mails whatever is printed, and has mailed this
            self._done[verdict.kind, verdict.action] += 1
            self._moved += one.moved
            if verdict.action is Action.ASK:
                self._asked += 1
                about = f" about {verdict.address}" if verdict.address else ""
                told = f"{one.file}: {_NAMES[verdict.kind]}{about}, left to you: {verdict.why}"
                if not on_terminal:
                    say(told)
                elif self._asked <= _SHOWN:
                    self._left.append(told)

    def show(self) -> None:
        if not self._gathered:
            return
        on_terminal = console().is_terminal
        for told in self._left:
            say(told, style="yellow")
        if self._asked > len(self._left) and on_terminal:
            say(f"... and {self._asked - len(self._left):,} more: newsletter inbox read --again --json", style="yellow")
        if self._done:
            self._show_table()
        elif on_terminal:
            say("No mail is there." if self._again else "No mail is there that was not handled before.")
        if self._moved:
            say(f"{counted(self._moved, 'mail')} moved into the folder 'handled' of that mailbox.")
        if self._asked:
            say("What is left to you: open it. If you believe it: newsletter subscribers suppress ADDRESS")
        if self._dry_run and on_terminal:
            say("This was a dry run: nothing has changed.")

    def _show_table(self) -> None:
        heading = "Would be done" if self._dry_run else "Done now or before" if self._again else "Done"
        kinds, actions = list(Kind), list(Action)
        rows = sorted(self._done.items(), key=lambda row: (kinds.index(row[0][0]), actions.index(row[0][1])))
        table(
            ("Mails", "Kind", heading),
            [(f"{count:,}", _NAMES[kind], _DONE[action]) for (kind, action), count in rows],
        )
