"""A connection to a directory (LDAP, RFC 4511): encrypted, proved, and bounded in time and bytes."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from ldap3 import NONE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPInvalidFilterError, LDAPStartTLSError
from pyasn1.error import PyAsn1Error

from newsletter.errors import ListError
from newsletter.host import is_loopback
from newsletter.redaction import Redactor
from newsletter.tls import explain_tls_failure

_CONNECT_S = 10
_ANSWER_S = 60
_LONGEST_S = 900.0  # of all of it
_MOST_OF_A_PAGE = 64 << 20  # bytes
_PORTS = {"ldap": 389, "ldaps": 636}
_SUCCESS = 0
_AGAIN = "Then run the same command again."
# By result code (RFC 4511, appendix A.2): what happened, and what to do.
_WORDS = {
    1: ("has a fault", f"Look at its log. {_AGAIN}"),
    3: ("has ended the search, which took too long", "Narrow [list] filter, or let its user search for longer."),
    4: ("gives only a part of the list", "Let this user read all of it: the limit is the server's."),
    8: ("wants a stronger login", "Write ldaps:// in [list] url."),
    10: ("sends elsewhere, where nothing is asked", "Name the server that has the list in [list] url."),
    11: ("gives only a part of the list", "Let this user read all of it: the limit is the server's."),
    12: ("does not give a list in pages", "Let it do so (RFC 2696): a long list is not read at once."),
    13: ("wants the connection to be encrypted", "Write ldaps:// in [list] url."),
    32: ("has nothing under that name", "Look at what follows the server's name in [list] url."),
    34: ("can't read that name", "Look at what follows the server's name in [list] url, and at [list] user."),
    48: ("does not let anybody in without a name", "Write the name to log in with as [list] user."),
    49: ("does not let this user in", "Look at [list] user, and at NEWSLETTER_LIST__PASSWORD or the keyring."),
    50: ("does not let this user read that", "Ask whoever looks after it for the right to read."),
    51: ("is busy", f"Wait a while. {_AGAIN}"),
    52: ("is being stopped or started", f"Wait until it is there. {_AGAIN}"),
    53: ("refuses the search", "Look at [list] user and filter. Perhaps it wants a login."),
}


@contextmanager
def connect(url: str, user: str | None, password: str | None) -> Iterator[Connection]:
    """Log in at the directory of `url`, and say in words what goes wrong until the context ends. Raises ListError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    tls = _CheckedTls(host)
    connection = Connection(
        Server(
            host,
            port=parts.port or _PORTS[parts.scheme],
            use_ssl=parts.scheme == "ldaps",
            tls=tls,
            get_info=NONE,
            connect_timeout=_CONNECT_S,
        ),
        user,
        password,
        auto_referrals=False,
        check_names=False,
        read_only=True,
        receive_timeout=_ANSWER_S,
    )
    try:
        connection.open()
        if parts.scheme == "ldap" and not is_loopback(host):
            connection.start_tls()
        connection.socket = _BoundedSocket(connection.socket, monotonic() + _LONGEST_S)
        connection.bind()
        require_success(connection, url)
        yield connection
    except _EndlessError:
        raise ListError(
            f"The list in {url} does not end: it is too long, or comes too slowly.",
            next_step="Narrow [list] filter.",
        ) from None
    except (LDAPException, PyAsn1Error, OSError, ValueError, LookupError, TypeError) as error:
        # Its own text may hold what was sent, the password among it.
        raise _explain(error, tls.failure, url) from None
    finally:
        # ldap3 leaves a socket open over which it could not connect.
        held = connection.socket
        with suppress(LDAPException, OSError):
            connection.unbind()
        if held is not None:
            held.close()


def require_success(connection: Connection, url: str) -> None:
    """Raise ListError for an answer that is a refusal, or only a part of a list. The next page may be long again."""
    result: Mapping[str, Any] = connection.result
    code = result["result"]
    connection.socket.begin_page()
    if code != _SUCCESS:
        what, next_step = _WORDS.get(code, ("refuses", f"Look at [list] url, user and filter. {_AGAIN}"))
        said = Redactor((connection.password or "",), connection.user or "")(str(result["description"]))
        shown = "" if code in _WORDS else f": {said}"
        raise ListError(f"The server of {url} {what} (code {code}){shown}.", next_step=next_step)


def _explain(error: Exception, tls: ssl.SSLError | None, url: str) -> ListError:
    if failure := explain_tls_failure(
        tls or error,
        urlsplit(url).hostname or url,
        check_host="Check [list] url",
        check_port="Check the port in [list] url: that of ldaps:// is usually 636, that of ldap:// 389.",
    ):
        return ListError(failure.message, next_step=failure.next_step)
    if isinstance(error, LDAPStartTLSError):
        return ListError(
            f"The server of {url} offers no TLS: the password and readers' addresses would cross the network in clear "
            "text.",
            next_step="Turn TLS on there. For a server that speaks it from the start, write ldaps:// in [list] url.",
        )
    if isinstance(error, LDAPInvalidFilterError):
        return ListError(
            f"[list] filter is none by which {url} could be searched.",
            next_step='Write it as in filter = "(&(objectClass=person)(mail=*))" (RFC 4515).',
        )
    if isinstance(error, OSError) or type(error).__name__.startswith(("LDAPSocket", "LDAPSession")):
        return ListError(
            f"The server of {url} can't be reached, or has hung up.",
            next_step=f"See that it runs, and that [list] url names it. {_AGAIN}",
        )
    return ListError(
        f"The server of {url} does not answer as a directory does ({type(error).__name__}).",
        next_step=f"See that [list] url names a directory. {_AGAIN}",
    )


class _EndlessError(Exception):
    """A server gives more than a list can have, or takes longer."""


class _CheckedTls(Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS with the certificate and its name checked by OpenSSL.

    ldap3 checks names itself, by a copy of what Python took out in 3.12, and keeps of a failure only its words.
    """

    def __init__(self, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._host = host
        self.failure: ssl.SSLError | None = None

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        context = ssl.create_default_context()
        try:
            connection.socket = context.wrap_socket(
                connection.socket, do_handshake_on_connect=do_handshake, server_hostname=self._host
            )
        except ssl.SSLError as error:
            self.failure = error
            raise


class _BoundedSocket:
    """A connection that gives at most so many bytes a page, and until a moment of the monotonic clock.

    ldap3 reads an answer whole, however long it is.
    """

    def __init__(self, connected: socket.socket, latest: float) -> None:
        self._connected, self._latest, self._left = connected, latest, _MOST_OF_A_PAGE

    def begin_page(self) -> None:
        self._left = _MOST_OF_A_PAGE

    def recv(self, size: int) -> bytes:
        piece = self._connected.recv(size)
        self._left -= len(piece)
        if self._left < 0 or monotonic() > self._latest:
            raise _EndlessError
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)
