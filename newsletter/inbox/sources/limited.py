"""imaplib's client with limits: how much a server may say to one command, and how long it may take, in parts and whole.

imaplib reads a literal of any size that a server announces, any number of lines before the one that ends an answer,
and waits anew for each octet.
"""

import imaplib
import socket
import ssl
from threading import Condition, Thread
from time import monotonic
from typing import Any, BinaryIO, cast

from imap_tools.mailbox import MailBox, MailBoxUnencrypted

_BEFORE_LOGIN = 65_536  # octets of a greeting, of capabilities, of the answer to a login
_ANSWER = 16_000_000  # octets that may come to one command; messages are asked for in groups of 4 MB
_LONGEST_LINE = 1_000_000  # imaplib's own limit
_SLOWEST = 10_000  # octets a second of a long answer


class Leash:
    """Ends a connection whose time is over, whatever is waited for: the handshake, a line, or the next octet."""

    def __init__(self, patience_s: float, whole_s: float) -> None:
        self._patience = patience_s
        self._last = monotonic() + whole_s
        self._until = min(monotonic() + patience_s, self._last)
        self._changed = Condition()
        self._sock: socket.socket | None = None
        self.expired = False

    def hold(self, sock: socket.socket) -> None:
        self._sock = sock.dup()  # TLS takes the other one over
        Thread(target=self._watch, daemon=True).start()

    def allow(self, more_s: float = 0.0) -> None:
        """Something is asked for: from now on there is patience anew, and more of it for a long answer."""
        with self._changed:
            self._until = min(monotonic() + self._patience + more_s, self._last)
            self._changed.notify()

    def release(self) -> None:
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


class _Limited(imaplib.IMAP4):
    """What both kinds of client share. Raises TimeoutError when the time is over, and abort for too much."""

    leash: Leash
    _left = _BEFORE_LOGIN

    def _create_socket(self, timeout: float | None) -> socket.socket:
        sock: socket.socket = imaplib.IMAP4._create_socket(self, timeout)  # type: ignore[attr-defined]  # not in typeshed
        self.leash.hold(sock)
        return self._secured(sock)

    def _secured(self, sock: socket.socket) -> socket.socket:
        return sock

    def send(self, data: Any) -> None:
        self._left = _ANSWER if self.state in ("AUTH", "SELECTED") else _BEFORE_LOGIN
        self.leash.allow()
        super().send(data)

    def readline(self) -> bytes:
        line: bytes = self._stream.readline(min(self._left, _LONGEST_LINE) + 1)
        self._take(len(line))
        return self._in_time(line, whole=line.endswith(b"\n"))

    def read(self, size: int) -> bytes:
        self._take(size)
        self.leash.allow(size / _SLOWEST)
        data: bytes = self._stream.read(size)
        return self._in_time(data, whole=len(data) == size)

    @property
    def _stream(self) -> BinaryIO:
        return cast(BinaryIO, self.file)  # typeshed says text or octets

    def shutdown(self) -> None:
        self.leash.release()
        super().shutdown()

    def _take(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise self.abort("it sends more than was asked for")

    def _in_time(self, data: bytes, *, whole: bool) -> bytes:
        if not whole and self.leash.expired:
            raise TimeoutError("it takes too long")
        return data


class _LimitedTls(_Limited, imaplib.IMAP4_SSL):
    """A client whose connection begins encrypted."""

    def _secured(self, sock: socket.socket) -> socket.socket:
        try:
            secured: socket.socket = self.ssl_context.wrap_socket(sock, server_hostname=self.host)
        except (ssl.SSLError, OSError) as error:
            if self.leash.expired:
                raise TimeoutError("it takes too long") from error
            raise
        return secured


def _client(kind: type[_Limited], leash: Leash) -> type[_Limited]:
    """The kind of client with its leash: imaplib connects while it is made."""
    return type(kind.__name__, (kind,), {"leash": leash})


class LimitedBox(MailBoxUnencrypted):
    """imap-tools' mailbox in clear text, with limits."""

    def __init__(self, host: str, port: int, timeout: float, leash: Leash) -> None:
        self._leash = leash
        super().__init__(host, port, timeout)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return _client(_Limited, self._leash)(self._host, self._port, self._timeout)


class LimitedTlsBox(MailBox):
    """imap-tools' mailbox by TLS, with limits."""

    def __init__(self, host: str, port: int, timeout: float, context: ssl.SSLContext, leash: Leash) -> None:
        self._leash = leash
        super().__init__(host, port, timeout, ssl_context=context)

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        made: Any = _client(_LimitedTls, self._leash)
        client: imaplib.IMAP4 = made(self._host, self._port, ssl_context=self._ssl_context, timeout=self._timeout)
        return client
