"""newsletter subscribers export"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from newsletter.campaigns.unknown_campaigns import FLAG, refuse_unknown_campaigns
from newsletter.cli.output import say, short
from newsletter.cli.subscribers.opening import open_to_read, require_list
from newsletter.errors import DecisionNeeded, ListError
from newsletter.files import open_private
from newsletter.ownership import own_target
from newsletter.publication import OpenPublication
from newsletter.subscribers import list_export as lists
from newsletter.subscribers.suppression_status import ERASED
from newsletter.text import format_count

_PATH = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("file", required=False, type=_PATH)
@click.option("-o", "--output", type=_PATH, help="The same as FILE.")
@click.option("--mailable", "kind", flag_value="mailable", help="Those who get the next issue: a list again.")
@click.option("--suppressed", "kind", flag_value="suppressed", help="Who must not be mailed, for `suppress --from`.")
@click.option("--events", "kind", flag_value="events", help="All that readers, mail servers and editors said.")
@click.option("--yes", is_flag=True, help="Write over a file that is there.")
@click.option(FLAG, "nobody_left", is_flag=True, help="With --mailable: as `send` has it, for a state that is new.")
def export(file: Path | None, output: Path | None, kind: str | None, yes: bool, nobody_left: bool) -> None:
    """Write the list as a CSV for a spreadsheet.

    Everyone on it, with their state: no cell is a formula. FILE can be read by you alone. Left out, or a dash, it goes
    to standard output.
    """
    if file and output:
        raise click.UsageError("Name the file once.")
    if nobody_left and kind != "mailable":
        raise click.UsageError(f"{FLAG} goes with --mailable.")
    publication = open_to_read()
    if kind == "mailable" and not nobody_left:
        refuse_unknown_campaigns(publication.known_store, publication.workspace.drafts)
    left_out = Counter[str]()
    rows = _rows(publication, kind, left_out)
    path = file or output
    if path is None or str(path) == "-":
        lists.write_csv(sys.stdout, rows)
    else:
        path = own_target(path)  # where it is a link, what it leads to is written over
        _refuse_existing(path, publication.subscriber_source().file, yes)
        with open_private(path, encoding="utf-8-sig") as text:  # the mark is for Excel, which guesses wrong without
            count = lists.write_csv(text, rows)
        say(f"{short(path)}: {format_count(count, 'row')}.", style="bold")
        say("It holds personal data: keep it out of git, and delete it when it has served.")
    if left_out["unusable"]:
        click.echo(f"Left out: {format_count(left_out['unusable'], 'row')} that can't be used.", err=True)
    if left_out[ERASED]:
        click.echo(f"Left out: {format_count(left_out[ERASED], 'row')} of people who were erased.", err=True)


def _rows(publication: OpenPublication, kind: str | None, left_out: Counter[str]) -> Iterator[Sequence[str]]:
    store, keys = publication.known_store, publication.keys
    match kind:
        case "mailable":
            return lists.export_mailable(store, keys, require_list(publication), left_out)
        case "suppressed":
            return lists.export_suppressed(store, keys)
        case "events":
            return lists.export_events(store)
        case _:
            return lists.export_everyone(store, keys, require_list(publication), left_out)


def _refuse_existing(path: Path, list_file: Path | None, yes: bool) -> None:
    if list_file and path == list_file.resolve():
        raise ListError(
            f"{short(path)} is the list itself, and an export has other columns.",
            next_step="Name another file.",
        )
    if path.exists() and not path.is_file():
        raise ListError(
            f"{short(path)} is no file that could be written over.",
            next_step="Name another file; or none, for standard output.",
        )
    if path.exists() and not yes:
        raise DecisionNeeded(
            f"{short(path)} is there already.", next_step="Name another file, or write over it with --yes."
        )
