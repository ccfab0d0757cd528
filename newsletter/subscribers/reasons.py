"""Reasons why an address got no mail, or shall get none: the names under which events and suppressions are stored."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason in this program's own names, whatever a mail server or provider calls it.

    They follow the reasons of Sisimai (https://libsisimai.org/en/reason/), which tells bounces apart as finely.
    """

    # The address: no mail will ever arrive there.
    UNKNOWN_USER = "unknown_user"
    UNKNOWN_HOST = "unknown_host"
    INACTIVE_MAILBOX = "inactive_mailbox"  # disabled, suspended or closed
    MOVED = "moved"
    NO_MAIL_ACCEPTED = "no_mail_accepted"  # the domain takes no mail at all (RFC 7505)
    # The mailbox or the way to it, for now.
    MAILBOX_FULL = "mailbox_full"
    RECIPIENT_LIMIT = "recipient_limit"  # the recipient gets more mail than their server bears
    EXPIRED = "expired"  # it was tried for too long
    MAIL_LOOP = "mail_loop"
    NETWORK_ERROR = "network_error"
    SYSTEM_FULL = "system_full"
    SYSTEM_ERROR = "system_error"
    GREYLISTED = "greylisted"
    # The sender, or the message.
    BLOCKED_SENDER = "blocked_sender"  # by the sender's IP address, host name or domain
    BAD_REPUTATION = "bad_reputation"
    MISSING_PTR = "missing_ptr"
    AUTHENTICATION_FAILED = "authentication_failed"  # SPF, DKIM or DMARC
    REJECTED_SENDER = "rejected_sender"  # the envelope sender's address
    RELAYING_DENIED = "relaying_denied"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    SPAM = "spam"
    VIRUS = "virus"
    MESSAGE_TOO_LARGE = "message_too_large"
    CONTENT = "content"  # an attachment, a header or a form that the server does not take
    SECURITY = "security"  # TLS, or a login
    SYNTAX = "syntax"  # a command of the dialogue
    POLICY = "policy"
    # What a person says.
    COMPLAINT = "complaint"
    UNSUBSCRIBED = "unsubscribed"
    MANUAL = "manual"  # entered by an editor
    # What is no failure.
    AUTO_REPLY = "auto_reply"
    DELIVERED = "delivered"
    UNDETERMINED = "undetermined"


ADDRESS_REASONS = frozenset(
    {Reason.UNKNOWN_USER, Reason.UNKNOWN_HOST, Reason.INACTIVE_MAILBOX, Reason.MOVED, Reason.NO_MAIL_ACCEPTED}
)
