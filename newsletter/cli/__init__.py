"""The command line: parse, call, print. Each command's module is loaded when it is called, not before."""

import atexit
import gc
import sys
from importlib import import_module

import click

_COMMANDS = {
    "init": ("newsletter.cli.init:init", "Make a new workspace that works at once."),
    "draft": ("newsletter.cli.draft:draft", "Write and check issues."),
    "cite": ("newsletter.cli.cite:cite_command", "Show who wrote a page, where and when, with a link to paste."),
    "preview": ("newsletter.cli.preview:preview", "Show an issue in the browser while you write it."),
    "review": ("newsletter.cli.review:review", "Show an issue to those who judge it, before it is sent."),
    "export": ("newsletter.cli.export:export", "Write an issue's editions as files."),
    "templates": ("newsletter.cli.templates:templates", "Restyle the editions."),
    "send": ("newsletter.cli.send:send", "Send an issue to its readers."),
    "retry": ("newsletter.cli.send:retry", "Try readers again whom the server would not have."),
    "approve": ("newsletter.cli.approve:approve", "Sign that an issue may leave as it is."),
    "outbox": ("newsletter.cli.outbox:outbox", "Send issues at their moment: send --at puts them in."),
    "status": ("newsletter.cli.status:status", "Show what has been sent, and to how many."),
    "report": ("newsletter.cli.report:report", "Show who got an issue, what servers said, and how fast it went."),
    "limits": ("newsletter.cli.limits:limits", "Show how fast the mail server lets you send, or forget it."),
    "reconcile": ("newsletter.cli.reconcile:reconcile", "Say who has an issue where nobody knows."),
    "cancel": ("newsletter.cli.status:cancel", "Stop an issue for those still waiting."),
    "subscribers": ("newsletter.cli.subscribers:subscribers", "Look after the list: who is on it, who left."),
    "signup": ("newsletter.cli.signup:signup", "Print a form by which readers join, for your own website."),
    "serve": ("newsletter.cli.serve:serve", "Answer readers on the web: unsubscribing, and the archive."),
    "worker": (
        "newsletter.cli.worker:worker",
        "Send beside others, on this machine and on others: with PostgreSQL.",
    ),
    "inbox": ("newsletter.cli.inbox:inbox", "Read the mail that comes back: bounces, complaints, mails to leave."),
    "state": ("newsletter.cli.state:state", "Back up, put back or move what was sent and who left."),
    "keys": ("newsletter.cli.keys:keys", "Make the keys that readers' links are signed with."),
    "dkim": ("newsletter.cli.dkim:dkim", "Make the keys that messages are signed with."),
    "demo": ("newsletter.cli.demo:demo", "Send the sample issue on this machine alone."),
}


_PUBLICATION = ("-P", "--publication")


class _LazyGroup(click.Group):
    """A group that has its commands' names and summaries at hand, so that --help loads nothing but click."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; -P NAME may also stand behind the command, where people write it."""
        return super().parse_args(ctx, _move_publication_first(args))

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from newsletter.text import suggest_nearest

            hint = suggest_nearest(args[0], list(_COMMANDS)) or "`newsletter --help` lists the commands."
            ctx.fail(f"There is no command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)


def _move_publication_first(args: list[str]) -> list[str]:
    """Return the arguments with -P NAME before all others; what is behind -- stays where it is."""
    end = args.index("--") if "--" in args else len(args)
    moved: list[str] = []
    others: list[str] = []
    rest = iter(args[:end])
    for word in rest:
        if word in _PUBLICATION:
            moved += [word, *[value for value in [next(rest, None)] if value is not None]]
        elif word.startswith(f"{_PUBLICATION[1]}="):
            moved.append(word)
        else:
            others.append(word)
    return [*moved, *others, *args[end:]]


def _find_publication(args: list[str]) -> str | None:
    """Return the publication that -P names: click's context is gone when an error is shown."""
    first, *rest = [*_move_publication_first(args), ""]
    if first in _PUBLICATION:
        return rest[0]
    return first.partition("=")[2] if first.startswith(f"{_PUBLICATION[1]}=") else None


def _complete(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    from newsletter.cli.context import complete_publication

    return complete_publication(ctx, option, begun)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="newsletter-press", prog_name="newsletter")
@click.option("--debug", is_flag=True, help="Show the traceback when something fails.")
@click.option(
    *_PUBLICATION,
    metavar="NAME",
    shell_complete=_complete,
    help="One of the workspace's publications.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool, publication: str | None) -> None:
    """Write an issue once; get the email, the text, the PDF and the web page; send it to every reader once.

    \b
    newsletter draft new           begin the next issue
    newsletter preview             see it in every edition while you write
    newsletter send 2.10           send it, after showing what will happen
    newsletter export pdf          the PDF for the website; export site for all of it
    """
    del publication  # open_publication asks for it
    ctx.obj = debug


def collect_rarely() -> None:
    """Let Python look for garbage seldom, and not once more at the end.

    What a command loads is no garbage, and looking through it again and again took a sixth of an export's time
    (`make bench-editions`). Long runs still collect.
    """
    gc.set_threshold(100_000, 50, 1000)
    atexit.register(gc.freeze)


def main() -> None:
    """Run the command line, as the console script does."""
    collect_rarely()
    debug = "--debug" in sys.argv[1:2]
    try:
        cli.main()
    except Exception as error:
        if debug:
            raise
        from newsletter.cli.output import show_error

        sys.exit(show_error(error, _find_publication(sys.argv[1:])))
