"""The command `newsletter subscribers export`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.actions.export_subscribers import ExportKind, export_subscribers, export_subscribers_file
from newsletter.campaigns.unknown_campaigns import FLAG
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.ownership import resolve_own_target
from newsletter.text import format_count

if TYPE_CHECKING:
    from newsletter.subscribers.list_formats.written_forms import WrittenForm

# The forms by their names; what they are is loaded when one is wanted.
_FORMS = (
    "mailchimp",
    "substack",
    "ghost",
    "buttondown",
    "listmonk",
    "constant-contact",
    "google",
    "outlook",
    "mailman",
)
_PATH = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


def _find_form(name: str | None) -> "WrittenForm | None":
    from newsletter.subscribers.list_formats.written_forms import WRITTEN_FORMS

    return WRITTEN_FORMS[name] if name else None


@click.command()
@click.argument("file", required=False, type=_PATH)
@click.option("-o", "--output", type=_PATH, help="FILE, given as an option.")
@click.option("--mailable", "kind", flag_value="mailable", help="Those who get the next issue: a list again.")
@click.option("--suppressed", "kind", flag_value="suppressed", help="Who must not be mailed, for `suppress --from`.")
@click.option("--events", "kind", flag_value="events", help="All that readers, mail servers and editors said.")
@click.option("--as", "form", type=click.Choice(_FORMS), help="Those who get the next issue, for another program.")
@click.option("--yes", is_flag=True, help="Write over a file that is there.")
@click.option(FLAG, "nobody_left", is_flag=True, help="With --mailable: as `send` has it, for a state that is new.")
def export(
    file: Path | None, output: Path | None, kind: str | None, form: str | None, yes: bool, nobody_left: bool
) -> None:
    """Write the list as a CSV for a spreadsheet.

    Everyone on it, with their state: no cell is a formula. FILE can be read by you alone. Left out, or a dash, it goes
    to standard output.
    """
    if file and output:
        raise click.UsageError("Name the file once.")
    if form and kind not in (None, "mailable"):
        raise click.UsageError("--as goes with --mailable alone: other programs mail whoever is in such a file.")
    kind = "mailable" if form else kind
    if nobody_left and kind != "mailable":
        raise click.UsageError(f"{FLAG} goes with --mailable.")
    publication = open_publication()
    written = _find_form(form)
    what = ExportKind(kind or "everyone")
    path = file or output
    if path is None or str(path) == "-":
        done = export_subscribers(publication, what, sys.stdout, nobody_left=nobody_left, form=written)
    else:
        done = export_subscribers_file(publication, what, path, overwrite=yes, nobody_left=nobody_left, form=written)
        say(f"{shorten(resolve_own_target(path))}: {format_count(done.rows, 'row')}.", style="bold")
        say("It holds personal data: keep it out of git, and delete it when it has served.")
    if done.unusable:
        click.echo(f"Left out: {format_count(done.unusable, 'row')} that can't be used.", err=True)
    if done.erased:
        click.echo(f"Left out: {format_count(done.erased, 'row')} of people who were erased.", err=True)
