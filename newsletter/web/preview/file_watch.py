"""Watches a workspace's files: drafts and their pictures, templates, typefaces, settings, the list, the word list."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from newsletter.checks.prose.word_list import list_word_lists
from newsletter.web.preview.subscriber_search import find_list
from newsletter.workspace import Workspace

# Milliseconds: how long the disk has to be still before a change is told, and the longest that is waited for it.
_STILL, _LONGEST = 12, 100


async def watch_files(current: Callable[[], Workspace], draft: Path) -> AsyncIterator[set[Path]]:
    """Yield the files that have changed, each time some have, without end; at the beginning all folders.

    `current` gives the workspace as it is by then: its settings say where the list is. `draft` is one that may
    lie elsewhere. Folders may come and go.
    """
    polling = False
    while True:
        try:
            async for paths in _until_folders_change(current, draft, polling):
                yield paths
        except FileNotFoundError:
            pass  # a folder that went while this began
        except OSError:
            if polling:
                raise
            polling = True  # the system tells no more programs of changes: too many ask
        await asyncio.sleep(_STILL / 1000)


async def _until_folders_change(
    current: Callable[[], Workspace], draft: Path, polling: bool
) -> AsyncIterator[set[Path]]:
    workspace = current()
    folders = _folders(workspace, draft)
    # Not the whole tree: beside the publication there may be a .venv or .git of many thousand folders.
    found = awatch(
        *folders,
        recursive=False,
        step=_STILL,
        debounce=_LONGEST,
        watch_filter=_Relevant(workspace, folders, draft),
        force_polling=polling or None,
    )
    async with aclosing(found):
        coming = asyncio.ensure_future(anext(found))
        try:
            await asyncio.sleep(0)  # from here on the folders are watched
            yield set(folders)  # whatever has changed while nobody did
            while True:
                paths = {Path(path) for _, path in await coming}
                yield paths
                # A folder that was made again in the same place has to be watched again.
                if _folders(current(), draft) != folders or not paths.isdisjoint(folders):
                    return
                coming = asyncio.ensure_future(anext(found))
        finally:
            coming.cancel()


def _folders(workspace: Workspace, draft: Path) -> list[Path]:
    found = [*(path.parent for path in workspace.config_paths), *_within(workspace.drafts), *_within(workspace.fonts)]
    found += [file.parent for file in _list_linked_files(workspace, draft) if file.parent.is_dir()]
    for folder in workspace.template_path:
        found += _within(folder)
    named = (find_list(workspace), *list_word_lists(workspace))
    found += [path.parent for path in named if path and path.parent.is_dir()]
    return sorted(dict.fromkeys(found))


def _list_linked_files(workspace: Workspace, draft: Path) -> set[Path]:
    """Return `draft`, and the publication's files that drafts lead to as links: those change, and the link does not."""
    links = [path for path in (draft, *workspace.draft_paths()) if path.is_symlink()]
    targets = [Path(os.path.realpath(link)) for link in links]
    return {draft, *(target for target in targets if target.is_relative_to(os.path.realpath(workspace.folder)))}


def _within(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from (path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())


class _Relevant(DefaultFilter):
    """A filter that leaves out what text editors write beside a file, and other files of the workspace's folder."""

    def __init__(self, workspace: Workspace, folders: list[Path], draft: Path) -> None:
        super().__init__()
        self._inner = set(folders) - {path.parent for path in workspace.config_paths}
        named = {*workspace.config_paths, find_list(workspace), *list_word_lists(workspace)}
        self._named = named | _list_linked_files(workspace, draft)
        self._to_come = {workspace.drafts, workspace.folder / "fonts", workspace.fonts, *workspace.own_template_folders}

    def __call__(self, change: Change, path: str) -> bool:
        file = Path(path)
        own = file.parent in self._inner or file in self._named or file in self._to_come
        return own and not file.name.startswith(".") and super().__call__(change, path)
