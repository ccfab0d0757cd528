"""The commands `newsletter templates list` and `eject`."""

import click

from newsletter.cli.context import open_publication
from newsletter.cli.output import print_table, say, shorten
from newsletter.editions.template_engine import find_template
from newsletter.scaffold import eject as copy_out
from newsletter.text import suggest_nearest
from newsletter.workspace import TEMPLATES, find_shipped


@click.group()
def templates() -> None:
    """Restyle the editions: what they look like is in files that you can copy and change."""


@templates.command("list")
def list_() -> None:
    """List the templates, yours or the program's."""
    workspace = open_publication().workspace
    known = sorted(path.name for path in find_shipped(TEMPLATES).iterdir())
    paths = [find_template(name, workspace.template_path) for name in known]
    used = [shorten(path) if path.parent in workspace.own_template_folders else "the program's" for path in paths]
    print_table(("Template", "Used"), zip(known, used, strict=True))
    for path in (path for own in workspace.own_template_folders if own.is_dir() for path in sorted(own.iterdir())):
        if path.name not in known and path.suffix in (".j2", ".css", ".typ"):
            hint = suggest_nearest(path.name, known)
            say(f"{shorten(path)} is used only where a template includes it. {hint}".strip())


@templates.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def eject(names: tuple[str, ...]) -> None:
    """Copy templates into your templates/.

    All of them when none is named, to be restyled. Nothing there is overwritten. Delete a copy to go back to the one
    that comes with the program.
    """
    for path in copy_out(open_publication().workspace.folder / TEMPLATES, names):
        say(f"{shorten(path)} is yours now. Delete it to go back.")
