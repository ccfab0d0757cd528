"""The command `newsletter dkim key`."""

import re
from typing import cast

import click

from newsletter.address import domain_of
from newsletter.cli.context import open_publication
from newsletter.cli.output import say, shorten
from newsletter.errors import DecisionNeeded
from newsletter.files import create_private, make_private_folder

_STRING = 255  # octets: RFC 1035, section 3.3; a longer record is several strings


@click.group()
def dkim() -> None:
    """Sign what is sent, so that receivers see that it is yours."""


@dkim.command(short_help="Make a pair of keys: one to sign with, one to publish.")
@click.option("--selector", required=True, help="A name for the key, such as s1. Each key has one of its own.")
@click.option("--type", "kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True)
def key(selector: str, kind: str) -> None:
    """Make a pair of keys: a private one to sign with, and a public one to publish in the DNS."""
    if not re.fullmatch("[A-Za-z0-9-]{1,63}", selector):
        raise click.BadParameter("a word of letters, digits and hyphens, such as s1", param_hint="--selector")
    workspace = open_publication().workspace
    config = workspace.config

    from newsletter.mail.dkim_keys import DkimAlgorithm, generate_dkim_key

    pem, record = generate_dkim_key(cast(DkimAlgorithm, kind))
    path = workspace.state_folder / f"dkim-{selector}.pem"  # which git leaves alone
    make_private_folder(path.parent)
    try:
        file = create_private(path)
    except FileExistsError as error:
        raise DecisionNeeded(
            f"{shorten(path)} is there already, and mail may be signed with it.",
            next_step="Name the new key otherwise: --selector s2",
        ) from error
    with file:
        file.write(pem)
    domain = config.dkim.domain or domain_of(config.sender.from_.address)
    strings = " ".join(f'"{record[start : start + _STRING]}"' for start in range(0, len(record), _STRING))
    say(f"{shorten(path)} is the private key: keep it out of git, and a copy in a safe place.", style="green")
    say("\nPublish this record in the DNS:\n")
    click.echo(f"{selector}._domainkey.{domain}. IN TXT {strings}")
    say("\nWhen it can be seen (an hour later, say), write into newsletter.toml:\n")
    click.echo(f'[dkim]\nselector = "{selector}"\nkey_file = ".newsletter/{path.name}"')
