"""The wheel works where the checkout is not: a fresh environment, another folder."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from wheel import build_wheel, install_wheel


def test_it_carries_what_the_program_needs() -> None:
    names = set(zipfile.ZipFile(build_wheel()).namelist())
    assert {
        "newsletter/py.typed", "newsletter/translation/catalogues/de.po",
        "newsletter/translation/catalogues/newsletter.pot",
        "newsletter/templates/email.mjml.j2", "newsletter/templates/email.css",
        "newsletter/templates/email.txt.j2", "newsletter/templates/edition.typ", "newsletter/sample/newsletter.toml",
        "newsletter/sample/subscribers.example.csv", "newsletter/sample/words.txt",
        "newsletter/sample/drafts/2.10.yaml", "newsletter/sample/drafts/2.10-lead.jpg",
    } <= names  # fmt: skip
    assert {
        f"newsletter/web/preview/page/{path.name}" for path in (ROOT / "newsletter/web/preview/page").iterdir()
    } <= names
    assert not any(name.startswith(("tests/", "drafts/", "templates/")) for name in names)
    assert not any(name.endswith("subscribers.csv") for name in names)


@pytest.mark.slow
def test_it_builds_an_issue_from_another_folder(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    install_wheel(environment)
    target = next((environment / "lib").iterdir()) / "site-packages"
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COV")}

    def run(*args: str) -> str:
        done = subprocess.run(
            [environment / "bin/newsletter", *args], cwd=tmp_path / "work", capture_output=True,
            text=True, check=False, env={**variables, "PYTHONPATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "work").mkdir()
    place = subprocess.run(
        [environment / "bin/python", "-c", "import newsletter; print(newsletter.__file__)"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert place.stdout.startswith(str(target))
    run("init", ".")
    assert "1.1.pdf" in run("export", "all")
    assert "25 accepted" in run("demo")
