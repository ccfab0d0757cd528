"""The pictures of a back issue: which of them can be put beside its draft, and under which names."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from newsletter.back_issues.converted_text import EmbeddedPicture
from newsletter.files import create_shared
from newsletter.issue.image import MAX_BYTES, SUFFIXES, find_file_name_fault, find_image_faults

_LONGEST_STEM = 60
# The folder beside a page that a browser saved whole, as Chrome, Edge and Firefox name it in some languages.
_SAVED = re.compile(r"[^/]+(?:[_-](?:files|Dateien|fichiers|archivos|bestanden|file)|\.fld)/[^/]+\Z")


@dataclass(slots=True)
class PictureFiles:
    """The pictures beside a text or within its file, by how it names them, with their names beside the draft.

    `folder` is where the text's file is: nothing outside of it is read. `drafts` is where the draft will be: nothing
    there is overwritten, and a picture that is there already with the same bytes is used. `stem` begins the name of a
    picture whose own name is taken.
    """

    folder: Path
    drafts: Path
    stem: str
    embedded: Iterable[EmbeddedPicture] = ()
    wanted: dict[str, bytes] = field(default_factory=dict)
    _names: dict[str, str | None] = field(default_factory=dict)

    def find_picture(self, source: str) -> str | None:
        """Return the name beside the draft of a picture that there is and that drafts can show."""
        if source not in self._names:
            self._names[source] = self._choose(source)
        return self._names[source]

    def write(self) -> list[Path]:
        """Write the wanted pictures beside the draft. Raises FileExistsError where one has come meanwhile."""
        written = []
        for name, data in self.wanted.items():
            path = self.drafts / name
            if not path.exists():
                create_shared(path, data)
                written.append(path)
        return written

    def _choose(self, source: str) -> str | None:
        data = self._read(source)
        if data is None:
            return None
        name = _clean_name(unquote(urlsplit(source).path) if "/" in source or "%" in source else source)
        if name is None or not _is_usable(name, data):
            return None
        stem = _clean_name(f"{self.stem}-{name}") or name
        for number in range(100):
            path = Path(stem)
            candidate = name if not number else stem if number == 1 else f"{path.stem}-{number}{path.suffix}"
            if self._is_free(candidate, data):
                self.wanted[candidate] = data
                return candidate
        return None

    def _is_free(self, name: str, data: bytes) -> bool:
        path = self.drafts / name
        taken = next((known for known in self.wanted if known.casefold() == name.casefold()), None)
        if taken is not None:
            return taken == name and self.wanted[name] == data
        if not path.exists() and not path.is_symlink():
            return True
        return path.is_file() and not path.is_symlink() and path.read_bytes() == data

    def _read(self, source: str) -> bytes | None:
        for picture in self.embedded:
            if picture.name == source:
                return picture.data
        try:
            parts = urlsplit(source)
        except ValueError:
            return None
        saved = _SAVED.search(unquote(parts.path))  # the address of the page goes before what the browser wrote
        name = saved[0] if saved else "" if parts.scheme or parts.netloc else unquote(parts.path).lstrip("/")
        if not name or "\0" in name:
            return None
        folder = self.folder.resolve()
        path = (folder / name).resolve()
        try:
            if not path.is_relative_to(folder) or not path.is_file() or path.suffix.lower() not in SUFFIXES:
                return None
            return path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
        except OSError:
            return None


def _clean_name(name: str) -> str | None:
    """Return a name that a picture beside a draft may have, None where its ending is none of a picture."""
    path = Path(unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]))
    stem = re.sub(r"[^\w.()+-]+", "-", path.stem).strip("-. ")[:_LONGEST_STEM].rstrip("-. ") or "picture"
    cleaned = f"{stem}{path.suffix.lower()}"
    return cleaned if path.suffix.lower() in SUFFIXES and find_file_name_fault(cleaned) is None else None


def _is_usable(name: str, data: bytes) -> bool:
    """Return whether drafts can show a picture of these bytes."""
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        return not list(find_image_faults(Path(folder), name))
