"""Protocol of a source of mail, and the message that it hands over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from newsletter.errors import Problem

# Octets of a message that are looked at: a bounce or a reply says less.
MOST = 2_000_000

AfterProcessing = Literal["leave", "move"]
IsKnown = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMail:
    """A message of a mailbox. `name` is for people, `key` identifies it for good, `data` are its first MOST octets.

    Equal octets have an equal key in every file; on an IMAP server the key is the message's UID.
    `at` is where its source finds it again, and means nothing to others. `received_at` is when it came into the
    mailbox, ISO 8601 in UTC; empty where the source does not know.
    """

    name: str
    key: str
    data: bytes = field(repr=False)
    cut_off: bool = False
    at: str = field(default="", repr=False)
    received_at: str = ""


class MailSource(Protocol):
    """Source of messages. `place` names it to people; `unread` is what could not be read of it so far."""

    place: str
    unread: list[Problem]

    def __len__(self) -> int:
        """Return how many messages there are, for a progress bar; an mbox's bodies may make it a few more."""

    def mails(self, known: IsKnown) -> Iterator[StoredMail]:
        """Yield each message whose key is not `known` yet, one at a time in memory, or a few small ones.

        Where messages are to be moved, those that are known and still here are moved as well: a run may have ended
        between the two. Raises NewsletterError when the source fails as a whole.
        """

    def file(self, mail: StoredMail) -> None:
        """Move a handled mail, or leave it, as the source was told. Raises NewsletterError."""
