"""The file newsletter.toml as a whole: what can't be read, what is missing, what does not belong into it."""

from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.config import find_setting, load_config
from newsletter.errors import ConfigError, Problem

SAMPLE = (ROOT / "newsletter.toml").read_text(encoding="utf-8")


def _refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[Problem]:
    path = folder / "newsletter.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    assert caught.value.exit_status == 2
    return list(caught.value.problems)


def test_a_file_that_is_gone_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "newsletter.toml", {})
    assert str(caught.value) == f"There is no file newsletter.toml in {tmp_path} any more."
    assert caught.value.next_step == "Put it back."


def test_a_folder_of_that_name_is_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").mkdir()
    with pytest.raises(ConfigError, match="There is no file"):
        load_config(tmp_path / "newsletter.toml", {})


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("[publication]\ntitle = A Digest\n", 2, 9, "this is not TOML: Invalid value"),
        ('[publication]\ntitle = "A Digest\nlanguage = "en"\n', 2, 18, "is never closed"),
        ("[publication\n", 1, 13, "this is not TOML"),
        ('[publication]\ntitle "A Digest"\n', 2, 7, "this is not TOML"),
        ('[publication]\ntitle = "A"\ntitle = "B"\n', 3, 12, "Cannot overwrite a value"),
    ],
)
def test_what_is_not_toml_has_its_place(tmp_path: Path, text: str, line: int, column: int, words: str) -> None:
    (problem,) = _refused(tmp_path, text)
    assert (problem.code, problem.line, problem.column) == ("toml", line, column)
    assert words in problem.message
    assert "the text in quotes" in problem.next_step


def test_a_file_that_is_nested_too_deep_is_refused_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    path.write_text(f"a = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(ConfigError, match="nested too deep"):
        load_config(path, {})


@pytest.mark.parametrize("table", ["publication", "sender", "list"])
def test_a_table_that_has_to_be_there_is_missed(tmp_path: Path, table: str) -> None:
    kept, within = [], ""
    for line in SAMPLE.splitlines():
        within = line.split("]")[0].strip("[") if line.startswith("[") else within
        if within != table:
            kept.append(line)
    (problem,) = _refused(tmp_path, "\n".join(kept))
    assert problem.code == "missing"
    assert problem.message == f"the table [{table}] is missing"


@pytest.mark.parametrize(
    ("table", "key"),
    [("publication", "title"), ("publication", "contact"), ("sender", "from"), ("sender", "postal_address"),
     ("list", "id"), ("list", "unsubscribe")],
)  # fmt: skip
def test_a_setting_that_has_to_be_there_is_missed_where_its_table_begins(tmp_path: Path, table: str, key: str) -> None:
    text = "\n".join(line for line in SAMPLE.splitlines() if not line.startswith(f"{key} ="))
    (problem,) = _refused(tmp_path, text)
    assert problem.message == f"[{table}] {key!r} is missing"
    assert problem.next_step == f"Add a line for {key!r}."
    assert text.splitlines()[problem.line - 1] == f"[{table}]"


@pytest.mark.parametrize(
    ("added", "written", "words", "step"),
    [
        ("[store]", 'password = "x"', "[store] holds a password", "~/.pgpass"),
        ("[inbox]", 'password = "x"', "[inbox] holds a password", "NEWSLETTER_INBOX__PASSWORD"),
        ("[smtp]", 'password = "x"', "[smtp] holds a password", "NEWSLETTER_SMTP__PASSWORD"),
        ("[dkim]", 'key = "x"', "[dkim] holds a private key", "make another"),
        ("[keys]", 'tokens = "x"', "[keys] holds the publication's secrets", "newsletter keys new"),
    ],
)
def test_a_secret_in_a_file_that_git_shares_is_refused(
    tmp_path: Path, added: str, written: str, words: str, step: str
) -> None:
    text = SAMPLE if added in SAMPLE.splitlines() else f"{SAMPLE}\n{added}\n"
    text = text.replace(f"\n{added}\n", f"\n{added}\n{written}\n")
    problem = next(problem for problem in _refused(tmp_path, text) if problem.code == "secret")
    assert words in problem.message
    assert step in problem.next_step
    assert text.splitlines()[problem.line - 1] in (written, added)


@pytest.mark.parametrize(
    ("written", "message", "step"),
    [
        ("[emial]", "[emial] is neither a table of this file nor an installed backend", "Did you mean 'email'?"),
        ("[mialdir]", "[mialdir] is neither a table", "Did you mean 'maildir'?"),
        (
            "[zebra]",
            "[zebra] is neither a table",
            "Known: approval, ci, dkim, email, inbox, keys, languages, layout, links, list, pdf",
        ),
    ],
)
def test_an_unknown_table_is_answered_with_the_nearest(tmp_path: Path, written: str, message: str, step: str) -> None:
    text = f"{SAMPLE}\n{written}\nx = 1\n"
    (problem,) = _refused(tmp_path, text)
    assert problem.code == "unknown-table"
    assert message in problem.message
    assert step in problem.next_step
    assert text.splitlines()[problem.line - 1] == written


def test_a_table_s_name_without_brackets_is_explained(tmp_path: Path) -> None:
    (problem,) = _refused(tmp_path, f'dkim = "s1"\n{SAMPLE}')
    assert problem.line == 1
    assert problem.message == "'dkim' is outside of every table"
    assert "write [dkim] on a line of its own" in problem.next_step


def test_problems_come_in_the_order_of_the_file_those_of_the_environment_first(tmp_path: Path) -> None:
    text = SAMPLE.replace('images = "attach"', 'images = "no"').replace("port = 587", "port = 0")
    found = _refused(tmp_path, text, {"NEWSLETTER_PDF__COLUMNS": "9"})
    assert [str(problem.path) for problem in found][:1] == ["environment variable NEWSLETTER_PDF__COLUMNS"]
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("PDF__COLUMNS", "two", "[pdf] 'columns' is 'two', which is not a whole number"),
        ("SEND__REFUSALS", "0", "[send] 'refusals' is 0"),
        ("SENDER__FROM", "", "[sender] from: '' is not a sender"),
        ("THEME__LINK", "#ffff00", "[theme] link: link #ffff00 on paper #ffffff is hard to read"),
        ("PDF__COLOMNS", "2", "[pdf] 'colomns' is not a known key"),
    ],
)
def test_a_wrong_variable_is_named_and_has_no_line(tmp_path: Path, variable: str, text: str, message: str) -> None:
    (problem,) = _refused(tmp_path, SAMPLE, {f"NEWSLETTER_{variable}": text})
    assert str(problem.path) == f"environment variable NEWSLETTER_{variable}"
    assert problem.line == 0
    assert message in problem.message
    assert problem.next_step


def test_variables_that_are_not_ours_or_name_no_setting_change_nothing() -> None:
    environ = {"PATH": "/bin", "NEWSLETTER_LOUD": "1", "NEWSLETTERS_PDF__COLUMNS": "9", "newsletter_pdf__columns": "9"}
    assert load_config(ROOT / "newsletter.toml", environ) == load_config(ROOT / "newsletter.toml", {})


def test_a_setting_is_found_by_its_line_or_by_that_of_its_table(tmp_path: Path) -> None:
    lines = SAMPLE.splitlines()
    path = ROOT / "newsletter.toml"
    assert lines[find_setting(path, "smtp", "port")[1] - 1] == "port = 587"
    assert lines[find_setting(path, "smtp", "helo")[1] - 1] == "[smtp]"
    assert find_setting(path, "dkim", "selector") == (path, 0)
    absent = tmp_path / "newsletter.toml"
    assert find_setting(absent, "smtp", "port") == (absent, 0)
