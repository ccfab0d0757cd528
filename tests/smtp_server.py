"""A real SMTP server for tests, on a free loopback port, that can be told to misbehave at any reply."""

import asyncio
import base64
import hmac
import os
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Server:
    """What a test sees of the server: its port, what it stored, and what it should do next."""

    port: int = 0
    stored: list[tuple[str, bytes]] = field(default_factory=list)
    replies: int = 0
    # Called with the number and the text of each reply before it is sent; "drop" closes the connection.
    on_reply: Callable[[int, str], str | None] = lambda _number, _text: None
    refuse: dict[str, str] = field(default_factory=dict)  # recipient -> reply to RCPT
    answer: dict[str, str] = field(default_factory=dict)  # recipient -> reply to the text
    senders: set[str] = field(default_factory=set)
    refuse_when: Callable[[str], bool] = lambda _recipient: True  # which of those in `refuse` are refused this time
    on_ehlo: Callable[[str], None] = lambda _name: None  # who says that they are whom
    sessions: int = 0  # how many connections have said who they are
    extensions: Collection[str] = ()  # PIPELINING, CHUNKING
    logins: list[str] = field(default_factory=list)  # the mechanisms of AUTH that were tried, in order
    keeps_passwords: bool = True  # CRAM-MD5 can be done by nobody else

    def copies(self) -> Counter[str]:
        return Counter(recipient for recipient, _ in self.stored)

    def message(self, recipient: str) -> bytes:
        (data,) = [data for known, data in self.stored if known == recipient]
        return data


def kill_at(server: Server, number: int, pid: Callable[[], int], sign: int = signal.SIGKILL) -> None:
    """Send a signal to a process when the server is about to send its nth reply."""

    def on_reply(count: int, _text: str) -> None:
        if count == number:
            os.kill(pid(), sign)

    server.on_reply = on_reply


class _Protocol(SMTP):
    def __init__(self, server: Server, **options: object) -> None:
        super().__init__(_Handler(server), hostname="localhost", **options)
        self._told = server

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        self._told.replies += 1
        if self._told.on_reply(self._told.replies, text) == "drop":
            self.transport.abort()
            raise ConnectionResetError
        await super().push(status)

    async def smtp_BDAT(self, arg: str) -> None:  # noqa: N802  # the name that aiosmtpd looks for
        """RFC 3030: the text's length stands in the command."""
        text = await self._reader.readexactly(int(arg.split()[0]))
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        self.envelope.content = text
        reply = await self._call_handler_hook("DATA")
        self._set_post_data_state()
        await self.push(reply)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802  # the name that aiosmtpd looks for
        self._told.logins.append(arg.split()[0])
        await super().smtp_AUTH(arg)


class _Handler:
    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle_EHLO(  # noqa: N802  # the name that aiosmtpd looks for
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._server.sessions += 1
        self._server.on_ehlo(hostname)
        return [responses[0], *(f"250-{name}" for name in self._server.extensions), *responses[1:]]

    async def auth_CRAM__MD5(self, server: SMTP, _args: list[str]) -> AuthResult:  # noqa: N802  # as aiosmtpd wants it
        challenge = b"<1896.697170952@localhost>"
        answer = await server.challenge_auth(challenge)
        good = answer == b"digest " + hmac.new(b"secret", challenge, "md5").hexdigest().encode()
        return AuthResult(success=good and self._server.keeps_passwords, handled=False)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802  # as aiosmtpd wants it
        if base64.b64decode(args[1]) == b"user=digest\x01auth=Bearer secret\x01\x01":
            return AuthResult(success=True)
        # The reason comes as a challenge, to be answered with an empty line.
        await server.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)

    async def handle_RCPT(  # noqa: N802  # the name that aiosmtpd looks for
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._server.refuse and self._server.refuse_when(address):
            return self._server.refuse[address]
        self._server.senders.add(envelope.mail_from or "")
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        reply = self._server.answer.get(recipient, "250 2.0.0 Ok: stored")
        if reply.startswith("2"):
            self._server.stored.append((recipient, bytes(envelope.content or b"")))
        return reply


def _accept_secret(_server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    del mechanism
    good = isinstance(data, LoginPassword) and data.password == b"secret"
    return AuthResult(success=good, handled=False, message=None if good else "535 5.7.8 Wrong password")


_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")


@contextmanager
def running(
    *,
    certificate: ssl.SSLContext | None = None,
    login: bool = False,
    tls: bool = False,
    extensions: Collection[str] = (),
    mechanisms: Collection[str] = ("PLAIN", "LOGIN"),
    size: int | None = None,
) -> Iterator[Server]:
    """Yield a server for the time of the context; `certificate` offers STARTTLS, or with `tls` is there from the start.

    `extensions` may hold PIPELINING and CHUNKING; `mechanisms` are those of AUTH, all with the name "digest" and
    the password or token "secret"; `size` is the largest message that it takes.
    """
    server = Server(extensions=extensions)
    options: dict[str, object] = {"auth_exclude_mechanism": set(_MECHANISMS) - set(mechanisms)}
    if size is not None:
        options |= {"data_size_limit": size}
    if certificate is not None and not tls:
        options |= {"tls_context": certificate}
    if login:
        options |= {"auth_required": True, "auth_require_tls": certificate is not None, "authenticator": _accept_secret}

    async def listen() -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: _Protocol(server, loop=loop, **options), "127.0.0.1", 0, ssl=certificate if tls else None
        )

    with serving_in_thread(listen) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@contextmanager
def serving_in_thread(listen: Callable[[], Coroutine[Any, Any, asyncio.Server]]) -> Iterator[asyncio.Server]:
    """Yield what `listen` starts, on a thread of its own for the context: Playwright has a loop in the test's."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # clients that break off are what many tests are about
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result(timeout=10)
    try:
        yield listening
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _close(listening: asyncio.Server) -> None:
    listening.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


POLITE = {
    "CONNECT": b"220 ready\r\n", "EHLO": b"250 ok\r\n", "MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n",
    "DATA": b"354 go\r\n", "TEXT": b"250 ok\r\n", "RSET": b"250 ok\r\n", "QUIT": b"221 bye\r\n",
}  # fmt: skip


Reply = Callable[[str, bytes], bytes | None]


@contextmanager
def _conversing(begin: Callable[[], AbstractContextManager[Reply]]) -> Iterator[int]:
    """Yield the port of a server that says what a test wants, byte for byte.

    `begin` gives what answers on a new connection: it gets each command with its line ("CONNECT" for the greeting,
    "TEXT" with a whole text, by DATA or BDAT) and gives the bytes to send; None hangs up, and so do 221 and 421.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command, line = "CONNECT", b""
        with begin() as reply, suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (said := reply(command, line)) is not None:
                writer.write(said)
                if said.startswith((b"221", b"421")):
                    break
                if command == "DATA" and said.startswith(b"354"):
                    command, line = "TEXT", await reader.readline()
                    line = b"" if line == b".\r\n" else line + await reader.readuntil(b"\r\n.\r\n")
                elif not (line := await reader.readline()):
                    break
                else:
                    command = line.decode("latin-1").partition(" ")[0].strip().upper()
                    if command == "BDAT":
                        command, line = "TEXT", await reader.readexactly(int(line.split()[1]))
        writer.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**22)

    with serving_in_thread(listen) as listening:
        yield listening.sockets[0].getsockname()[1]


@contextmanager
def scripted(
    answer: Callable[[str], bytes | None], banner: bytes = b"220 ready\r\n"
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield a server that answers each command ("TEXT" for a whole text) with these bytes; None hangs up.

    Yields the port, and the texts that were taken, answered or not.
    """
    texts: list[bytes] = []

    def reply(command: str, line: bytes) -> bytes | None:
        if command == "TEXT" and line:
            texts.append(line)
        return banner if command == "CONNECT" else answer(command)

    with _conversing(lambda: nullcontext(reply)) as port:
        yield port, texts


@contextmanager
def echoing(mechanism: str, *, lets_in: bool, refuses: str = "RCPT") -> Iterator[int]:
    """Yield a server that quotes each line of the login in all it says later: in its refusal, or after the login.

    Every command named `refuses` is refused with 550 then. Yields the port.
    """
    lines = {"LOGIN": 2, "CRAM-MD5": 2}.get(mechanism, 1)

    def begin() -> AbstractContextManager[Reply]:
        heard: list[str] = []

        def reply(command: str, line: bytes) -> bytes:
            if command == "CONNECT":
                return b"220 ready\r\n"
            if command == "EHLO":
                return f"250-localhost\r\n250 AUTH {mechanism}\r\n".encode()
            if command == "AUTH" or 0 < len(heard) < lines:
                heard.append(line.decode().strip())
                challenge = base64.b64encode(b"<1896.697170952@localhost>").decode()
                code = "235 2.7.0" if lets_in else "535-5.7.8 said:\r\n535 5.7.8"
                said = f"334 {challenge}" if len(heard) < lines else f"{code} {' '.join(heard)}"
            elif command == "TEXT":
                said = f"450 4.2.1 later, {' '.join(heard)}"
            elif command == refuses:
                said = f"550 5.1.1 nobody, and secret s3cr\u00e9t/pass from {' '.join(heard)}"
            else:
                said = f"{ {'DATA': 354, 'QUIT': 221}.get(command, 250) } {' '.join(heard)}"
            return f"{said}\r\n".encode()

        return nullcontext(reply)

    with _conversing(begin) as port:
        yield port


@contextmanager
def silent_after_text() -> Iterator[tuple[int, threading.Event]]:
    """Yield a server that takes a text and then says nothing more; the event tells that it is there."""
    reached = threading.Event()

    def answer(command: str) -> bytes:
        if command == "TEXT":
            reached.set()
            return b""
        return POLITE[command]

    with scripted(answer) as (port, _texts):
        yield port, reached


@dataclass
class Provider:
    """A server with rules of its own about who may send how much. `open` are its connections, the oldest first."""

    say: Callable[["Provider", int, str], str | None]  # connection, command or "" -> a reply instead of the polite one
    port: int = 0
    open: list[int] = field(default_factory=list)
    opened: int = 0
    accepted: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)  # when they were accepted
    recipients: dict[int, str] = field(default_factory=dict)  # of each connection's latest RCPT

    @contextmanager
    def connection(self) -> Iterator[Reply]:
        self.opened += 1
        number = self.opened
        self.open.append(number)
        recipient = ""

        def reply(command: str, line: bytes) -> bytes:
            nonlocal recipient
            if command == "RCPT":
                recipient = line[line.index(b"<") + 1 : line.index(b">")].decode()
                self.recipients[number] = recipient
            said = self.say(self, number, "" if command == "CONNECT" else command)
            answer = said.encode() + b"\r\n" if said else POLITE[command]
            if command == "TEXT" and answer.startswith(b"2"):
                self.accepted.append(recipient)
                self.moments.append(time.monotonic())
            return answer

        try:
            yield reply
        finally:
            self.open.remove(number)


@contextmanager
def provider(say: Callable[[Provider, int, str], str | None]) -> Iterator[Provider]:
    """Yield a provider's server for the time of the context."""
    server = Provider(say)
    with _conversing(server.connection) as server.port:
        yield server
