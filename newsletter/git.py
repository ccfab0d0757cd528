"""Questions to git, asked so that no program that a repository brings along is run; and the way to its remote.

Signing and verifying run programs by their nature (gpg, ssh-keygen), and git takes their names from its settings. So
these are done in a repository apart, which has no settings of the publication's: see ScratchRepository.
"""

import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_PATIENCE_S = 60
# Settings by which a repository could have git start programs (git-config(1)); the command line overrides them.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "diff.external=",
    "safe.bareRepository=explicit",  # one that lies in the work tree as if it were files
)
# In the environment: no settings of the system, no questions, no network, messages that can be read by a program.
_CLOSED = {"GIT_ALLOW_PROTOCOL": "", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_NO_NETWORK = ("core.sshCommand=false",)
_PROTOCOLS = "file:http:https:ssh"  # and none that is a command (ext::), or that has one before it (core.gitProxy)
# What git runs at the other end, which a repository's settings could name as well.
_FAR_END = {
    "fetch": ("--upload-pack=git-upload-pack", "--no-recurse-submodules", "--no-auto-maintenance"),
    "ls-remote": ("--upload-pack=git-upload-pack",),
    "push": ("--receive-pack=git-receive-pack", "--no-recurse-submodules", "--no-signed"),
}
# How this user's own environment says who they are to the remote.
_LOGIN_VARIABLES = ("GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")


class NoAnswer(Exception):
    """A question that git can't answer, with the reason and what to do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class NoGit(NoAnswer):
    """A missing git, or a folder in no repository."""


def ask_git(folder: Path, *args: str, more: dict[str, str] | None = None, given: bytes | None = None) -> bytes:
    """Return what git prints about the repository around `folder`; `more` goes into its environment, `given` is read.

    No hook, filter, fsmonitor, pager or helper of the repository is run, and nothing is fetched. Raises NoAnswer when
    git is not installed, or fails.
    """
    return _ask(folder, {**_make_environment(), **(more or {})}, args, _NO_NETWORK, given)


def find_top(folder: Path) -> Path:
    """Return the top of the work tree that a folder lies in. Raises NoAnswer."""
    return Path(os.fsdecode(ask_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))


def find_commit(folder: Path, revision: str) -> str:
    """Return the name of the commit that a branch, a tag or the like means. Raises NoAnswer."""
    found = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.decode().strip()


def reach_remote(folder: Path, command: str, *args: str) -> bytes:
    """Run git's fetch, push or ls-remote, with the login that this user, or a runner, has set up for the repository.

    That may be a program: a credential helper or an ssh command of its settings. Otherwise as `ask_git`. Raises
    NoAnswer, also when the remote can't be reached or refuses.
    """
    login = {name: os.environ[name] for name in _LOGIN_VARIABLES if name in os.environ}
    environment = _make_environment() | login | {"GIT_ALLOW_PROTOCOL": _PROTOCOLS}
    return _ask(folder, environment, (command, *_FAR_END[command], *args))


def _ask(
    folder: Path,
    environment: dict[str, str],
    args: tuple[str, ...],
    settings: tuple[str, ...] = (),
    given: bytes | None = None,
) -> bytes:
    without = _switch_off_programs(_run(folder, environment, "config", "--name-only", "-z", "--list"), environment)
    done = _run(folder, environment | without, *args, settings=settings, given=given)
    if done.returncode == 0:
        return done.stdout
    complaint = _read_complaint(done)
    if "not a git repository" in complaint:
        raise NoGit("the publication is not kept in git", "Begin with: git init && git add --all && git commit")
    first, *rest = complaint.removeprefix("fatal: ").splitlines() or ["it does not say why"]
    raise NoAnswer(f"git refuses: {first}", "\n".join(line for line in rest if line))


def _read_complaint(done: "subprocess.CompletedProcess[bytes]") -> str:
    return done.stderr.decode(errors="replace").strip()


def _run(
    folder: Path,
    environment: dict[str, str],
    *args: str,
    settings: tuple[str, ...] = (),
    given: bytes | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    words = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    # Names are names, whatever signs are in them.
    return _start(["git", "--no-pager", "--literal-pathspecs", *words, *args], folder, environment, given or b"")


def _start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    patience_s: float = _PATIENCE_S,
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(  # noqa: S603  # no shell, and no word of a stranger's among the arguments
            command, cwd=folder, env=environment, input=stdin, capture_output=True, timeout=patience_s, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NoGit("git is not installed here", "Install git") from error
    except OSError as error:
        raise NoGit(f"git can't be started: {error.strerror}", "Mend that") from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"git did not answer within {patience_s:g} seconds", "Try `git status` yourself.") from error


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


class ScratchRepository:
    """An empty repository in a folder of this program's own: the one place where git may sign and verify.

    The publication's repository has no say in it: neither its settings, which may name programs to run, nor its hooks,
    objects and refs.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], settings: Mapping[str, str]) -> None:
        self._environment = {
            **environment,
            "GIT_DIR": str(folder / "scratch.git"),
            "GIT_CONFIG_COUNT": str(len(settings)),
            **{f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(settings.values())},
        }
        made = self.run("init", "--quiet", "--bare", "--template=", "--object-format=sha1", folder=folder)
        if made.returncode:
            raise NoAnswer("git can't make a repository in a temporary folder", _read_complaint(made))

    def run(
        self, *args: str, folder: Path, stdin: bytes = b"", patience_s: float = _PATIENCE_S
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run git on this repository, in a folder by which relative paths of the settings are meant. Raises NoAnswer.

        What git says of a failure is in the result.
        """
        return _start(["git", "-c", "core.hooksPath=/dev/null", *args], folder, self._environment, stdin, patience_s)


@contextmanager
def open_scratch_repository(settings: Mapping[str, str], tools: Mapping[str, str]) -> Iterator[ScratchRepository]:
    """Yield a repository with these settings alone, not even the user's own; `tools` goes into its environment.

    Of this program's environment only PATH is known there. Raises NoAnswer.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GIT_CONFIG_GLOBAL": os.devnull} | _CLOSED
    with TemporaryDirectory(prefix="newsletter-git-") as folder:
        yield ScratchRepository(Path(folder), {**environment, "HOME": folder, **tools}, settings)


@contextmanager
def open_signing_repository(settings: Mapping[str, str]) -> Iterator[ScratchRepository]:
    """Yield a repository with the user's own settings (~/.gitconfig and the system's), and `settings` over them.

    So the user's own program signs, with what it needs from the environment. Raises NoAnswer.
    """
    identity = {name: value for name, value in os.environ.items() if name.startswith("GIT_COMMITTER_")}
    with TemporaryDirectory(prefix="newsletter-git-") as folder:
        yield ScratchRepository(Path(folder), _make_environment() | identity, settings)


def read_own_settings(folder: Path, data: Collection[str], programs: Collection[str]) -> dict[str, str]:
    """Return settings as git has them in a folder, the last value of each.

    Those that name `programs` are the user's alone: from ~/.gitconfig, the system's file and what these include, or the
    environment, and never from a repository's own files. Raises NoAnswer.
    """
    listed = ask_git(folder, "config", "--show-scope", "-z", "--list").split(b"\0")
    found: dict[str, str] = {}
    for scope, setting in zip(listed[::2], listed[1::2], strict=False):
        name, _, value = os.fsdecode(setting).partition("\n")
        if name in data or (name in programs and scope in (b"system", b"global", b"command")):
            found[name] = value
    return found
