"""The `command` setting: its words, and whether addresses can safely take the place of {sender} and {recipient}."""

import re
import shlex
from collections.abc import Sequence

from newsletter.text import suggest_nearest
from newsletter.validation import fault_error

EXAMPLE = '["/usr/sbin/sendmail", "-i", "-f", "{sender}", "--", "{recipient}"]'
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NAMES = ("sender", "recipient")
# A placeholder is a word of its own, or comes right behind one option: -f{sender}, --from={sender}.
_FORM = re.compile(r"(?:--?[A-Za-z0-9][A-Za-z0-9-]*=?)?\{\w+\}")
# Programs that read any of their arguments as code, of their own language or of a shell's.
_EVALUATING = frozenset(
    [
        "awk",
        "entr",
        "eval",
        "expect",
        "gawk",
        "gmake",
        "make",
        "mawk",
        "nawk",
        "parallel",
        "perl",
        "powershell",
        "pwsh",
        "rsh",
        "socat",
        "ssh",
        "tclsh",
        "tmux",
        "watch",
        "xargs",
        "xterm",
    ]
)
_SHELLS = frozenset(["ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "zsh"])
# Programs that do so behind an option, and that option's letters.
_EVALUATING_BY = dict.fromkeys(("flock", "runuser", "script", "su"), "c") | {
    "env": "S",
    "lua": "e",
    "nc": "ce",
    "ncat": "ce",
    "node": "ep",
    "php": "BEFRr",
    "python": "c",
    "ruby": "e",
}
_LONG_OPTIONS = ("--command", "--eval", "--exec", "--print", "--session-command", "--sh-exec", "--split-string")
# A shell's options that take no argument.
_SHELL_OPTIONS = re.compile(r"-[A-NP-Za-np-rt-z]+")


def split_command(value: object) -> object:
    """Split a text as a shell would, without running one; leave a list as it is. Raises the fault of anything else."""
    next_step = f"Write the words as a list: {EXAMPLE}"
    if not isinstance(value, str | list):
        raise fault_error(code="command", message="this is neither a text nor a list of texts", next_step=next_step)
    try:
        return shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise fault_error(
            code="command", message=f"this can't be split into words: {error}", next_step=next_step
        ) from error


def check_command(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words unchanged. Raises the fault of a command without a program, or one that can't be filled safely.

    An address may hold $, |, & and quotes, so that none may become part of a program that is read as code.
    """
    if not command or not command[0] or PLACEHOLDER.search(command[0]) or any("\0" in word for word in command):
        raise fault_error(code="command", message="this names no program", next_step=f"Write one such as {EXAMPLE}")
    for name in PLACEHOLDER.findall(" ".join(command)):
        if name not in _NAMES:
            raise fault_error(
                code="command",
                message=f"{{{name}}} is not a known placeholder",
                next_step=suggest_nearest(name, _NAMES) or "There are {sender} and {recipient}.",
            )
    no_program = _find_first_data(command)
    for number, word in enumerate(command):
        program = "" if number in no_program else _name_program(word)
        if placeholder := PLACEHOLDER.search(" ".join(_select_code(program, command[number + 1 :]))):
            raise fault_error(
                code="command",
                message=f"{program} would read {placeholder[0]} as a part of a program, and an address may hold "
                "$, |, & and quotes",
                next_step=f"Leave {program} out, or give the address to a shell as a word of its own: "
                """["sh", "-c", "exec sendmail -i -- \\"$1\\"", "sh", "{recipient}"]""",
            )
    for word in command:
        if (placeholder := PLACEHOLDER.search(word)) and not _FORM.fullmatch(word):
            raise fault_error(
                code="command",
                message=f"{placeholder[0]} is among other text in one word",
                next_step=f'Make it a word of its own, or put it right behind one option: "--name={placeholder[0]}".',
            )
    return command


def _name_program(word: str) -> str:
    """Return the name of the program that a word may call: `python` for /usr/bin/python3.13."""
    return word.rpartition("/")[2].casefold().removesuffix(".exe").rstrip("0123456789.")


def _select_code(program: str, following: Sequence[str]) -> Sequence[str]:
    """Return those of a program's arguments that it reads as code; none for a program that reads none so."""
    if program in _EVALUATING:
        return following
    if program in _SHELLS:
        return following if (data := _find_shell_data(following)) is None else following[: len(following) - len(data)]
    if letters := _EVALUATING_BY.get(program):
        option = re.compile(rf"-\w*[{letters}]|{'|'.join(_LONG_OPTIONS)}")
        return following if any(map(option.match, following)) else ()
    return ()


def _find_first_data(command: Sequence[str]) -> set[int]:
    """Return the places of the words right behind a shell's code: `$0`, usually `sh`, and no program to run."""
    data = (_find_shell_data(command[at + 1 :]) for at, word in enumerate(command) if _name_program(word) in _SHELLS)
    return {len(command) - len(words) for words in data if words}


def _find_shell_data(following: Sequence[str]) -> Sequence[str] | None:
    """Return the words behind a shell's script or code, which are data to it; None where that can't be known.

    They are no data when the code hands its arguments on to a program that evaluates them.
    """
    takes_code = False
    for number, word in enumerate(following):
        if _SHELL_OPTIONS.fullmatch(word):
            takes_code = takes_code or "c" in word
            continue
        if word.startswith(("-", "+")) or PLACEHOLDER.search(word):
            return None
        named = {_name_program(name) for name in re.split(r"[^\w./-]+", word)} if takes_code else set()
        evaluating = named & (_EVALUATING | _SHELLS | _EVALUATING_BY.keys() | {"source", "."})
        runs_itself = takes_code and re.search(r"\$\{?0", word)
        return None if evaluating or runs_itself else following[number + 1 :]
    return ()
