"""Files of editions, written into folders in which others may have put something."""

import os
from pathlib import Path

from newsletter.ownership import require_own_links


def make_folder(folder: Path) -> None:
    """Make the folder, with those above it. Raises DecisionNeeded when a link of somebody else's leads there."""
    require_own_links(folder)
    folder.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file anew, beside it and then in its place: a link that stands there is replaced, and not followed."""
    new = path.with_name(f".{path.stem}.new{path.suffix}")
    new.unlink(missing_ok=True)  # what a run that was killed has left, or somebody has put there
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
