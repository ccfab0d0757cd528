"""The files of a carried state: all of it once, and then what has changed, each compressed and encrypted."""

import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.carried_state.database_changes import apply_changes, find_changes
from newsletter.carried_state.manifest import CarriedFile
from newsletter.carried_state.sealing import NotOurs, Seal, hash_file

WHOLE = "state.tar.gz.age"
_MOST_CHANGES = 64  # files of changes after which the whole state is written again
_DATABASE, _KEYS = "state.db", "keys.toml"


@dataclass(frozen=True, kw_only=True)
class StateImage:
    """A whole state: the database's bytes, none before the first send, and those of keys.toml where there is one."""

    database: bytes = b""
    keys: bytes = b""


def add_state(
    files: Sequence[CarriedFile], before: StateImage | None, state: StateImage, seal: Seal
) -> tuple[Sequence[CarriedFile], Mapping[str, bytes]]:
    """Return the files of which a state is made, and the bytes of the new ones.

    They go on from `files`, which made the state `before`, as long as there are few of them; else, and with None, they
    are one that has everything.
    """
    if before == state and files:
        return files, {}
    carried = sum(file.size for file in files[1:])
    if (
        before is not None
        and files
        and before.keys == state.keys
        and before.database
        and len(files) <= _MOST_CHANGES
        and carried < files[0].size
    ):
        changes = seal.encrypt(zlib.compress(find_changes(before.database, state.database)))
        name = f"changes-{len(files):03}.age"
        return [*files, _describe(name, changes)], {name: changes}
    whole = seal.encrypt(_pack(state))
    return [_describe(WHOLE, whole)], {WHOLE: whole}


def read_state(files: Sequence[CarriedFile], contents: Mapping[str, bytes], seal: Seal) -> StateImage:
    """Return the state that files make. Raises NotOurs for one that is not the file that the manifest names."""
    if not files:
        return StateImage()
    parts = []
    for file in files:
        data = contents.get(file.name, b"")
        if hash_file(data) != file.digest:
            raise NotOurs(f"its {file.name} is not the one that was written")
        parts.append(seal.decrypt(data))
    state = _unpack(parts[0])
    database = state.database
    for part in parts[1:]:
        database = apply_changes(database, zlib.decompress(part))
    return StateImage(database=database, keys=state.keys)


def _describe(name: str, data: bytes) -> CarriedFile:
    return CarriedFile(name=name, digest=hash_file(data), size=len(data))


def _pack(state: StateImage) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as archive:
        for name, data in ((_DATABASE, state.database), (_KEYS, state.keys)):
            if data:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o600
                archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _unpack(packed: bytes) -> StateImage:
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            for entry in archive:
                if entry.isfile() and (file := archive.extractfile(entry)) is not None:
                    found[entry.name] = file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise NotOurs("its archive can't be read") from error
    return StateImage(database=found.get(_DATABASE, b""), keys=found.get(_KEYS, b""))
