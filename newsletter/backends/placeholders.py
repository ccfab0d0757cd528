"""The words of the `command` setting, and the placeholders in them that an address takes the place of."""

import re
import shlex
from collections.abc import Iterator, Sequence

from newsletter.errors import did_you_mean
from newsletter.validation import rejected

EXAMPLE = '["/usr/sbin/sendmail", "-i", "-f", "{sender}", "--", "{recipient}"]'
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NAMES = ("sender", "recipient")
# Programs that read one of their words as a program of its own, and the letters of the option before it.
_SHELLS = ("ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "pwsh", "rbash", "sh", "tcsh", "zsh")
_CODE_AFTER = dict.fromkeys((*_SHELLS, "busybox", "flock", "runuser", "script", "su"), "c") | {
    "lua": "e",
    "node": "ep",
    "perl": "eE",
    "php": "r",
    "python": "c",
    "ruby": "e",
}
_LONG_OPTIONS = ("--command", "--eval", "--print", "--session-command")
_REMOTE = ("rsh", "ssh")  # the shell at the other end reads all words that follow, one after another


def words(value: object) -> object:
    """Split a text as a shell would; no shell ever sees it. Raises the fault of a value that is neither."""
    next_step = f"Write the words as a list: {EXAMPLE}"
    if not isinstance(value, str | list):
        raise rejected(code="command", message="this is neither a text nor a list of texts", next_step=next_step)
    try:
        return shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise rejected(
            code="command", message=f"this can't be split into words: {error}", next_step=next_step
        ) from error


def sound(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words as they are. Raises the fault of a command that names no program, or can't be filled safely."""
    if not command or not command[0] or PLACEHOLDER.search(command[0]) or any("\0" in word for word in command):
        raise rejected(code="command", message="this names no program", next_step=f"Write one such as {EXAMPLE}")
    for name in PLACEHOLDER.findall(" ".join(command)):
        if name not in _NAMES:
            raise rejected(
                code="command",
                message=f"nothing is known that could take the place of {{{name}}}",
                next_step=did_you_mean(name, _NAMES) or "There are {sender} and {recipient}.",
            )
    for program, code in _read_as_code(command):
        if placeholder := PLACEHOLDER.search(code):
            raise rejected(
                code="command",
                message=f"{program} would read {placeholder[0]} as a part of a program, and an address may hold "
                "$, |, & and quotes",
                next_step="Leave the shell out, or give the address to it as a word of its own: "
                """["sh", "-c", "exec sendmail -i -- \\"$1\\"", "sh", "{recipient}"]""",
            )
    return command


def _read_as_code(command: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find the words that a shell, or another interpreter among the words, reads as code: each with the program."""
    for number, word in enumerate(command):
        program = word.rpartition("/")[2].rstrip("0123456789.").removesuffix(".exe")
        following = command[number + 1 :]
        if program in _REMOTE:
            yield from ((program, one) for one in following)
        elif letters := _CODE_AFTER.get(program):
            yield from ((program, one) for one in _code_among(following, letters))


def _code_among(following: Sequence[str], letters: str) -> Iterator[str]:
    """Yield the words from the option that announces code to the first that is no option."""
    announced = False
    for word in following:
        is_option = word.startswith(("-", "+"))
        # The code may stand in the same word: -c'...', --command=...
        announced = announced or word.startswith(_LONG_OPTIONS) or re.match(rf"-\w*[{letters}]", word) is not None
        if announced:
            yield word
            if not is_option:
                return
        elif word == "--":
            return
