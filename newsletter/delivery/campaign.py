"""The sending of one issue, and a dry run of it."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from newsletter.backends import Backend
from newsletter.delivery import ledger
from newsletter.delivery.plan import Plan
from newsletter.delivery.record import write_record
from newsletter.delivery.run import OnProgress, run_campaign
from newsletter.errors import DeliveryError
from newsletter.mail.template import MessageTemplate
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


def carry_out(
    store: Store, plan: Plan, backend: Backend, record: Path, on_progress: OnProgress, on_stop: Callable[[], None]
) -> None:
    """Freeze, note, send, note again. Raises DeliveryError when the run had to stop; sending again goes on.

    `on_stop` is called when a signal has asked the run to end with what is in hand.
    """
    issue = plan.campaign.issue
    if plan.takes_over:
        ledger.replace_text(store, plan.campaign, plan.texts, plan.reassigned)
    if plan.wave is not None:
        ledger.freeze(store, plan.campaign, plan.wave, plan.texts, plan.entries, anew=plan.is_new)
    ledger.begin_run(store, issue)
    # Before the first message leaves: from here on another machine must not begin.
    write_record(record, store, issue)
    try:
        asyncio.run(_until_stopped(store, issue, backend, on_progress, on_stop))
    finally:
        ledger.settle_crash(store, issue)
        ledger.finish_run(store, issue)
        write_record(record, store, issue)


async def _until_stopped(
    store: Store, issue: str, backend: Backend, on_progress: OnProgress, on_stop: Callable[[], None]
) -> None:
    """Ctrl-C and SIGTERM finish what is in hand; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    run = asyncio.create_task(run_campaign(store, issue, backend, stop, on_progress))

    def on_signal() -> None:
        # Python's own handler would not do for the second: a signal that another thread takes does not wake the loop.
        if stop.is_set():
            run.cancel()
        else:
            stop.set()
            on_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await run
    except asyncio.CancelledError as error:
        raise DeliveryError("Ended at once, with messages in hand.") from error


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
