"""The sending of one issue, now or later, and a dry run of it."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from newsletter import ledger
from newsletter.backends import Backend
from newsletter.campaigns.plan import Plan
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DeliveryError
from newsletter.files import create_private, make_private_folder
from newsletter.ledger import Staged
from newsletter.mail.compiled import MessageTemplate
from newsletter.mail.marks import Marks
from newsletter.sending.run import OnProgress, Rules, run_campaign
from newsletter.store import Busy, Store


@contextmanager
def sole_sender(store: Store, issue: str) -> Iterator[None]:
    """One process sends an issue at a time. The lock goes with the process, however it dies."""
    try:
        with store.sole(issue):
            yield
    except Busy as error:
        raise DeliveryError(
            f"Another process is sending {issue} right now.",
            next_step="Wait until it has ended, or stop it: Ctrl-C where it runs. `newsletter status` counts.",
        ) from error


def settle_plan(store: Store, staged: Staged, plan: Plan) -> None:
    """Make the plan the ledger's: the new text, the new readers, those who are to be tried again."""
    if plan.retried:
        ledger.reopen(store, plan.campaign.issue, plan.retried)
    if plan.takes_over:
        ledger.replace_text(store, plan.campaign, plan.texts, plan.assigned)
    if plan.wave is not None:
        digests = plan.erased.digests
        ledger.freeze(staged, plan.campaign, plan.wave, plan.texts, anew=plan.is_new, erased=digests)


def schedule(store: Store, staged: Staged, plan: Plan, record: Path, due: datetime, expires: datetime) -> None:
    """Freeze the plan for the outbox: not before `due`, and not at all after `expires`; both with their zone."""
    issue = plan.campaign.issue
    settle_plan(store, staged, plan)
    ledger.schedule(store, issue, _in_utc(due), _in_utc(expires))
    write_record(record, store, issue)


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def carry_out(
    store: Store,
    issue: str,
    backend: Backend,
    record: Path,
    rules: Rules,
    on_progress: OnProgress,
    on_stop: Callable[[], None],
) -> None:
    """Note, send to everyone who waits, note again. Raises DeliveryError when the run had to stop; sending again
    goes on. Raises ConfigError, before anything, when readers' links can't be signed.

    `on_stop` is called when a signal has asked the run to end with what is in hand.
    """
    for text in ledger.current_texts(store, issue):
        rules.marks.refuse_unmarked(MessageTemplate.from_bytes(text.payload))
    run = token_hex(8)
    ledger.begin_run(store, issue, run)
    # Before the first message leaves: from here on another machine must not begin.
    write_record(record, store, issue)
    ending = "the program failed"
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            ending = runner.run(_until_stopped(store, issue, run, backend, rules, on_progress, on_stop))
    except DeliveryError as error:
        ending = error.message
        raise
    finally:
        ledger.settle_crash(store, issue, run)
        ledger.finish_run(store, issue, run, ending)
        write_record(record, store, issue)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's when it is installed: it halves what the connections cost."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _until_stopped(
    store: Store,
    issue: str,
    run: str,
    backend: Backend,
    rules: Rules,
    on_progress: OnProgress,
    on_stop: Callable[[], None],
) -> str:
    """Ctrl-C and SIGTERM finish what is in hand; a second one ends the process at once. Returns why it ended early."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    sending = asyncio.create_task(run_campaign(store, issue, run, backend, rules, stop, on_progress))

    def on_signal() -> None:
        # Python's own handler would not do for the second: a signal that another thread takes does not wake the loop.
        if stop.is_set():
            sending.cancel()
        else:
            stop.set()
            on_stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await sending
    except asyncio.CancelledError as error:
        raise DeliveryError("Ended at once, with messages in hand.") from error
    return "it was asked to stop" if stop.is_set() else ""


def write_messages(staged: Staged, plan: Plan, marks: Marks, folder: Path) -> int:
    """A dry run: every message of the plan's new readers as a file. Returns how many."""
    shutil.rmtree(folder, ignore_errors=True)
    make_private_folder(folder)
    templates = [MessageTemplate.from_bytes(text.payload) for text in plan.texts]
    date = datetime.now(UTC)
    count = 0
    for count, entry in enumerate(staged.entries(), start=1):
        issue = plan.campaign.issue
        message = marks.message(templates[entry.text], issue, entry.reader, entry.address, entry.fields, date)
        with create_private(folder / f"{count:06}.eml") as file:  # with a token by which its reader can be unsubscribed
            file.write(message.data)
    return count
