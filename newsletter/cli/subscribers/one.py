"""newsletter subscribers show|add|remove|forget"""

import sys
from pathlib import Path

import click

from newsletter.actions.erase import Known, copies_of, known_of
from newsletter.actions.erase import forget as forget_reader
from newsletter.address import normalise_address
from newsletter.cli.output import as_json, say, short
from newsletter.cli.subscribers.known import as_dict, show_known
from newsletter.cli.subscribers.opened import looking, maybe_meant, say_if_kept_out, writing
from newsletter.errors import ListError
from newsletter.subscribers import list_changes
from newsletter.subscribers.csv_file import column_name
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import read_suppression_statuses
from newsletter.text import format_count
from newsletter.workspace import find_workspace

_OWN_OPTIONS = {"email": "ADDRESS", "name": "--name", "tags": "--tag"}


@click.command()
@click.argument("address")
@click.option("--json", "json_", is_flag=True, help="For scripts, and to hand to whoever asked.")
def show(address: str, json_: bool) -> None:
    """Show all that is known of one address.

    For whoever asks what is kept of them.
    """
    reader = parse_subscriber_key(address)
    found = looking()
    known = known_of(found.store, found.keys, found.workspace.subscribers, reader)
    if json_:
        as_json(as_dict(known))
        return
    show_known(known, short(found.workspace.subscribers))
    say_if_kept_out(found.workspace, reader)
    if not known.anything and not known.standing.erased and (near := maybe_meant(found.workspace, reader)):
        say(near)


@click.command()
@click.argument("address")
@click.option("--name", default="", help="What to call them.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--field", "fields", multiple=True, metavar="COLUMN=VALUE", help="Another column; may be repeated.")
@click.option("--evidence", default="", metavar="WORDS", help="How they asked for it: kept with the date.")
@click.option("--again", is_flag=True, help="They left, or were erased, and asked to come back.")
def add(address: str, name: str, tags: tuple[str, ...], fields: tuple[str, ...], evidence: str, again: bool) -> None:
    """Put a reader on the list.

    The row comes at its end. All else in the file stays as it is.
    """
    reader = parse_subscriber_key(address)
    cells = {
        "email": normalise_address(address),
        **({"name": name.strip()} if name else {}),
        **dict(map(_field, fields)),
    }
    found = writing()
    path = found.workspace.subscribers
    small = [tag.strip().casefold() for tag in tags]
    new = list_changes.add_to_list(found.store, found.keys, path, cells, small, evidence.strip(), again=again)
    if new:
        say(f"{reader} is on the list: {short(path)}.")
    else:
        say(f"{reader} gets mail again. Their row in {short(path)} stays as it was.")
    say_if_kept_out(found.workspace, reader)


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    name = column_name(name)
    if not equals or not name:
        raise click.UsageError(f'--field wants a column and a value, such as --field city=Riga, not "{text}".')
    if name in _OWN_OPTIONS:
        raise click.UsageError(f"The column {name} has its own place: {_OWN_OPTIONS[name]}.")
    return name, value.strip()


@click.command()
@click.argument("address")
def remove(address: str) -> None:
    """Take a reader off the list.

    Every row of ADDRESS goes. All else in the file stays as it is. It keeps nobody from being added again: `suppress`
    does.
    """
    reader = parse_subscriber_key(address)
    found = writing()
    path = found.workspace.subscribers
    lines = list_changes.remove_from_list(found.store, found.keys, path, reader)
    if not lines:
        raise ListError(f"{reader} is not on the list {short(path)}.", next_step=maybe_meant(found.workspace, reader))
    say(f"{reader} is off the list ({'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines))}).")
    (standing,) = read_suppression_statuses(found.store, found.keys, [reader])
    if standing.mailable:
        say(
            "Nothing keeps them out: whoever adds them again, they get mail again. If they asked to leave: "
            f"newsletter subscribers suppress {reader}"
        )
    else:
        say(f"Nothing is sent to them, whoever adds them: {describe_suppression(standing)}.")


@click.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Erase without asking.")
def forget(address: str, yes: bool) -> None:
    """Erase a person who asked for it.

    From the list, and all that is kept of them. A keyed hash is left, which leads nobody to them, and by which an old
    list does not bring them back.
    """
    reader = parse_subscriber_key(address)
    keys = require_secret_keys(find_workspace(Path.cwd()))
    found = writing()
    path = found.workspace.subscribers
    known = known_of(found.store, keys, path, reader)
    _announce(known, found.workspace.subscribers)
    if not known.anything and not known.standing.erased and (near := maybe_meant(found.workspace, reader)):
        say(near)
    if not yes and not click.confirm("Erase them? That can't be undone."):
        say("Nobody was erased.")
        sys.exit(1)
    done = forget_reader(found.workspace, found.store, keys, reader)
    say(f"{reader} is erased: a keyed hash is left, and nothing is sent to them.", style="bold")
    if done.store.mentions:
        say(f"The address was also taken out of {format_count(done.store.mentions, 'row')} about others.")
    if known.mentions:
        lines = ", ".join(map(str, known.mentions))
        say(f"The address still stands in rows about others: look at {short(path)}, line {lines}.", style="yellow")
    if copies := copies_of(found.workspace, found.store, reader):
        say("These still hold the address. Delete them, or what is in them:", style="yellow")
        for copy in copies:
            say(f"  {short(Path(copy)) if Path(copy).is_absolute() else copy}")
    say(
        "Out of this program's reach: backups, git's history, mail servers' logs and mailboxes, files that were handed "
        "out, and your shell's history, where this command now stands."
    )
    if not done.swept:
        say(
            f"{found.store.place} is in use by another program, and holds traces until it is written anew. When "
            "that has ended, run the same command again.",
            style="yellow",
        )
        sys.exit(1)


def _announce(known: Known, path: Path) -> None:
    if known.standing.erased and not known.anything:
        say(f"{known.reader} was erased on {known.standing.erased[:10]}. This makes sure of it once more.")
        return
    if not known.anything:
        say(f"Nothing is known of {known.reader}. Their keyed hash will be kept all the same.")
        return
    parts = [
        (len(known.rows), f"row of {short(path)}", f"rows of {short(path)}"),
        (len(known.events), "event", "events"),
        (len(known.deliveries), "delivery", "deliveries"),
    ]
    told = [f"{count:,} {one if count == 1 else many}" for count, one, many in parts if count]
    if known.standing.held:
        told.append(
            f"{'and ' if told else ''}a note that they must not be mailed ({describe_suppression(known.standing)})"
        )
    say(f"Known of {known.reader}: {', '.join(told)}.")
    if known.deliveries:
        say("What became of each issue stays, under a name that is nobody's, so that reports still balance.")
