"""What the commands about readers begin with: the publication, its state and its keys."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.audience.events import erased_readers
from newsletter.audience.keys import Keys, find_keys
from newsletter.audience.rows import nearest
from newsletter.cli.state import known_store, opened_store
from newsletter.store import Store
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
        erased_readers(store, keys)  # refuses when nobody could tell who
    return Looking(workspace, store, keys)


def writing() -> Writing:
    workspace = find_workspace(Path.cwd())
    keys, store = find_keys(workspace), opened_store(workspace)
    erased_readers(store, keys)  # refuses when nobody could tell who
    return Writing(workspace, store, keys)


def maybe_meant(workspace: Workspace, reader: str) -> str:
    """A sentence with the address of the list that is nearest, or an empty string."""
    near = nearest(workspace.subscribers, reader)
    return f"Did you mean {near}?" if near else ""
