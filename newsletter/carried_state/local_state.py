"""The carried state on this machine: where the store and the keys are, and an image of what was published last."""

import sqlite3
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

from newsletter.carried_state.state_files import StateImage
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError
from newsletter.files import create_private, make_private_folder, open_private
from newsletter.store.copying import set_aside
from newsletter.store.sqlite import copy_file
from newsletter.subscribers.secret_keys import KEYS_NAME
from newsletter.text import shorten_path
from newsletter.workspace import Workspace

_IMAGE = "carried.image"
_BESIDE = ("-wal", "-shm", "-journal")


def read_local_state(workspace: Workspace) -> StateImage:
    """Return the state that is here, as of one moment, while others may write. Raises DeliveryError."""
    database, keys = find_database(workspace), workspace.state_folder / KEYS_NAME
    image = b""
    try:
        if database.exists():
            copy = workspace.state_folder / f".{_IMAGE}.new"
            copy.unlink(missing_ok=True)
            create_private(copy).close()
            try:
                copy_file(database, copy)
                image = copy.read_bytes()
            finally:
                copy.unlink(missing_ok=True)
        return StateImage(database=image, keys=keys.read_bytes() if keys.exists() else b"")
    except (OSError, sqlite3.Error) as error:
        raise DeliveryError(
            f"The state in {database} can't be copied: {error}.", next_step="Make room there, and try again."
        ) from error


def place_state(workspace: Workspace, state: StateImage) -> None:
    """Put a state where the store and the keys are; what a killed run has left there is set aside."""
    database, folder = find_database(workspace), workspace.state_folder
    if database.exists():
        set_aside(database, "left")
    # They are about the database that was here, and would say of this one what is not so.
    for flight in folder.glob("flight-*"):
        flight.unlink(missing_ok=True)
    make_private_folder(database.parent)
    make_private_folder(folder)
    if state.database:
        with open_private(database, "wb") as file:
            file.write(state.database)
    if state.keys:
        with open_private(folder / KEYS_NAME, "wb") as file:
            file.write(state.keys)


def remove_local_state(workspace: Workspace, keep_as: str = "") -> None:
    """Remove the state from here, since it is on the branch; with `keep_as` rename it instead. The keys stay."""
    database = find_database(workspace)
    if database.exists():
        if keep_as:
            set_aside(database, keep_as)
        else:
            with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for ending in ("", *_BESIDE):
                database.with_name(f"{database.name}{ending}").unlink(missing_ok=True)
    (workspace.state_folder / _IMAGE).unlink(missing_ok=True)


def refuse_other_state(workspace: Workspace, branch: str) -> None:
    """Raise DecisionNeeded where a state is here that was not taken from the branch."""
    database = find_database(workspace)
    if database.exists():
        shown = shorten_path(database, Path.cwd())
        raise DecisionNeeded(
            f"A state is in {shown}, and another one is carried on the branch {branch}.",
            next_step=f"Find out which knows more: newsletter status. If it is the branch's, move {shown} away.",
        )


def keep_image(workspace: Workspace, state: StateImage) -> str:
    """Keep what was published, so that only what changes since has to be published next; return its digest."""
    with open_private(workspace.state_folder / _IMAGE, "wb") as file:
        file.write(state.database)
    return _hash(state)


def read_image(workspace: Workspace, digest: str) -> StateImage | None:
    """Return what was published last; None where it is not here, and everything has to be published again."""
    keys = workspace.state_folder / KEYS_NAME
    try:
        database = (workspace.state_folder / _IMAGE).read_bytes()
        state = StateImage(database=database, keys=keys.read_bytes() if keys.exists() else b"")
    except OSError:
        return None
    return state if _hash(state) == digest else None


def _hash(state: StateImage) -> str:
    return sha256(sha256(state.database).digest() + state.keys).hexdigest()


def find_database(workspace: Workspace) -> Path:
    """Return the file of the state. Raises ConfigError where it is in a server's database."""
    database = workspace.database
    if not isinstance(database, Path):
        raise ConfigError(
            'The state is in PostgreSQL, which all runners reach, and [ci] state = "branch" is for SQLite.',
            next_step="Take that line out of newsletter.toml.",
        )
    return database
