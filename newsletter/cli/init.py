"""The command `newsletter init`."""

from pathlib import Path

import click

from newsletter.cli.output import say, shorten
from newsletter.scaffold import make_workspace


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--title", default="My Newsletter", show_default=True, help="The publication's name.")
def init(folder: Path, title: str) -> None:
    """Make a new workspace in FOLDER: a configuration, a first draft, an example list."""
    made = make_workspace(folder, title)
    say(f"A workspace for {title} is in {shorten(folder.resolve())}:")
    for path in made:
        say(f"  {path.relative_to(folder)}")
    say(
        f"\nNext:\n  cd {folder}\n  newsletter preview\n"
        "Then write your addresses into newsletter.toml, and your readers into subscribers.csv."
    )
