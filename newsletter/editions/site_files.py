"""Files of a website in a folder of their own: written where they have changed, and taken away when they are gone."""

from collections.abc import Iterable, Mapping
from os.path import lexists
from pathlib import Path

from newsletter.editions.manifest import MANIFEST, PublishedFiles, list_names, write_manifest
from newsletter.errors import DecisionNeeded
from newsletter.files import write_shared
from newsletter.ownership import require_own_links


def write_files(
    folder: Path,
    before: Mapping[str, PublishedFiles],
    after: Mapping[str, PublishedFiles],
    files: Mapping[str, Mapping[str, bytes]],
) -> list[str]:
    """Write the files that were made, delete those of `before` that are not in `after`, and return these.

    Raises DecisionNeeded where a file that this program didn't write would be lost.
    """
    if before or not lexists(folder / MANIFEST):  # a spoilt one says that the folder is ours, and not what of it
        _refuse_to_overwrite(folder, list_names(after) - list_names(before))
    require_own_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # First that these files are ours, so that a run which was stopped here can be run again.
    write_manifest(folder, {**before, **{name: PublishedFiles("", after[name].files) for name in files}})
    for made in files.values():
        _write(folder, made)
    removed = _remove(folder, list_names(before) - list_names(after))
    write_manifest(folder, after)
    return removed


def _refuse_to_overwrite(folder: Path, new: Iterable[str]) -> None:
    in_the_way = sorted(name for name in new if lexists(folder / name))
    if in_the_way:
        raise DecisionNeeded(
            f"{folder} holds {', '.join(in_the_way[:3])}, which this program did not write.",
            next_step="Name another folder with -o, or move them away.",
        )


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files that have changed: a copy to the web server then finds nothing new in the others."""
    for name, data in files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
            write_shared(path, data)


def _remove(folder: Path, gone: Iterable[str]) -> list[str]:
    there = [name for name in sorted(gone) if (folder / name).is_file()]
    for name in there:
        (folder / name).unlink()
    return there
