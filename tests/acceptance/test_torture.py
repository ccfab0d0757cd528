"""The short version of `make torture`, which tries each way of failing: two of them, and some on PostgreSQL."""

from pathlib import Path

import pytest
from postgres import Postgres
from torture.kinds import KINDS, plan
from torture.trial import try_out
from torture.verdict import faults_of

READERS = 60


def seed_of(kind: str) -> int:
    return list(KINDS).index(kind)


@pytest.mark.parametrize("kind", ["killed after a commit", "several at once"])
def test_nobody_gets_two_copies_and_nobody_is_lost(kind: str, tmp_path: Path) -> None:
    trial = try_out(plan(seed_of(kind), READERS), tmp_path / "digest")
    assert "\n".join(faults_of(trial)) == ""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("killed at a reply", marks=pytest.mark.slow),
        pytest.param("killed after a commit", marks=pytest.mark.slow),
        pytest.param("disk full", marks=pytest.mark.slow),
        pytest.param("database locked", marks=pytest.mark.slow),
        pytest.param("overtaken while it stood still", marks=pytest.mark.slow),
        pytest.param("overtaken by a wrong clock", marks=pytest.mark.slow),
    ],
)
def test_nor_with_the_state_in_postgresql(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    trial = try_out(plan(seed_of(kind), READERS, sqlite=False), tmp_path / "digest", postgres.url("postgres"))
    assert "\n".join(faults_of(trial)) == ""
