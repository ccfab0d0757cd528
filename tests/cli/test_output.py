"""What commands print, in one form for people and in another for pipes: problems, tables, findings, errors."""

import json
import re
from pathlib import Path

import click
import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter import cli as command_line
from newsletter.checks.draft_report import Finding
from newsletter.cli import findings, output
from newsletter.errors import ConfigError, DecisionNeeded, DraftError, Problem


def _problem(message: str = "it is wrong", *, path: str = "a.yaml", line: int = 3, step: str = "Mend it.") -> Problem:
    return Problem(path=Path(path), line=line, column=2, code="wrong", message=message, next_step=step)


def test_a_problem_has_its_place_its_code_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_problems([_problem()])
    assert capsys.readouterr().out == "a.yaml:3:2: it is wrong  [wrong]\n    Mend it.\n"


def test_the_same_advice_is_printed_once_below_the_last_of_those_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_problems([_problem(line=1), _problem(line=2), _problem(line=3, step="Otherwise."), _problem(line=4)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines if line.startswith("    ")] == ["Mend it.", "Otherwise.", "Mend it."]
    assert lines.index("    Mend it.") == 2


def test_a_path_below_the_current_folder_is_written_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    output.show_problems([_problem(path=str(tmp_path / "drafts/2.10.yaml")), _problem(path="/elsewhere/x")])
    out = capsys.readouterr().out
    assert out.startswith("drafts/2.10.yaml:3:2: ")
    assert "\n/elsewhere/x:3:2: " in out


def test_a_folder_that_is_gone_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert output.shorten(Path("/somewhere/else")) == "/somewhere/else"


def test_an_error_says_cause_places_and_next_step_and_gives_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("The configuration has 1 problem.", problems=[_problem()], next_step="Look there.")
    assert output.show_error(error) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "The configuration has 1 problem.", "a.yaml:3:2: it is wrong  [wrong]", "    Mend it.", "Look there.",
    ]  # fmt: skip
    assert output.show_error(DecisionNeeded("Which one?", next_step="Say which.")) == 1


def test_a_fault_of_the_program_is_called_one_and_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.show_error(ZeroDivisionError("division by zero")) != 0
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "--debug" in shown


def test_debug_shows_the_traceback(publication: Publication) -> None:
    (publication.root / "newsletter.toml").write_text("[")
    plain = publication.run("draft", "check", "2.10")
    assert "Traceback" not in plain.stderr
    debugged = publication.run("--debug", "status")
    assert "Traceback" in debugged.stderr
    assert "ConfigError" in debugged.stderr


def test_a_piped_table_is_lines_of_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("A", "B"), [("1", "two words"), ("3", "")])
    assert capsys.readouterr().out == "A\tB\n1\ttwo words\n3\t\n"


@given(cells=st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_no_cell_of_a_piped_table_can_make_another_row_or_column(cells: list[tuple[str, str]]) -> None:
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        output.print_table(("A", "B"), cells)
    rows = stream.getvalue().split("\n")[:-1]
    assert len(rows) == len(cells) + 1
    assert all(row.count("\t") == 1 for row in rows)


@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_nothing_that_is_said_moves_the_cursor_or_hides_text(text: str) -> None:
    said = output.printable_lines(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
    assert said.count("\n") == text.count("\n")


def test_json_is_indented_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_as_json([{"a": 1}])
    assert json.loads(capsys.readouterr().out) == [{"a": 1}]


def test_long_lines_stay_whole_in_a_pipe_and_break_between_words_on_a_terminal(publication: Publication) -> None:
    publication.environ["COLUMNS"] = "50"
    words = "What became of each issue stays, under a name that is nobody's"
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    publication.run("keys", "new")
    publication.run("send", "2.10", "--yes")
    piped = publication.run("subscribers", "forget", "ada.okafor@example.org", stdin="n\n").stdout
    shown = publication.run_on_terminal("subscribers", "forget", "ada.okafor@example.org", typed="n\n").stdout
    assert words in piped
    assert words not in shown
    assert words in " ".join(shown.split())


def _findings() -> list[Finding]:
    return [
        Finding(_problem("100% wrong,\nreally", path="drafts/a,b:c.yaml")),
        Finding(_problem("only a word", line=0), note=True),
    ]


def test_problems_come_before_notes_which_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    findings.show_findings(reversed(_findings()))
    out = capsys.readouterr().out
    assert 0 < out.index("really") < out.index("note: only a word")


def test_findings_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    findings.print_json(_findings())
    problem, note = json.loads(capsys.readouterr().out)
    assert problem == {
        "kind": "problem", "path": "drafts/a,b:c.yaml", "line": 3, "column": 2, "code": "wrong",
        "message": "100% wrong,\nreally", "next_step": "Mend it.",
    }  # fmt: skip
    assert (note["kind"], note["line"]) == ("note", 0)


def test_annotations_for_github_escape_what_would_end_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    findings.print_annotations(_findings())
    assert capsys.readouterr().out.splitlines() == [
        "::error file=drafts/a%2Cb%3Ac.yaml,line=3,col=2,title=wrong::100%25 wrong,%0Areally. Mend it.",
        "::notice file=a.yaml,line=1,col=2,title=wrong::only a word. Mend it.",
    ]


def test_annotations_name_files_from_the_repository_that_holds_the_publication(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "newsletters/drafts").mkdir(parents=True)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "newsletters")
    findings.print_annotations([Finding(_problem(path="drafts/2.10.yaml"))])
    assert capsys.readouterr().out.startswith("::error file=newsletters/drafts/2.10.yaml,line=3")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (
            "2 readers wait. To send it: newsletter send 1.3",
            "2 readers wait. To send it: newsletter -P weekly send 1.3",
        ),
        ("Done?\n  `newsletter draft list` shows all.", "Done?\n  `newsletter -P weekly draft list` shows all."),
        ("newsletter draft new 1.3", "newsletter -P weekly draft new 1.3"),
        ("newsletter -P brief send 1.3", "newsletter -P brief send 1.3"),
        ("when `newsletter outbox run` is called", "when `newsletter outbox run` is called"),
        ("  Subject   Our newsletter report", "  Subject   Our newsletter report"),
        ("in another newsletter of yours", "in another newsletter of yours"),
    ],
)
def test_a_command_to_be_typed_names_the_publication_that_was_chosen(
    text: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with click.Context(command_line.cli) as context:
        context.params["publication"] = "weekly"
        output.say(text)
    output.say(text)
    assert capsys.readouterr().out == f"{printed}\n{text}\n"
    output.show_error(DraftError("No.", next_step=text), "weekly")
    assert capsys.readouterr().err == f"No.\n{printed}\n"


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (["-P", "weekly", "send"], "weekly"), (["send", "--publication=weekly"], "weekly"),
        (["send", "1.3"], None), ([], None), (["send", "--", "-P", "x"], None),
    ],
)  # fmt: skip
def test_the_publication_of_an_error_is_the_one_that_was_chosen(args: list[str], name: str | None) -> None:
    assert command_line._find_publication(args) == name
