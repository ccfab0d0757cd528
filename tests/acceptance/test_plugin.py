"""The example plug-in, installed as a stranger's package would be: found, tested, sent through, its mistakes named."""

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from conftest import ROOT, Publication

pytestmark = pytest.mark.slow

EXAMPLE = ROOT / "examples/newsletter-backend-spool"


@dataclass(frozen=True)
class Environment:
    """A fresh environment with the plug-in in it; all other packages are those of the tests' own."""

    python: Path
    source: Path

    def run(self, *args: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
        return subprocess.run(
            [self.python, *args], cwd=cwd, env={**variables, "NO_COLOR": "1", "COLUMNS": "120"}, text=True,
            capture_output=True, check=False, timeout=300,
        )  # fmt: skip


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("plug-in")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    venv.create(folder / "env", with_pip=False)
    site = next((folder / "env/lib").iterdir()) / "site-packages"
    outer = next(path for path in sys.path if path.endswith("site-packages"))
    # Also what is installed there as editable: the newsletter itself.
    (site / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")
    python = folder / "env/bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet",
         "--no-deps", "--no-index", "--no-build-isolation", source],
        check=True, capture_output=True,
    )  # fmt: skip
    return Environment(python, source)


def _choose_spool(publication: Publication, *settings: str) -> int:
    """Write it into newsletter.toml; returns the line of the first setting."""
    path = publication.root / "newsletter.toml"
    text = path.read_text().replace('backend = "smtp"', 'backend = "spool"') + "\n[spool]\n"
    path.write_text(text + "".join(f"{setting}\n" for setting in settings))
    return text.count("\n") + 1


def test_it_is_found_where_it_was_installed(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("-c", "import newsletter_backend_spool as s; print(s.__file__)", cwd=tmp_path)
    assert done.stdout.startswith(str(environment.python.parent.parent)), done.stderr


def test_its_own_tests_pass(environment: Environment) -> None:
    done = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=environment.source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_an_issue_goes_out_through_it(environment: Environment, publication: Publication) -> None:
    readers = publication.readers(30)
    _choose_spool(publication, 'folder = "outgoing"', "messages_per_second = 1000")
    done = environment.run("-m", "newsletter", "send", "2.10", "--yes", cwd=publication.root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Through   spool" in done.stdout
    stored = [
        BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        for path in publication.root.glob("outgoing/*/*.eml")
    ]
    assert sorted(message["To"].addresses[0].addr_spec for message in stored) == sorted(readers)
    entries = [
        json.loads(line)
        for index in publication.root.glob("outgoing/*/index.jsonl")
        for line in index.read_text().splitlines()
    ]
    assert sorted(entry["recipient"] for entry in entries) == sorted(readers)
    again = environment.run("-m", "newsletter", "send", "2.10", "--yes", cwd=publication.root)
    assert "sent already" in again.stdout
    assert len(list(publication.root.glob("outgoing/*/*.eml"))) == len(readers)


def test_a_spool_that_can_not_be_opened_stops_the_send_in_its_own_words(
    environment: Environment, publication: Publication
) -> None:
    _choose_spool(publication, 'folder = "newsletter.toml"')
    done = environment.run("-m", "newsletter", "send", "2.10", "--yes", cwd=publication.root)
    assert done.returncode == 1
    assert "can't be opened: " in done.stderr
    assert "Mend [spool] folder in newsletter.toml." in done.stderr
    assert "Traceback" not in done.stderr
    assert "25 pending" in done.stdout


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('foldr = "outgoing"', "Did you mean 'folder'?"),
        ("folder = 5", "'folder' should be a text"),
        ('folder = "outgoing"\nmessages_per_second = 0', "'messages_per_second'"),
    ],
)
def test_a_mistake_in_its_settings_is_named_with_its_line(
    environment: Environment, publication: Publication, setting: str, words: str
) -> None:
    line = _choose_spool(publication, setting) + setting.count("\n")
    done = environment.run("-m", "newsletter", "send", "2.10", "--yes", cwd=publication.root)
    assert done.returncode == 2
    assert f"newsletter.toml:{line}: [spool] " in done.stderr
    assert words in done.stderr
    assert not (publication.root / ".newsletter").exists()
