"""How each command is called: its help, its options, and what is said when they are used wrongly."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from conftest import Publication

from newsletter.cli import cli


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*path, name))


COMMANDS = list(_commands(cli))
LEAVES = [(path, command) for path, command in COMMANDS if not isinstance(command, click.Group)]


def test_every_room_of_the_command_line_has_its_commands() -> None:
    assert len(LEAVES) >= 35
    assert {path[0] for path, _ in LEAVES} == {
        "init", "draft", "cite", "preview", "review", "export", "templates", "approve", "send", "retry", "outbox",
        "status", "report", "limits", "reconcile", "cancel", "subscribers", "signup", "serve", "worker", "inbox",
        "state", "keys", "dkim", "demo",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) or "newsletter" for path, _ in COMMANDS])
def test_a_command_explains_itself_and_each_of_its_options(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert command.help
    if isinstance(command, click.Group):
        assert "..." not in shown.output.partition("\nCommands:")[2]
    assert command.help.splitlines()[0].endswith((".", ".\f"))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert name in shown.output
            assert parameter.help or isinstance(parameter.type, click.Choice), parameter.opts


@pytest.mark.parametrize("group", [path for path, command in COMMANDS if isinstance(command, click.Group)])
def test_a_group_lists_its_commands_with_a_summary_each(group: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*group, "--help"]).output
    for path, _ in COMMANDS:
        if path[:-1] == group and path:
            line = next(line for line in shown.splitlines() if line.split()[:1] == [path[-1]])
            assert len(line.split()) > 2, line


def test_help_has_a_short_form() -> None:
    assert CliRunner().invoke(cli, ["-h"]).output == CliRunner().invoke(cli, ["--help"]).output


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert CliRunner().invoke(cli, ["--version"]).output == f"newsletter, version {version('newsletter-press')}\n"


def test_a_command_that_is_like_none_is_answered_with_where_they_are() -> None:
    shown = CliRunner().invoke(cli, ["xyzzy"])
    assert shown.exit_code == 2
    assert "There is no command 'xyzzy'. `newsletter --help` lists the commands." in shown.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("send 2.10 --test a@example.org --dry-run", "--test sends to the testers, --dry-run sends nothing"),
        ("send 2.10 --test a@example.org --at tomorrow", "--test and --dry-run go with neither --at nor --to-new."),
        ("send 2.10 --dry-run --to-new", "--test and --dry-run go with neither --at nor --to-new."),
        ("send 2.10 --expires 2h", "--expires goes with --at."),
        ("send --yes", "With --yes, name the draft: newsletter send 2.10 --yes"),
        ("send 2.10 --continue --with-changes", "--continue and --with-changes are two ways to go on: choose one."),
        ("send 2.10 3.7", "unexpected extra argument"),
        ("retry 2.10", "Missing option '--state'"),
        ("retry 2.10 --state unknown", "'unknown' is not one of 'deferred', 'refused'"),
        ("retry 2.10 --state refused --continue --with-changes", "two ways to go on: choose one."),
        ("retry --state refused", "Missing argument 'DRAFT'"),
        ("cancel", "Missing argument 'DRAFT'"),
        ("report 2.10 --json --html x.html", "goes with neither --csv nor --html."),
        ("report 2.10 --json --csv -", "goes with neither --csv nor --html."),
        ("reconcile 2.10 --all-arrived --none-arrived", "are about everyone: give one of them alone."),
        ("reconcile 2.10 --all-arrived --arrived a@example.org", "are about everyone: give one of them alone."),
        ("reconcile 2.10 --others-not-arrived", "--none-arrived is for nobody."),
        ("reconcile 2.10 --log no-such.log", "File 'no-such.log' does not exist."),
        ("reconcile 2.10 --message-ids no-such.txt", "File 'no-such.txt' does not exist."),
        ("export html 2.10 --as a@example.org", "--as goes with `export eml`"),
        ("export eml 2.10 --as a@example.org --check", "--as goes with `export eml`"),
        ("export site 2.10", "it takes no DRAFT, --check and --language."),
        ("export site --check", "it takes no DRAFT, --check and --language."),
        ("export html 2.10 --sent-only", "--sent-only goes with `export site`."),
        ("export docx 2.10", "'docx' is not one of 'html', 'text', 'pdf', 'web', 'png', 'eml', 'all', 'site'."),
        ("export", "Missing argument"),
        ("draft new --number 0", "'0' is no issue's number. Write 11, or 2.11 with its volume."),
        ("draft new --number two", "'two' is no issue's number."),
        ("draft new --number 2.11.1", "'2.11.1' is no issue's number."),
        ("draft new --number 2.11 --volume 3", "--number 2.11 names volume 2, and --volume names 3."),
        ("draft new --volume 0", "0 is not in the range"),
        ("draft new --date 31.5.2023", "'31.5.2023' is no date. Write it as year, month and day: 2023-05-31"),
        ("draft new --date 2026-02-30", "There is no day 2026-02-30."),
        ("draft import x.md --date 2026-13-01", "There is no day 2026-13-01."),
        ("draft check --format xml", "'xml' is not one of 'text', 'json', 'github'."),
        ("preview --port 0", "0 is not in the range"),
        ("serve --port 65536", "65536 is not in the range"),
        ("inbox read --yes --move --dry", "No such option"),
        ("inbox undo --since yesterday", "'yesterday' is no moment such as 2026-11-29 or 2026-11-29T18:00."),
        ("dkim key", "Missing option '--selector'"),
        ("dkim key --selector no_good", "a word of letters, digits and hyphens, such as s1"),
        ("dkim key --selector s1 --type dsa", "'dsa' is not one of 'rsa', 'ed25519'."),
        ("state restore no-such.db", "File 'no-such.db' does not exist."),
        ("state backup", "Missing argument 'FILE'"),
        ("state move", "Missing argument 'URL'"),
        ("subscribers forget a@example.org b@example.org", "unexpected extra argument"),
        ("subscribers list --mailable --suppressed", "Nobody is both --mailable and --suppressed."),
        ("subscribers add a@example.org --field city", "--field wants a column and a value"),
        ("subscribers add a@example.org --field =Riga", "--field wants a column and a value"),
        ("subscribers add a@example.org --field email=b@example.org", "The column email has its own place: ADDRESS."),
        ("subscribers add a@example.org --field NAME=Ada", "The column name has its own place: --name."),
        ("subscribers add a@example.org --field tags=all", "The column tags has its own place: --tag."),
        ("subscribers suppress", "Name an ADDRESS, or a file: --from FILE."),
        ("subscribers suppress a@example.org --from newsletter.toml", "Name an ADDRESS, or a file: --from FILE."),
        ("subscribers suppress a@example.org --reason=", "A --reason says why."),
        ("subscribers suppress a@example.org --reason Erased", "newsletter subscribers forget a@example.org"),
        ("subscribers export a.csv -o b.csv", "Name the file once."),
        ("subscribers export --nobody-left", "goes with --mailable."),
        ("subscribers check no-such.csv", "File 'no-such.csv' does not exist."),
        ("subscribers forget", "Missing argument 'ADDRESS'"),
        ("draft import", "Missing argument 'FILE...'"),
        ("draft import a.md b.md --number 2.11", "--number and --date are those of a single file."),
        ("draft import a.md b.md --date 2024-05-16", "--number and --date are those of a single file."),
        ("draft import a.md --number 2.x", "'2.x' is no issue's number."),
    ],
)  # fmt: skip
def test_a_wrong_use_is_refused_before_anything_is_done(publication: Publication, args: str, words: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in publication.root.rglob("*")}
    done = publication.run(*args.split())
    assert done.returncode == 2, done.stdout
    assert words in " ".join(done.stderr.split())
    assert done.stdout == ""
    made = {path.relative_to(publication.root) for path in publication.root.rglob("*")} - {
        path.relative_to(publication.root) for path in before
    }
    assert not {path for path in made if path.parts[0] != ".newsletter"}
    assert all(path.stat().st_mtime_ns == when for path, when in before.items() if path.is_file())


@pytest.mark.parametrize("path", [path for path, _ in LEAVES if path not in {("init",), ("demo",)}])
def test_outside_of_a_publication_it_is_said_how_to_make_one(tmp_path: Path, path: tuple[str, ...]) -> None:
    required = {
        ("cite",): ["here.txt"], ("draft", "import"): ["here.txt"],
        ("cancel",): ["2.10"], ("reconcile",): ["2.10"], ("retry",): ["2.10", "--state", "refused"],
        ("export",): ["html"], ("dkim", "key"): ["--selector", "s1"], ("state", "backup"): ["x.db"],
        ("state", "restore"): ["here.txt"], ("state", "move"): ["sqlite:///x.db"], ("templates", "eject"): ["email"],
        ("subscribers", "import"): ["here.txt"],
        ("subscribers", "suppress"): ["a@example.org"], ("subscribers", "unsuppress"): ["a@example.org"],
        ("subscribers", "add"): ["a@example.org"], ("subscribers", "remove"): ["a@example.org"],
        ("subscribers", "show"): ["a@example.org"], ("subscribers", "forget"): ["a@example.org"],
        ("subscribers", "pause"): ["a@example.org"], ("subscribers", "resume"): ["a@example.org"],
        ("outbox", "cancel"): ["2.10"], ("keys", "age"): ["age.txt"],
    }  # fmt: skip
    (tmp_path / "here.txt").touch()
    done = Publication(tmp_path).run(*path, *required.get(path, []))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "newsletter init" in done.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["here.txt"]
