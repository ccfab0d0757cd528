"""[words] in newsletter.toml: texts of the publication's own, by the English ones that they stand for."""

import subprocess
import sys
from pathlib import Path

import pytest
from configuring import load_with
from conftest import ROOT, Publication

from newsletter.config import load_config
from newsletter.errors import ConfigError


def test_words_are_read(tmp_path: Path) -> None:
    config = load_with(tmp_path, "words", '"Page {number} of {count}"', '"S. {number}/{count}"')
    assert config.words == {"Page {number} of {count}": "S. {number}/{count}"}
    assert config.translator.translate("Page {number} of {count}", number=1, count=2) == "S. 1/2"


@pytest.mark.parametrize(
    ("key", "value", "message", "step"),
    [
        ("details", "x", "'details' is none of the texts that readers see", "Did you mean 'Details'?"),
        ("Detials", "x", "'Detials' is none of the texts that readers see", "Did you mean 'Details'?"),
        ("Kontakt", "x", "'Kontakt' is none of the texts that readers see", "docs/editors/language.md lists them."),
        ("Read at {place}", "Lies", "'Lies' has to hold {place}, as 'Read at {place}' does, and nothing else in braces",
         "Write {place} where it is to be filled in."),
        ("Read at {place}", "{place} {ort}", "'{place} {ort}' has to hold {place}", "Write {place}"),
        ("Read at {place}", "{place.x}", "'{place.x}' has to hold {place}", "Write {place}"),
        ("Page {number} of {count}", "{number}", "'{number}' has to hold {number} and {count}", "Write {number} and"),
        ("Details", "a { b", "Details: 'a { b' holds a brace, and nothing is filled in here", "Take the braces out."),
        ("Details", "", "Details: this has to be one line of text", "Write something"),
        ("Details", "a\\u0007b", "Details: this has to be one line of text", "Write something"),
    ],
)  # fmt: skip
def test_a_word_that_can_t_be_used_has_its_line(tmp_path: Path, key: str, value: str, message: str, step: str) -> None:
    path = tmp_path / "newsletter.toml"
    text = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    path.write_text(f'{text}\n[words]\n"Headlines" = "Good"\n"{key}" = "{value}"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    (problem,) = refused.value.problems
    assert problem.line == len(path.read_text(encoding="utf-8").splitlines())
    assert problem.message.startswith(f"[words] {message}")
    assert problem.next_step.startswith(step)


def test_all_faults_are_told_at_once_and_a_literal_key_has_its_line_too(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    text = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    path.write_text(f"{text}\n[words]\n'Detail' = 'x'\nImages = 'y'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    last = len(path.read_text(encoding="utf-8").splitlines())
    assert [problem.line for problem in refused.value.problems] == [last - 1, last]


def test_a_publication_in_english_loads_no_catalogue(publication: Publication) -> None:
    code = (
        "import sys; from pathlib import Path; from newsletter.workspace import Workspace\n"
        "Workspace(Path('.'), {}).config.translator.translate('Details')\n"
        "print([name for name in sys.modules if name.startswith('babel')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=publication.root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
