"""Kinds of mails to one reader, and the states that such a mail can be in.

from       to                  when
(queued)   waiting             a page, the inbox or a command has asked for it
waiting    claimed             durably, before a byte leaves
waiting    dropped             its request has ended, its reader must not be mailed, or it has waited too long
claimed    accepted, refused   the server's reply
claimed    waiting             untouched, put off, or kept back for what concerns the sender
claimed    unknown             a crash, or a connection lost under its text: it is never sent again by itself
"""

from enum import StrEnum


class MailKind(StrEnum):
    """Kind of a mail to one reader."""

    CONFIRM_JOIN = "confirm-join"
    ALREADY_JOINED = "already-joined"
    WELCOME = "welcome"
    ACCESS_LINK = "access-link"
    CONFIRM_NEW_ADDRESS = "confirm-new-address"
    CONFIRM_OLD_ADDRESS = "confirm-old-address"
    ADDRESS_CHANGED = "address-changed"
    RECONFIRM = "reconfirm"


# Each of these is about a request, and useless when that has ended.
WITH_REQUEST = (
    MailKind.CONFIRM_JOIN, MailKind.CONFIRM_NEW_ADDRESS, MailKind.CONFIRM_OLD_ADDRESS, MailKind.RECONFIRM,
)  # fmt: skip
# These go to somebody who gets the issues, and to nobody who must not be mailed.
TO_READERS = (MailKind.ALREADY_JOINED, MailKind.WELCOME, MailKind.RECONFIRM)


class MailState(StrEnum):
    """State of a mail to one reader."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DROPPED = "dropped"
