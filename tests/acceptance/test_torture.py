"""The short version of `make torture`, which tries each way of failing: two of them, and some on PostgreSQL."""

from pathlib import Path

import pytest
from postgres import Postgres
from torture.faults import Fault, Mood
from torture.kinds import KINDS, plan
from torture.scenarios import Scenario, Send
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


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("window", "mood"),
    [
        pytest.param(1, Mood(pipelining=False), id="one command at a time"),
        pytest.param(1, Mood(), id="pipelining"),
        pytest.param(16, Mood(chunking=True), id="windows"),
    ],
)
def test_after_a_kill_only_texts_on_the_wire_are_unknown(
    window: int, mood: Mood, store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    killed = Send(at_server=(Fault(stage="text", nth=100, act="kill"),))
    scenario = Scenario(
        seed=0, kind="killed at a reply", readers=200, mood=mood, sends=(killed, killed), window=window,
        chunking=mood.chunking,
    )  # fmt: skip
    database = request.getfixturevalue("postgres").url("postgres") if store == "postgresql" else None
    trial = try_out(scenario, tmp_path / "digest", database)
    assert "\n".join(faults_of(trial)) == ""
    assert [ended.status for ended in trial.ended[:1]] == [-9]
    # Twice as many were claimed. (What the server has seen of a window is fewer: the kernel drops its share of it.)
    kills = sum(ended.status == -9 for ended in trial.ended)
    assert list(trial.listed.values()).count("unknown") <= kills * trial.connections * window
    assert not list((tmp_path / "digest/.newsletter").glob("flight-*"))
