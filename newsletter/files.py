"""Files that are written whole or not at all, and files with addresses or keys that only their owner can read."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Literal, overload

from newsletter.ownership import require_own_place

_FILE, _FOLDER = 0o600, 0o700


@overload
def open_private(
    path: Path, mode: Literal["w"] = "w", *, encoding: str = "utf-8"
) -> AbstractContextManager[TextIOWrapper]: ...


@overload
def open_private(path: Path, mode: Literal["wb"]) -> AbstractContextManager[BufferedWriter]: ...


def open_private(
    path: Path, mode: Literal["w", "wb"] = "w", *, encoding: str = "utf-8"
) -> AbstractContextManager[IO[Any]]:
    """Open a file for writing that only its owner can read; when the context ends without an error it is at `path`.

    It is written beside `path` and renamed, so that neither a looser mode that `path` had before nor a link that
    somebody put there has any effect, and so that half a file never passes for the whole. The folder is made when it is
    absent. Line ends are written as they are given. Raises OSError, and DecisionNeeded where somebody else's link or
    pipe would receive it.
    """
    return _replacing(path, mode, encoding if mode == "w" else None, _FILE, durable=False)


def open_shared(path: Path) -> AbstractContextManager[IO[Any]]:
    """Open a text file for writing as `open_private` does, with the umask's rights, and synced to the disk."""
    return _replacing(path, "w", "utf-8", 0o666, durable=True)


def write_shared(path: Path, data: bytes) -> None:
    """Write a file as `open_private` does, with the umask's rights."""
    with _replacing(path, "wb", None, 0o666, durable=False) as file:
        file.write(data)


def create_shared(path: Path, data: bytes) -> None:
    """Write a new file with the umask's rights: whole, or not at all, and never in the place of another.

    It is written beside `path` and linked to it, which fails where anything is. Raises FileExistsError for that, a link
    that leads nowhere included, and OSError.
    """
    new = path.with_name(f".{path.stem[:100]}.{token_hex(8)}.new{path.suffix}")
    try:
        with _create(new, "wb", 0o666) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _move_to_free_place(new, path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _move_to_free_place(new: Path, path: Path) -> None:
    """Give a file its name. Where there are no hard links (FAT), between the look and the renaming is a moment."""
    try:
        os.link(new, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        new.rename(path)


@contextmanager
def prepare_replacement(
    path: Path, pieces: Iterable[str], *, errors: str = "strict", must_keep_owner: bool = False
) -> Iterator[Callable[[], None]]:
    """Write a file's new text beside it, synced to the disk; what is yielded puts it in the file's place.

    Who may read the file stays as it was, as far as this user can say so; with `must_keep_owner` it is an error when
    the owner can't stay. Where the path is a link, what it leads to is replaced. What is not put in its place is gone
    when the context ends. Raises OSError, also from what is yielded.
    """
    target, new = path.resolve(), replacement_path(path)
    try:
        new.unlink(missing_ok=True)
        with create_private(new, "w", encoding="utf-8", errors=errors, newline="") as file:
            if target.exists():
                _keep_rights(target, file.fileno(), must_keep_owner=must_keep_owner)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())

        def put() -> None:
            new.replace(target)
            sync_to_disk(target.parent)

        yield put
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def replacement_path(path: Path) -> Path:
    """Return where a replacement is written: one name, so that the next writes over what a crash has left.

    By its ending it stays out of git as the file does.
    """
    target = path.resolve()
    return target.with_name(f".{target.stem}.new{target.suffix}")


def _keep_rights(target: Path, handle: int, *, must_keep_owner: bool) -> None:
    kept, new = target.stat(), os.fstat(handle)
    # The group first: who has given a file away may no longer change it.
    for owner, group in ((-1, kept.st_gid), (kept.st_uid, -1)):
        if (owner in (-1, new.st_uid)) and (group in (-1, new.st_gid)):
            continue
        try:
            os.fchown(handle, owner, group)
        except PermissionError:
            if must_keep_owner:
                raise
    os.fchmod(handle, kept.st_mode & 0o777)


def create_private(path: Path, mode: str = "wb", **how: Any) -> IO[Any]:
    """Create a file that only its owner can read; `how` is what open() takes besides.

    Raises FileExistsError for one that is there, a link that leads nowhere included.
    """
    return _create(path, mode, _FILE, **how)


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, with those above it; one that is there stays as it is."""
    path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)


def tighten(path: Path) -> None:
    """Remove all rights of a file or folder but its owner's; do nothing when it is not there.

    Somebody else's is left as it is, since only its owner can change the rights.
    """
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & ~0o077)


def sync_to_disk(path: Path) -> None:
    """Flush a file, or a folder's entries, to the disk: a synced file is lost when the folder's entry is."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _replacing(path: Path, mode: str, encoding: str | None, permissions: int, *, durable: bool) -> Iterator[IO[Any]]:
    if permissions == _FILE:
        require_own_place(path)
    how: dict[str, Any] = {} if encoding is None else {"encoding": encoding, "newline": ""}
    if path.exists() and not path.is_symlink() and not path.is_file():
        with path.open(mode, **how) as file:  # a terminal or a pipe, which nothing may be put in the place of
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # By its ending it stays out of git as the file does; by its name two writers at once keep out of each other's.
    new = path.with_name(f".{path.stem}.{token_hex(8)}.new{path.suffix}")
    try:
        with _create(new, mode, permissions, **how) as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        new.replace(path)
        if durable:
            sync_to_disk(path.parent)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _create(path: Path, mode: str, permissions: int, **how: Any) -> IO[Any]:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_EXCL | os.O_NOFOLLOW, permissions)

    return open(path, mode, opener=opener, **how)
