"""The branch of the remote that the state is carried on: read, and moved forward by one push after another.

A push is never forced, and names the commit that it goes on top of. So of two who push at once the remote takes one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TypeVar

from newsletter.errors import DeliveryError
from newsletter.git import NoAnswer, NoGit, ask_git, reach_remote

BRANCH = "newsletter-state"
REMOTE = "origin"
_REF = f"refs/heads/{BRANCH}"
_OURS = "refs/newsletter/state"  # so that git keeps what the last commit is made of
_PAUSES_S = (1.0, 3.0, 9.0)  # before each further try to reach the remote
_T = TypeVar("_T")
_COMMIT = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")


class NotOnTop(Exception):
    """A push that the remote did not take, since somebody else's commit is on the branch now."""


@dataclass(frozen=True, kw_only=True)
class StateBranch:
    """The branch as seen from a repository; `name` and `address` are whose commits are there."""

    folder: Path
    name: str
    address: str

    def find_tip(self) -> str | None:
        """Return the commit that the branch is at; None where the remote has no such branch.

        Raises DeliveryError for a remote that can't be reached: it may have one.
        """
        return _try_often(self._list_remote)

    def fetch(self, commit: str) -> None:
        """Bring a commit of the branch here. Raises DeliveryError."""
        _try_often(
            lambda: reach_remote(
                self.folder, "fetch", "--no-tags", "--depth=1", "--no-write-fetch-head", REMOTE, f"+{_REF}:{_OURS}"
            )
        )
        self._ask("cat-file", "-e", f"{commit}^{{commit}}")

    def list_files(self, commit: str) -> dict[str, str]:
        """Return git's names of a commit's files, by their own."""
        lines = self._ask("ls-tree", "-z", "--full-tree", commit).decode("utf-8", "replace").split("\0")
        found = {}
        for line in filter(None, lines):
            described, _, name = line.partition("\t")
            _, kind, blob = described.split(" ")
            if kind == "blob":
                found[name] = blob
        return found

    def read_file(self, blob: str) -> bytes:
        """Return what is in a file."""
        return self._ask("cat-file", "blob", blob)

    def write_file(self, data: bytes) -> str:
        """Put a file's bytes into the repository; return git's name of it."""
        return self._ask("hash-object", "-w", "--stdin", given=data).decode().strip()

    def commit(self, files: Mapping[str, str], parent: str | None, message: str) -> str:
        """Make a commit of these files, which nothing refers to yet; return its name."""
        listed = "".join(f"100644 blob {blob}\t{name}\0" for name, blob in sorted(files.items()))
        tree = self._ask("mktree", "-z", given=listed.encode()).decode().strip()
        parents: Sequence[str] = ("-p", parent) if parent else ()
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", self.name), ("EMAIL", self.address))}  # fmt: skip
        return self._ask("commit-tree", tree, *parents, given=message.encode(), more=who).decode().strip()

    def push(self, commit: str, onto: str | None) -> None:
        """Move the branch from the commit `onto`, None for a new branch, to one that is on top of it.

        Raises NotOnTop when it is elsewhere, and DeliveryError when the remote can't be reached or refuses.
        """
        # With a lease git looks whether the branch is where it should be, and without a plus it never goes back.
        lease = f"--force-with-lease={_REF}:{onto or ''}"
        for pause in (*_PAUSES_S, None):
            try:
                reach_remote(self.folder, "push", "--porcelain", lease, REMOTE, f"{commit}:{_REF}")
                break
            except NoAnswer as error:
                # The answer alone may be lost: the branch itself says what it took.
                tip = self.find_tip()
                if tip == commit:
                    break
                if tip != onto:
                    raise NotOnTop from error
                if pause is None:
                    raise _make_error(error) from error
                sleep(pause)
        self._ask("update-ref", _OURS, commit)

    def _list_remote(self) -> str | None:
        listed = reach_remote(self.folder, "ls-remote", REMOTE, _REF).decode("utf-8", "replace")
        for line in listed.splitlines():
            commit, _, ref = line.partition("\t")
            if ref == _REF and _COMMIT.fullmatch(commit):
                return commit
        return None

    def _ask(self, *args: str, given: bytes | None = None, more: dict[str, str] | None = None) -> bytes:
        try:
            return ask_git(self.folder, *args, given=given, more=more)
        except NoAnswer as error:
            raise _make_error(error) from error


def _try_often(work: Callable[[], _T]) -> _T:
    """Return what reaching the remote gives, tried again after some seconds. Raises DeliveryError."""
    for pause in _PAUSES_S:
        try:
            return work()
        except NoGit as error:
            raise _make_error(error) from error
        except NoAnswer:
            sleep(pause)
    try:
        return work()
    except NoAnswer as error:
        raise _make_error(error) from error


def _make_error(error: NoAnswer) -> DeliveryError:
    return DeliveryError(
        f"The state is not reachable: {error.message}.",
        next_step=f"{error.next_step}\nSee that the remote {REMOTE!r} can be reached from here, and that {BRANCH} may "
        "be pushed to.",
    )
