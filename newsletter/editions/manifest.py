"""The manifest of an exported site: the files that a run made, and the hash of what they were made from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from newsletter.files import write_shared

# It holds names and hashes alone.
MANIFEST = ".newsletter-site.json"


@dataclass(frozen=True)
class PublishedFiles:
    """Files of one issue, or those that all share, by name and hash; `source` is a hash of what they are made from."""

    source: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, source: str, files: Mapping[str, bytes]) -> "PublishedFiles":
        """Return the entry for files that were just made."""
        return cls(source, {name: sha256(data).hexdigest() for name, data in files.items()})

    def is_whole(self, folder: Path) -> bool:
        """Return whether all its files are in the folder as they were written."""
        return bool(self.files) and all(
            (folder / name).is_file() and sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in self.files.items()
        )


def read_manifest(folder: Path) -> dict[str, PublishedFiles]:
    """Read the manifest of a folder, by issue; empty when there is none, or it can't be read."""
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        made = {
            str(name): PublishedFiles(str(entry["from"]), _keep_plain_names(entry["files"]))
            for name, entry in known.items()
        }
        return made if all(entry.files for entry in made.values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _keep_plain_names(files: Mapping[str, str]) -> dict[str, str]:
    """Return plain file names alone: a path in a manifest must not reach a file elsewhere."""
    return {str(name): str(digest) for name, digest in files.items() if Path(name).name == name}


def write_manifest(folder: Path, made: Mapping[str, PublishedFiles]) -> None:
    """Write the manifest of a folder."""
    known = {name: {"from": entry.source, "files": dict(entry.files)} for name, entry in made.items()}
    # Whole or not at all: half a manifest would be taken for none.
    write_shared(folder / MANIFEST, f"{json.dumps(known, indent=1, sort_keys=True)}\n".encode())


def list_names(made: Mapping[str, PublishedFiles]) -> set[str]:
    """Return the names of all files."""
    return {name for entry in made.values() for name in entry.files}
