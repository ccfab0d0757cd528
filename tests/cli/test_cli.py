"""The command line as an editor meets it."""

import json
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from conftest import ROOT, Publication

_OURS = {"newsletter", "_distutils_hack"}  # the second is put into every process by setuptools


def _loaded(*args: str) -> set[str]:
    code = (
        f"import sys; sys.argv = ['newsletter', *{args!r}]\n"
        "from newsletter.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stderr.split("LOADED")[1].split())


@pytest.mark.parametrize("args", [("--help",), ("--version",)])
def test_help_loads_click_and_nothing_else(args: tuple[str, ...]) -> None:
    loaded = _loaded(*args)
    installed = {name.partition(".")[0] for name in loaded} & set(packages_distributions())
    assert installed - _OURS == {"click"}
    # Of our own rooms, none but the one of the command line.
    assert {name.split(".")[1] for name in loaded if name.startswith("newsletter.")} <= {"cli"}


def test_checking_a_draft_does_not_load_what_renders_sends_or_asks() -> None:
    assert _loaded("draft", "check").isdisjoint(
        {"mjml", "premailer", "typst", "aiosmtplib", "sqlalchemy", "aiosmtpd", "httpx", "mammoth", "pypdf",
         "trafilatura", "proselint", "newsletter.back_issues", "newsletter.articles"}
    )  # fmt: skip


@pytest.mark.parametrize(
    "command", ["init", "draft", "cite", "export", "send", "status", "cancel", "subscribers", "demo"]
)
def test_every_command_is_listed_and_helps(publication: Publication, command: str) -> None:
    assert f"  {command} " in publication.run("--help").stdout
    assert publication.run(command, "--help").returncode == 0


def test_a_misspelled_command_is_suggested(publication: Publication) -> None:
    done = publication.run("sned")
    assert done.returncode == 2
    assert "Did you mean 'send'?" in done.stderr


def test_draft_list(publication: Publication) -> None:
    publication.draft("4.1", "volume: 4\n")
    heads, *rows = [line.split("\t") for line in publication.run("draft", "list").stdout.splitlines()]
    assert heads == ["Issue", "Date", "State", "First headline"]
    assert [row[:3] for row in rows] == [
        ["1.4", "2022-08-10", "draft"], ["2.10", "2023-05-31", "draft"], ["3.7", "2024-04-17", "draft"],
        ["4.1", "?", "draft"],
    ]  # fmt: skip
    assert rows[3][3] == "3 problems"
    assert json.loads(publication.run("draft", "list", "--json").stdout)[1]["issue"] == "2.10"


@pytest.mark.slow
def test_draft_list_knows_what_was_sent_here_and_elsewhere(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    assert publication.run("send", "2.10", "--yes").returncode == 0
    (publication.root / "drafts/1.4.sent.toml").write_text('campaign = "x"\nfinished_at = "y"\n')
    (publication.root / "drafts/3.7.sent.toml").write_text('campaign = "x"\n')
    states = [line.split("\t")[2] for line in publication.run("draft", "list").stdout.splitlines()[1:]]
    assert states == ["sent", "sent", "sending"]


def test_draft_new_never_overwrites(publication: Publication) -> None:
    made = publication.run("draft", "new", "--volume", "7", "--date", "2030-01-02")
    assert made.returncode == 0
    assert "drafts/7.1.yaml: 2030-01-02" in made.stdout
    path = publication.root / "drafts/7.1.yaml"
    assert "7.1.yaml: 1 problem" in publication.run("draft", "check", "7.1").stdout  # it is still to be written
    text = path.read_text()
    assert "headline: >-" in text
    assert "date: 2030-01-02" in text
    path.write_text("precious")
    assert "7.2" in publication.run("draft", "new", "--volume", "7", "--date", "2030-02-02").stdout
    assert path.read_text() == "precious"


def test_draft_new_follows_the_calendar(publication: Publication) -> None:
    (publication.root / "drafts/9.3.yaml").write_text(
        (publication.root / "drafts/1.4.yaml").read_text()
        .replace("volume: 1", "volume: 9").replace("number: 4", "number: 3").replace("2022-08-10", "2099-01-01")
    )  # fmt: skip
    assert "9.4.yaml: 2099-01-15" in publication.run("draft", "new").stdout


def test_draft_new_opens_the_editor(publication: Publication) -> None:
    publication.environ["VISUAL"] = publication.environ["EDITOR"] = "sed -i s/first/FIRST/"
    done = publication.run("draft", "new", "--volume", "8", "--edit")
    assert done.returncode == 0
    assert "Write the FIRST headline" in (publication.root / "drafts/8.1.yaml").read_text()
    assert "9 texts still to be written" in done.stdout


def test_draft_check_in_three_forms(publication: Publication) -> None:
    publication.draft("4.1", "volume: 4\nnumber: 1\ndate: 2025-01-01\nitems: []\nnotes: 50%, x:y\n")
    assert publication.run("draft", "check", "2.10", "1.4").returncode == 0
    text = publication.run("draft", "check", "4.1")
    assert text.returncode == 1
    assert "drafts/4.1.yaml:5:1: 'notes' is not a known key  [unknown-key]" in text.stdout
    assert "Did you mean 'note'?" in text.stdout
    found = json.loads(publication.run("draft", "check", "4.1", "--format", "json").stdout)
    assert {(problem["code"], problem["line"]) for problem in found} == {("empty", 4), ("unknown-key", 5)}
    lines = publication.run("draft", "check", "4.1", "--format", "github").stdout.splitlines()
    assert "::error file=drafts/4.1.yaml,line=5,col=1,title=unknown-key::" in lines[1]
    newest = publication.run("draft", "check")
    assert newest.returncode == 1


def test_a_hostile_draft_does_not_reach_the_terminal(publication: Publication) -> None:
    publication.draft("4.1", 'volume: 4\n"\\e]0;owned\\a\\e[31m": x\n')
    done = publication.run("draft", "check", "4.1")
    assert "\x1b" not in done.stdout
    assert "\\x1b]0;owned" in done.stdout


def test_draft_schema(publication: Publication) -> None:
    assert publication.run("draft", "schema").returncode == 0
    written = (publication.root / "drafts/draft.schema.json").read_text()
    assert json.loads(written) == json.loads(publication.run("draft", "schema", "--print").stdout)


def test_export(publication: Publication) -> None:
    done = publication.run("export", "all", "2.10")
    assert done.returncode == 0
    folder = publication.root / "build/2.10"
    assert {path.name for path in folder.iterdir()} == {
        "2.10.email.html", "2.10.txt", "2.10.pdf", "2.10.html", "2.10.eml", "2.10-lead.jpg",
    }  # fmt: skip
    for path in folder.iterdir():
        assert f"build/2.10/{path.name}  " in done.stdout
    first = (folder / "2.10.pdf").read_bytes()
    assert publication.run("export", "pdf", "drafts/2.10.yaml", "-o", "out").returncode == 0
    assert (publication.root / "out/2.10.pdf").read_bytes() == first
    newest = publication.run("export", "text")
    assert "3.7.txt" in newest.stdout


def test_what_is_not_there_is_answered(publication: Publication) -> None:
    done = publication.run("export", "pdf", "2.11")
    assert done.returncode == 1
    assert "Did you mean 2.10?" in done.stderr
    (publication.root / "newsletter.toml").unlink()
    done = publication.run("draft", "list")
    assert done.returncode == 2
    assert "newsletter init" in done.stderr


def test_init_makes_a_workspace_that_works_at_once(publication: Publication) -> None:
    made = publication.run("init", "new-one", "--title", 'The "Weekly" \\ Résumé')
    assert made.returncode == 0, made.stderr
    fresh = Publication(publication.root / "new-one")
    checked = fresh.run("draft", "check")
    assert checked.returncode == 1  # `send` refuses it until these are replaced
    assert "10 texts still to be written; the first is 'Write the first headline here'" in checked.stdout
    assert "the example's [publication] about, [publication] contact" in checked.stdout
    assert checked.stdout.splitlines()[-1].endswith("2 problems")
    assert fresh.run("export", "all").returncode == 0
    (text,) = fresh.root.glob("build/*/*.txt")
    assert 'THE "WEEKLY" \\ RÉSUMÉ' in text.read_text().upper()
    assert not (fresh.root / "templates").exists()  # the program's own are used, until one is ejected
    subprocess.run(["git", "init", "-q", "."], cwd=fresh.root, check=True)
    (fresh.root / "subscribers.csv").write_text("email\n")
    (fresh.root / ".newsletter/state.db").write_text("x")
    tracked = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard"], cwd=fresh.root, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "newsletter.toml" in tracked
    assert "subscribers.example.csv" in tracked
    assert not any(name == "subscribers.csv" or name.startswith((".newsletter", "build")) for name in tracked)
    again = publication.run("init", "new-one")
    assert again.returncode == 1
    assert "is there already" in again.stderr


def test_subscribers_check(publication: Publication) -> None:
    good = publication.run("subscribers", "check", str(ROOT / "subscribers.example.csv"))
    assert good.returncode == 0
    assert "25 readers, 0 unusable rows, 0 duplicates" in good.stdout
    assert "members (8)" in good.stdout
    (publication.root / "bad.csv").write_text("email\na@example.org\nnope\nA@example.org\n")
    bad = publication.run("subscribers", "check", "bad.csv")
    assert bad.returncode == 1
    assert "bad.csv:3: " in bad.stdout
    assert "bad.csv:4: " in bad.stdout
    assert "1 reader, 1 unusable row, 1 duplicate" in bad.stdout


def test_suppress_wants_an_address(publication: Publication) -> None:
    done = publication.run("subscribers", "suppress", "nobody")
    assert done.returncode == 1
    assert "'nobody' is no address" in done.stderr
    assert "gets no more mail" in publication.run("subscribers", "suppress", "a@example.org").stdout
    assert "gets no mail already" in publication.run("subscribers", "suppress", "A@Example.org").stdout
    assert "can get mail again" in publication.run("subscribers", "unsuppress", "a@example.org").stdout
    assert "a@example.org was not suppressed." in publication.run("subscribers", "unsuppress", "a@example.org").stdout


@pytest.mark.parametrize("title", ["A <B> C", "<script>", "100% \\ \\1 'x'", "x@y"])
def test_init_takes_any_title(publication: Publication, title: str) -> None:
    assert publication.run("init", "w", "--title", title).returncode == 0
    done = Publication(publication.root / "w").run("export", "all")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "a\x7fb"])
def test_init_wants_a_title(publication: Publication, title: str) -> None:
    done = publication.run("init", "w", "--title", title)
    assert done.returncode == 1
    assert "one line" in done.stderr
    assert not (publication.root / "w").exists()


def test_what_init_wrote_is_not_sent(publication: Publication) -> None:
    publication.run("init", "w")
    fresh = Publication(publication.root / "w", {"NEWSLETTER_SEND__BACKEND": "maildir"})
    (path,) = (fresh.root / "drafts").glob("*.yaml")
    (fresh.root / "subscribers.csv").write_text("email\na@example.org\n")
    done = fresh.run("send", path.stem, "--yes")
    assert done.returncode == 1
    assert "10 texts" in done.stderr
    path.write_text(path.read_text().replace("Write ", "Wrote "))
    done = fresh.run("send", path.stem, "--yes")
    assert done.returncode == 2
    assert "[publication] about, [publication] contact, [sender] from" in done.stderr
    assert not (fresh.root / "build/maildir").exists()


def test_draft_check_looks_at_the_configuration_too(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SMTP__PORT"] = "x"
    done = publication.run("draft", "check", "2.10")
    assert done.returncode == 2
    assert "no problems" not in done.stdout
    assert "NEWSLETTER_SMTP__PORT" in done.stderr


def test_a_half_made_workspace_can_be_made_again(publication: Publication) -> None:
    (publication.root / "w").mkdir()
    (publication.root / "w/drafts").write_text("in the way")
    assert publication.run("init", "w").returncode == 1
    (publication.root / "w/drafts").unlink()
    assert publication.run("init", "w").returncode == 0


def test_draft_new_wants_a_date_to_go_on_from(publication: Publication) -> None:
    publication.draft("6.1", "volume: 6\nnumber: 1\ndate: soon\n")
    done = publication.run("draft", "new")
    assert done.returncode == 1
    assert "has no date to go on from" in done.stderr
    assert "6.2" in publication.run("draft", "new", "--date", "2031-01-02").stdout


def test_files_in_the_way_are_answered_plainly(publication: Publication) -> None:
    (publication.root / "file").write_text("")
    for args in (("export", "text", "2.10", "-o", "file/x"), ("draft", "check", "x" * 300)):
        done = publication.run(*args)
        assert done.returncode == 1
        assert "fault of the program" not in done.stderr
    assert publication.run("export", "text", "2.10", "-o", "drafts").returncode == 0


def test_no_verdict_is_given_where_the_configuration_keeps_a_draft_from_being_looked_at(
    publication: Publication,
) -> None:
    (publication.root / "newsletter.toml").write_bytes(b"title = \xff")
    checked = publication.run("draft", "check", "2.10")
    assert checked.returncode == 2
    assert checked.stdout == ""
    assert "newsletter.toml is not UTF-8 text." in checked.stderr
    assert "codec" not in checked.stderr
