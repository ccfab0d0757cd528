"""Address of an IMAP mailbox: imaps://user@host:port/Folder, or imap:// for STARTTLS."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from newsletter.errors import ConfigError
from newsletter.host import is_loopback
from newsletter.redaction import Redactor
from newsletter.text import escape_controls


@dataclass(frozen=True, kw_only=True)
class ImapUrl:
    """Parts of a mailbox's address. With `tls` the connection begins encrypted, else it becomes so by STARTTLS.

    `redactor` takes the password out of what the server says, once there is one.
    """

    user: str
    host: str
    port: int
    folder: str
    tls: bool
    redactor: Redactor = field(default_factory=Redactor, compare=False, repr=False)

    @property
    def server(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """Folder, user and host, for messages."""
        return escape_controls(f"{self.folder} of {self.user} at {self.host}")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(self.host)


def parse_imap_url(source: str) -> ImapUrl:
    """Return the parts of an imaps:// or imap:// address. Raises ConfigError, which never shows it.

    An @ in the user's name may be written as it is: the last one is before the host.
    """
    try:
        parts = urlsplit(source)
        port = parts.port
    except ValueError as error:
        # A password with a # or / in it ends the host too early, and the rest is taken for a port.
        raise _make_malformed_error() from error
    if parts.password is not None:
        raise ConfigError(
            "The mailbox's address holds a password, which would be shared through git and shown in messages.",
            next_step="Write imaps://user@host/Folder without it, and set NEWSLETTER_INBOX__PASSWORD, "
            "or store it in the system's keyring. Whoever has seen it can read the mailbox: choose another.",
        )
    user, folder = unquote(parts.username or ""), unquote(parts.path[1:]) or "INBOX"
    # A line break would end one command and begin another.
    if not user or not parts.hostname or parts.query or parts.fragment or re.search("[\x00-\x1f\x7f]", user + folder):
        raise _make_malformed_error()
    tls = parts.scheme == "imaps"
    return ImapUrl(
        user=user,
        host=parts.hostname,
        port=port or (993 if tls else 143),
        folder="INBOX" if folder.upper() == "INBOX" else folder,  # RFC 9051, section 5.1: the one name without case
        tls=tls,
    )


def _make_malformed_error() -> ConfigError:
    return ConfigError(
        "The mailbox's address can't be read.",
        next_step="Write imaps://user@mail.example.org/INBOX, with a port after the host if it is not 993; "
        "a / or # in the user's name as %2F and %23, and no password.",
    )
