"""The issues that differ from a git revision, by what their editions are made of."""

import os
from pathlib import Path

from newsletter.errors import DecisionNeeded
from newsletter.git import NoAnswer, ask_git, find_commit, find_top
from newsletter.issue.draft import MAX_BYTES
from newsletter.text import quote_text
from newsletter.workspace import Workspace


def find_changed_drafts(workspace: Workspace, revision: str) -> list[Path]:
    """Return the drafts that differ from the revision, or whose translation does, or a file beside them that they name.

    What has not been committed counts. Where settings, templates or typefaces alone differ, it is the newest draft, in
    which that shows; an empty list where nothing does. No draft is parsed. Raises DecisionNeeded when git can't tell.
    """
    try:
        changed = _list_changed(workspace.root, revision)
    except NoAnswer as error:
        raise DecisionNeeded(
            f"git can't tell what has changed since {quote_text(revision)}: {error.message}.", next_step=error.next_step
        ) from error
    drafts = [path for path in workspace.draft_paths() if _differs(workspace, path, changed)]
    looks = (*workspace.config_paths, *workspace.own_template_folders, workspace.fonts)
    if not drafts and any(path.is_relative_to(_find_place(look)) for path in changed for look in looks):
        return workspace.draft_paths()[-1:]
    return drafts


def _differs(workspace: Workspace, draft: Path, changed: set[Path]) -> bool:
    texts = [draft, *workspace.translations_of(draft.stem).values()]
    if not changed.isdisjoint(map(_find_place, texts)):
        return True
    beside = {path.name for path in changed if path.is_relative_to(_find_place(workspace.drafts))}
    return any(name in text for text in map(_read_beginning, texts) for name in beside)


def _read_beginning(draft: Path) -> str:
    """Return as much of a draft's text as one may have; "" for what can't be read, which its check tells."""
    try:
        with draft.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _list_changed(folder: Path, revision: str) -> set[Path]:
    """Return the files of the repository around `folder` that differ from the revision, new ones among them."""
    top, commit = find_top(folder), find_commit(folder, revision)
    plainly = ("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
    listed = ask_git(top, "diff", "--name-only", "-z", *plainly, commit, "--")
    listed += ask_git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return {top / os.fsdecode(name) for name in listed.split(b"\0") if name}


def _find_place(path: Path) -> Path:
    """Return where a file or folder is, its own name left as it is: git knows a link by its name."""
    return path.parent.resolve() / path.name
