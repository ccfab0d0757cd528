"""The commands `newsletter signup snippet` and `mails`."""

from pathlib import Path

import click

from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten


@click.group()
def signup() -> None:
    """Let readers join by themselves: docs/operators/sign-up.md."""


@signup.command(short_help="Print a form by which readers join, for your own website.")
@click.option("--name", default="website", show_default=True, help="What the form is called in the figures.")
@click.option("--language", metavar="TAG", default="", help="In this language of the publication, as in ja.")
def snippet(name: str, language: str) -> None:
    """Print the HTML of a form by which readers join, for your own website.

    It has no script, and posts to the service. Paste it as it is; its style is your page's.
    """
    with open_publication() as publication:
        from newsletter.actions.write_snippet import write_snippet

        click.echo(write_snippet(publication, name, language), nl=False)


@signup.command(short_help="Write the mails that single readers get as files, to look at.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; build/reader-mails when left out.",
)
def mails(output: Path | None) -> None:
    """Write the mails that single readers get, each as HTML and as text, in each language.

    They ask to confirm, welcome, and so on. The links in these open nothing.
    """
    with open_publication() as publication:
        from newsletter.actions.export_reader_mails import export_reader_mails

        for path in export_reader_mails(publication, output):
            say(shorten(path))
