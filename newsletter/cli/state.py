"""The commands `newsletter state backup`, `restore`, `move` and `adopt`; and `init-branch`, `take` and `give`."""

from pathlib import Path

import click

from newsletter.actions.adopt_list_id import adopt_list_id
from newsletter.actions.back_up_state import back_up_state
from newsletter.actions.move_state import move_state, write_setting
from newsletter.actions.reachable_state import give_state
from newsletter.actions.restore_state import restore_state
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.state_branch import BRANCH, REMOTE
from newsletter.carried_state.state_taking import begin_carrying, hold_alone, take_state
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.clock import parse_duration
from newsletter.errors import ConfigError
from newsletter.publication import OpenPublication
from newsletter.text import format_count
from newsletter.workspace import Workspace

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
    question = f"{shorten(file)} is there already. Write over it?"
    back_up_state(open_publication(), file, lambda: _agree(yes, question))
    say(f"{shorten(file)} has the whole state. It holds personal data: keep it out of git.", style="bold")
    say("Keep a copy of .newsletter/keys.toml with it: readers' links, and who was erased, are known by those keys.")


@state.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Put it in the place of the state that is there, without asking.")
def restore(file: Path, yes: bool) -> None:
    """Put a backup in the place of the state.

    The state as it was is kept. Everybody who has left since the backup stays out, and what was in the outbox is held.
    """
    publication = open_publication()
    place = publication.workspace.database
    shown = shorten(place) if isinstance(place, Path) else place
    question = f"Put {shorten(file)} in the place of the state in {shown}? Stop `newsletter serve` first."
    done = restore_state(publication, file, lambda: _agree(yes, question))
    if done is None:
        return
    say(f"The state is as {shorten(file)} has it: {_sums(done.rows)}.", style="bold")
    if done.kept:
        say(f"As it was before, it is kept in {shorten(done.kept)}.")
    if done.left:
        say(f"{format_count(done.left, 'suppression')} since the backup still {'holds' if done.left == 1 else 'hold'}.")
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

    def confirm(place: str) -> bool:
        return _agree(yes, f"Move the state to {place}? Stop `newsletter serve` and the outbox first.")

    moved = move_state(open_publication(), url, confirm)
    if moved:
        say(f"The state is in {moved.place}: {_sums(moved.rows)}. Each number was compared.", style="bold")
        say(f"As it was before, it is kept in {shorten(moved.kept)}.")
        say(write_setting(url))


@state.command()
@click.option("--yes", is_flag=True, help="Without asking.")
def adopt(yes: bool) -> None:
    """Go on with another list id.

    It is the one that newsletter.toml names now, where the state knows another.

    Links and return paths of mails that were sent with the former one lead nowhere then.
    """

    def confirm(list_id: str) -> bool:
        question = (
            f"Mails sent so far can't be left or bounce by their links any more. Go on with the list id {list_id}?"
        )
        return _agree(yes, question)

    publication = open_publication()
    adopt_list_id(publication, confirm)
    list_id = publication.config.subscriber_list.id
    say(f"The state of {publication.workspace.publication_id} is that of the list {list_id}.")


@state.command("init-branch")
@click.option("--yes", is_flag=True, help="Without asking.")
def init_branch(yes: bool) -> None:
    """Carry the state on a branch of the remote.

    It is for `newsletter send --ci` on runners that have no disk. The branch begins with the state that is here, if
    there is one, which is set aside: from then on the branch has the state.
    """
    publication = open_publication()
    workspace = _require_carried(publication)
    begun = begin_carrying(
        workspace,
        lambda has_state: _agree(
            yes,
            f"Begin the branch {BRANCH} of the remote {REMOTE} with "
            + ("the state of this machine?" if has_state else "an empty state: nothing was sent, and nobody has left?"),
        ),
    )
    say(f"The branch {BRANCH} has the state, encrypted.", style="bold")
    if begun:
        say("What was here is set aside in .newsletter, and is not used any more.")


@state.command()
@click.option("--for", "duration", default="1h", metavar="DURATION", help="Held for so long, if it is not given back.")
def take(duration: str) -> None:
    """Take the carried state to this machine.

    It is for what a person does with it: reconcile, subscribers, inbox, report. No runner sends meanwhile. Afterwards
    give it back: newsletter state give
    """
    publication = open_publication()
    workspace = _require_carried(publication)
    seconds = parse_duration(duration).total_seconds()
    with hold_alone(workspace):
        take_state(workspace, seconds, on_wait=tell_wait)
    say(f"The state is here for {duration}, and runners wait. Give it back with: newsletter state give", style="bold")


@state.command()
def give() -> None:
    """Give the carried state back, as it is now.

    Runners can send again.
    """
    publication = open_publication()
    _require_carried(publication)
    give_state(publication)
    say(f"The branch {BRANCH} has the state again, and this machine has none.", style="bold")


def _require_carried(publication: OpenPublication) -> Workspace:
    if publication.config.ci.state != "branch":
        raise ConfigError(
            "The state of this workspace is not carried on a branch.",
            next_step='Write into newsletter.toml, under [ci]: state = "branch"',
        )
    return publication.workspace


def tell_wait(held: Manifest, left: float) -> None:
    """Print who holds a carried state that is waited for."""
    where = f" ({held.run})" if held.run else ""
    say(f"Another machine holds the state{where}. If it has ended, the state is free in {left:.0f} s.")


def _agree(yes: bool, question: str) -> bool:
    return yes or click.confirm(question, abort=True)


def _sums(rows: dict[str, int]) -> str:
    sums = [
        format_count(rows["campaigns"], "issue"),
        format_count(rows["deliveries"], "delivery", "deliveries"),
        format_count(rows["events"], "event"),
        format_count(rows["suppressions"], "suppression"),
        f"{rows['forgotten']:,} erased",
    ]
    return ", ".join(sums)
