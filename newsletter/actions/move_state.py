"""The state moved to another database, with all its history."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import PydanticCustomError

from newsletter.actions.back_up_state import find_free_path
from newsletter.actions.deliver import forbid_all_sending
from newsletter.config.validators import check_store_url
from newsletter.errors import ConfigError, DecisionNeeded, DeliveryError
from newsletter.publication import OpenPublication
from newsletter.store import Store, describe_place, open_store
from newsletter.store.copying import back_up, copy_rows, has_no_rows, lock_tables, note_moved


@dataclass(frozen=True, kw_only=True)
class MovedState:
    """Numbers of rows by table, the database they are in now, and where the state as it was is kept."""

    rows: dict[str, int]
    place: str
    kept: Path


def move_state(publication: OpenPublication, url: str, confirm: Callable[[str], bool]) -> MovedState | None:
    """Move the publication's state to the database of a [store] url, when `confirm` agrees; None when it does not.

    `confirm` is given the database in words. Raises ConfigError for a URL that can't be one, DecisionNeeded when there
    is nothing to move or it is there already, and what `move_rows` does.
    """
    workspace = publication.workspace
    is_file = _check_url(url).startswith("sqlite:")
    place = workspace.root / url.removeprefix("sqlite:///") if is_file else url
    store = publication.known_store
    if store is None:
        raise DecisionNeeded("There is no state yet, so there is nothing to move.", next_step=write_setting(url))
    if place == workspace.database:
        raise _there_already()
    target_place = describe_place(place)
    if target_place == store.place:
        raise _there_already()
    if not confirm(target_place):  # before the target is opened, which makes its tables
        return None
    password, mine = workspace.config.store.password, workspace.publication_id
    with closing(open_store(place, password, publication=mine, though_moved=True)) as target:
        kept = find_free_path(workspace.state_folder, "state.before-move")
        return MovedState(rows=move_rows(store, target, url, kept), place=target.place, kept=kept)


def write_setting(url: str) -> str:
    """Return the sentence that asks an editor to name the database in newsletter.toml."""
    return f'Now write into newsletter.toml, under [store]: url = "{url}"'


def move_rows(store: Store, target: Store, place: str, kept: Path) -> dict[str, int]:
    """Move all of a state into another database, written as `place` in newsletter.toml; return its rows by table.

    What the database has of other publications moves along. A backup of the old state stays in `kept`; it can't be used
    any more itself. Raises DeliveryError, with nothing changed, while an issue is being sent, when a state is there
    already (nobody else may know who left by it), and when the numbers of rows differ.
    """
    with forbid_all_sending(store), forbid_all_sending(target), store.transaction() as theirs:
        lock_tables(theirs)
        with target.transaction() as ours:
            lock_tables(ours)
            if not has_no_rows(ours):
                raise DeliveryError(
                    f"A state is in {target.place} already, and who left by that one would be mailed again.",
                    next_step="Nothing has changed. Name another file, another database, or a schema of its own "
                    "(CREATE SCHEMA; and end the URL with ?options=-csearch_path%3DNAME).\n"
                    "Only if it is not needed: back it up, and remove the file, or drop its tables.",
                )
            back_up(store, kept)
            rows = copy_rows(theirs, ours)
        # Only now: should the machine go down between, both are there, and the old one is in use.
        note_moved(theirs, place)
    return rows


def _there_already() -> DecisionNeeded:
    return DecisionNeeded("The state is there already.", next_step="Name another place.")


def _check_url(url: str) -> str:
    try:
        return check_store_url(url)
    except PydanticCustomError as error:
        (fault,) = (error.context or {})["faults"]
        raise ConfigError(fault.message, next_step=fault.next_step) from error
