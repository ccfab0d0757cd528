"""The sending of one issue, and what goes beside it: a test, a dry run."""

import asyncio
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from newsletter.audience.subscribers import Subscriber
from newsletter.backends import Backend, SessionLost
from newsletter.delivery import ledger
from newsletter.delivery.plan import Plan
from newsletter.delivery.record import write_record
from newsletter.delivery.run import OnProgress, run_campaign
from newsletter.delivery.states import Counts
from newsletter.editions import Press
from newsletter.errors import DeliveryError
from newsletter.issue.model import Issue
from newsletter.mail.message import Message, Outcome, Receipt
from newsletter.mail.template import MessageTemplate, compile_message
from newsletter.store import Store


@contextmanager
def sole_sender(store: Store, issue: str) -> Iterator[None]:
    """One process sends an issue at a time. The kernel frees the lock when the process dies, however it dies."""
    lock = FileLock(store.path.parent / f"{issue}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DeliveryError(
            f"Another process is sending {issue} right now.",
            next_step="Wait until it has ended. `newsletter status` shows how far it is.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def carry_out(store: Store, plan: Plan, backend: Backend, record: Path, on_progress: OnProgress) -> Counts:
    """Freeze, note, send, note again. Raises DeliveryError when the run had to stop; sending again goes on."""
    campaign = plan.campaign
    if plan.reassigned:
        ledger.replace_text(store, campaign, plan.texts, plan.reassigned)
    if plan.wave is not None:
        ledger.freeze(store, campaign, plan.wave, plan.texts, plan.entries)
    # Before the first message leaves: from here on another machine must not begin.
    write_record(record, campaign, ledger.counts(store, campaign.issue), None)
    try:
        asyncio.run(_until_stopped(store, campaign.issue, backend, on_progress))
    finally:
        counts = ledger.finish_run(store, campaign.issue)
        finished = ledger.find_campaign(store, campaign.issue)
        write_record(record, campaign, counts, finished.finished_at if finished else None)
    return counts


async def _until_stopped(store: Store, issue: str, backend: Backend, on_progress: OnProgress) -> None:
    """Ctrl-C and SIGTERM finish what is in hand; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    await run_campaign(store, issue, backend, stop, on_progress)


def send_test(press: Press, issue: Issue, backend: Backend, readers: Sequence[Subscriber]) -> list[Receipt]:
    """Send the issue, marked [TEST], to a few addresses; no campaign knows of it. Raises DeliveryError."""

    def template(reader: Subscriber) -> MessageTemplate:
        return compile_message(
            press, issue.seen_by(reader.tags), token_hex(8), datetime.now(UTC).replace(microsecond=0), mark="[TEST] "
        )

    messages = [template(reader).render(reader.reader, reader.address, reader.fields) for reader in readers]
    feed = _ListFeed(messages)

    async def deliver() -> None:
        async with backend.connect() as session:
            await session.deliver(feed)

    try:
        asyncio.run(deliver())
    except SessionLost as error:
        raise DeliveryError(
            "The connection to the server was lost before every test was answered.", next_step="Try again."
        ) from error
    return feed.receipts


class _ListFeed:
    """A feed over a few messages that no ledger keeps."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._left = list(reversed(messages))
        self.receipts: list[Receipt] = []

    def take(self) -> Message | None:
        return self._left.pop() if self._left else None

    async def wait(self) -> bool:
        return False

    def answer(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    def untouched(self, message: Message) -> None:
        self.receipts.append(
            Receipt(
                key=message.key,
                outcome=Outcome.DEFERRED,
                stage="connection",
                reply="the connection broke before its text was sent",
            )
        )


def write_messages(plan: Plan, folder: Path) -> int:
    """A dry run: every message of the plan's new readers as a file. Returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    templates = [MessageTemplate.from_bytes(text.payload) for text in plan.texts]
    suppressed = plan.readers.suppressed if plan.readers else {}
    entries = [entry for entry in plan.entries if entry.reader not in suppressed]
    for number, entry in enumerate(entries, start=1):
        message = templates[entry.template].render(entry.reader, entry.address, entry.fields)
        (folder / f"{number:06}.eml").write_bytes(message.data)
    return len(entries)
