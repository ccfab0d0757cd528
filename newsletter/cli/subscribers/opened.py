"""What the commands about readers begin with: the publication, its state and its keys."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.audience.keys import Keys, find_keys
from newsletter.audience.rows import nearest
from newsletter.cli.state import known_store, opened_store
from newsletter.errors import ConfigError
from newsletter.store import Store
from newsletter.store import events as log
from newsletter.workspace import Workspace, find_workspace


@dataclass(frozen=True, slots=True)
class Looking:
    """A publication as it is looked at: without a store, nobody has said anything yet."""

    workspace: Workspace
    store: Store | None
    keys: Keys | None


@dataclass(frozen=True, slots=True)
class Writing:
    """A publication whose state is written to."""

    workspace: Workspace
    store: Store
    keys: Keys | None


def looking() -> Looking:
    workspace = find_workspace(Path.cwd())
    keys, store = find_keys(workspace), known_store(workspace)
    if store:
        _refuse_without_keys(store, keys)
    return Looking(workspace, store, keys)


def writing() -> Writing:
    workspace = find_workspace(Path.cwd())
    keys, store = find_keys(workspace), opened_store(workspace)
    _refuse_without_keys(store, keys)
    return Writing(workspace, store, keys)


def _refuse_without_keys(store: Store, keys: Keys | None) -> None:
    if keys is None:
        with store.reading() as connection:
            if log.every_forgotten(connection):
                raise ConfigError(
                    "People were erased here, and without the publication's keys nobody can tell who.",
                    next_step="Copy .newsletter/keys.toml from the machine where that was done.",
                )


def maybe_meant(workspace: Workspace, reader: str) -> str:
    """A sentence with the address of the list that is nearest, or an empty string."""
    near = nearest(workspace.subscribers, reader)
    return f"Did you mean {near}?" if near else ""
