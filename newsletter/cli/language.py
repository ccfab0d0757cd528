"""The option --language, for one of the publication's languages."""

import click

LANGUAGE = click.option(
    "--language", metavar="TAG", default="", help="The translation into this language, as in ja, instead of all."
)
