"""The carried state: one machine at a time has it, each push is on top of the last, and nobody else can write it."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from conftest import Publication, copy_sample

from newsletter.carried_state import carried_state, state_files, state_taking
from newsletter.carried_state.branch_commits import make_branch, make_seal, push_state
from newsletter.carried_state.carried_state import CarriedState, HoldLost
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.state_branch import BRANCH, NotOnTop
from newsletter.carried_state.state_taking import HeldElsewhere, begin_carrying, take_state
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError
from newsletter.store import open_store
from newsletter.workspace import Workspace

IDENTITY = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip
Clone = Callable[[str], Workspace]


def _git(folder: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", *args], cwd=folder, env={**os.environ, **IDENTITY}, text=True, capture_output=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Return a bare repository with a publication's workspace in it."""
    first: Publication = copy_sample(tmp_path / "first")
    with (first.root / "newsletter.toml").open("a") as file:
        file.write('\n[ci]\nstate = "branch"\n')
    (first.root / ".gitignore").write_text(".newsletter/\nbuild/\nsubscribers.csv\n")
    bare = tmp_path / "remote.git"
    _git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    _git(first.root, "init", "--quiet", "--initial-branch=main")
    _git(first.root, "add", "--all")
    _git(first.root, "commit", "--quiet", "--message", "Begin")
    _git(first.root, "push", "--quiet", str(bare), "main")
    return bare


@pytest.fixture
def clone(remote: Path, tmp_path: Path) -> Clone:
    """Return clones of the remote, each a machine with its own folder and the same identity."""
    identity = str(pyrage.x25519.Identity.generate())

    def make(name: str) -> Workspace:
        folder = tmp_path / name
        if not folder.exists():
            _git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote}", str(folder))
        return Workspace(folder, {"NEWSLETTER_CI__AGE_IDENTITY": identity})

    return make


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for minutes, nor a remote be tried for half a minute."""
    monkeypatch.setattr(state_taking, "_LOOK_S", 0.05)
    monkeypatch.setattr("newsletter.carried_state.state_branch._PAUSES_S", (0.01,))


def _fill(workspace: Workspace, rows: int = 3) -> None:
    """Write something into the workspace's state."""
    database = workspace.database
    assert isinstance(database, Path)
    open_store(database).close()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS told (number INTEGER PRIMARY KEY, words TEXT)")
        connection.executemany("INSERT INTO told (words) VALUES (?)", [(f"{number:0100}",) for number in range(rows)])
        connection.commit()


def _count(workspace: Workspace) -> int:
    database = workspace.database
    assert isinstance(database, Path)
    with closing(sqlite3.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM told").fetchone()
        return int(count)


def _tip(remote: Path) -> str:
    return _git(remote, "rev-parse", f"refs/heads/{BRANCH}")


def _begin(workspace: Workspace) -> None:
    begin_carrying(workspace, lambda _has_state: True)


def test_a_state_goes_from_machine_to_machine(clone: Clone, remote: Path) -> None:
    laptop, runner = clone("laptop"), clone("runner")
    _fill(laptop)
    assert begin_carrying(laptop, lambda has_state: has_state) is True
    assert not (laptop.root / ".newsletter/state.db").exists()
    assert list((laptop.root / ".newsletter").glob("state.db.before-branch*"))
    held = take_state(runner)
    assert _count(runner) == 3
    _fill(runner, 2)
    held.publish()
    held.give_back()
    assert not (runner.root / ".newsletter/state.db").exists()
    take_state(laptop)
    assert _count(laptop) == 5
    assert (laptop.root / ".newsletter/state.db").stat().st_mode & 0o077 == 0


def test_nothing_of_it_can_be_read_without_the_identity(clone: Clone, remote: Path) -> None:
    laptop = clone("laptop")
    _fill(laptop)
    _begin(laptop)
    names = _git(remote, "ls-tree", "--name-only", BRANCH).split()
    assert names == ["README.md", "state.json", "state.tar.gz.age"]
    whole = subprocess.run(
        ["git", "cat-file", "blob", f"{BRANCH}:state.tar.gz.age"], cwd=remote, capture_output=True, check=True
    ).stdout
    assert whole.startswith(b"age-encryption.org/v1")
    other = Workspace(laptop.root, {"NEWSLETTER_CI__AGE_IDENTITY": str(pyrage.x25519.Identity.generate())})
    with pytest.raises(DeliveryError, match="not written by a holder of the same identity"):
        take_state(other)
    with pytest.raises(ConfigError, match="NEWSLETTER_CI__AGE_IDENTITY is not set"):
        take_state(Workspace(laptop.root, {}))


def test_two_who_take_it_at_once_are_one(clone: Clone, remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = clone("one"), clone("two")
    _begin(one)
    monkeypatch.setattr(carried_state, "RENEW_S", 0.05)
    with take_state(one).renewing(), pytest.raises(HeldElsewhere):
        take_state(two)
    # Also where both have seen the branch before either pushed.
    seal, branch, before = make_seal(two), make_branch(two), _git(remote, "rev-parse", f"{BRANCH}~1")
    tip = _tip(remote)
    with pytest.raises(NotOnTop):
        push_state(branch, Manifest(holder="two", until=datetime.now(UTC)), {}, {}, seal, before, "Mine")
    assert _tip(remote) == tip


def test_a_dead_machines_hold_ends_and_the_next_goes_on(
    clone: Clone, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = clone("one"), clone("two")
    _begin(one)
    monkeypatch.setattr(carried_state, "HOLD_S", 4.0)  # long enough to publish on a busy machine
    dead = take_state(one)
    _fill(one, 7)
    dead.publish()
    waited: list[float] = []
    alive = take_state(two, on_wait=lambda _held, left: waited.append(left))
    assert len(waited) == 1
    assert 0 < waited[0] <= 4.0
    assert _count(two) == 7
    # It was only asleep: what it pushes is on top of nothing any more, and it knows.
    with pytest.raises(HoldLost):
        dead.publish()
    assert not dead.is_held
    assert alive.is_held
    alive.give_back()


def test_who_was_killed_goes_on_with_what_lies_here_if_nobody_had_it_since(clone: Clone) -> None:
    one, two = clone("one"), clone("two")
    _begin(one)
    take_state(one)
    _fill(one, 2)  # and nothing of it was pushed when the machine went down
    again = take_state(one)
    assert _count(one) == 2
    again.give_back()
    take_state(two)
    assert _count(two) == 2


def test_what_a_killed_one_left_is_set_aside_if_another_had_it_since(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = clone("one"), clone("two")
    _begin(one)
    monkeypatch.setattr(carried_state, "HOLD_S", 0.3)
    take_state(one)
    _fill(one, 2)
    (one.root / ".newsletter/flight-0123").write_bytes(b"of a worker that was here")
    other = take_state(two)
    _fill(two, 5)
    other.give_back()
    take_state(one)
    assert _count(one) == 5
    assert list((one.root / ".newsletter").glob("state.db.left*"))
    assert not (one.root / ".newsletter/flight-0123").exists()


@pytest.mark.slow
def test_few_changes_are_few_bytes_and_many_are_written_whole_again(
    clone: Clone, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_files, "_MOST_CHANGES", 5)
    one = clone("one")
    _fill(one, 5000)
    _begin(one)
    held = take_state(one)
    sizes = []
    for _ in range(3):
        _fill(one, 20)
        held.publish()
        listed = _git(remote, "ls-tree", "-l", BRANCH).splitlines()
        sizes.append({line.split()[4]: int(line.split()[3]) for line in listed})
    assert [len(names) for names in sizes] == [4, 5, 6]
    assert all(size < 8000 for name, size in sizes[-1].items() if name.startswith("changes-"))
    assert sizes[-1]["state.tar.gz.age"] > 20_000
    for _ in range(4):
        _fill(one, 1)
        held.publish()
    assert len(_git(remote, "ls-tree", "--name-only", BRANCH).split()) == 4
    held.give_back()
    other = clone("other")
    take_state(other)
    assert _count(other) == 5000 + 60 + 4


@pytest.mark.slow
def test_a_hold_is_renewed_while_anything_goes_on(clone: Clone, remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = clone("one")
    _begin(one)
    monkeypatch.setattr(carried_state, "RENEW_S", 0.05)
    held = take_state(one)
    before = int(_git(remote, "rev-list", "--count", BRANCH))
    with held.renewing():
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while int(_git(remote, "rev-list", "--count", BRANCH)) < before + 2 and datetime.now(UTC) < deadline:
            pass
    assert int(_git(remote, "rev-list", "--count", BRANCH)) >= before + 2
    assert held.is_held


def test_a_forged_state_is_refused(clone: Clone, remote: Path, tmp_path: Path) -> None:
    """Who may push, and knows for whom the state is encrypted, can write one; and it is not believed."""
    one = clone("one")
    _fill(one)
    _begin(one)
    mine = str(pyrage.x25519.Identity.generate())
    forger = Workspace(clone("forger").root, {"NEWSLETTER_CI__AGE_IDENTITY": mine})
    seal, branch = make_seal(forger), make_branch(forger)
    tip = _tip(remote)
    branch.fetch(tip)
    blobs = branch.list_files(tip)
    push_state(branch, Manifest(), blobs, {}, seal, tip, "Mine")
    with pytest.raises(DeliveryError, match="not written by a holder of the same identity"):
        take_state(one)


@pytest.mark.parametrize("name", ["state.tar.gz.age", "state.json"])
def test_a_file_that_was_changed_is_refused(clone: Clone, remote: Path, tmp_path: Path, name: str) -> None:
    one = clone("one")
    _fill(one)
    _begin(one)
    work = tmp_path / "work"
    _git(tmp_path, "clone", "--quiet", "--branch", BRANCH, str(remote), str(work))
    path = work / name
    path.write_bytes(path.read_bytes().replace(b"a", b"b", 1))
    _git(work, "commit", "--quiet", "--all", "--message", "Change")
    _git(work, "push", "--quiet")
    with pytest.raises(DeliveryError, match="can't be used"):
        take_state(one)
    assert not (one.root / ".newsletter/state.db").exists()


def test_a_state_is_never_begun_in_silence(clone: Clone, remote: Path) -> None:
    one = clone("one")
    with pytest.raises(DecisionNeeded, match="the remote has no branch newsletter-state"):
        take_state(one)
    assert begin_carrying(one, lambda _has_state: False) is False
    with pytest.raises(DecisionNeeded, match="no branch"):
        take_state(one)
    _begin(one)
    with pytest.raises(DecisionNeeded, match="already"):
        _begin(clone("two"))


def test_a_remote_out_of_reach_is_no_empty_one(clone: Clone, remote: Path) -> None:
    one = clone("one")
    _begin(one)
    shutil.move(remote, remote.with_name("elsewhere"))
    with pytest.raises(DeliveryError, match="The state is not reachable"):
        take_state(one)


def test_another_state_is_not_written_over(clone: Clone) -> None:
    one, two = clone("one"), clone("two")
    _begin(one)
    _fill(two)
    with pytest.raises(DecisionNeeded, match="another one is carried"):
        take_state(two)
    assert _count(two) == 3


def test_who_does_not_hold_it_can_not_open_it(clone: Clone) -> None:
    one = clone("one")
    _begin(one)
    with pytest.raises(DecisionNeeded, match="does not hold it"):
        CarriedState.open(one)
    take_state(one)
    held = CarriedState.open(one)
    assert held.is_held
    held.give_back()
    with pytest.raises(DecisionNeeded, match="does not hold it"):
        CarriedState.open(one)


def test_the_keys_go_along(clone: Clone) -> None:
    one, two = clone("one"), clone("two")
    _fill(one)
    (one.root / ".newsletter/keys.toml").write_text("# keys\n")
    _begin(one)
    take_state(two)
    keys = two.root / ".newsletter/keys.toml"
    assert keys.read_text() == "# keys\n"
    assert keys.stat().st_mode & 0o077 == 0


def test_no_hook_runs_and_no_address_of_a_reader_is_on_the_branch(clone: Clone, remote: Path, tmp_path: Path) -> None:
    one, ran = clone("one"), tmp_path / "ran"
    for hook in ("pre-push", "post-commit", "reference-transaction"):
        path = one.root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {ran}\n")
        path.chmod(0o755)
    _fill(one)
    _begin(one)
    take_state(one).give_back()
    assert not ran.exists()
