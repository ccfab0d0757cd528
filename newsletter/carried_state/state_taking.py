"""The taking of a carried state by one machine, once no other one holds it; and the beginning of one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from time import monotonic, sleep

from filelock import FileLock, Timeout

from newsletter.carried_state import carried_state
from newsletter.carried_state.branch_commits import (
    find_run,
    make_branch,
    make_seal,
    push_state,
    read_branch_manifest,
    read_branch_state,
)
from newsletter.carried_state.carried_state import CarriedState
from newsletter.carried_state.hold import Hold, read_hold, write_hold
from newsletter.carried_state.local_state import (
    keep_image,
    place_state,
    read_local_state,
    refuse_other_state,
    remove_local_state,
)
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.sealing import Seal
from newsletter.carried_state.state_branch import BRANCH, NotOnTop, StateBranch
from newsletter.carried_state.state_files import add_state
from newsletter.errors import DecisionNeeded, DeliveryError
from newsletter.files import make_private_folder
from newsletter.workspace import Workspace

_LOOK_S = 5.0


class HeldElsewhere(DeliveryError):
    """A carried state that another machine holds and goes on to hold."""


def take_state(
    workspace: Workspace,
    seconds: float | None = None,
    on_wait: Callable[[Manifest, float], None] = lambda _held, _left: None,
) -> CarriedState:
    """Take the carried state into this machine's hands, and put it where the state is.

    Where another machine holds it that does not go on, as one that was killed, this waits until that hold has run out;
    `on_wait` is told by whom it is held and how many seconds that may take. Raises HeldElsewhere for one that goes on,
    DecisionNeeded where there is no carried state or another state is here already, and DeliveryError.
    """
    seal, branch = make_seal(workspace), make_branch(workspace)
    seconds = carried_state.HOLD_S if seconds is None else seconds
    noted = read_hold(workspace.state_folder)
    commit, manifest = _wait_until_free(branch, seal, noted, on_wait)
    blobs = branch.list_files(commit)
    is_mine = noted is not None and noted.commit == commit  # it was left here, and nobody has had it since
    if noted is None:
        refuse_other_state(workspace, BRANCH)
    holder, until = token_hex(8), datetime.now(UTC) + timedelta(seconds=seconds)
    taken = manifest.held_by(holder, until, find_run())
    try:
        taken_by, blobs = push_state(branch, taken, blobs, {}, seal, commit, "The state is taken")
    except NotOnTop as error:
        raise _make_held_error(manifest) from error
    if is_mine and noted is not None:
        image = noted.image
    else:
        state = read_branch_state(branch, blobs, taken, seal)
        place_state(workspace, state)
        image = keep_image(workspace, state)
    hold = Hold(holder=holder, until=until, commit=taken_by, files=taken.files, image=image)
    write_hold(workspace.state_folder, hold)
    return CarriedState(workspace, seal, branch, hold)


def look_at_manifest(workspace: Workspace) -> Manifest:
    """Return the manifest as the branch has it now, without taking the state. Raises as `take_state` does."""
    return _read_tip(make_branch(workspace), make_seal(workspace))[1]


def begin_carrying(workspace: Workspace, confirm: Callable[[bool], bool]) -> bool:
    """Put the state of this machine on a new branch of the remote; return whether there was one, or it begins empty.

    `confirm` is told which, and aborts. What was here is set aside. Raises DecisionNeeded where the remote has the
    branch already.
    """
    seal, branch = make_seal(workspace), make_branch(workspace)
    if branch.find_tip() is not None:
        raise _make_there_error()
    state = read_local_state(workspace)
    if not confirm(bool(state.database)):
        return False
    files, new = add_state((), None, state, seal)
    try:
        push_state(branch, Manifest(files=files), {}, new, seal, None, "A state begins")
    except NotOnTop as error:
        raise _make_there_error() from error
    remove_local_state(workspace, keep_as="before-branch")
    return bool(state.database)


@contextmanager
def hold_alone(workspace: Workspace) -> Iterator[None]:
    """Let no other process of this folder take or give the state meanwhile. Raises DeliveryError."""
    folder = workspace.state_folder
    make_private_folder(folder)
    lock = FileLock(folder / "carried.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DeliveryError(
            "Another process of this folder has the carried state in hand.", next_step="Wait until it has ended."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _wait_until_free(
    branch: StateBranch, seal: Seal, noted: Hold | None, on_wait: Callable[[Manifest, float], None]
) -> tuple[str, Manifest]:
    """Return the branch's commit and its manifest, once nobody holds the state. Raises HeldElsewhere."""
    seen: str | None = None
    latest = monotonic() + carried_state.HOLD_S + _LOOK_S
    while True:
        commit, manifest = _read_tip(branch, seal)
        now = datetime.now(UTC)
        if not manifest.is_held(now) or (noted is not None and noted.holder == manifest.holder):
            return commit, manifest
        left = ((manifest.until or now) - now).total_seconds()
        if (seen is not None and seen != commit) or left > carried_state.HOLD_S + _LOOK_S or monotonic() > latest:
            raise _make_held_error(manifest)
        if seen is None:
            on_wait(manifest, left)
        seen = commit
        sleep(min(_LOOK_S, left + 0.1))


def _read_tip(branch: StateBranch, seal: Seal) -> tuple[str, Manifest]:
    """Return the branch's commit and its manifest."""
    commit = branch.find_tip()
    if commit is None:
        raise DecisionNeeded(
            f"The state is not reachable: the remote has no branch {BRANCH}.",
            next_step="If nothing has been sent yet, or the state is on this machine: newsletter state "
            "init-branch\nIf there was such a branch, find out who has removed it: without the state readers would "
            "be mailed twice.",
        )
    branch.fetch(commit)
    return commit, read_branch_manifest(branch, branch.list_files(commit), seal)


def _make_held_error(manifest: Manifest) -> HeldElsewhere:
    where = f" ({manifest.run})" if manifest.run else ""
    until = f", until {manifest.until:%H:%M:%S} UTC unless it goes on" if manifest.until else ""
    return HeldElsewhere(
        f"Another machine holds the state{where}{until}.", next_step="Run this again when that has ended."
    )


def _make_there_error() -> DecisionNeeded:
    return DecisionNeeded(
        f"The remote has a branch {BRANCH} already, with a state.",
        next_step="newsletter state take     takes the state that is there",
    )
