"""The command `newsletter limits`."""

from zoneinfo import ZoneInfo

import click

from newsletter.actions.server_limits import forget_server_limits, list_server_limits
from newsletter.cli.context import open_publication
from newsletter.cli.output import print_as_json, say
from newsletter.clock import format_moment
from newsletter.reports.json_report import describe_limits
from newsletter.reports.throttle_formatting import list_limit_lines


@click.command()
@click.argument("server", required=False)
@click.option("--forget", is_flag=True, help="Forget it: the next send begins as if the server were new.")
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def limits(server: str | None, *, forget: bool, json_: bool) -> None:
    """Show what sends have learned of the mail server: how many messages, connections and tries it takes.

    The next send begins with it, and learns anew where it no longer holds. SERVER is a host such as
    mail.example.org; all of them when left out.
    """
    publication = open_publication()
    if forget:
        if json_:
            raise click.UsageError("--json shows what is known, and --forget takes it away: give one of them.")
        forgotten = forget_server_limits(publication, server)
        for one in forgotten:
            say(f"Forgotten: what was learned of {one.server}.")
        if not forgotten:
            say("Nothing was learned of a mail server yet.")
        return
    known = [one for one in list_server_limits(publication) if server in (None, one.server, one.host.split(":")[0])]
    if json_:
        print_as_json([described for one in known if (described := describe_limits(one))])
        return
    zone = ZoneInfo(publication.config.publication.timezone)
    for one in known:
        say(f"{one.server}, as of {format_moment(one.learned_at, zone)}", style="bold")
        lines = list_limit_lines(one.limits)
        for line in lines:
            say(f"  {line.words}")
            if line.evidence:
                say(f"    It said: {line.evidence}")
        if not lines:
            say("  it has shown no limit")
    if not known:
        say("Nothing was learned of a mail server yet." if server is None else f"Nothing was learned of {server}.")
    elif any(list_limit_lines(one.limits) for one in known):
        say("Should that be wrong by now: newsletter limits --forget")
