"""Messages of claimed deliveries: rendered in the loop, and signed on threads beside it."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from newsletter.errors import DeliveryError
from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.templates import read_template
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate
from newsletter.sending.assignment import Assignment
from newsletter.sending.dispatcher import Dispatcher

_MOST_THREADS = 4  # a sixth of the time that a signature takes holds the interpreter
_MOST_TOGETHER = 5  # signed by one thread before they are supplied: the connections are not woken for each


class MessageMaker:
    """A maker of messages, which supplies the dispatcher when they are ready: at once, or once they are signed.

    Templates are read on `ledger_thread`. No more messages are here than deliveries are claimed.
    """

    def __init__(
        self, assignment: Assignment, began: datetime, ledger_thread: ThreadPoolExecutor, dispatcher: Dispatcher
    ) -> None:
        self._assignment = assignment
        self._began = began
        self._ledger_thread = ledger_thread
        self._dispatcher = dispatcher
        self._templates: dict[int, MessageTemplate] = {}
        sign = assignment.rules.sign
        self._signing = SigningThreads(sign, dispatcher) if sign else None

    async def make(self, deliveries: Sequence[Delivery]) -> None:
        """Render the messages of deliveries, and have them signed.

        Raises DeliveryError for a template of a later version.
        """
        messages = [(delivery, await self._render(delivery)) for delivery in deliveries]
        if self._signing is None:
            self._dispatcher.supply(messages)
        else:
            self._signing.add(messages)

    async def close(self) -> None:
        """Supply what is being signed, and end the threads: with RSA that takes a millisecond for each connection."""
        if self._signing is not None:
            self._signing.close()
            await asyncio.sleep(0)  # in which the loop supplies

    async def _render(self, delivery: Delivery) -> Message:
        template = self._templates.get(delivery.template)
        if template is None:
            read = partial(read_template, self._assignment.store, delivery.template)
            payload = await asyncio.get_running_loop().run_in_executor(self._ledger_thread, read)
            template = self._templates[delivery.template] = MessageTemplate.from_bytes(payload)
        return self._assignment.rules.recipient_tags.render(
            template,
            self._assignment.issue,
            delivery.subscriber,
            delivery.address,
            delivery.fields,
            self._began,
            delivery.id,
        )


class SigningThreads:
    """Threads that sign messages, as many as there are processors.

    A signature with RSA takes three times as long as all else of a message. cryptography lets other threads run while
    it makes one (from version 47 on), so that no processes are needed, which would have to be given the key.
    """

    def __init__(self, sign: Callable[[Message], Message], dispatcher: Dispatcher) -> None:
        self._sign = sign
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._count = min(_MOST_THREADS, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self._count, "signing")

    def add(self, messages: Sequence[tuple[Delivery, Message]]) -> None:
        """Have messages signed and supplied."""
        size = max(1, min(_MOST_TOGETHER, -(-len(messages) // self._count)))
        for start in range(0, len(messages), size):
            self._threads.submit(self._sign_some, messages[start : start + size])

    def close(self) -> None:
        """End the threads, once they have signed what they have."""
        self._threads.shutdown()

    def _sign_some(self, messages: Sequence[tuple[Delivery, Message]]) -> None:
        try:
            signed = [(delivery, self._sign(message)) for delivery, message in messages]
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing leaves without a signature
            self._loop.call_soon_threadsafe(self._give_up, messages, error)
        else:
            self._loop.call_soon_threadsafe(self._dispatcher.supply, signed)

    def _give_up(self, messages: Sequence[tuple[Delivery, Message]], error: Exception) -> None:
        failure = DeliveryError(
            f"A message could not be signed ({type(error).__name__}).", next_step="Make another key for [dkim]."
        )
        failure.__cause__ = error
        self._dispatcher.halt(failure)
        self._dispatcher.supply(messages)  # which hands out nothing when it halts: they wait again
