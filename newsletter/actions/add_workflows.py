"""Put into a repository what its forge's runners do: show an issue on its pull request, send it when that is merged."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from newsletter.errors import DecisionNeeded
from newsletter.forges.workflow_files import Forge, is_plain, write_workflows
from newsletter.git import NoAnswer, NoGit, ask_git, find_top

_USUAL_BRANCHES = ("main", "master")


@dataclass(frozen=True, kw_only=True)
class AddedWorkflows:
    """The files of a forge that were written, and those that were there and stay as they are; `branch` is sent from."""

    made: tuple[Path, ...]
    kept: tuple[Path, ...]
    branch: str


def add_workflows(root: Path, forge: Forge) -> AddedWorkflows:
    """Write the forge's files to the top of the repository in which the workspace in `root` lies. Overwrite none.

    A workspace that is not in git yet is taken for the top. Raises DecisionNeeded where the folder or the branch has a
    name that can't stand in these files.
    """
    top, branch = _find_top(root), _find_branch(root)
    folder = root.resolve().relative_to(top.resolve()).as_posix()
    for what, name in (("workspace's folder", folder), ("branch", branch)):
        if not is_plain(name):
            raise DecisionNeeded(
                f"The {what} is called {name!r}, which a workflow can't name as it is.",
                next_step="Call it by letters, digits, dots, hyphens and underscores.",
            )
    made, kept = [], []
    for name, text in write_workflows(forge, version=version("newsletter-press"), branch=branch, folder=folder).items():
        path = top / name
        if os.path.lexists(path):
            kept.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return AddedWorkflows(made=tuple(made), kept=tuple(kept), branch=branch)


def _find_top(root: Path) -> Path:
    try:
        return find_top(root)
    except NoGit:
        return root


def _find_branch(root: Path) -> str:
    """Return the branch into which pull requests are merged: the remote's own, else a usual one that is checked out."""
    for question, prefix in (("refs/remotes/origin/HEAD", "origin/"), ("HEAD", "")):
        try:
            answer = ask_git(root, "symbolic-ref", "--quiet", "--short", question).decode(errors="replace").strip()
        except NoAnswer:
            continue
        if prefix or answer in _USUAL_BRANCHES:
            return answer.removeprefix(prefix)
    return _USUAL_BRANCHES[0]
