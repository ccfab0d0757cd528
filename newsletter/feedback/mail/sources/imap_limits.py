"""Limits of an IMAP server: how much it may say to one command, and how long it may take, in parts and whole.

imaplib reads a literal of any size that a server announces, any number of lines before the one that ends an answer,
and waits as long again for each octet.
"""

import imaplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Any, BinaryIO, cast

from imap_tools.mailbox import MailBox, MailBoxUnencrypted

from newsletter.errors import NewsletterError

_BEFORE_LOGIN = 65_536  # octets of a greeting, of capabilities, of the answer to a login
_ANSWER = 16_000_000  # octets that may come to one command; messages are asked for in groups of 4 MB
_LONGEST_LINE = 1_000_000  # imaplib's own limit
_SLOWEST = 10_000  # octets a second of a long answer


class ConnectionDeadline:
    """Deadline that ends a connection whose time is over, whatever it waits for: the handshake, a line, or an octet."""

    def __init__(self, patience_s: float, whole_s: float) -> None:
        self._patience = patience_s
        self._last = self._until = monotonic() + whole_s
        self._answer_by = monotonic() + patience_s
        self._changed = Condition()
        self._sock: socket.socket | None = None
        self.expired = False

    @property
    def is_held(self) -> bool:
        """Whether there is a connection that it will end."""
        return self._sock is not None

    def hold(self, sock: socket.socket) -> None:
        """Begin to watch a connection."""
        self._sock = sock.dup()  # TLS takes the other one over
        self.ask()
        Thread(target=self._watch, daemon=True).start()

    def ask(self) -> None:
        """Begin to wait for an answer: its time counts from now."""
        self._answer_by = monotonic() + self._patience

    @contextmanager
    def waiting(self, more_s: float = 0.0) -> Iterator[None]:
        """Wait for the answer or a part of it, `more_s` longer if it is long. In between only the whole time counts."""
        self._answer_by += more_s
        self._set(min(self._answer_by, self._last))
        try:
            yield
        finally:
            self._set(self._last)

    def _set(self, until: float) -> None:
        with self._changed:
            self._until = until
            self._changed.notify()

    def release(self) -> None:
        """Stop watching the connection."""
        with self._changed:
            sock, self._sock = self._sock, None
            self._changed.notify()
        if sock:
            sock.close()

    def _watch(self) -> None:
        with self._changed:
            while self._sock and (left := self._until - monotonic()) > 0:
                self._changed.wait(left)
            if self._sock:
                self.expired = True
                try:
                    self._sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # it has ended by itself


def _shake_hands(
    context: ssl.SSLContext, deadline: ConnectionDeadline, sock: socket.socket, host: str
) -> socket.socket:
    """Return the socket after a handshake. Raises TimeoutError when that takes too long."""
    try:
        with deadline.waiting():
            return context.wrap_socket(sock, server_hostname=host)
    except (ssl.SSLError, OSError) as error:
        if deadline.expired:
            raise TimeoutError("it takes too long") from error
        raise


@dataclass(frozen=True, slots=True)
class _WatchedContext:
    """Context for imaplib's STARTTLS, whose handshake ends in time."""

    context: ssl.SSLContext
    deadline: ConnectionDeadline

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> socket.socket:
        return _shake_hands(self.context, self.deadline, sock, server_hostname)


class _Limited(imaplib.IMAP4):
    """Client in clear text or by TLS. Raises TimeoutError when the time is over, and abort for too much."""

    deadline: ConnectionDeadline
    _left = _BEFORE_LOGIN

    def _create_socket(self, timeout: float | None) -> socket.socket:
        sock: socket.socket = imaplib.IMAP4._create_socket(self, timeout)  # type: ignore[attr-defined]  # not in typeshed
        self.deadline.hold(sock)
        return self._begun(sock)

    def _begun(self, sock: socket.socket) -> socket.socket:
        return sock

    def send(self, data: Any) -> None:
        self._left = _ANSWER if self.state in ("AUTH", "SELECTED") else _BEFORE_LOGIN
        self.deadline.ask()
        super().send(data)

    def readline(self) -> bytes:
        with self.deadline.waiting():
            line: bytes = self._stream.readline(min(self._left, _LONGEST_LINE) + 1)
        self._take(len(line))
        return self._in_time(line, whole=line.endswith(b"\n"))

    def read(self, size: int) -> bytes:
        self._take(size)
        with self.deadline.waiting(size / _SLOWEST):
            data: bytes = self._stream.read(size)
        return self._in_time(data, whole=len(data) == size)

    @property
    def _stream(self) -> BinaryIO:
        return cast(BinaryIO, self.file)  # typeshed says text or bytes

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        watched: Any = _WatchedContext(ssl_context or ssl.create_default_context(), self.deadline)
        return super().starttls(watched)

    def shutdown(self) -> None:
        self.deadline.release()
        super().shutdown()

    def _take(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise self.abort("it sends more than was asked for")

    def _in_time(self, data: bytes, *, whole: bool) -> bytes:
        if not whole and self.deadline.expired:
            raise TimeoutError("it takes too long")
        return data


class _LimitedTls(_Limited, imaplib.IMAP4_SSL):
    """Client whose connection begins encrypted."""

    def _begun(self, sock: socket.socket) -> socket.socket:
        return _shake_hands(self.ssl_context, self.deadline, sock, self.host)


def _make_client_type(kind: type[_Limited], deadline: ConnectionDeadline) -> type[_Limited]:
    """Return the kind of client with its deadline: imaplib connects while it is made."""
    return type(kind.__name__, (kind,), {"deadline": deadline})


class LimitedBox(MailBoxUnencrypted):
    """Mailbox of imap-tools in clear text, with limits."""

    def __init__(self, host: str, port: int, timeout: float, deadline: ConnectionDeadline) -> None:
        self._connect: Callable[[], imaplib.IMAP4] = lambda: _make_client_type(_Limited, deadline)(host, port, timeout)
        super().__init__(host, port, timeout)
        _check_limits(self.client, deadline)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._connect()


class LimitedTlsBox(MailBox):
    """Mailbox of imap-tools by TLS, with limits."""

    def __init__(
        self, host: str, port: int, timeout: float, context: ssl.SSLContext, deadline: ConnectionDeadline
    ) -> None:
        client_type: Any = _make_client_type(_LimitedTls, deadline)
        self._connect: Callable[[], imaplib.IMAP4] = lambda: client_type(
            host, port, ssl_context=context, timeout=timeout
        )
        super().__init__(host, port, timeout, ssl_context=context)
        _check_limits(self.client, deadline)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._connect()


def _check_limits(client: imaplib.IMAP4, deadline: ConnectionDeadline) -> None:
    """Raise NewsletterError where the limits have no effect.

    They rest on a private method of imap-tools (`_get_mailbox_client`) and one of imaplib (`_create_socket`), which a
    later version may have under other names.
    """
    if not isinstance(client, _Limited) or not deadline.is_held:
        with suppress(OSError):
            client.shutdown()
        raise NewsletterError(
            "The installed imap-tools or Python lets a mail server keep this program waiting for ever.",
            next_step="Install the versions that this program was tested with: pip install 'imap-tools==1.16.0'",
        )
