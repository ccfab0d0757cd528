"""Files that still hold an erased address: those made from the list and the store, and copies of both."""

import glob
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from newsletter.address import SubscriberKey, domain_of, local_part_of
from newsletter.ledger import erasure
from newsletter.publication import OpenPublication
from newsletter.workspace import CONFIG_NAME, Workspace

_BLOCK = 1 << 20
_LONGEST = 2000  # bytes: no spelling of an address is longer
_SQLITE = b"SQLite format 3\0"


def find_copies(publication: OpenPublication, key: SubscriberKey) -> list[str]:
    """Return what holds an address within reach: paths of files, and tables of the database in words."""
    found = [path for path in _list_files_in_reach(publication.workspace) if _holds(path, key)]
    tables = erasure.list_table_copies(publication.store, key)
    return [*map(str, found), *(f"the table {name} in {publication.store.place}" for name in tables)]


def _list_files_in_reach(workspace: Workspace) -> Iterator[Path]:
    """Yield what was made from the state and the list, copies of both, and newsletter.toml, which names testers.

    The state and the list themselves are not among them.
    """
    database, listed = workspace.database, workspace.subscribers.resolve()
    own = {f"{database}{ending}" for ending in ("", "-wal", "-shm", "-journal")}
    if workspace.config.subscriber_list.source == "csv":
        own.add(str(listed))
    seen = {path: None for made in (workspace.build_folder, workspace.state_folder) for path in _walk_files(made)}
    if isinstance(database, Path):
        seen.update(dict.fromkeys(sorted(database.parent.glob(f"{database.name}*"))))
    for folder in dict.fromkeys((workspace.folder, workspace.root, listed.parent)):
        for pattern in ("*.csv*", f"*{glob.escape(listed.stem)}*", CONFIG_NAME):
            near = sorted(folder.glob(pattern))
            seen.update((path, None) for path in near if path.is_file() and not path.is_symlink())
    return (path for path in seen if str(path) not in own)


def _walk_files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _holds(path: Path, key: SubscriberKey) -> bool:
    """Return whether an address is in a file, in any of its spellings; False for one that can't be read."""
    spelled = b"|".join(map(re.escape, _spellings(key)))
    pattern = re.compile(rb"(?<![\w.+-])(?:%b)(?![\w-]|\.\w)" % spelled, re.IGNORECASE)
    before = b""
    try:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:  # its cells are side by side with nothing between
                pattern = re.compile(spelled, re.IGNORECASE)
            file.seek(0)
            while block := file.read(_BLOCK):
                if pattern.search(before + block):
                    return True
                before = block[-_LONGEST:]
    except OSError:
        return False
    return False


def _spellings(reader: SubscriberKey) -> Iterator[bytes]:
    """Yield the address as files may have it: its domain in ASCII, in its own letters in both cases, those in JSON."""
    local, domain = local_part_of(reader), domain_of(reader)
    yield reader.encode()
    with suppress(UnicodeError):  # RFC 3492
        letters = ".".join(
            label[4:].encode().decode("punycode") if label.startswith("xn--") else label for label in domain.split(".")
        )
        for spelled in {letters, letters.upper()} - {domain, domain.upper()}:
            yield f"{local}@{spelled}".encode()
            yield f"{local}@{json.dumps(spelled)[1:-1]}".encode()
