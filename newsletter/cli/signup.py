"""The command `newsletter signup snippet`."""

import click

from newsletter.cli.context import open_publication


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
