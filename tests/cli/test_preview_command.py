"""newsletter preview: its options, what it prints, and what it says when something is missing."""

import re
import signal
import sys
from pathlib import Path

import pytest
from click.testing import Result
from conftest import Publication, Run
from ports import free_port
from preview_server import previewing

from newsletter.cli.preview import _StatePrinter
from newsletter.errors import ConfigError, DraftError, NewsletterError
from newsletter.web.preview.draft_state import DraftState, refresh_state


def _refusal(done: Result) -> NewsletterError:
    assert isinstance(done.exception, NewsletterError), done.output
    return done.exception


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--port", "many"), "'many' is not a valid integer range."),
        (("--port", "-1"), "-1 is not in the range"),
        (("--port", "0"), "0 is not in the range"),
        (("--port", "65536"), "65536 is not in the range"),
        (("--port",), "Option '--port' requires an argument."),
        (("2.10", "3.7"), "Got unexpected extra argument (3.7)"),
        (("--no-open=yes",), "does not take a value"),
        (("--host", "0.0.0.0"), "No such option"),  # only this machine is ever served
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_use_is_refused(run: Run, args: tuple[str, ...], words: str) -> None:
    done = run("preview", *args)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert "is shown at" not in done.output


def test_help_says_who_can_see_it(run: Run) -> None:
    shown = " ".join(run("preview", "--help").output.split())
    assert "the newest when left out" in shown
    assert "Only the browser that is opened can see it" in shown


def test_without_a_draft_the_next_step_is_to_make_one(digest: Publication, run: Run) -> None:
    for path in (digest.root / "drafts").iterdir():
        path.unlink()
    refused = _refusal(run("preview"))
    assert isinstance(refused, DraftError)
    assert "There is no draft in" in refused.message
    assert refused.next_step == "Run: newsletter draft new"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("2.1", "Did you mean 2.10?"),
        ("99.1", "`newsletter draft list`"),
        ("drafts/9.9.yaml", "`newsletter draft list`"),
    ],
)
def test_a_draft_that_is_not_there(run: Run, name: str, hint: str) -> None:
    refused = _refusal(run("preview", name))
    assert refused.exit_status == 1
    assert name in refused.message
    assert hint in refused.next_step


def test_a_draft_of_another_folder_is_not_read(digest: Publication, run: Run, tmp_path: Path) -> None:
    (tmp_path / "4.1.yaml").write_text("volume: 4\n")
    (digest.root / "drafts/4.1.yaml").symlink_to(tmp_path / "4.1.yaml")
    for args in ((), ("4.1",), (str(tmp_path / "4.1.yaml"),)):
        refused = _refusal(run("preview", *args))
        assert "leads out of the publication's folder" in refused.message
        assert refused.next_step == "Copy the draft into drafts/."


def test_a_mistake_in_the_settings_is_said_before_anything_is_served(digest: Publication, run: Run) -> None:
    with (digest.root / "newsletter.toml").open("a") as file:
        file.write("\n[preview]\nport = 1\n")
    done = run("preview", "2.10")
    refused = _refusal(done)
    assert isinstance(refused, ConfigError)
    assert refused.exit_status == 2
    assert "newsletter.toml" in f"{refused.message} {refused.problems[0].place}"
    assert done.output == ""


@pytest.mark.parametrize("draft", ["1.4", "drafts/1.4.yaml"])
def test_the_address_and_how_to_end_are_printed(publication: Publication, draft: str) -> None:
    port = free_port()
    with previewing(publication, draft, "--port", str(port)) as preview:
        preview.says("1.4: no problems")
        assert preview.end(signal.SIGINT) == 0
    first, second, *others = preview.printed
    assert re.fullmatch(rf"1\.4 is shown at http://127\.0\.0\.1:{port}/1\.4\?key=[\w-]{{22}}", first)
    assert second == "Save the draft, and look there. Ctrl-C ends the preview."
    assert any(line.startswith("For another browser: http://127.0.0.1:") for line in others), "the first key is used"
    assert others[-1] == "The preview has ended."


def test_a_draft_with_problems_is_served_and_debug_says_more(publication: Publication) -> None:
    publication.draft("4.1", "volume: 4\nnumber: 1\ndate: soon\n")
    process = publication.start("--debug", "preview", "--no-open", "4.1")
    assert process.stdout
    assert "4.1 is shown at" in process.stdout.readline()
    for line in iter(process.stdout.readline, ""):
        if line.startswith("drafts/4.1.yaml:3:7: 'soon' is not a date"):
            break
    else:
        pytest.fail("The problem was not printed.")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "4.1 can't be shown" in err
    assert "Traceback" in err, "which nobody is shown without --debug"


def test_no_browser_is_opened_unless_it_may_be(publication: Publication) -> None:
    opened = publication.root / "opened"
    browser = publication.root / "browser"
    browser.write_text(f"#!{sys.executable}\nopen({str(opened)!r}, 'w').write('x')\n")
    browser.chmod(0o755)
    publication.environ["BROWSER"] = str(browser)
    with previewing(publication, "2.10", no_open=True) as preview:
        preview.says("2.10: no problems")
    assert not opened.exists()


def _print(
    publication: Publication, printer: _StatePrinter, state: DraftState, capsys: pytest.CaptureFixture[str]
) -> tuple[DraftState, list[str]]:
    workspace = publication.workspace
    state = refresh_state(workspace, workspace.drafts / f"{state.name}.yaml", state)
    if state.rendered and not state.error:
        state.rendered.check()
        state.rendered.print()
    printer.print_state(state, workspace)
    return state, capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_each_change_is_printed_once(
    publication: Publication, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(publication.root)
    printer, state = _StatePrinter(), DraftState(name="2.10")
    good = (publication.root / "drafts/2.10.yaml").read_text()
    state, lines = _print(publication, printer, state, capsys)
    assert re.fullmatch(r"\d\d:\d\d:\d\d 2\.10: no problems", lines[0])
    state, lines = _print(publication, printer, state, capsys)
    assert lines == []

    publication.draft("2.10", good.replace("date: 2023-05-31", "date: soon"))
    state, lines = _print(publication, printer, state, capsys)
    assert lines[0].endswith("2.10: The draft 2.10.yaml has 1 problem.")
    assert lines[1].startswith("drafts/2.10.yaml:")
    assert "'soon' is not a date" in lines[1]

    publication.draft("2.10", "# one line more\n" + good.replace("date: 2023-05-31", "date: soon"))
    state, lines = _print(publication, printer, state, capsys)
    assert lines == [], "the same problem in another line"

    publication.draft("2.10", good)
    state, lines = _print(publication, printer, state, capsys)
    assert lines[0].endswith("2.10: no problems")


def test_advice_is_printed_below_that_there_are_no_problems(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    path = publication.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("items:\n  - ", "items:\n  - only_for: [nobodys]\n    ", 1))
    state, lines = _print(publication, _StatePrinter(), DraftState(name="2.10"), capsys)
    assert state.error is None
    assert lines[0].endswith("2.10: no problems")
    assert any("No reader has the tag nobodys. (The page says more.)" in line for line in lines[1:])


def test_problems_that_stop_a_send_alone_are_not_called_none(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    path = publication.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("the second half of May", "TODO the second half of May"))
    _, lines = _print(publication, _StatePrinter(), DraftState(name="2.10"), capsys)
    assert lines[0].endswith("2.10: 1 problem before it is sent")
    assert lines[1] == "    Before it is sent: 1 problem. (The page says more.)"


def test_a_state_that_is_still_being_rendered_is_not_printed(
    publication: Publication, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = publication.workspace
    state = refresh_state(workspace, workspace.drafts / "2.10.yaml", DraftState(name="2.10"))
    _StatePrinter().print_state(state, workspace)
    assert capsys.readouterr().out == ""
