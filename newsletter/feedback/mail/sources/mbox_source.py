"""Messages one after another in a file: an mbox (RFC 4155, and mboxrd, mboxo and mboxcl2), or a single message.

Python's own mailbox module goes through a file of 1 GB twice, has each message in memory whole, splits mboxcl2's at
any line of text that begins with From, and leaves mboxrd's > where it is.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from newsletter.errors import ConfigError, DeliveryError, NewsletterError, Problem
from newsletter.feedback.mail.sources.mail_source import IsKnown, StoredMail
from newsletter.feedback.mail.sources.message_content import MessageContent, read_content
from newsletter.text import escape_controls

_LONGEST_LINE = 1 << 16
_CHUNK = 1 << 20
# A From line has a time of day; one without, as Thunderbird may write it, has a blank line before and no words behind.
_FROM = re.compile(rb"From .*\d:\d\d")
_BARE_FROM = re.compile(rb"From \S*\s*$")
_QUOTED_FROM = re.compile(rb">+From ")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,15})\s*$", re.IGNORECASE)
# Fields that mail programs and servers add later: the message stays the same.
_VOLATILE = re.compile(
    rb"(?:(?:x-)?status|x-uid|x-imap(?:base)?|(?:x-)?keywords|x-mozilla-\w+|content-length|lines)[ \t]*:", re.IGNORECASE
)


@contextmanager
def open_file(path: Path) -> Iterator["MboxSource | SingleFileSource"]:
    """Open the messages in the file `path`. Raises ConfigError when it holds something else."""
    with _explaining_failure(path):
        file = path.open("rb")
    with file:
        size = _measure_unlocked(path, file)
        with _explaining_failure(path):
            start = file.read(_LONGEST_LINE).lstrip(b"\r\n")
        if start.startswith(b"From ") or not start:
            yield MboxSource(path, file, size)
        elif _FIELD.match(start):
            yield SingleFileSource(path, file, size)
        else:
            raise ConfigError(
                f"{escape_controls(str(path))} is no mailbox: it begins with no From line and no message's header.",
                next_step="Name an mbox file, a folder of .eml files, or a Maildir.",
            )


@contextmanager
def _explaining_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NewsletterError(
            f"{escape_controls(str(path))} can't be read: {error.strerror}.",
            next_step="Let the user that runs this read the file, or run this as its owner.",
        ) from error


def _measure_unlocked(path: Path, file: BinaryIO) -> int:
    """Return the file's size at a moment when no mail server writes to it; what comes later is the next run's."""
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise DeliveryError(
            f"Another program is writing to {escape_controls(str(path))}.", next_step="Run the same command again."
        ) from error
    except OSError:  # some network file systems lock nothing
        return os.fstat(file.fileno()).st_size
    size = os.fstat(file.fileno()).st_size
    with suppress(OSError):
        fcntl.lockf(file, fcntl.LOCK_UN)
    return size


class SingleFileSource:
    """Source of one message, a file."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.place = escape_controls(str(path))
        self.unread: list[Problem] = []
        self._path = path
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return 1

    def mails(self, known: IsKnown) -> Iterator[StoredMail]:
        """Yield each message whose key is not `known`."""
        with _explaining_failure(self._path):
            self._file.seek(0)
            content = read_content(self._file, self._size)
        if not known(content.key):
            name = escape_controls(self._path.name).replace("\n", "\\n").replace("\t", "\\t")
            yield StoredMail(name=name, key=content.key, data=content.data, cut_off=content.cut_off)

    def file(self, mail: StoredMail) -> None:
        """Do nothing: the mail stays where it is."""


class MboxSource:
    """Source of an mbox's messages, in their order; they stay where they are."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self.place = escape_controls(str(path))
        self.unread: list[Problem] = []
        self._path = path
        self._file = file
        self._size = size

    def __len__(self) -> int:
        """Count the From lines, in a fourth of the time that reading takes; some of them may be text."""
        match, last = 0, b"\n"
        with _explaining_failure(self._path):
            self._file.seek(0)
            left = self._size
            while left > 0 and (chunk := self._file.read(min(_CHUNK, left))):
                left -= len(chunk)
                match += (last + chunk).count(b"\nFrom ")
                last = (last + chunk)[-5:]
        return match

    def mails(self, known: IsKnown) -> Iterator[StoredMail]:
        """Yield each message whose key is not `known`."""
        messages = _split_messages(self._file, self._size)
        number = 0
        while True:
            with _explaining_failure(self._path):
                content = next(messages, None)
            if content is None:
                return
            number += 1
            if not known(content.key):
                yield StoredMail(name=f"mbox:{number}", key=content.key, data=content.data, cut_off=content.cut_off)

    def file(self, mail: StoredMail) -> None:
        """Do nothing: the mail stays where it is."""


def _split_messages(file: BinaryIO, size: int) -> Iterator[MessageContent]:
    """Yield each message, less its From line, the blank line at its end, and the > before a From in its text."""
    file.seek(0)
    place = 0
    content: MessageContent | None = None
    held = b""  # a blank line, which is the message's own only if the message goes on
    length = -1
    in_header = begins = blank = True
    counted_to = 0  # mboxcl2: up to here a From line is text
    while place < size and (line := file.readline(min(_LONGEST_LINE, size - place))):
        place += len(line)
        starts_line, begins = begins, line.endswith(b"\n")
        after_blank, blank = blank, starts_line and line in (b"\n", b"\r\n")
        if content is None:
            content = MessageContent() if line.startswith(b"From ") else None  # blank lines may precede the first
            continue
        if starts_line and place > counted_to and (_FROM.match(line) or (after_blank and _BARE_FROM.match(line))):
            yield content
            content, held, length, in_header = MessageContent(), b"", -1, True
            continue
        if starts_line and place > counted_to and _QUOTED_FROM.match(line):
            line = line[1:]
        content.add(held)
        held = line if blank else b""
        volatile = in_header and starts_line and _VOLATILE.match(line) is not None
        if not blank:
            content.add(line, volatile=volatile)
        if in_header and starts_line and (match := _LENGTH.match(line)):
            length = int(match[1])
        if in_header and blank:
            in_header = False
            counted_to = _check_end(file, place, length, size)
    if content is not None:
        yield content


def _check_end(file: BinaryIO, place: int, length: int, size: int) -> int:
    """Return where a text of `length` octets ends, if a From line or the end of the file is there, else 0."""
    end = place + length
    if length < 0 or end > size:
        return 0
    file.seek(end)
    after = file.read(min(8, size - end)).lstrip(b"\r\n")
    file.seek(place)
    return end if not after or after.startswith(b"From ") else 0
