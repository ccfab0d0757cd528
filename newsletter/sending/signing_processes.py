"""Processes that sign the messages of a campaign beside the one that sends it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence

from newsletter.errors import DeliveryError
from newsletter.ledger.deliveries import Delivery
from newsletter.mail.dkim import DkimSigner, add_signatures, hash_message
from newsletter.mail.message import Message
from newsletter.mail.signing_process import Frames, frame_keys, frame_message
from newsletter.sending.dispatcher import Dispatcher

_MOST_PROCESSES = 4
_MOST_TOGETHER = 5  # given to one process at a time: the connections are not woken for each
_CHILD = "from newsletter.mail.signing_process import answer_parent; answer_parent()"

_Messages = Sequence[tuple[Delivery, Message]]


class SigningProcesses:
    """Processes that make signatures, as many as there are processors.

    A signature with RSA takes more time than all else of a message. On threads it would take turns with the loop:
    cryptography lets go of the interpreter while it makes one, and each time has to wait until the loop does.

    They get the keys over a socket, so that no other process sees them, and end when it is closed, however this one
    ends. What they have not answered when one of them fails is supplied unsigned to a dispatcher that has halted,
    which hands out nothing.
    """

    def __init__(self, signer: DkimSigner, dispatcher: Dispatcher) -> None:
        self._signer = signer
        self._dispatcher = dispatcher
        self._processes: list[_SigningProcess] = []

    async def start(self) -> None:
        """Start the processes, unless they have been. Raises DeliveryError when that can't be done."""
        if self._processes:
            return
        for _ in range(min(_MOST_PROCESSES, os.cpu_count() or 1)):
            process = _SigningProcess(self._dispatcher.supply, self._give_up)
            self._processes.append(process)
            await process.start(self._signer)

    def add(self, messages: _Messages) -> None:
        """Have messages signed and supplied."""
        size = max(1, min(_MOST_TOGETHER, -(-len(messages) // len(self._processes))))
        for start in range(0, len(messages), size):
            least = min(self._processes, key=lambda process: len(process.waiting))
            least.add(messages[start : start + size])

    def close(self) -> None:
        """End the processes. Whoever's message they had waits again, once the dispatcher is collected from."""
        for process in self._processes:
            process.close()
            self._dispatcher.supply(list(process.waiting))
        self._processes.clear()

    def _give_up(self, messages: _Messages, error: Exception | None) -> None:
        failure = DeliveryError(
            "A message could not be signed: the process that makes the signatures has ended.",
            next_step="Send again: it goes on from here. If it says so again, make another key for [dkim].",
        )
        failure.__cause__ = error
        self._dispatcher.halt(failure)
        self._dispatcher.supply(messages)  # they wait again


class _SigningProcess(asyncio.Protocol):
    """One process, and the messages that wait for its signatures, in their order."""

    def __init__(
        self, supply: Callable[[_Messages], None], give_up: Callable[[_Messages, Exception | None], None]
    ) -> None:
        self.waiting: deque[tuple[Delivery, Message]] = deque()
        self._supply = supply
        self._give_up = give_up
        self._frames = Frames()
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._is_closed = False

    async def start(self, signer: DkimSigner) -> None:
        """Start it with the signer's keys. Raises DeliveryError."""
        ours, theirs = socket.socketpair()
        # A terminal and a service manager send theirs to every process, and what is in hand is to be signed yet. The
        # process has this mask from its first moment (pthread_sigmask(3)).
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # no shell, and nothing but our own words
                    [sys.executable, "-P", "-c", _CHILD],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    # The modules that this process has, and none of the folder that it is started in.
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            except OSError as error:
                ours.close()
                raise DeliveryError(
                    f"Messages can't be signed: no process can be started ({error.strerror}).",
                    next_step="End other programs, or allow more processes. Then send again.",
                ) from error
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        self._transport.write(frame_keys(signer.domain, signer.keys))

    def add(self, messages: _Messages) -> None:
        """Give it messages to sign."""
        self.waiting += messages
        if self._transport is None or self._transport.is_closing():
            self._fail(None)
        else:
            self._transport.write(b"".join([frame_message(*hash_message(message)) for _, message in messages]))

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def data_received(self, data: bytes) -> None:
        """Supply the messages whose signatures have come."""
        signed = []
        for signatures in self._frames.read(data):
            delivery, message = self.waiting.popleft()
            signed.append((delivery, add_signatures(message, signatures)))
        self._supply(signed)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up when the process has ended before it was closed."""
        if not self._is_closed:
            self._fail(exc)

    def _fail(self, error: Exception | None) -> None:
        unsigned = list(self.waiting)
        self.waiting.clear()
        self._give_up(unsigned, error)
