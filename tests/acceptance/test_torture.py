"""The short version of `make torture`: ways of failing once each, on a shorter list, and some on PostgreSQL too."""

from pathlib import Path

import pytest
from postgres import Postgres
from torture.kinds import KINDS, plan
from torture.trial import try_out
from torture.verdict import faults_of

READERS = 60


def seed_of(kind: str, number: int = 0) -> int:
    return number * len(KINDS) + list(KINDS).index(kind)


# A kind, and which of its scenarios: some are about another stage of the dialogue each.
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("killed at a reply", 0, marks=pytest.mark.slow),
        pytest.param("killed before a commit", 0, marks=pytest.mark.slow),
        ("killed after a commit", 0),
        pytest.param("killed at a write", 1, marks=pytest.mark.slow),
        pytest.param("asked to stop", 0, marks=pytest.mark.slow),
        pytest.param("asked to stop twice", 0, marks=pytest.mark.slow),
        pytest.param("connections dropped", 0, marks=pytest.mark.slow),
        pytest.param("half a reply", 6, marks=pytest.mark.slow),
        pytest.param("4xx", 4, marks=pytest.mark.slow),
        pytest.param("421", 6, marks=pytest.mark.slow),
        pytest.param("database full", 0, marks=pytest.mark.slow),
        pytest.param("disk full", 0, marks=pytest.mark.slow),
        pytest.param("database locked", 0, marks=pytest.mark.slow),
        pytest.param("server reads no more", 2, marks=pytest.mark.slow),
        pytest.param("server falls silent", 0, marks=pytest.mark.slow),
        pytest.param("deferred and tried again", 1, marks=pytest.mark.slow),
        ("several at once", 0),
        # Stopped at a reply and woken while the other sends; stopped before and after a commit.
        pytest.param("overtaken while it stood still", 1, marks=pytest.mark.slow),
        pytest.param("overtaken while it stood still", 0, marks=pytest.mark.slow),
        pytest.param("overtaken while it stood still", 2, marks=pytest.mark.slow),
        pytest.param("overtaken while it stood still", 5, marks=pytest.mark.slow),
        pytest.param("overtaken by a wrong clock", 1, marks=pytest.mark.slow),
        pytest.param("clock set", 0, marks=pytest.mark.slow),
        pytest.param("clock set", 1, marks=pytest.mark.slow),
    ],
)
def test_nobody_gets_two_copies_and_nobody_is_lost(kind: str, number: int, tmp_path: Path) -> None:
    trial = try_out(plan(seed_of(kind, number), READERS), tmp_path / "digest")
    assert "\n".join(faults_of(trial)) == ""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("killed at a reply", marks=pytest.mark.slow),
        pytest.param("killed after a commit", marks=pytest.mark.slow),
        pytest.param("disk full", marks=pytest.mark.slow),
        "database locked",
        pytest.param("overtaken while it stood still", marks=pytest.mark.slow),
        pytest.param("overtaken by a wrong clock", marks=pytest.mark.slow),
    ],
)
def test_nor_with_the_state_in_postgresql(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    trial = try_out(plan(seed_of(kind), READERS, sqlite=False), tmp_path / "digest", postgres.url("postgres"))
    assert "\n".join(faults_of(trial)) == ""
