"""Questions to git, asked so that no program that a repository brings along is run."""

import os
import subprocess
from pathlib import Path

_PATIENCE_S = 60
# Settings by which a repository could have git start programs (git-config(1)); the command line overrides them.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.sshCommand=false",
    "diff.external=",
    "safe.bareRepository=explicit",  # one that lies in the work tree as if it were files
)


class NoAnswer(Exception):
    """A question that git can't answer, with the reason and what to do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class NoGit(NoAnswer):
    """A missing git, or a folder in no repository."""


def ask_git(folder: Path, *args: str, more: dict[str, str] | None = None) -> bytes:
    """Return what git prints about the repository around `folder`; `more` goes into its environment.

    No hook, filter, fsmonitor, pager or helper of the repository is run, and nothing is fetched. Raises NoAnswer when
    git is not installed, or fails.
    """
    environment = {**_make_environment(), **(more or {})}
    without = _switch_off_programs(_run(folder, environment, "config", "--name-only", "-z", "--list"), environment)
    done = _run(folder, environment | without, *args)
    if done.returncode == 0:
        return done.stdout
    complaint = done.stderr.decode(errors="replace").strip()
    if "not a git repository" in complaint:
        raise NoGit("the publication is not kept in git", "Begin with: git init && git add --all && git commit")
    first, *rest = complaint.removeprefix("fatal: ").splitlines() or ["it does not say why"]
    raise NoAnswer(f"git refuses: {first}", "\n".join(line for line in rest if line))


def _run(folder: Path, environment: dict[str, str], *args: str) -> "subprocess.CompletedProcess[bytes]":
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        # Names are names, whatever signs are in them.
        command = ["git", "--no-pager", "--literal-pathspecs", *settings, *args]
        return subprocess.run(  # noqa: S603  # no shell, and no word of a stranger's among the arguments
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S,
            check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NoGit("git is not installed here", "Install git") from error
    except OSError as error:
        raise NoGit(f"git can't be started: {error.strerror}", "Mend that") from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"git did not answer within {_PATIENCE_S} seconds", "Try `git status` yourself.") from error


def _switch_off_programs(listed: "subprocess.CompletedProcess[bytes]", environment: dict[str, str]) -> dict[str, str]:
    """Return the environment variables that leave each filter and textconv without a program.

    The repository chooses their names, so each is switched off by its own; with -c, an equals sign in one would end it.
    """
    names = [
        name
        for name in map(os.fsdecode, listed.stdout.split(b"\0"))
        if name.startswith(("filter.", "diff.", "merge."))
        and name.rpartition(".")[2] in ("clean", "smudge", "process", "required", "textconv", "command", "driver")
    ]
    first = environment.get("GIT_CONFIG_COUNT", "0")
    start = int(first) if first.isdigit() else 0
    off: dict[str, str] = {"GIT_CONFIG_COUNT": str(start + len(names))} if names else {}
    for number, name in enumerate(names, start=start):
        off[f"GIT_CONFIG_KEY_{number}"] = name
        off[f"GIT_CONFIG_VALUE_{number}"] = "false" if name.endswith(".required") else ""
    return off


def _make_environment() -> dict[str, str]:
    """Return this program's environment without variables that lead git to another repository, and without passwords.

    No protocol is allowed: a repository whose objects are elsewhere would fetch them by a command of its choice.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "NEWSLETTER_")) or name.startswith("GIT_CONFIG_")
    } | {
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
