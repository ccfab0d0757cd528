"""The command `newsletter init`."""

from pathlib import Path

import click

from newsletter.actions.add_workflows import add_workflows
from newsletter.cli.context import find_chosen
from newsletter.cli.output import say, shorten
from newsletter.config.shared_settings import PUBLICATIONS
from newsletter.forges.workflow_files import Forge
from newsletter.publication_scaffold import make_publication
from newsletter.scaffold import make_workspace
from newsletter.workspace import CONFIG_NAME
from newsletter.workspace_search import find_root


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--title", default="My Newsletter", show_default=True, help="The publication's name.")
@click.option(
    "--ci",
    "forge",
    type=click.Choice([forge.value for forge in Forge]),
    help="Add workflows: an issue is shown on its pull request, and sent when that is merged.",
)
def init(folder: Path | None, title: str, forge: str | None) -> None:
    """Make a new workspace in FOLDER: a configuration, a first draft, an example list.

    With --publication NAME, and no FOLDER, make another publication in the workspace that is there. With --ci, and no
    FOLDER, add the workflows to the repository that is there.
    """
    name = find_chosen()
    if forge is not None and folder is None and name is None:
        _add_workflows(find_root(Path.cwd()), Forge(forge))
        return
    if (folder is None) == (name is None):
        raise click.UsageError("Name a folder for a new workspace; or, in one, --publication NAME for another.")
    if forge is not None and name is not None:
        raise click.UsageError("The workflows are the whole workspace's: newsletter init --ci, without --publication.")
    if name is not None:
        _init_publication(find_root(Path.cwd()), name, title)
        return
    assert folder is not None  # noqa: S101  # for mypy
    parent = folder.absolute().parent
    if parent.name == PUBLICATIONS and (parent.parent / CONFIG_NAME).is_file():
        _init_publication(parent.parent, folder.name, title)
        return
    made = make_workspace(folder, title)
    say(f"A workspace for {title} is in {shorten(folder.resolve())}:")
    for path in made:
        say(f"  {path.relative_to(folder)}")
    if forge is not None:
        _add_workflows(folder.resolve(), Forge(forge))
    say(
        f"\nNext:\n  cd {folder}\n  newsletter preview\n"
        "Then write your addresses into newsletter.toml, and your readers into subscribers.csv."
    )


def _init_publication(root: Path, name: str, title: str) -> None:
    made = make_publication(root, name, title)
    say(f"The publication {title} is in {shorten(made[0].parent)}:")
    for path in made:
        say(f"  {shorten(path)}")
    say(
        f"\nNext:\n  newsletter -P {name} preview\n"
        f"Then look at {shorten(made[0])}; write your readers into subscribers.csv beside it. What is left out there, "
        "such as the mail server, is taken from the workspace's newsletter.toml."
    )


def _add_workflows(root: Path, forge: Forge) -> None:
    added = add_workflows(root, forge)
    for path in added.made:
        say(f"  {shorten(path)}")
    for path in added.kept:
        say(f"  {shorten(path)} is there already, and stays as it is")
    if forge is Forge.GITLAB and added.kept:
        say("  Name the other file in .gitlab-ci.yml:  include: [{local: .gitlab/newsletter.yml}]")
    say(
        f"\nFrom now on a pull request shows its issue. What is merged into {added.branch} is sent once you have set "
        "the secrets, and the variable NEWSLETTER_SEND to true: see docs/operators/workflows.md."
    )
