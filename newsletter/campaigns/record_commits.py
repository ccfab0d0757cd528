"""Sent records put into git by a runner: a commit of these files alone on the branch that the runner has.

It is made of git's own parts (commit-tree), so that no hook runs, nothing else that lies in the folder is committed,
and nothing is signed. A branch that has moved meanwhile is gone on with: the records are files that nobody else writes.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.errors import DeliveryError
from newsletter.git import NoAnswer, ask_git, find_commit, find_top, reach_remote

REMOTE = "origin"
_FETCHED = "refs/newsletter/records"
_TRIES = 5  # each with the branch as it was the moment before
# Where a runner stands on a commit and on no branch, the forge's variables say for which branch it is.
_BRANCH_VARIABLES = ("CI_COMMIT_BRANCH", "GITHUB_REF_NAME")


@dataclass(frozen=True, kw_only=True)
class Committer:
    """Whose commits they are, where git's own settings name nobody."""

    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class RecordCommits:
    """Commits of files in the repository around `folder`."""

    folder: Path
    committer: Committer

    def push(self, files: Sequence[Path], message: str) -> str:
        """Commit the files on the remote's branch, and push it; return the commit, "" when they are there already.

        Raises DeliveryError when the remote can't be reached, or refuses.
        """
        try:
            return self._push(files, message)
        except NoAnswer as error:
            names = ", ".join(file.name for file in files)
            raise DeliveryError(
                f"The record {names} could not be pushed: {error.message}.",
                next_step=f"{error.next_step}\nThe state knows what was sent. Commit the record by hand, or run this "
                "again: it looks for records that are missing.",
            ) from error

    def write_patch(self, files: Sequence[Path], message: str, patch: Path) -> None:
        """Write the commit as a patch, for `git am`; an empty file when nothing differs. Raises DeliveryError."""
        try:
            top = find_top(self.folder)
            commit = self._commit(top, find_commit(top, "HEAD"), files, message)
            text = ask_git(top, "format-patch", "--stdout", "-1", commit) if commit else b""
            patch.write_bytes(text)
        except NoAnswer as error:
            raise DeliveryError(f"No patch could be made: {error.message}.", next_step=error.next_step) from error

    def _push(self, files: Sequence[Path], message: str) -> str:
        top, branch = find_top(self.folder), self._find_branch()
        for attempt in range(_TRIES):
            reach_remote(top, "fetch", "--no-tags", "--no-write-fetch-head", REMOTE, f"+refs/heads/{branch}:{_FETCHED}")
            tip = ask_git(top, "rev-parse", _FETCHED).decode().strip()
            commit = self._commit(top, tip, files, message)
            if not commit:
                return ""
            try:
                reach_remote(top, "push", REMOTE, f"{commit}:refs/heads/{branch}")
            except NoAnswer:
                if attempt == _TRIES - 1:
                    raise
                continue  # the branch has moved, or the answer was lost, which the next look shows
            self._follow(top, branch, tip, commit, files)
            return commit
        return ""

    def _find_branch(self) -> str:
        with suppress(NoAnswer):
            return ask_git(self.folder, "symbolic-ref", "--short", "HEAD").decode().strip()
        for variable in _BRANCH_VARIABLES:
            if branch := os.environ.get(variable):
                ask_git(self.folder, "check-ref-format", "--branch", branch)
                return branch
        raise NoAnswer(
            "no branch is checked out",
            "Check out the branch itself; or take the record as a patch: --record patch=FILE",
        )

    def _commit(self, top: Path, parent: str, files: Sequence[Path], message: str) -> str:
        """Return a commit with the files on top of another one; "" where that has them as they are."""
        with TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            ask_git(top, "read-tree", parent, more=index)
            for file in files:
                blob = ask_git(top, "hash-object", "-w", "--stdin", given=file.read_bytes()).decode().strip()
                name = file.resolve().relative_to(top.resolve())
                ask_git(top, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", more=index)
            tree = ask_git(top, "write-tree", more=index).decode().strip()
        if tree == ask_git(top, "rev-parse", f"{parent}^{{tree}}").decode().strip():
            return ""
        return (
            ask_git(top, "commit-tree", tree, "-p", parent, given=message.encode(), more=self._who(top))
            .decode()
            .strip()
        )

    def _who(self, top: Path) -> dict[str, str] | None:
        with suppress(NoAnswer):
            if ask_git(top, "config", "user.email").strip():
                return None
        who = {"NAME": self.committer.name, "EMAIL": self.committer.address}
        return {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()}

    def _follow(self, top: Path, branch: str, tip: str, commit: str, files: Sequence[Path]) -> None:
        """Let the branch that is checked out be where the remote's is now, if it was where that was before."""
        with suppress(NoAnswer):
            if ask_git(top, "rev-parse", "HEAD").decode().strip() == tip:
                ask_git(top, "update-ref", f"refs/heads/{branch}", commit, tip)
                ask_git(top, "add", "--", *(str(file) for file in files))
