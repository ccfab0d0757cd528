"""A backup of the whole state in one file."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.store.copying import back_up
from newsletter.text import shorten_path


def back_up_state(publication: OpenPublication, file: Path, confirm: Callable[[], bool]) -> bool:
    """Write the whole state into an SQLite database, also while something is sent or served.

    `confirm` is asked whether to write over a file that is there; return False when it declines. Raises DecisionNeeded
    when there is no state, or the file is the state itself.
    """
    store = publication.known_store
    if store is None:
        raise DecisionNeeded("There is no state yet: nothing has been sent from here, and nobody has left.")
    if store.file and file.resolve() == store.file.resolve():
        raise DecisionNeeded(f"{shorten_path(file, Path.cwd())} is the state itself.", next_step="Name another file.")
    if file.exists() and not confirm():
        return False
    back_up(store, file.absolute())
    return True


def find_free_path(folder: Path, stem: str) -> Path:
    """Return the first path in the folder that nothing has yet: stem.db, stem-2.db and so on."""
    names = (f"{stem}{f'-{number}' if number > 1 else ''}.db" for number in count(1))
    return next(path for name in names if not (path := folder / name).exists())
