"""What the commands about readers begin with: the publication, its state and its keys."""

from dataclasses import dataclass
from pathlib import Path

from newsletter.cli.output import say, short
from newsletter.cli.store import known_store, opened_store
from newsletter.errors import ListError
from newsletter.store import Store
from newsletter.subscribers.csv_editing import find_nearest_address
from newsletter.subscribers.feedback_events import read_erased
from newsletter.subscribers.secret_keys import SecretKeys, find_secret_keys
from newsletter.subscribers.status_columns import read_own_status_columns
from newsletter.workspace import Workspace, find_workspace


@dataclass(frozen=True, slots=True)
class Looking:
    """A publication as it is looked at: without a store, nobody has said anything yet."""

    workspace: Workspace
    store: Store | None
    keys: SecretKeys | None


@dataclass(frozen=True, slots=True)
class Writing:
    """A publication whose state is written to."""

    workspace: Workspace
    store: Store
    keys: SecretKeys | None


def looking() -> Looking:
    workspace = find_workspace(Path.cwd())
    keys, store = find_secret_keys(workspace), known_store(workspace)
    if store:
        read_erased(store, keys)  # refuses when nobody could tell who
    return Looking(workspace, store, keys)


def writing() -> Writing:
    found = noting()
    read_erased(found.store, found.keys)  # refuses when nobody could tell who
    return found


def noting() -> Writing:
    """The same for what may be noted of anybody, also when nobody can tell who was erased: that they are not mailed."""
    workspace = find_workspace(Path.cwd())
    return Writing(workspace, opened_store(workspace), find_secret_keys(workspace))


def say_if_kept_out(workspace: Workspace, reader: str) -> None:
    """Tell whom the list's own columns keep from being mailed, whatever the state knows."""
    path = workspace.subscribers
    if path.exists() and (words := read_own_status_columns(path, workspace.config.subscriber_list).words.get(reader)):
        say(f"{short(path)} itself says not to mail them ({words}). To mail them, change their row.", style="yellow")


def the_list(workspace: Workspace) -> Path:
    """Where the publication's list is. Raises ListError when it isn't: what reads it here knows no other."""
    path = workspace.subscribers
    if not path.exists():
        raise ListError(
            f"There is no subscriber list {path}.",
            next_step="Put the list there, or begin one: newsletter subscribers add ADDRESS. "
            "subscribers.example.csv shows the form.",
        )
    return path


def maybe_meant(workspace: Workspace, reader: str) -> str:
    """A sentence with the address of the list that is nearest, or an empty string."""
    near = find_nearest_address(workspace.subscribers, reader)
    return f"Did you mean {near}?" if near else ""
