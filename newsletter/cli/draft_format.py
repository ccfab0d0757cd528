"""The command `newsletter draft fmt`."""

import difflib
import sys

import click

from newsletter.cli.context import open_publication
from newsletter.cli.output import console, say, shorten, show_error
from newsletter.errors import DecisionNeeded, DraftError
from newsletter.text import escape_controls


@click.command("fmt", short_help="Bring drafts into one form, for small diffs in git.")
@click.argument("names", nargs=-1, metavar="[DRAFT]...")
@click.option("--check", is_flag=True, help="Write nothing, and end with status 1 if a draft would change.")
@click.option("--diff", is_flag=True, help="Write nothing, and show what would change.")
def format_drafts(names: tuple[str, ...], check: bool, diff: bool) -> None:
    """Bring drafts into one form, so that git shows only what you have written.

    In the drafts named, or in the newest one: prose stands below >- and is filled to one width, and blanks at the ends
    of lines go. Comments stay, and readers get the same issue. A draft with problems is left as it is, and so is one
    that has been sent.
    """
    from newsletter.actions.format_draft import format_draft

    publication = open_publication()
    write = not (check or diff)
    failed = False
    for name in names or (None,):
        try:
            formatted = format_draft(publication, name, write=write)
        except DraftError as error:
            failed = True
            show_error(error)
            continue
        except DecisionNeeded as error:
            failed = failed or write  # nobody may format it, so that no check has to fail because of it
            show_error(error)
            continue
        path = shorten(formatted.path)
        if not formatted.is_changed:
            say(f"{path}: nothing to change", style="green")
            continue
        failed = failed or check
        if diff:
            show_diff(path, formatted.before, formatted.after)
        say(f"{path}: {'formatted' if write else 'would be formatted'}", style="green" if write else "bold")
        if formatted.mended:
            numbers = ", ".join(map(str, formatted.mended))
            say(f"    YAML could not read it before. Look at what is mended in these of its lines: {numbers}")
    sys.exit(1 if failed else 0)


def show_diff(path: str, before: str, after: str) -> None:
    """Print what changes in a text, as a unified diff."""
    styles = {"+": "green", "-": "red", "@": "cyan"}
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), path, path, lineterm="")
    out = console()
    out.soft_wrap = True
    for line in lines:
        out.print(escape_controls(line), style=styles.get(line[0], ""))
