"""Commits: what an issue is made of is in git, and nothing has changed since.

git is asked about an index of its own, made from the commit for this question alone. So what is only staged counts as
changed, no file can be hidden by a bit in the editor's index, and that index is neither locked nor written.
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.errors import Problem
from newsletter.git import NoAnswer, NoGit, ask_git, find_commit, find_top
from newsletter.text import shorten_path

_GIVE_UP = 'take "committed" out of [send] require in newsletter.toml.'
_CHANGES = {
    "M": "changed since the last commit",
    "T": "changed since the last commit",
    "D": "deleted, and still in git",
}


@dataclass(frozen=True)
class Repository:
    """A git repository's work tree with the commit that stands in it, as seen from `folder`."""

    folder: Path
    top: Path
    commit: str

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """Return the repository that `folder` lies in. Raises NoAnswer."""
        try:
            top = find_top(folder)
        except NoGit as error:
            raise NoAnswer(error.message, f"{error.next_step}; or {_GIVE_UP}") from error
        try:
            commit = find_commit(folder, "HEAD")
        except NoAnswer as error:
            raise NoAnswer("nothing has been committed yet", "Commit it: git add --all && git commit") from error
        return cls(folder, top, commit)

    def find_uncommitted(self, files: Sequence[Path], folders: Sequence[Path]) -> Iterator[Problem]:
        """Yield each of `files` that is not in the commit as it is, and whatever else differs in `folders`.

        What git ignores counts among the files, and not in the folders. Raises NoAnswer.
        """
        inside = {}
        for file in files:
            real = file.resolve()  # where a link leads, for that is what will be sent
            if real.is_relative_to(self.top):
                inside[str(real.relative_to(self.top))] = file
            else:
                yield _problem(file, f"outside of the git repository {self.top}", "Put the file itself there.")
        listed = ask_git(self.top, "ls-tree", "-z", "--name-only", "--full-tree", self.commit, "--", *inside)
        for name in inside.keys() - set(_names(listed)):
            yield _problem(inside[name], "not committed yet", self._commit(inside[name]))
        asked = [*inside]
        for folder in folders:
            if folder.resolve().is_relative_to(self.top) and folder.exists():
                asked.append(str(folder.resolve().relative_to(self.top)))
        changes = [*self._changes(asked)] if asked else []
        filtered = self._list_filtered([name for change, name in changes if change == "M"])
        for change, name in changes:
            path = inside.get(name, self.top / name)
            if change == "M" and name in filtered:
                kept = f"kept in git by the filter {filtered[name]!r}, and whether it is the same can't be told"
                yield _problem(path, kept, "Take it out of .gitattributes, and commit the file itself.")
            elif change != "?" or name not in inside:  # those were told above
                yield _problem(path, _CHANGES.get(change, "not committed yet"), self._commit(path))

    def _commit(self, path: Path) -> str:
        return f"Look at it, then commit it: git add {shlex.quote(str(shorten_path(path, self.folder)))} && git commit"

    def _changes(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        with TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            ask_git(self.top, "read-tree", self.commit, more=index)
            how = ["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all"]
            output = ask_git(self.top, "status", *how, "--", *names, more=index)
        for line in _names(output):
            yield line[1], line[3:]

    def _list_filtered(self, names: Sequence[str]) -> dict[str, str]:
        """Return those that git keeps as something else, as Git LFS does, and by which filter; none is run for it."""
        if not names:
            return {}
        attributes = _names(ask_git(self.top, "check-attr", "-z", "filter", "--", *names))
        filters = zip(attributes[::3], attributes[2::3], strict=True)
        return {name: value for name, value in filters if value not in ("unspecified", "unset")}


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _problem(path: Path, message: str, next_step: str) -> Problem:
    return Problem(path=path, code="committed", message=f"this is {message}", next_step=next_step)
