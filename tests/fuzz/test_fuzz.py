"""Fuzzing: what it has found stays mended, and some thousand further inputs each time find nothing new."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from browser import needed

sys.path.insert(0, str(Path(__file__).parent))
from targets import HERE, TARGETS, seeds

SEEDS = [(target, path) for target in TARGETS for path in sorted(seeds(target).iterdir())]
RUNS = 3_000


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_known_holds(target: str) -> None:
    known = [path for name, path in SEEDS if name == target]
    assert known
    for path in known:
        TARGETS[target](path.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_some_thousand_inputs_that_reach_new_code_break_nothing(target: str, tmp_path: Path) -> None:
    needed("atheris (pip install --group fuzz)", find_spec("atheris") is not None)
    command = [sys.executable, HERE / "run.py", target, "--runs", str(RUNS), "--found", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert f"Done {RUNS} runs" in done.stderr
    reached = [int(count) for count in re.findall(r" cov: (\d+) ", done.stderr)]
    assert reached[-1] > 30, "it has to see the code that it runs"
