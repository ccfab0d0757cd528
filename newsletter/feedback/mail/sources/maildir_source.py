"""Messages in files of their own: a Maildir (https://cr.yp.to/proto/maildir.html), or a folder of .eml files.

Folders are opened once, their files by name within them, and no link is followed: a sender may have a say in what a
file is named and holds, other programs move files meanwhile, and nothing outside may be reached.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from newsletter.errors import ConfigError, NewsletterError, Problem
from newsletter.feedback.mail.sources.mail_source import IsKnown, StoredMail
from newsletter.feedback.mail.sources.message_content import read_content
from newsletter.text import escape_controls

_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # opening a named pipe must not wait
_EQUAL = 1_000  # messages of the same text and name that may lie together
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY


@dataclass(frozen=True)
class _FolderKind:
    """Differences between a Maildir and a folder of .eml files."""

    takes: Callable[[str], bool]
    filed_as: Callable[[str], str]
    suffix: str
    parts: tuple[str, ...]


def _mark_seen(name: str) -> str:
    """Return a Maildir's name of a message that was seen; flags are letters in ASCII order after `:2,`."""
    unique, _, info = name.partition(":")
    flags = info[2:] if info.startswith("2,") else ""
    return f"{unique}:2,{''.join(sorted({*flags, 'S'}))}"


_MAILDIR = _FolderKind(
    takes=lambda name: not name.startswith("."), filed_as=_mark_seen, suffix="", parts=("tmp", "new", "cur")
)
_EML = _FolderKind(
    takes=lambda name: name.lower().endswith(".eml") and not name.startswith("."),
    filed_as=lambda name: name,
    suffix=".eml",
    parts=(),
)


@contextmanager
def open_folder(path: Path, folder: str, *, move: bool) -> Iterator["FolderSource"]:
    """Open the messages below `path`; with `move`, handled ones go into its folder `folder`."""
    with ExitStack() as held:
        try:
            found = _open_source(path, folder, held)
        except OSError as error:
            raise _explain_failure(path, error) from error
        found.moves = move
        yield found


def _open_source(path: Path, folder: str, held: ExitStack) -> "FolderSource":
    def open_folder_at(name: str | Path, within: int | None = None) -> int:
        no_link = 0 if within is None else os.O_NOFOLLOW
        descriptor = os.open(name, _FOLDER | no_link, dir_fd=within)
        held.callback(os.close, descriptor)
        return descriptor

    top = open_folder_at(path)
    try:
        maildir = {name: open_folder_at(name, top) for name in ("new", "cur")}
    except (FileNotFoundError, NotADirectoryError):
        files = FolderSource(path, _EML, {"": top}, ProcessedFolder(top, folder, open_folder_at))
        if len(files) or stat.S_ISDIR(_find_mode(folder, top)):
            return files
        raise ConfigError(
            f"{escape_controls(str(path))} is no mailbox: it has neither cur/ and new/ nor any .eml file.",
            next_step="Name the folder in which cur/ and new/ are.",
        ) from None
    # Maildir++: folders are side by side in the mailbox's own, and `.Bounces.handled` is one below `.Bounces`.
    within, name = top, ""
    if (own := path.resolve().name).startswith(".") and stat.S_ISDIR(_find_mode("../cur", top)):
        within, name = open_folder_at("..", top), own
    return FolderSource(path, _MAILDIR, maildir, ProcessedFolder(within, f"{name}.{folder}", open_folder_at))


def _find_mode(name: str, within: int) -> int:
    try:
        return os.stat(name, dir_fd=within, follow_symlinks=False).st_mode
    except OSError:
        return 0


class ProcessedFolder:
    """Folder that handled messages go into, made when the first one does."""

    def __init__(self, within: int, name: str, opened: Callable[[str, int], int]) -> None:
        self._within = within
        self._name = name
        self._opened = opened
        self._descriptor: int | None = None

    def open_part(self, parts: tuple[str, ...]) -> int:
        """Return the descriptor of the last of the parts, or of the folder itself where there are none."""
        if self._descriptor is None:
            home = self._open_or_make(self._name, self._within)
            made = [self._open_or_make(part, home) for part in parts]
            self._descriptor = made[-1] if made else home
        return self._descriptor

    def _open_or_make(self, name: str, within: int) -> int:
        """Open the folder `name`; a new one gets the owner and permissions of the one that it is in."""
        try:
            os.mkdir(name, 0o700, dir_fd=within)
        except FileExistsError:
            return self._opened(name, within)
        made = self._opened(name, within)
        model = os.fstat(within)
        if os.geteuid() == 0:
            # The mail server runs as another user, and could not show what root moved there.
            os.fchown(made, model.st_uid, model.st_gid)
        os.fchmod(made, stat.S_IMODE(model.st_mode))
        return made


class FolderSource:
    """Source of files that are a message each."""

    def __init__(self, path: Path, kind: _FolderKind, folders: dict[str, int], filing: ProcessedFolder) -> None:
        self.place = escape_controls(str(path))
        self.unread: list[Problem] = []
        self.moves = False
        self._path = path
        self._kind = kind
        self._folders = folders
        self._filing = filing
        # Sorted by name across folders: a Maildir's names begin with the time, so that the oldest comes first.
        self._files = sorted((name, folder) for folder in folders for name in self._list_names(folder))
        self.unread.sort(key=lambda problem: str(problem.path))

    def __len__(self) -> int:
        return len(self._files)

    def _list_names(self, folder: str) -> Iterator[str]:
        with os.scandir(self._folders[folder]) as entries:
            for entry in entries:
                if self._kind.takes(entry.name):
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name
                    else:
                        self._pass_over(self._join_name(folder, entry.name), "this is no file of its own", "not-a-file")

    def _join_name(self, folder: str, name: str) -> str:
        return f"{folder}/{name}" if folder else name

    def mails(self, known: IsKnown) -> Iterator[StoredMail]:
        """Yield each message whose key is not `known`; move the others, where mails are moved."""
        for name, folder in self._files:
            where = self._join_name(folder, name)
            try:
                mail = self._read(name, folder, where)
            except FileNotFoundError:
                continue  # another program moved it; if it only marked the message, the next run finds it
            except OSError as error:
                self._pass_over(where, error.strerror or "it can't be read", "unreadable")
                continue
            if not known(mail.key):
                yield mail
            else:
                self.file(mail)

    def _read(self, name: str, folder: str, where: str) -> StoredMail:
        def within(path: str, _flags: int) -> int:
            return os.open(path, _READING, dir_fd=self._folders[folder])

        with open(name, "rb", buffering=0, opener=within) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "this is no file of its own")
            content = read_content(file, status.st_size)
        return StoredMail(
            name=_escape_name(where),
            key=content.key,
            data=content.data,
            cut_off=content.cut_off,
            at=where,
            # A mail server writes the file when it delivers it; flags are in the name, and change no time.
            received_at=datetime.fromtimestamp(int(status.st_mtime), UTC).isoformat(),
        )

    def _pass_over(self, where: str, why: str, code: str) -> None:
        step = "Take it away, or let the user that runs this read it; then read the mailbox again."
        self.unread.append(Problem(path=f"{self.place}/{_escape_name(where)}", code=code, message=why, next_step=step))

    def file(self, mail: StoredMail) -> None:
        """Move a handled mail, where mails are moved. Raises NewsletterError."""
        if not self.moves:
            return
        folder, _, name = mail.at.rpartition("/")
        try:
            self._move(name, self._folders[folder], self._filing.open_part(self._kind.parts), mail.key)
        except FileNotFoundError:
            return  # another program took it away, which is as good
        except OSError as error:
            raise NewsletterError(
                f"{mail.name} can't be moved out of {self.place}: {error.strerror}.",
                next_step="It was handled, and won't be again. Let the user that runs this write there, "
                'or leave mail where it is: [inbox] after = "leave".',
            ) from error

    def _move(self, name: str, source: int, target: int, key: str) -> None:
        """Link a new name and remove the old one, since a rename would overwrite what has the name already."""
        digest = key.rpartition(":")[2]
        others = (f"{digest}-{number}{self._kind.suffix}" for number in range(_EQUAL))
        for new in map(self._kind.filed_as, chain([name], others)):
            try:
                os.link(name, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            except FileExistsError:
                if not _is_same_file(name, source, new, target):
                    continue
            except FileNotFoundError:
                raise
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    continue
                # Some file systems have no links, and Linux may forbid one of another user's file.
                if _find_mode(new, target):
                    continue
                os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)
                return
            os.unlink(name, dir_fd=source)
            return
        raise FileExistsError(errno.EEXIST, f"{_EQUAL} others have the same text and name")


def _is_same_file(name: str, source: int, new: str, target: int) -> bool:
    """Return whether both names are of one file: an earlier run ended between the two steps."""
    with suppress(OSError):
        return os.path.samestat(
            os.stat(name, dir_fd=source, follow_symlinks=False), os.stat(new, dir_fd=target, follow_symlinks=False)
        )
    return False


def _escape_name(name: str) -> str:
    """Return a file's name on one line, whatever its letters are."""
    return escape_controls(name).replace("\n", "\\n").replace("\t", "\\t")


def _explain_failure(path: Path, error: OSError) -> NewsletterError:
    return NewsletterError(
        f"{escape_controls(str(path))} can't be read: {error.strerror}.",
        next_step="Let the user that runs this read the mailbox, or run this as its owner.",
    )
