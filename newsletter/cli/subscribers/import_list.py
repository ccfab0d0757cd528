"""The command `newsletter subscribers import`."""

import sys
from pathlib import Path

import click

from newsletter.actions.import_subscribers import import_subscribers
from newsletter.actions.undo_import import undo_import
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten, show_problems
from newsletter.cli.subscribers.import_bar import showing_progress
from newsletter.subscribers.import_changes import StoredImport
from newsletter.subscribers.import_plan import ImportPlan
from newsletter.subscribers.import_undo import UndoPlan
from newsletter.text import format_count


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option(
    "--undo",
    is_flag=False,
    flag_value="",
    metavar="[MOMENT]",
    help="Undo the newest import, or the one of a moment: whom it brought goes, what it changed is as before.",
)
@click.option("--yes", is_flag=True, help="Import, or undo, without asking.")
def import_(file: Path | None, undo: str | None, yes: bool) -> None:
    """Bring a CSV, a workbook or an export into the store.

    Exports of Mailchimp (also its zip), Substack, Ghost, Buttondown, listmonk, Constant Contact, Mailman, Google
    Contacts and Outlook are recognised by their columns, also in a workbook (.xlsx). Shows what is new and what
    changes, and asks. Nobody is taken off the list, and nobody who left is brought back. The newest three imports can
    be undone.
    """
    if undo is not None:
        if file:
            raise click.UsageError("--undo reads no file: newsletter subscribers import --undo")
        sys.exit(_undo(undo, yes=yes))
    if file is None:
        raise click.UsageError("Missing argument 'FILE'.")
    sys.exit(_import(file, yes=yes))


def _import(file: Path, *, yes: bool) -> int:
    """Import a file, as a person agrees to; return the exit status."""
    publication = open_publication()
    with showing_progress() as bar:

        def confirm(plan: ImportPlan) -> bool:
            bar.stop()
            _show(plan)
            return yes or click.confirm("Import it?")

        result = import_subscribers(publication, file, confirm=confirm, on_progress=bar)
    plan = result.plan
    if not plan.writes:
        _show(plan)
        say("Nothing has to be imported: the list has all of it.", style="bold")
    elif not result.imported:
        say("Nothing was imported.")
        return 1
    else:
        say(f"Imported: {plan.new:,} new, {plan.changed:,} changed.", style="bold green")
        say("To undo it: newsletter subscribers import --undo")
    if publication.config.subscriber_list.source != "store":
        say(
            f"Issues still go to {shorten(publication.subscriber_source().place)}. To send to the imported list: "
            'source = "store"   under [list] in newsletter.toml',
            style="yellow",
        )
    return 1 if plan.unusable else 0


def _undo(name: str, *, yes: bool) -> int:
    """Undo an import, as a person agrees to; return the exit status."""
    publication = open_publication()
    with showing_progress() as bar:

        def confirm(plan: UndoPlan) -> bool:
            bar.stop()
            _show_undo(plan)
            return yes or click.confirm("Undo it?")

        result = undo_import(publication, name, confirm=confirm, on_progress=bar)
    plan = result.plan
    if plan.undone.undone_at:
        say(f"{_name(plan.undone)} was undone on {plan.undone.undone_at:%Y-%m-%d}; nothing is undone now.")
        return 0
    if not result.undone:
        say("Nothing was undone.")
        return 1
    say(f"Undone: {plan.removed:,} removed, {plan.restored:,} as before.", style="bold green")
    return 0


def _name(one: StoredImport) -> str:
    form = f", {one.form}" if one.form else ""
    return f"The import of {one.file}{form} ({one.name[:19].replace('T', ' ')} UTC)"


def _show_undo(plan: UndoPlan) -> None:
    say(_name(plan.undone), style="bold")
    say(f"  Removed     {plan.removed:,} whom it brought")
    say(f"  As before   {plan.restored:,} whose row it changed")
    if plan.kept:
        say(f"  Kept        {plan.kept:,} that were changed since, or that somebody wants on the list: they stay")
    if plan.consents:
        say(f"  Consents    {plan.consents:,} that it brought go")
    if plan.suppressions:
        say(f"  Suppressed  {plan.suppressions:,} by its word no longer are: who stays on the list may be mailed again")


def _show(plan: ImportPlan) -> None:
    say(f"{shorten(plan.file)} into the list in the store", style="bold")
    if plan.form:
        say(f"  Recognised  {plan.form}")
    say(f"  New         {plan.new:,}")
    say(f"  Changed     {plan.changed:,}")
    say(f"  Unchanged   {plan.unchanged:,}")
    if plan.suppressed:
        say(f"  Suppressed  {plan.suppressed:,} of these left, or must not be mailed: they still get nothing")
    if plan.inactive:
        say(
            f"  Inactive    {plan.inactive:,} of these are pending, paused or left by the list itself: they get nothing"
        )
    if plan.activated:
        say(f"  Activated   {plan.activated:,} who were pending or paused: the file says that they are mailed")
    if plan.left or plan.bounced:
        say(
            f"  Stay away   {plan.left:,} who left, and {plan.bounced:,} whose mail came back: no list brings them back"
        )
    if plan.returned:
        say(f"  Came back   {plan.returned:,} who left by the file, and wanted mail again since: they stay")
    if plan.erased:
        say(f"  Left out    {plan.erased:,} who asked to be erased; take them out of {shorten(plan.file)}, too")
    if plan.unusable:
        rows = format_count(plan.unusable, "row")
        hint = f"see them: newsletter subscribers check {shorten(plan.file)}"
        if plan.form:
            hint = "all are below" if plan.unusable == len(plan.problems) else "the first are below"
        say(f"  Left out    {rows} that can't be used; {hint}")
        show_problems(plan.problems)
    if plan.duplicates:
        say(f"  Left out    {format_count(plan.duplicates, 'row')} with an address that is in an earlier row")
    if plan.left_out:
        names = ", ".join(plan.left_out[:3]) + (" …" if len(plan.left_out) > 3 else "")
        say(f"  Not read    {len(plan.left_out):,} of what is in it: {names}")
    if plan.absent:
        say(f"  Kept        {plan.absent:,} who are on the list and not in {shorten(plan.file)}")
    if plan.consents:
        say(f"  Consents    {plan.consents:,}")
    if plan.unknown_languages:
        say(
            f"  Note        {format_count(plan.unknown_languages, 'row')} with a language or time zone that is not "
            "known: kept as a field alone",
            style="yellow",
        )
