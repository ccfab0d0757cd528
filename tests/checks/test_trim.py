"""The script that trims caniemail.com's data, and the data as it stands."""

import json
import runpy
from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.checks.mail_clients import CLIENTS

SCRIPT = ROOT / "tools" / "trim_caniemail.py"
DATA = ROOT / "newsletter" / "checks" / "caniemail.json"


def _package(folder: Path, results: dict[str, str]) -> Path:
    (folder / "data").mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "caniemail", "version": "9.9.9"}))
    features = [
        {"slug": "html-b", "title": "B ", "stats": {"outlook": {"macos": results}}},
        {"slug": "css-a", "title": "A", "stats": {"hey": {"desktop-webmail": {"2020-01": "n #1"}, "ios": {}}}},
    ]
    data = {"last_update_date": "2030-01-02 03:04:05 +0000", "data": features}
    (folder / "data" / "caniemail.json").write_text(json.dumps(data))
    return folder


def test_the_newest_result_is_the_last(tmp_path: Path) -> None:
    package = _package(tmp_path, {"2011": "n", "2021-02": "y", "16.80": "a #2"})
    trimmed = runpy.run_path(str(SCRIPT))["trimmed"](package)
    assert json.loads(trimmed) == {
        "package": "caniemail",
        "version": "9.9.9",
        "date": "2030-01-02",
        "platforms": ["hey.desktop-webmail", "outlook.macos"],
        "features": {"css-a": {"title": "A", "results": "n-"}, "html-b": {"title": "B", "results": "-a"}},
    }


def test_a_new_kind_of_result_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="'z'"):
        runpy.run_path(str(SCRIPT))["trimmed"](_package(tmp_path, {"2011": "z"}))


def test_one_feature_stands_on_a_line() -> None:
    lines = DATA.read_text(encoding="utf-8").splitlines()
    data = json.loads("\n".join(lines))
    assert len([line for line in lines if line.startswith('    "')]) == len(data["features"])
    assert list(data["features"]) == sorted(data["features"])
    assert {len(feature["results"]) for feature in data["features"].values()} == {len(data["platforms"])}
    assert set(data["platforms"]) >= {platform for client in CLIENTS.values() for platform in client.platforms}
