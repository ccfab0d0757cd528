"""The benchmark of servers with limits: its page has every server, and sends to some deliver each reader once."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

RUN = ROOT / "benchmarks" / "limits" / "run.py"


def _run(*options: str) -> str:
    done = subprocess.run([sys.executable, str(RUN), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_every_server_of_the_benchmark() -> None:
    page = (ROOT / "docs" / "operators" / "sending.md").read_text(encoding="utf-8")
    table = page.partition("| the server | readers |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| (?!---)([^|]+) \|", table, re.MULTILINE)
    assert named == [line[24:].strip() for line in _run("--list").splitlines()]


@pytest.mark.slow  # two sends of a few seconds
def test_sessions_that_are_used_up_and_connections_too_many_cost_nobody_an_issue(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    _run("--quick", "--jobs", "2", "--only", "session,connections", "--json", str(found))
    rows = {row["name"]: row for row in json.loads(found.read_text(encoding="utf-8"))["rows"]}
    assert {name: (row["delivered"], row["wrong"]) for name, row in rows.items()} == {
        "session": (1_500, ""),
        "connections": (400, ""),
    }
    # Thirty sessions of fifty messages carry them: that they end is learned from the first ten at the latest.
    assert rows["session"]["refusals"] < 20
    assert rows["session"]["again"] <= 10
    assert rows["connections"]["again"] <= 10
