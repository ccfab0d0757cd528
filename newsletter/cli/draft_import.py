"""The command `newsletter draft import`."""

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import open_publication
from newsletter.cli.issue_number import parse_issue_number
from newsletter.cli.output import print_table, say, shorten
from newsletter.text import format_count

if TYPE_CHECKING:
    from newsletter.actions.import_back_issues import ImportedBackIssue


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--number", metavar="NUMBER", help="The number of a single file: 10, or 2.10 with its volume.")
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="The date of a single file.")
def import_(files: tuple[Path, ...], number: str | None, date: datetime.datetime | None) -> None:
    """Make drafts of back issues in other forms: Markdown, text, HTML, .eml, .docx, PDF.

    Headlines and details are paired by their order. What can't be decided is a comment in the draft, after
    "# import:". A draft that is there is never overwritten.
    """
    from newsletter.actions.import_back_issues import import_back_issues

    if len(files) > 1 and (number or date):
        raise click.UsageError("--number and --date are those of a single file. Import it by itself.")
    volume, issue_number = parse_issue_number(None, number)
    publication = open_publication()
    day = date.date() if date else None
    imported = list(import_back_issues(publication, files, volume=volume, number=issue_number, date=day))
    made = [each for each in imported if each.draft]
    if made:
        print_table(("File", "Draft", "Undecided"), [_make_row(each) for each in made])
    for each in imported:
        if each.error:
            step = f" {each.error.next_step}" if each.error.next_step else ""
            say(f"{shorten(each.file)}: {each.error.message}{step}", style="yellow")
    if any(each.undecided for each in made):
        say("What was undecided stands in the drafts, after # import: in each place.")
    for each in made:
        if each.draft and each.problems:
            count = format_count(each.problems, "problem")
            say(f"{shorten(each.draft)} has {count}. See them: newsletter draft check {each.draft.stem}")
    sys.exit(1 if any(each.error or each.problems for each in imported) else 0)


def _make_row(imported: "ImportedBackIssue") -> tuple[str, str, str]:
    """Return a draft's row: how many remarks it has, and the first of them."""
    undecided = imported.undecided
    first = f"{undecided[0][:80]}{'…' if len(undecided[0]) > 80 else ''}" if undecided else "nothing"
    more = f" (and {len(undecided) - 1} more)" if len(undecided) > 1 else ""
    return shorten(imported.file), shorten(imported.draft or imported.file), first + more
