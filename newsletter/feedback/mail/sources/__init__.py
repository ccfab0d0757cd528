"""Sources of mail that comes back: a Maildir, an mbox, a folder of .eml files, or an IMAP mailbox."""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from newsletter.errors import ConfigError, NewsletterError
from newsletter.feedback.mail.sources import maildir_source, mbox_source
from newsletter.feedback.mail.sources.mail_source import MOST, AfterProcessing, IsKnown, MailSource, StoredMail
from newsletter.text import escape_controls

__all__ = ["MOST", "AfterProcessing", "IsKnown", "MailSource", "StoredMail", "open_source"]

ACCEPTED_FORMS = (
    "Name a Maildir (a folder with cur/ and new/), an mbox file, a folder of .eml files, "
    "or a mailbox such as imaps://user@mail.example.org/INBOX."
)


@contextmanager
def open_source(
    source: str,
    *,
    after: AfterProcessing,
    password: Callable[[str, str], str | None],
    folder: str = "handled",
    timeout: float = 60,
    deadline: float = 3600,
) -> Iterator[MailSource]:
    """Open the mailbox at `source`, a path or an imaps:// or imap:// address, for the time of the context.

    With `after="move"`, handled ones go into the mailbox's own folder `folder`, which is made when it is wanted; with
    "leave" nothing changes, flags included. `password` is asked, with an IMAP server's host and the user's name, for
    what lets us in. In seconds, `timeout` is for each of the server's answers, and `deadline` for all of them together.
    Raises ConfigError when `source` names no mailbox, or one of which this can't be done, and DeliveryError when a
    server can't be reached or refuses us.
    """
    with _open_any(source, after, password, folder, timeout, deadline) as opened:
        yield opened


def _open_any(
    source: str,
    after: AfterProcessing,
    password: Callable[[str, str], str | None],
    folder: str,
    timeout: float,
    deadline: float,
) -> AbstractContextManager[MailSource]:
    if not re.fullmatch(r"\w[\w .-]*", folder, re.ASCII):
        raise ConfigError(
            f"Handled messages can't be moved into {escape_controls(folder)!r}: that is no plain name of a folder.",
            next_step="Write letters, digits and hyphens, as in handled.",
        )
    move_to = folder if after == "move" else None
    scheme, mark, _ = source.partition("://")
    if mark and scheme.lower() in ("imap", "imaps"):
        # imap-tools takes a while to load, and most publications have a Maildir.
        from newsletter.feedback.mail.sources import imap_source

        return imap_source.open_mailbox(source, move_to=move_to, password=password, timeout=timeout, deadline=deadline)
    path, mode = _find_mode(source)
    if stat.S_ISDIR(mode):
        return maildir_source.open_folder(path, folder, move=after == "move")
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"{escape_controls(str(path))} is no mailbox: it is neither a folder nor a file.", next_step=ACCEPTED_FORMS
        )
    if after == "move":
        raise ConfigError(
            f"{escape_controls(str(path))} is one file, and messages can't be moved out of it: "
            "it belongs to the mail server, which may be writing to it.",
            next_step='Leave them there: [inbox] after = "leave". Each message is handled once all the same.',
        )
    return mbox_source.open_file(path)


def _find_mode(source: str) -> tuple[Path, int]:
    """Return the path and the mode of what is there. A misspelt address may hold a password, and is not shown."""
    shown = "The source of the mail" if "@" in source or "://" in source else escape_controls(source) or "An empty name"
    try:
        path = Path(source).expanduser()
        return path, path.stat().st_mode
    except PermissionError as error:
        raise NewsletterError(
            f"{shown} can't be read: {error.strerror}.",
            next_step="Let the user that runs this read the mailbox, or run this as its owner.",
        ) from error
    # ValueError is a NUL in the name, RuntimeError a ~name of nobody's.
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{shown} is neither a file nor a folder here.", next_step=ACCEPTED_FORMS) from error
