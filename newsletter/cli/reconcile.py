"""The command `newsletter reconcile`."""

import sys
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import click

from newsletter.actions.reconcile import Evidence, Reconciliation, count_unknown
from newsletter.actions.reconcile import reconcile as write_reconciliation
from newsletter.actions.report import find_campaign_name
from newsletter.cli.context import open_publication
from newsletter.cli.output import console, print_lease_wait, print_table, say
from newsletter.cli.report import show_summary
from newsletter.issue_name import IssueName
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.reconcile.unknown_deliveries import stream_unknown_deliveries
from newsletter.store import Store
from newsletter.text import format_count
from newsletter.workspace import Workspace

_NOBODY = "Nobody is unknown: of each reader of {} it is known whether they have it."
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
    help="Readers whose Message-IDs are in this file have it; - for standard input.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=_FILE,
    help="Readers whose messages this log of Postfix or Exim shows whole have it; .gz too.",
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
        raise click.UsageError("--all-arrived and --none-arrived are about everyone: give one of them alone.")
    if others_not_arrived and not named:
        raise click.UsageError("--others-not-arrived goes with what says who has it; --none-arrived is for nobody.")
    publication = open_publication()
    name = find_campaign_name(publication, draft)
    if not (named or all_arrived or none_arrived):
        _list_unknown(publication, name)
    evidence = Evidence(
        arrived=arrived,
        not_arrived=not_arrived,
        id_files=id_files,
        logs=logs,
        others=_state_of_others(all_arrived, none_arrived or others_not_arrived),
    )

    def confirm(found: Reconciliation) -> bool:
        _show_sides(publication.store, name, found)
        return yes or click.confirm("Write that down?", abort=True)

    found = write_reconciliation(publication, name, evidence, confirm, print_lease_wait)
    if not found.unknown:
        say(_NOBODY.format(name))
        return
    if not found.settles_any:
        _show_sides(publication.store, name, found)
        say(f"Nothing is known of any of the {found.unknown:,} yet, and nothing was written down.")
        sys.exit(1)
    show_summary(publication, name)
    if found.sides[State.PENDING]:
        say(f"To send it to those without: newsletter send {name}", style="bold")
    sys.exit(1 if found.sides[State.UNKNOWN] else 0)


def _state_of_others(arrived: bool, not_arrived: bool) -> State | None:
    if arrived:
        return State.ACCEPTED
    return State.PENDING if not_arrived else None


def _list_unknown(publication: OpenPublication, name: IssueName) -> NoReturn:
    count = count_unknown(publication, name, print_lease_wait)
    if not count:
        say(_NOBODY.format(name))
        sys.exit(0)
    _show_unknowns(publication.workspace, publication.store, name, count)
    sys.exit(1)


def _show_unknowns(workspace: Workspace, store: Store, name: IssueName, count: int) -> None:
    """Print all of them when piped, so that nothing is missing from what others are asked; some on a terminal."""
    if not console().is_terminal:
        rows = (
            (one.address, one.message_id, one.at or "", one.words) for one in stream_unknown_deliveries(store, name)
        )
        print_table(("Address", "Message-ID", "When", "Known"), rows)
        return
    zone = ZoneInfo(workspace.config.publication.timezone)
    for one in islice(stream_unknown_deliveries(store, name), _SHOWN):
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


def _show_sides(store: Store, name: IssueName, found: Reconciliation) -> None:
    sides = found.sides
    say(
        f"{name}: {sides[State.ACCEPTED]:,} have it, {sides[State.PENDING]:,} do not, "
        f"{sides[State.UNKNOWN]:,} stay unknown."
    )
    rows: list[tuple[str, str, str]] = []
    begun = 0
    for one in stream_unknown_deliveries(store, name):
        side = found.findings.judge(one)
        if side is None:
            begun += one.id in found.findings.found_ids.begun
        elif len(rows) < _SHOWN:
            rows.append((one.address, "has it" if side[0] is State.ACCEPTED else "does not", side[1]))
    if rows:
        print_table(("Address", "", "Because"), rows)
        if (more := sides.total() - sides[State.UNKNOWN] - len(rows)) > 0:
            say(f"and {more:,} more")
    if begun:
        say(
            f"{format_count(begun, 'message')} began to arrive, and the log does not show the end: these stay unknown "
            "until you say otherwise.",
            style="yellow",
        )
