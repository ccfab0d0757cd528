"""Is what an issue is made of committed in git, with nothing changed since?

git is asked about an index of its own, made from the commit for this question alone. So what is only staged counts as
changed, no file can be hidden by a bit in the editor's index, and that index is neither locked nor written.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.errors import Problem, below

_PATIENCE_S = 60
_GIVE_UP = 'take "committed" out of [send] require in newsletter.toml.'
_CHANGES = {
    "M": "changed since the last commit",
    "T": "changed since the last commit",
    "D": "deleted, and still in git",
}


class NoAnswer(Exception):
    """git can't tell; says why, and what to do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class Repository:
    """A git repository's work tree with the commit that stands in it, as seen from `folder`."""

    folder: Path
    top: Path
    commit: str

    @classmethod
    def around(cls, folder: Path) -> "Repository":
        """The repository that `folder` lies in. Raises NoAnswer."""
        top = os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n"))
        try:
            commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        except NoAnswer as error:
            raise NoAnswer("nothing has been committed yet", "Commit it: git add --all && git commit") from error
        return cls(folder, Path(top), commit)

    def uncommitted(self, files: Sequence[Path], folder: Path) -> Iterator[Problem]:
        """Each of `files` that is not in the commit as it is, and whatever else differs in `folder`.

        What git ignores counts among the files, and not in the folder. Raises NoAnswer.
        """
        inside = {}
        for file in files:
            real = file.resolve()  # where a link leads, for that is what will be sent
            if real.is_relative_to(self.top):
                inside[str(real.relative_to(self.top))] = file
            else:
                yield _problem(file, f"outside of the git repository {self.top}", "Put the file itself there.")
        listed = _git(self.top, "ls-tree", "-z", "--name-only", "--full-tree", self.commit, "--", *inside)
        for name in inside.keys() - set(_names(listed)):
            yield _problem(inside[name], "not committed yet", self._commit(inside[name]))
        asked = [*inside]
        if folder.resolve().is_relative_to(self.top) and folder.exists():
            asked.append(str(folder.resolve().relative_to(self.top)))
        for change, name in self._changes(asked) if asked else ():
            if change != "?" or name not in inside:  # those were told above
                path = inside.get(name, self.top / name)
                yield _problem(path, _CHANGES.get(change, "not committed yet"), self._commit(path))

    def _commit(self, path: Path) -> str:
        return f"Look at it, then commit it: git add {shlex.quote(str(below(path, self.folder)))} && git commit"

    def _changes(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        with TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            _git(self.top, "read-tree", self.commit, more=index)
            told = _git(
                self.top, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *names,
                more=index,
            )  # fmt: skip
        for line in _names(told):
            yield line[1], line[3:]


def _names(told: bytes) -> list[str]:
    return [os.fsdecode(name) for name in told.split(b"\0") if name]


def _problem(path: Path, message: str, next_step: str) -> Problem:
    return Problem(path=path, code="committed", message=f"this is {message}", next_step=next_step)


def _git(folder: Path, *args: str, more: dict[str, str] | None = None) -> bytes:
    """What git prints. Raises NoAnswer when it is not there, takes no part in this, or fails."""
    # A hook or a pager may do anything, and names are names, whatever signs are in them.
    command = [
        "git",
        "--no-pager",
        "--literal-pathspecs",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
    ]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and no word of a stranger's among the arguments
            [*command, *args], cwd=folder, env={**_environment(), **(more or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NoAnswer("git is not installed here", f"Install git, or {_GIVE_UP}") from error
    except OSError as error:
        raise NoAnswer(f"git can't be started: {error.strerror}", f"Mend that, or {_GIVE_UP}") from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"git did not answer within {_PATIENCE_S} seconds", "Try `git status` yourself.") from error
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if "not a git repository" in said:
        raise NoAnswer(
            "the publication is not kept in git",
            f"Begin with: git init && git add --all && git commit; or {_GIVE_UP}",
        )
    first, *rest = said.removeprefix("fatal: ").splitlines() or ["it does not say why"]
    raise NoAnswer(f"git refuses: {first}", "\n".join(line for line in rest if line))


def _environment() -> dict[str, str]:
    """Without what would lead git to another repository, as in a hook, and without our passwords."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "NEWSLETTER_")) or name.startswith("GIT_CONFIG_")
    } | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
