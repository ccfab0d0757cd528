"""Every error a user can meet, grouped by what the user does next.

    NewsletterError
    ├── DraftError       fix the draft
    ├── TemplateError    fix the template
    ├── ConfigError      fix newsletter.toml or the environment
    ├── ListError        fix the subscriber list
    ├── DeliveryError    mend the connection or wait, then send again
    └── DecisionNeeded   decide, and say so

A backend's own `Unreachable` and `SenderRefused` (backends/__init__.py) are DeliveryErrors; `WrongTime`
(delivery/moments.py) is wrong usage.

Each carries a message (what is wrong), a next step (what to do), and, where they are known, the
problems behind it with their places. Wrong usage of the command line is click's own `UsageError`.
"""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

# C0 and C1 controls, the marks that reorder what stands around them on a terminal, and what some take for a line's end.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text from a file or a server, made harmless for a terminal: controls become `\\x1b` and the like."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def quoted(text: str) -> str:
    """Return a text between quotes, for a message: repr() escapes letters that Python's tables do not know yet."""
    mark = '"' if "'" in text and '"' not in text else "'"
    return f"{mark}{printable(text)}{mark}"


def below(path: Path, folder: Path) -> Path:
    """The path from the folder on, when it lies below it."""
    return path.relative_to(folder) if path.is_absolute() and path.is_relative_to(folder) else path


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A sentence that suggests the known word nearest to `word`, or an empty string."""
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 reader` or `3 readers`; `plural` is for nouns whose plural is no s behind them."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in one place of a file that a person wrote.

    `line` and `column` count from 1; a line of 0 means the whole file. `code` is a stable name for
    machines; `next_step` says what the person does about it.
    """

    path: Path | str
    line: int = 0
    column: int = 0
    code: str
    message: str
    next_step: str = ""

    @property
    def place(self) -> str:
        parts = [str(self.path), *(str(n) for n in (self.line, self.column) if n)]
        return printable(":".join(parts))

    def __str__(self) -> str:
        text = f"{self.place}: {printable(self.message)} [{self.code}]"
        return f"{text}\n    {printable(self.next_step)}" if self.next_step else text


class NewsletterError(Exception):
    """The root: an error that a user's action or surroundings caused, with what to do about it."""

    exit_status = 1

    def __init__(self, message: str, *, next_step: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.problems = tuple(problems)


def explained(error: Exception) -> NewsletterError:
    """Any error, in words for a person: what the system refused, and what is no one's fault but the program's."""
    if isinstance(error, NewsletterError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return NewsletterError(
            f"{error.filename}: {error.strerror}.",
            next_step="See that the file or folder is there, and that you may read and write it. Then try again.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return NewsletterError(
            f"A file could not be written: {error.strerror}.",
            next_step="Make room there, or see that the disk may be written to. Then run the same command again.",
        )
    return NewsletterError(
        f"Error: {str(error) or type(error).__name__}",
        next_step="This is a fault of the program, not yours. Run it again as `newsletter --debug ...` "
        "and report what it prints.",
    )


class DraftError(NewsletterError):
    """The draft, or the picture beside it, has to be mended."""


class TemplateError(NewsletterError):
    """A file under templates/ has to be mended."""


class ConfigError(NewsletterError):
    """newsletter.toml or a NEWSLETTER_ variable has to be mended."""

    exit_status = 2


class ListError(NewsletterError):
    """The subscriber list has to be mended."""


class DeliveryError(NewsletterError):
    """The mail could not be handed over; nothing is lost, and sending again goes on from here."""


class DecisionNeeded(NewsletterError):
    """Going on by itself could do harm, so a person has to say which way."""
