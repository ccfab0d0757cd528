"""Owners of a publication's files, which run with the rights of the user who works in its folder.

Templates are programs, and newsletter.toml names a program to run. So a folder that somebody else can plant above the
current one must not be used. git has the same rule since 2.35.2 (CVE-2022-24765), with the same kind of exception.
"""

import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from newsletter.errors import ConfigError, DecisionNeeded

# In the environment, which no workspace can set: folders as in PATH, or * for every one.
VARIABLE = "NEWSLETTER_SAFE_DIRECTORIES"
_ROOT = 0
_MOST_FILES = 10_000
_OTHER_FILE = "Name another file, in a folder that nobody else can write to."


def require_own(root: Path, paths: Iterable[Path], environ: Mapping[str, str]) -> None:
    """Refuse the workspace `root` when one of `paths` belongs to neither this user nor root. Raises ConfigError.

    Of a link both owners are looked at, its own and that of what it leads to. A path that is not there is skipped.
    A workspace that the environment names as safe is not looked at.
    """
    trusted = list_trusted_users(environ)
    if not _is_excepted(root, environ) and (found := next(_find_foreign(paths, trusted), None)):
        path, owner = found
        raise ConfigError(
            f"{path} belongs to {_name_owner(owner)}, not to you, and what is in a publication runs as you.",
            next_step="If you trust everyone who can write there, say so, and try again: "
            f"export {VARIABLE}={shlex.quote(str(root))}",
        )


def require_own_links(path: Path, next_step: str = "Name another folder with -o.") -> None:
    """Refuse to write through a link that belongs to somebody else, who may change where it leads.

    The user's own links are followed, and what they lead to is looked at as well. Raises DecisionNeeded.
    """
    trusted = list_trusted_users(os.environ)
    places, seen = [path.absolute()], set[Path]()
    while places:
        start = places.pop()
        for place in (start, *start.parents):
            if place in seen or not place.is_symlink():
                continue
            seen.add(place)
            if (owner := place.lstat().st_uid) not in trusted:
                raise DecisionNeeded(
                    f"{place} is a link that belongs to {_name_owner(owner)}, and leads to {place.readlink()}.",
                    next_step=next_step,
                )
            places.append(place.parent / place.readlink())


def resolve_own_target(path: Path) -> Path:
    """Return the file that a path leads to by the user's own links. Raises DecisionNeeded for somebody else's.

    A pipe or device of somebody else's is refused as well.
    """
    require_own_links(path, _OTHER_FILE)
    target = path.resolve()
    require_own_place(target)
    return target


def require_own_place(path: Path) -> None:
    """Refuse to write a file by somebody else's link or into their pipe. Raises DecisionNeeded."""
    require_own_links(path.parent, _OTHER_FILE)
    with suppress(FileNotFoundError):
        found = path.lstat()
        is_special = not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode))
        if is_special and found.st_uid not in list_trusted_users(os.environ):
            raise DecisionNeeded(
                f"{path} is a pipe or a device that belongs to {_name_owner(found.st_uid)}, who would read what is "
                "written.",
                next_step=_OTHER_FILE,
            )


def walk_below(folder: Path) -> Iterator[Path]:
    """Yield a folder and everything in it, through links too. Raises ConfigError for more than 10,000 files."""
    yield folder
    seen: set[tuple[int, int]] = set()
    number = 0
    for place, folders, files in os.walk(folder, followlinks=True):
        try:
            status = os.stat(place)  # noqa: PTH116  # as os.walk has it
        except FileNotFoundError:
            continue  # while this was looking
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in (*folders, *files):
            number += 1
            if number > _MOST_FILES:
                raise ConfigError(
                    f"{folder} holds more than {_MOST_FILES:,} files.", next_step="Keep nothing there but templates."
                )
            yield Path(place, name)


def list_trusted_users(environ: Mapping[str, str]) -> set[int]:
    """Return the user ids of this user and root; for root also the id of who called it by sudo."""
    user, caller = os.geteuid(), environ.get("SUDO_UID", "")
    is_by_sudo = user == _ROOT and caller.isascii() and caller.isdigit()
    return {_ROOT, user, *([int(caller)] if is_by_sudo else [])}


def _is_excepted(root: Path, environ: Mapping[str, str]) -> bool:
    names = [name for name in environ.get(VARIABLE, "").split(os.pathsep) if name]
    return "*" in names or any(Path(name).is_absolute() and Path(name).resolve() == root.resolve() for name in names)


def _find_foreign(paths: Iterable[Path], trusted: set[int]) -> Iterator[tuple[Path, int]]:
    for path in paths:
        for look in (os.lstat, os.stat):
            try:
                owner = look(path).st_uid
            except OSError:
                continue  # it is not there, or leads nowhere: the code that reads it says so
            if owner not in trusted:
                yield path, owner


def _name_owner(owner: int) -> str:
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return f"user {owner}"
