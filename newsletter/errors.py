"""The errors that a user can meet, grouped by what the user does next.

    NewsletterError
    ├── DraftError       fix the draft
    ├── TemplateError    fix the template
    ├── ConfigError      fix newsletter.toml or the environment
    ├── ListError        fix the subscriber list
    ├── DeliveryError    mend the connection or wait, then send again
    └── DecisionNeeded   decide, and say so

A backend's own `Unreachable` and `SenderRefused` (backends/__init__.py) are DeliveryErrors.

Each carries a message (what is wrong), a next step (what to do), and, where they are known, the problems behind it
with their places. Wrong usage of the command line is click's own `UsageError`.
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.text import escape_controls


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem in one place of a file that a person wrote.

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
        return escape_controls(":".join(parts))

    def __str__(self) -> str:
        text = f"{self.place}: {escape_controls(self.message)} [{self.code}]"
        return f"{text}\n    {escape_controls(self.next_step)}" if self.next_step else text


class NewsletterError(Exception):
    """The root of the errors that a user's action or surroundings cause, with what to do about it."""

    exit_status = 1

    def __init__(self, message: str, *, next_step: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.problems = tuple(problems)


def explain(error: Exception) -> NewsletterError:
    """Return any error in words for a person: what the system refused, or a fault of the program itself."""
    if isinstance(error, NewsletterError):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return NewsletterError(
            f"{error.filename}: {error.strerror}.",
            next_step="See that the file or folder is there, and that you may read and write it. Then try again.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
        return NewsletterError(
            f"A file could not be written: {error.strerror}.",
            next_step="Make room there, or see that the disk may be written to. Then run the same command again.",
        )
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):  # of tempfile, without a name
        return NewsletterError(
            "No temporary file can be written: perhaps the disk is full.",
            next_step="Make room there, or name another folder in TMPDIR. Then run the same command again.",
        )
    return NewsletterError(
        f"Error: {str(error) or type(error).__name__}",
        next_step="This is a fault of the program, not yours. Run it again as `newsletter --debug ...` "
        "and report what it prints.",
    )


class DraftError(NewsletterError):
    """A fault of a draft, or of the picture beside it: the user edits it."""


class TemplateError(NewsletterError):
    """A fault of a file under templates/: the user edits it."""


class ConfigError(NewsletterError):
    """A fault of newsletter.toml or of a NEWSLETTER_ variable: the user changes the setting."""

    exit_status = 2


class ListError(NewsletterError):
    """A fault of the subscriber list: the user edits it."""


class DeliveryError(NewsletterError):
    """A failure to hand mail over: the user mends the connection or waits, and sends again; nothing is lost."""


class DecisionNeeded(NewsletterError):
    """A step that could do harm: the user decides, and says so."""
