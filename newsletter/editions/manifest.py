"""What an output folder is known to hold: which files a run made, and from what."""

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
    """What one issue, or what all issues share, was made from, and its files with their hashes."""

    source: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, source: str, files: Mapping[str, bytes]) -> "PublishedFiles":
        return cls(source, {name: sha256(data).hexdigest() for name, data in files.items()})

    def is_whole(self, folder: Path) -> bool:
        """Are its files there as they were written?"""
        return bool(self.files) and all(
            (folder / name).is_file() and sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in self.files.items()
        )


def read_manifest(folder: Path) -> dict[str, PublishedFiles]:
    """By issue; empty when there is none, or it is spoilt."""
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        made = {str(name): PublishedFiles(str(entry["from"]), _plain(entry["files"])) for name, entry in known.items()}
        return made if all(entry.files for entry in made.values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _plain(files: Mapping[str, str]) -> dict[str, str]:
    """Names alone: what someone wrote into the manifest must not reach a file elsewhere."""
    return {str(name): str(digest) for name, digest in files.items() if Path(name).name == name}


def write_manifest(folder: Path, made: Mapping[str, PublishedFiles]) -> None:
    known = {name: {"from": entry.source, "files": dict(entry.files)} for name, entry in made.items()}
    # At once: half a manifest would know nothing of what is there.
    write_shared(folder / MANIFEST, f"{json.dumps(known, indent=1, sort_keys=True)}\n".encode())


def list_names(made: Mapping[str, PublishedFiles]) -> set[str]:
    """All files' names."""
    return {name for entry in made.values() for name in entry.files}
