"""The files of approvals: drafts/2.10.approvals/ada@example.org.tag, one an approver.

Only the approvers' own files are looked at, so that a folder of thousands costs nothing.
"""

import os
import stat
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from newsletter.address import EmailAddress, subscriber_key
from newsletter.approvals.statement import SignedStatement, Unreadable, read_signed_statement
from newsletter.errors import DecisionNeeded
from newsletter.files import write_shared
from newsletter.issue_name import IssueName
from newsletter.workspace import Workspace

ENDING = ".tag"
MOST_OCTETS = 64 * 1024
_LONGEST_NAME = 200  # letters; disks take 255 octets, and a file that is being written has a longer name


def find_approvals_folder(workspace: Workspace, issue: IssueName) -> Path:
    """Return the folder of an issue's approvals, which is beside its draft."""
    return workspace.drafts / f"{issue}.approvals"


def find_approval_file(workspace: Workspace, issue: IssueName, approver: EmailAddress) -> Path:
    """Return the file of one approver's approval, whether it is there or not."""
    name = quote(subscriber_key(approver), safe="@+")
    if len(name) > _LONGEST_NAME:
        name = sha256(name.encode()).hexdigest()
    return find_approvals_folder(workspace, issue) / f"{name}{ENDING}"


def read_approval_file(path: Path) -> SignedStatement | None:
    """Read one approval; None when there is none. Raises Unreadable, also for a link and for what is no plain file."""
    if path.parent.is_symlink():
        raise Unreadable(f"{path.parent.name} is a link")
    try:
        # A named pipe would keep the reader waiting.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreadable("it is a link" if path.is_symlink() else f"it can't be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("it is no plain file")
        data = file.read(MOST_OCTETS + 1)
    if len(data) > MOST_OCTETS:
        raise Unreadable("it is too large")
    return read_signed_statement(data.replace(b"\r\n", b"\n"))  # as git checks files out by core.autocrlf


def write_approval_file(path: Path, data: bytes) -> None:
    """Write an approval, whole or not at all. Raises DecisionNeeded where a link would lead it elsewhere."""
    if path.parent.is_symlink() or path.is_symlink():
        raise DecisionNeeded(
            f"{path if path.is_symlink() else path.parent} is a link, and an approval is not written through one.",
            next_step="Remove the link.",
        )
    write_shared(path, data)
