"""The short version of `make torture`: each way of failing once, on a shorter list, and some on PostgreSQL too."""

from pathlib import Path

import pytest
from postgres import Postgres
from torture.scenarios import KINDS, plan
from torture.trial import try_out
from torture.verdict import faults_of

READERS = 60
# Which of a kind's scenarios; the others take their first. Theirs are about a stage of the dialogue each.
ROUNDS = {"half a reply": 6, "4xx": 4, "5xx": 5, "421": 6, "no reply at all but noise": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_gets_two_copies_and_nobody_is_lost(kind: str, tmp_path: Path) -> None:
    seed = ROUNDS.get(kind, 0) * len(KINDS) + list(KINDS).index(kind)
    assert "\n".join(faults_of(try_out(plan(seed, READERS), tmp_path / "digest"))) == ""


@pytest.mark.parametrize(
    "kind", ["killed at a reply", "killed after a commit", "disk full", "database locked", "several at once"]
)
def test_nor_with_the_state_in_postgresql(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    scenario = plan(list(KINDS).index(kind), READERS, sqlite=False)
    assert "\n".join(faults_of(try_out(scenario, tmp_path / "digest", postgres.url("postgres")))) == ""
