"""The state on the branch in this machine's hands: published slice by slice, and given back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Self

from newsletter.carried_state.branch_commits import find_run, make_branch, make_seal, push_state
from newsletter.carried_state.hold import Hold, read_hold, remove_hold, write_hold
from newsletter.carried_state.local_state import keep_image, read_image, read_local_state, remove_local_state
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.sealing import Seal
from newsletter.carried_state.state_branch import BRANCH, NotOnTop, StateBranch
from newsletter.carried_state.state_files import add_state
from newsletter.errors import DecisionNeeded, DeliveryError
from newsletter.lease_clock import LeaseClock
from newsletter.workspace import Workspace

HOLD_S = 300.0  # of a runner, which renews it much oftener
RENEW_S = 60.0
SLICE = 200  # readers claimed before a push
SLICE_S = 30.0  # or as many as leave within this time, where that is fewer


class HoldLost(DeliveryError):
    """The loss of the hold on the carried state: another machine has it by now, or it has run out."""


class CarriedState:
    """The carried state in this machine's hands. It may be published from several threads."""

    def __init__(self, workspace: Workspace, seal: Seal, branch: StateBranch, hold: Hold) -> None:
        self._workspace = workspace
        self._seal = seal
        self._branch = branch
        self._hold = hold
        self._blobs = dict(branch.list_files(hold.commit))
        self._published = read_image(workspace, hold.image)
        self._lock = threading.Lock()
        self._is_renewed = False
        self._lease = LeaseClock(max(0.0, (hold.until - datetime.now(UTC)).total_seconds()))
        self._lease.start(self._lease.read())

    @classmethod
    def open(cls, workspace: Workspace) -> Self:
        """Return the state that this machine has taken before. Raises DecisionNeeded where it holds none."""
        hold = read_hold(workspace.state_folder)
        if hold is None:
            raise DecisionNeeded(
                f"The state is carried on the branch {BRANCH}, and this machine does not hold it.",
                next_step="newsletter state take     takes it; newsletter state give     gives it back",
            )
        return cls(workspace, make_seal(workspace), make_branch(workspace), hold)

    @property
    def is_held(self) -> bool:
        """Return whether the state is certain to be in this machine's hands still."""
        return self._lease.is_valid

    def publish(self) -> None:
        """Push the state as it is now, which renews the hold. Raises HoldLost and DeliveryError."""
        with self._lock:
            until = max(self._hold.until, datetime.now(UTC) + timedelta(seconds=HOLD_S))
            self._publish(self._hold.holder, until, "The state goes on")

    def give_back(self, next_at: datetime | None = None) -> None:
        """Push the state as it is now, held by nobody, and remove it from here; `next_at` is as the manifest has it.

        Raises HoldLost and DeliveryError.
        """
        with self._lock:
            self._publish("", None, "The state is given back", next_at)
            remove_local_state(self._workspace)
            remove_hold(self._workspace.state_folder)

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Publish the state every minute on a thread beside, so that the hold lasts however long anything takes."""
        if self._is_renewed:
            yield
            return
        over = threading.Event()

        def renew() -> None:
            while not over.wait(RENEW_S):
                with suppress(DeliveryError):  # who sends looks at the hold itself, and stops when it is lost
                    self.publish()

        thread = threading.Thread(target=renew, name="carried-state", daemon=True)
        thread.start()
        self._is_renewed = True
        try:
            yield
        finally:
            self._is_renewed = False
            over.set()
            thread.join()

    def _publish(self, holder: str, until: datetime | None, message: str, next_at: datetime | None = None) -> None:
        asked = self._lease.read()
        state = read_local_state(self._workspace)
        files, new = add_state(self._hold.files, self._published, state, self._seal)
        run = find_run() if holder else ""
        manifest = Manifest(holder=holder, until=until, run=run, next_at=next_at, files=files)
        try:
            commit, blobs = push_state(self._branch, manifest, self._blobs, new, self._seal, self._hold.commit, message)
        except NotOnTop as error:
            self._lease = LeaseClock(0.0)
            raise HoldLost(
                "Another machine has taken the state over, since this one was not heard of for too long.",
                next_step="It goes on from what this one has pushed. newsletter status there says how far it is.",
            ) from error
        if until is None:
            return
        image = keep_image(self._workspace, state)
        self._hold = Hold(holder=holder, until=until, commit=commit, files=files, image=image)
        write_hold(self._workspace.state_folder, self._hold)
        self._blobs, self._published = blobs, state
        self._lease = LeaseClock((until - datetime.now(UTC)).total_seconds())
        self._lease.start(asked)
