"""Connection to an IMAP server: TCP, TLS and the login, by imap-tools, and the errors of each in words."""

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from imap_tools.errors import ImapToolsError, MailboxLoginError, UnexpectedCommandStatusError
from imap_tools.mailbox import BaseMailBox

from newsletter.errors import ConfigError, DeliveryError
from newsletter.feedback.mail.sources.imap_limits import ConnectionDeadline, LimitedBox, LimitedTlsBox
from newsletter.feedback.mail.sources.imap_url import ImapUrl
from newsletter.text import escape_controls
from newsletter.tls import explain_tls_failure


@contextmanager
def open_connection(address: ImapUrl, password: str | None, timeout: float, deadline: float) -> Iterator[BaseMailBox]:
    """Open a connection, encrypted and logged in, with no folder selected. Raises DeliveryError or ConfigError.

    In seconds, `timeout` is for each of the server's answers, and `deadline` for the whole connection.
    """
    if password is None:
        raise ConfigError(
            f"There is no password for {escape_controls(address.user)} at {address.host}.",
            next_step="Set NEWSLETTER_INBOX__PASSWORD, or store it in the keyring (pip install keyring): "
            f"keyring set newsletter:{address.host} {escape_controls(address.user)}",
        )
    if re.search("[\x00-\x1f\x7f]", password):
        raise ConfigError(
            f"The password for {escape_controls(address.user)} at {address.host} holds a line break or a "
            "control character.",
            next_step="Set NEWSLETTER_INBOX__PASSWORD, or what the keyring holds, once more.",
        )
    with _explaining_failure(address):
        box = _connect(address, timeout, ConnectionDeadline(timeout, deadline))
    try:
        with _explaining_failure(address):
            _log_in(box, address, password)
        yield box
        with suppress(imaplib.IMAP4.error, ImapToolsError, OSError):
            box.logout()
    finally:
        _shut_down(box)


def _connect(address: ImapUrl, timeout: float, deadline: ConnectionDeadline) -> BaseMailBox:
    # Without a context of ours, imaplib takes any certificate.
    context = ssl.create_default_context()
    with ExitStack() as undone:
        undone.callback(deadline.release)
        if address.tls:
            tls = LimitedTlsBox(address.host, address.port, timeout, context, deadline)
            undone.pop_all()
            return tls
        box = LimitedBox(address.host, address.port, timeout, deadline)
        undone.callback(_shut_down, box)
        if "STARTTLS" in box.client.capabilities:
            box.client.starttls(context)
        elif not address.is_loopback:
            raise DeliveryError(
                f"{address.server} offers no encryption, and the password would cross the network in clear text.",
                next_step="Write imaps:// before the address, or have the server offer STARTTLS.",
            )
        undone.pop_all()
    return box


def _shut_down(box: BaseMailBox) -> None:
    with suppress(OSError):
        box.client.shutdown()


def _log_in(box: BaseMailBox, address: ImapUrl, password: str) -> None:
    try:
        if "AUTH=PLAIN" in box.client.capabilities:
            box.login_utf8(address.user, password, initial_folder=None)
        else:
            box.login(address.user, password, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except UnicodeError as error:
        raise DeliveryError(
            f"{address.server} takes no login with letters beyond ASCII.",
            next_step="Choose a password without them, and a user's name too.",
        ) from error
    except (imaplib.IMAP4.error, MailboxLoginError) as error:
        # The reply to a login may quote the password: only its code (RFC 5530) is kept.
        code = re.search(r"\[[A-Z][A-Z0-9-]*\]", describe_reply(error, address))
        said = code[0] if code else "its reason is not shown, since it may quote the password"
        raise DeliveryError(
            f"{address.server} refused the login of {escape_controls(address.user)}: {said}",
            next_step="Check the user in the mailbox's address, and the password. "
            "Some providers want a password made for this one program, or IMAP to be allowed first.",
        ) from None


def describe_reply(error: Exception, address: ImapUrl) -> str:
    """Return what the server said, on one line, without the password."""
    address.redactor.cleanse(error)
    words = error.command_result[1] if isinstance(error, UnexpectedCommandStatusError) else error.args
    last = words[-1] if words else ""
    text = address.redactor(last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last or ""))
    return escape_controls(" ".join(text.split()))[:300] or "no reason is given"


@contextmanager
def _explaining_failure(address: ImapUrl) -> Iterator[None]:
    try:
        yield
    # ValueError is a number of more digits than Python reads.
    except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError) as error:
        raise _explain_failure(error, address) from error


def _explain_failure(error: Exception, address: ImapUrl) -> DeliveryError:
    """Return the error for a way in which a connection failed."""
    address.redactor.cleanse(error)
    tls = explain_tls_failure(
        error,
        address.server,
        check_host="Check the host in the mailbox's address",
        check_port="Check the port: imaps:// goes with 993, imap:// with 143.",
    )
    if tls:
        return DeliveryError(tls.message, next_step=tls.next_step)
    if isinstance(error, TimeoutError):
        return DeliveryError(
            f"{address.server} did not answer in time.",
            next_step="Check host and port (imaps:// goes with 993, imap:// with 143), and your network.",
        )
    if isinstance(error, OSError):
        return DeliveryError(
            f"No connection to {address.server}: {error.strerror or error}.",
            next_step="Check host and port in the mailbox's address, and that the server runs.",
        )
    if isinstance(error, UnicodeError):
        return DeliveryError(
            f"No connection to {escape_controls(address.server)}: this can't be the name of a server.",
            next_step="Check the host in the mailbox's address.",
        )
    return DeliveryError(
        f"{address.server} does not answer as an IMAP server: {describe_reply(error, address)}",
        next_step="Check host and port (imaps:// goes with 993, imap:// with 143); "
        "if they are right, wait, and run the same command again.",
    )
