"""The command `newsletter draft import`."""

import datetime
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import open_publication
from newsletter.cli.issue_number import DATE, parse_issue_number
from newsletter.cli.output import print_table, say, shorten
from newsletter.text import format_count

_LONGEST_SHOWN = 80  # characters of a remark in the table; the draft has it whole

if TYPE_CHECKING:
    from newsletter.actions.import_back_issues import ImportedBackIssue


@click.command("import", short_help="Make drafts of back issues in other forms.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--number", metavar="NUMBER", help="The number of a single file: 10, or 2.10 with its volume.")
@click.option("--date", type=DATE, help="The date of a single file.")
def import_(files: tuple[Path, ...], number: str | None, date: datetime.date | None) -> None:
    """Make drafts of back issues in other forms: Markdown, text, HTML, .eml, .docx, PDF.

    Headlines and details are paired by their order. What can't be decided is a comment in the draft, after
    "# import:". A draft that is there is never overwritten.
    """
    from newsletter.actions.import_back_issues import import_back_issues

    if len(files) > 1 and (number or date):
        raise click.UsageError("--number and --date are those of a single file. Import it by itself.")
    volume, issue_number = parse_issue_number(None, number)
    publication = open_publication()
    imported = list(import_back_issues(publication, files, volume=volume, number=issue_number, date=date))
    made = [each for each in imported if each.draft]
    if made:
        print_table(("File", "Draft", "Undecided"), [_make_row(each) for each in made])
    _show_errors(imported)
    if any(each.undecided for each in made):
        say("What could not be decided stands in the drafts, in comments that begin with # import:")
    for each in made:
        if each.draft and each.problems:
            count = format_count(each.problems, "problem")
            them = "it" if each.problems == 1 else "them"
            say(f"{shorten(each.draft)} has {count}. See {them}: newsletter draft check {each.draft.stem}")
    sys.exit(1 if any(each.error or each.problems for each in imported) else 0)


def _show_errors(imported: Sequence["ImportedBackIssue"]) -> None:
    """Print a line for each file that became no draft; one piece of advice for several in a row is in the last."""
    failed = [(each.file, each.error) for each in imported if each.error]
    for (file, error), following in zip_longest(failed, failed[1:]):
        is_repeated = following is not None and following[1].next_step == error.next_step
        step = f" {error.next_step}" if error.next_step and not is_repeated else ""
        say(f"{shorten(file)}: {error.message}{step}", style="yellow")


def _cut(text: str) -> str:
    """Return the first words of a text; where a word is very long, as in Japanese, it is cut between letters."""
    if len(text) <= _LONGEST_SHOWN:
        return text
    words = text[:_LONGEST_SHOWN].rpartition(" ")[0]
    return f"{words} …" if len(words) > _LONGEST_SHOWN // 2 else f"{text[:_LONGEST_SHOWN]}…"


def _make_row(imported: "ImportedBackIssue") -> tuple[str, str, str]:
    """Return a draft's row: how many remarks it has, and the first of them."""
    undecided = imported.undecided
    first = _cut(undecided[0]) if undecided else "nothing"
    more = f" (and {len(undecided) - 1} more)" if len(undecided) > 1 else ""
    return shorten(imported.file), shorten(imported.draft or imported.file), first + more
