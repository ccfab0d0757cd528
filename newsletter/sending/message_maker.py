"""Messages of claimed deliveries: rendered in the loop, and signed by processes beside it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.templates import read_template
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate
from newsletter.sending.assignment import Assignment
from newsletter.sending.dispatcher import Dispatcher
from newsletter.sending.signing_processes import SigningProcesses


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
        signer = assignment.rules.signer
        self._signing = SigningProcesses(signer, dispatcher) if signer else None

    async def make(self, deliveries: Sequence[Delivery]) -> None:
        """Render the messages of deliveries, and have them signed.

        Raises DeliveryError for a template of a later version, and when nothing can be signed.
        """
        messages = [(delivery, await self._render(delivery)) for delivery in deliveries]
        if self._signing is None:
            self._dispatcher.supply(messages)
        elif messages:
            await self._signing.start()
            self._signing.add(messages)

    def close(self) -> None:
        """End the processes that sign; what they had is supplied, to be collected."""
        if self._signing is not None:
            self._signing.close()

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
