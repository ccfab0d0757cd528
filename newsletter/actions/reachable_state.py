"""The state within reach of a runner: a server's, a disk's that lasts, or one that is carried on a branch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from newsletter.carried_state.carried_state import HoldLost
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.state_branch import BRANCH
from newsletter.carried_state.state_taking import hold_alone, take_state
from newsletter.errors import ConfigError
from newsletter.publication import OpenPublication

OnWait = Callable[[Manifest, float], None]


@contextmanager
def reaching_state(publication: OpenPublication, on_wait: OnWait) -> Iterator[OpenPublication]:
    """Yield the publication with its state within reach; one that is carried is given back at the end.

    Raises ConfigError where the state would be lost with the runner, and what `take_state` raises.
    """
    workspace = publication.workspace
    settings = publication.config.ci
    if settings.state == "branch":
        with hold_alone(workspace):
            publication.close()
            carried = take_state(workspace, on_wait=on_wait)
            opened = publication.with_carried(carried)
            is_held = True
            try:
                with carried.renewing():
                    yield opened
            except HoldLost:
                is_held = False  # there is nothing to give back
                raise
            finally:
                opened.close()
                if is_held:
                    carried.give_back()
        return
    if isinstance(workspace.database, Path) and settings.state != "disk":
        raise ConfigError(
            "The state is not reachable: it is in an SQLite file, and a runner's disk goes with the runner.",
            next_step="[store] url: a PostgreSQL database that the runner reaches.\n"
            f'Or [ci] state = "branch": the state goes along with the repository, encrypted, on the branch {BRANCH}.\n'
            'Or [ci] state = "disk", if this machine has a disk of its own that lasts.',
        )
    yield publication
