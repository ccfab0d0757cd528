"""The commands `newsletter subscribers add` and `remove`."""

import click

from newsletter.actions.add_subscriber import add_subscriber
from newsletter.actions.remove_subscriber import remove_subscriber
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.cli.subscribers.list_hints import on_the_list, say_if_kept_out, suggest_nearest
from newsletter.errors import ListError
from newsletter.subscribers.csv_file import column_name
from newsletter.subscribers.list_changes import describe_suppression
from newsletter.subscribers.subscriber import parse_subscriber_key
from newsletter.subscribers.suppression_status import read_suppression_statuses

_OWN_OPTIONS = {"email": "ADDRESS", "name": "--name", "tags": "--tag"}


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
    key = parse_subscriber_key(address)
    publication = open_publication()
    source = publication.subscriber_source()
    columns = {**({"name": name.strip()} if name else {}), **dict(map(_field, fields))}
    new = add_subscriber(publication, address, columns, tags, evidence=evidence, again=again)
    if new:
        say(f"{key} is on the list{f': {shorten(source.place)}' if source.file else ''}.")
    else:
        stays = f" Their row in {shorten(source.place)} stays as it was." if source.file else ""
        say(f"{key} gets mail again.{stays}")
    say_if_kept_out(source, key)


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
    key = parse_subscriber_key(address)
    publication = open_publication()
    source = publication.subscriber_source()
    rows = remove_subscriber(publication, address)
    if not rows:
        raise ListError(f"{key} is not {on_the_list(source)}.", next_step=suggest_nearest(source, key))
    lines = [str(row.line) for row in rows if row.line]
    where = f" ({'line' if len(lines) == 1 else 'lines'} {', '.join(lines)})" if lines else ""
    say(f"{key} is off the list{where}.")
    (status,) = read_suppression_statuses(publication.store, publication.keys, [key])
    if status.mailable:
        say(
            "Nothing keeps them out: once they are added again, they get mail again. If they asked to leave: "
            f"newsletter subscribers suppress {key}"
        )
    else:
        say(f"Nothing is sent to them, even if they are added again: {describe_suppression(status)}.")
