"""The commands `newsletter keys new`, `age` and `rotate`."""

from pathlib import Path

import click

from newsletter.carried_state.sealing import VARIABLE, write_identity
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.errors import DecisionNeeded
from newsletter.files import create_private
from newsletter.subscribers.erased_subscribers import read_erased
from newsletter.subscribers.secret_keys import create_secret_keys, rotate_secret_keys


@click.group()
def keys() -> None:
    """Make the secrets that readers' links are signed with; `newsletter init` makes the first."""


@keys.command()
def new() -> None:
    """Make keys for a publication that has none."""
    publication = open_publication()
    store = publication.known_store
    if store:
        read_erased(store, None)  # refuses where people were erased: other keys would not know them
    path = create_secret_keys(publication.workspace.root)
    say(f"{shorten(path)} holds this publication's keys.", style="bold")
    say(
        "Keep it out of git and keep a copy: links in mails that readers have work by it.\n"
        "Each machine that sends for this publication, or serves it, needs the same file."
    )


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def age(file: Path) -> None:
    """Make an age identity in FILE.

    A state that is carried on a branch is encrypted for it.
    """
    _ = open_publication().config
    text, recipient = write_identity()
    try:
        with create_private(file, "w", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError as error:
        raise DecisionNeeded(f"{shorten(file)} is there already.", next_step="Name another file.") from error
    say(f"{shorten(file)} holds an age identity, whose recipient is {recipient}.", style="bold")
    say(
        "Keep a copy in a safe place and out of git: without it the state can't be read any more.\n"
        f"Runners need what is in the file, as the secret {VARIABLE}."
    )


@keys.command()
def rotate() -> None:
    """Sign with a new key from now on. Links that readers have go on working by the older ones."""
    path = rotate_secret_keys(open_publication().workspace)
    say(f"{shorten(path)} begins with a new key.", style="bold")
    say(
        "Copy the file to each machine that sends or serves, the serving one first; a running service reads it again.\n"
        "Once an older key is taken out, links signed with it lead nowhere: do that when it has leaked."
    )
