"""The state within reach of a runner: a server's, a disk's that lasts, or one that is carried on a branch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from newsletter.actions.unfinished_issues import find_unfinished
from newsletter.carried_state.carried_state import CarriedState
from newsletter.carried_state.manifest import Manifest
from newsletter.carried_state.state_branch import BRANCH
from newsletter.carried_state.state_taking import hold_alone, take_state
from newsletter.errors import ConfigError, DeliveryError
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.store.publications import list_publications
from newsletter.workspace import PublicationId

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
            try:
                with carried.renewing():
                    yield opened
            except BaseException:
                with suppress(DeliveryError):  # the first error says more
                    _give_back(opened, carried)
                raise
            _give_back(opened, carried)
        return
    if isinstance(workspace.database, Path) and settings.state != "disk":
        raise ConfigError(
            "The state is not reachable: it is in an SQLite file, and a runner's disk goes with the runner.",
            next_step="[store] url: a PostgreSQL database that the runner reaches.\n"
            f'Or [ci] state = "branch": the state goes along with the repository, encrypted, on the branch {BRANCH}.\n'
            'Or [ci] state = "disk", if this machine has a disk of its own that lasts.',
        )
    yield publication


def give_state(publication: OpenPublication) -> None:
    """Give back the carried state that this machine has taken before. Raises DecisionNeeded where it holds none."""
    with hold_alone(publication.workspace):
        carried = CarriedState.open(publication.workspace)
        _give_back(publication.with_carried(carried), carried)


def _give_back(opened: OpenPublication, carried: CarriedState) -> None:
    now = datetime.now(UTC)
    try:
        store = opened.known_store
        moments = [find_unfinished(store.of(name), now).next_at for name in _list_publications(store)] if store else []
    finally:
        opened.close()
    carried.give_back(min((moment for moment in moments if moment), default=None))


def _list_publications(store: Store) -> list[PublicationId]:
    with store.reading() as connection:
        return list(list_publications(connection))
