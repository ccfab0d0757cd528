"""What the program is made of: looked at, and told, without a network."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from browser import needed
from conftest import ROOT
from packaging.utils import canonicalize_name

sys.path.insert(0, str(ROOT / "tools"))
import audit

HERE = {canonicalize_name(one.name): one for one in distributions()}


def _audit(*args: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "tools/audit.py", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_installed_is_pinned_fits_together_and_may_be_handed_on() -> None:
    names = audit.needed(HERE, [audit.PROGRAM])
    assert {"jinja2", "typst", "lxml", "psycopg-binary"} <= names
    assert not {"pytest", "mypy", "hatchling"} & names, "no user of the program installs these"
    everything = audit.needed(HERE, [audit.PROGRAM, "pytest"])
    assert [*audit.unfit(HERE, everything), *audit.unpinned(HERE, everything), *audit.unlicensed(HERE, names)] == []


def test_an_exception_for_a_licence_is_one_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = dict(audit.EXCEPTIONS)
    monkeypatch.setattr(audit, "EXCEPTIONS", {})
    refused = {told.split()[0] for told in audit.unlicensed(HERE, audit.needed(HERE, [audit.PROGRAM]))}
    assert refused == set(exceptions)


def test_what_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").write_text("jinja2==1.0\n")
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    assert list(audit.unpinned(HERE, {"jinja2", "click"})) == [
        f"click {version('click')} is not pinned in constraints.txt",
        f"jinja2 {version('jinja2')} is installed, and 1.0 is pinned",
    ]
    without = {name: one for name, one in HERE.items() if name != "markupsafe"}
    (fault,) = audit.unfit(without, {"jinja2"})
    assert fault.startswith("jinja2 wants MarkupSafe")


@pytest.mark.parametrize(
    ("affected", "is_affected"),
    [
        ({"versions": ["2.0", "2.1"]}, True),
        ({"versions": ["1.9"]}, False),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}, True),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}]}, False),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10"}]}]}, True),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.2"}]}]}, False),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"last_affected": "2.1"}]}]}, True),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"last_affected": "2.0"}]}]}, False),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"fixed": "2"}]}]}, False),
        (
            {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1"}, {"introduced": "2"}]}]},
            True,
        ),
        (
            {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2"}, {"introduced": "0"}, {"fixed": "1.5"}]}]},
            True,
        ),
        (
            {"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.1"}, {"introduced": "0"}]}]},
            False,
        ),
        (
            {"ranges": [{"type": "ECOSYSTEM", "events": [{"last_affected": "2.1"}, {"introduced": "2.1"}]}]},
            True,
        ),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "no version"}]}]}, True),
        ({"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_which_versions_an_advisory_is_about(affected: dict[str, Any], is_affected: bool) -> None:
    assert audit.is_affected("2.1", affected) is is_affected


@pytest.mark.parametrize("form", ["zip", "folder", "file"])
def test_a_database_of_advisories_is_looked_through(tmp_path: Path, form: str) -> None:
    record = {
        "id": "EXAMPLE-1",
        "summary": "Everything is broken",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "versions": [version("jinja2")]}],
    }
    elsewhere = {"package": {"ecosystem": "npm", "name": "jinja2"}, "versions": [version("jinja2")]}
    others = [
        {**record, "id": "EXAMPLE-2", "withdrawn": "2026-01-01T00:00:00Z"},
        {**record, "id": "EXAMPLE-3", "affected": [elsewhere]},
    ]
    for one in (record, *others):
        (tmp_path / f"{one['id']}.json").write_text(json.dumps(one))
    path = tmp_path if form == "folder" else tmp_path / "EXAMPLE-1.json"
    if form == "zip":
        path = tmp_path / "all.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for one in (record, *others):
                archive.writestr(f"{one['id']}.json", json.dumps(one))
    found = list(audit.vulnerable(HERE, {"jinja2"}, list(audit.osv_records(path))))
    assert found == [f"jinja2 {version('jinja2')}: EXAMPLE-1: Everything is broken"]


@pytest.mark.parametrize("form", ["folder", "zip", "list"])
def test_a_database_without_an_advisory_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    path = tmp_path / "advisories"
    if form == "folder":
        path.mkdir()
    elif form == "zip":
        with zipfile.ZipFile(path, "w"):
            pass
    else:
        path.write_text("[]")
    monkeypatch.setattr(sys, "argv", ["audit.py", "--advisories", str(path)])
    with pytest.raises(SystemExit) as ended:
        audit.main()
    assert ended.value.code == 1
    assert f"PROBLEM: no advisory is in {path}" in capsys.readouterr().out


@pytest.mark.slow
def test_the_audit_says_what_it_does_not_know(tmp_path: Path) -> None:
    done = _audit()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Known vulnerabilities were not looked up" in done.stdout
    (tmp_path / "one.json").write_text('{"id": "EXAMPLE-1", "affected": []}')
    assert "1 advisories were looked through." in _audit("--advisories", tmp_path).stdout


@pytest.mark.slow
def test_the_bill_of_materials_is_the_program_s_and_the_same_each_time() -> None:
    needed("cyclonedx-bom (make sbom)", find_spec("cyclonedx_py") is not None)
    path, made = ROOT / "build/sbom.cdx.json", []
    for _ in range(2):
        subprocess.run([sys.executable, ROOT / "tools/sbom.py"], check=True, capture_output=True)
        made.append(path.read_text())
    assert made[0] == made[1]
    document = json.loads(made[0])
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "newsletter-press")
    names = audit.needed(HERE, [audit.PROGRAM]) - {audit.PROGRAM}
    assert {canonicalize_name(one["name"]) for one in document["components"]} - {audit.PROGRAM} == names
    assert all(one["licenses"] and one["version"] for one in document["components"])
    assert str(ROOT) not in made[0]
    assert "externalReferences" not in made[0]
