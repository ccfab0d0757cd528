"""A copy of what a review reads of a workspace that a stranger may have changed: plain files, no more than needed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from newsletter.issue.draft import MAX_BYTES as LONGEST_DRAFT
from newsletter.issue.image import MAX_BYTES as LARGEST_PICTURE
from newsletter.issue.image import SUFFIXES
from newsletter.workspace import Workspace

_MOST_FILES = 10_000
_MOST_BYTES = 500_000_000
_LARGEST_SETTINGS = 1_000_000
_TEXTS = (".yaml", ".yml", ".toml")
WORD_LIST = "words.txt"


class TooMuch(Exception):
    """More files, or larger ones, than a review of a stranger's draft copies."""


def copy_workspace(workspace: Workspace, folder: Path) -> None:
    """Copy settings, drafts and the pictures beside them into `folder`, at the places that they have in the workspace.

    Links are not followed, and neither pipes nor devices are opened. A longer file than any that is taken is copied
    as far as shows that it is too long. Templates, typefaces, lists, keys and the state stay where they are. Raises
    TooMuch.
    """
    number, left = 0, _MOST_BYTES
    for path, most in _list_files(workspace):
        data = _read_plain_file(workspace.root, path, most + 1)
        if data is None:
            continue
        number, left = number + 1, left - len(data)
        if number > _MOST_FILES or left < 0:
            raise TooMuch(f"{workspace.drafts.name}/ has more than {_MOST_FILES:,} files or {_MOST_BYTES:,} bytes")
        place = folder / path.relative_to(workspace.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _list_files(workspace: Workspace) -> Iterator[tuple[Path, int]]:
    """Yield the files that a review reads, each with how many bytes it may have."""
    for path in workspace.config_paths:
        yield path, _LARGEST_SETTINGS
    for folder in dict.fromkeys((workspace.folder, workspace.root)):
        yield folder / WORD_LIST, _LARGEST_SETTINGS
    if not _is_within(workspace.root, workspace.drafts):
        return
    with os.scandir(workspace.drafts) as entries:
        for entry in entries:
            suffix = Path(entry.name).suffix.lower()
            if suffix in _TEXTS or suffix in SUFFIXES:
                yield Path(entry.path), LONGEST_DRAFT if suffix in _TEXTS else LARGEST_PICTURE


def _is_within(root: Path, folder: Path) -> bool:
    """Return whether a folder is there and no link on the way from `root` to it."""
    steps = [folder, *folder.parents]
    return folder.is_dir() and not any(step.is_symlink() for step in steps[: steps.index(root)])


def _read_plain_file(root: Path, path: Path, most: int) -> bytes | None:
    """Return the beginning of a file; None for what is no file, or is reached by a link."""
    if not _is_within(root, path.parent) and path.parent != root:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
