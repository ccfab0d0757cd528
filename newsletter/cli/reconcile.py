"""newsletter reconcile"""

import sys
from collections import Counter
from datetime import datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import click

from newsletter.actions.deliver import sole_sender
from newsletter.campaigns.sent_record import write_record
from newsletter.cli.output import console, say, table
from newsletter.cli.report import campaign_name, show_report
from newsletter.cli.store import known_store
from newsletter.errors import DraftError
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.runs import settle_crash
from newsletter.ledger.states import State
from newsletter.reconcile.unknown import Findings, look_up, named_readers, refuse_others, settle, tally, unknowns
from newsletter.store import Store
from newsletter.text import format_count
from newsletter.workspace import Workspace, find_workspace

_SHOWN = 40
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FILE_OR_PIPE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("draft")
@click.option("--arrived", multiple=True, metavar="ADDRESS", help="This reader has it; may be repeated.")
@click.option("--not-arrived", multiple=True, metavar="ADDRESS", help="This reader does not; may be repeated.")
@click.option("--all-arrived", is_flag=True, help="Everyone unknown has it.")
@click.option("--none-arrived", is_flag=True, help="Nobody unknown has it.")
@click.option(
    "--message-ids",
    "id_files",
    multiple=True,
    type=_FILE_OR_PIPE,
    help="Whoever's Message-ID stands in this file has it; - for standard input.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=_FILE,
    help="Whoever's message this log of Postfix or Exim shows whole has it; .gz too.",
)
@click.option("--others-not-arrived", is_flag=True, help="With any of these: the other unknown ones do not have it.")
@click.option("--yes", is_flag=True, help="Write it down without asking.")
def reconcile(
    draft: str,
    arrived: tuple[str, ...],
    not_arrived: tuple[str, ...],
    all_arrived: bool,
    none_arrived: bool,
    id_files: tuple[Path, ...],
    logs: tuple[Path, ...],
    others_not_arrived: bool,
    yes: bool,
) -> None:
    """Say which of the unknown have the issue: by name, or by what their mail server wrote down.

    Without an option it lists them, each with its Message-ID. Who has it is sent nothing more; who does not
    waits again, and the next `newsletter send` tries them.
    """
    named = bool(arrived or not_arrived or id_files or logs)
    if all_arrived + none_arrived + named > 1:
        raise click.UsageError("--all-arrived and --none-arrived are about everyone, and stand alone.")
    if others_not_arrived and not named:
        raise click.UsageError("--others-not-arrived goes with what says who has it; --none-arrived is for nobody.")
    workspace = find_workspace(Path.cwd())
    store = known_store(workspace)
    name = campaign_name(workspace, store, draft)
    if store is None or find_campaign(store, name) is None:
        raise DraftError(f"{name} has not been sent from here, so there is nothing to reconcile.")
    with sole_sender(store, name):
        settle_crash(store, name)
        count = count_deliveries(store, name)[State.UNKNOWN]
        if not count:
            say(f"Nobody is unknown: of each reader of {name} it is known whether they have it.")
            return
        if not (named or all_arrived or none_arrived):
            _show_unknowns(workspace, store, name, count)
            sys.exit(1)
        found = Findings(
            arrived=named_readers(arrived),
            not_arrived=named_readers(not_arrived),
            traces=look_up(store, name, id_files, logs, _standard_input(), all_else=others_not_arrived),
            others=State.ACCEPTED if all_arrived else State.PENDING if none_arrived or others_not_arrived else None,
        )
        refuse_others(store, name, found)
        sides = tally(store, name, found)
        _show_sides(store, name, found, sides)
        if sides[State.UNKNOWN] == count:
            say(f"Nothing is known of any of the {count:,} yet, and nothing was written down.")
            sys.exit(1)
        if not yes:
            click.confirm("Write that down?", abort=True)
        settle(store, name, found)
        write_record(workspace.record(name), store, name)
    show_report(store, workspace, name)
    if sides[State.PENDING]:
        say(f"To send it to those without: newsletter send {name}", style="bold")
    sys.exit(1 if sides[State.UNKNOWN] else 0)


def _standard_input() -> BufferedReader:
    return cast("BufferedReader", sys.stdin.buffer)


def _show_unknowns(workspace: Workspace, store: Store, name: str, count: int) -> None:
    """All of them when piped, so that nothing is missing from what others are asked about; some on a terminal."""
    if not console().is_terminal:
        rows = ((one.address, one.message_id, one.at or "", one.words) for one in unknowns(store, name))
        table(("Address", "Message-ID", "When", "Known"), rows)
        return
    zone = ZoneInfo(workspace.config.publication.timezone)
    for one in islice(unknowns(store, name), _SHOWN):
        when = f", {datetime.fromisoformat(one.at).astimezone(zone):%Y-%m-%d %H:%M:%S}" if one.at else ""
        say(f"{one.address}{when}: {one.words}")
        say(f"    {one.message_id}")
    if count > _SHOWN:
        say(f"and {count - _SHOWN:,} more: newsletter reconcile {name} > unknown.tsv")
    say()
    say(f"{format_count(count, 'reader')} of {name} may have it or not.", style="bold")
    say("Let your mail server's log tell, or the Message-IDs of what any other service took:")
    say(f"  newsletter reconcile {name} --log /var/log/mail.log")
    say(f"  newsletter reconcile {name} --message-ids FILE")
    say("Or ask the readers, and say so:")
    say(f"  newsletter reconcile {name} --arrived ADDRESS --not-arrived ADDRESS")
    say(f"  newsletter reconcile {name} --all-arrived, or --none-arrived")
    say(f"Who has it is sent nothing more. Who does not is tried again: newsletter send {name}")


def _show_sides(store: Store, name: str, found: Findings, sides: Counter[State]) -> None:
    say(
        f"{name}: {sides[State.ACCEPTED]:,} have it, {sides[State.PENDING]:,} do not, "
        f"{sides[State.UNKNOWN]:,} stay unknown."
    )
    rows: list[tuple[str, str, str]] = []
    begun = 0
    for one in unknowns(store, name):
        side = found.verdict(one)
        if side is None:
            begun += one.id in found.traces.begun
        elif len(rows) < _SHOWN:
            rows.append((one.address, "has it" if side[0] is State.ACCEPTED else "does not", side[1]))
    if rows:
        table(("Address", "", "Because"), rows)
        if (more := sides.total() - sides[State.UNKNOWN] - len(rows)) > 0:
            say(f"and {more:,} more")
    if begun:
        say(
            f"{format_count(begun, 'message')} began to arrive, and the log does not show the end: these stay unknown "
            "until you say otherwise.",
            style="yellow",
        )
