"""newsletter state backup|restore|move"""

from contextlib import closing
from pathlib import Path

import click
from pydantic_core import PydanticCustomError

from newsletter.cli.output import say, short
from newsletter.cli.store import known_store
from newsletter.config.validators import check_store_url
from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.store import open_store
from newsletter.subscribers.secret_keys import find_secret_keys
from newsletter.text import format_count
from newsletter.workspace import STATE_FOLDER, find_workspace

_PATH = click.Path(dir_okay=False, path_type=Path)


@click.group()
def state() -> None:
    """Back up, put back or move what was sent to whom, and who must not be mailed."""


@state.command()
@click.argument("file", type=_PATH)
@click.option("--yes", is_flag=True, help="Write over a file that is there, without asking.")
def backup(file: Path, yes: bool) -> None:
    """Write the whole state into FILE.

    It may be called while something is sent or served. FILE is an SQLite database, wherever the state is kept.
    """
    from newsletter.store.copying import back_up

    workspace = find_workspace(Path.cwd())
    store = known_store(workspace)
    if store is None:
        raise DecisionNeeded("There is no state yet: nothing has been sent from here, and nobody has left.")
    if store.file and file.resolve() == store.file.resolve():
        raise DecisionNeeded(f"{short(file)} is the state itself.", next_step="Name another file.")
    if file.exists():
        _agree(yes, f"{short(file)} is there already. Write over it?")
    back_up(store, file.absolute())
    say(f"{short(file)} has the whole state. It holds personal data: keep it out of git.", style="bold")
    say("Keep a copy of .newsletter/keys.toml with it: readers' links, and who was erased, are known by those keys.")


@state.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Put it in the place of the state that is there, without asking.")
def restore(file: Path, yes: bool) -> None:
    """Put a backup in the place of the state.

    The state as it was is kept. Everybody who has left since the backup stays out, and what was in the outbox is held.
    """
    from newsletter.actions import restore as backups

    workspace = find_workspace(Path.cwd())
    place = workspace.database
    if isinstance(place, Path) and place.exists() and file.resolve() == place.resolve():
        raise DecisionNeeded(f"{short(file)} is the state itself.", next_step="Name a backup.")
    shown = short(place) if isinstance(place, Path) else place
    _agree(yes, f"Put {short(file)} in the place of the state in {shown}? Stop `newsletter serve` first.")
    folder, keys = workspace.root / STATE_FOLDER, find_secret_keys(workspace)
    done = backups.restore(file, place, workspace.config.store.password, folder, keys)
    say(f"The state is as {short(file)} has it: {_sums(done.rows)}.", style="bold")
    if done.kept:
        say(f"As it was before, it is kept in {short(done.kept)}.")
    if done.left:
        say(
            f"{format_count(done.left, 'suppression')} since the backup still "
            f"{'stands' if done.left == 1 else 'stand'}."
        )
    for issue in done.held:
        say(f"{issue} was in the outbox, and may have left since: newsletter outbox list", style="yellow")


@state.command()
@click.argument("url")
@click.option("--yes", is_flag=True, help="Without asking.")
def move(url: str, yes: bool) -> None:
    """Move the state to URL, with all its history.

    URL is postgresql://user@host/database, or sqlite:/// and a path, and what [store] url is to name from then on. A
    state that is there already is left alone. A backup of this one stays here.
    """
    from newsletter.actions import restore as backups

    workspace = find_workspace(Path.cwd())
    password = workspace.config.store.password
    place = workspace.root / url.removeprefix("sqlite:///") if _checked(url).startswith("sqlite:") else url
    store = known_store(workspace)
    if store is None:
        raise DecisionNeeded("There is no state yet, so there is nothing to move.", next_step=_write(url))
    if place == workspace.database:
        raise DecisionNeeded("The state is there already.", next_step="Name another place.")
    with closing(open_store(place, password, though_moved=True)) as target:
        if target.place == store.place:
            raise DecisionNeeded("The state is there already.", next_step="Name another place.")
        _agree(yes, f"Move the state to {target.place}? Stop `newsletter serve` and the outbox first.")
        kept = backups.free_name(workspace.root / STATE_FOLDER, "state.before-move")
        rows = backups.move(store, target, url, kept)
        say(f"The state is in {target.place}: {_sums(rows)}. Each number was compared.", style="bold")
        say(f"As it was before, it is kept in {short(kept)}.")
    say(_write(url))


def _agree(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True)


def _checked(url: str) -> str:
    try:
        return check_store_url(url)
    except PydanticCustomError as error:
        (fault,) = (error.context or {})["faults"]
        raise ConfigError(fault.message, next_step=fault.next_step) from error


def _sums(rows: dict[str, int]) -> str:
    sums = [
        format_count(rows["campaigns"], "issue"),
        format_count(rows["deliveries"], "delivery", "deliveries"),
        format_count(rows["events"], "event"),
        format_count(rows["suppressions"], "suppression"),
        f"{rows['forgotten']:,} erased",
    ]
    return ", ".join(sums)


def _write(url: str) -> str:
    return f'Now write into newsletter.toml, under [store]: url = "{url}"'
