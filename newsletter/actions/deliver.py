"""The run of a frozen campaign: everyone who waits is tried, and what became of each is recorded."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from newsletter import ledger
from newsletter.actions.observer import SILENT, SendObserver
from newsletter.backends import Backend
from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DeliveryError
from newsletter.mail.message_template import MessageTemplate
from newsletter.publication import OpenPublication
from newsletter.sending.refusals import TooManyRefused
from newsletter.sending.run import OnProgress, Rules, run_campaign
from newsletter.store import Busy, Store

# Asks a person whether to go on though so many are refused.
ConfirmRefusals = Callable[[TooManyRefused], bool]


@contextmanager
def sole_sender(store: Store, issue: str) -> Iterator[None]:
    """Let no other process send the issue meanwhile. The lock goes with the process, however it dies.

    Raises DeliveryError while another process holds it.
    """
    try:
        with store.sole(issue):
            yield
    except Busy as error:
        raise DeliveryError(
            f"Another process is sending {issue} right now.",
            next_step="Wait until it has ended, or stop it: Ctrl-C where it runs. `newsletter status` counts.",
        ) from error


def deliver(
    publication: OpenPublication,
    issue: str,
    observer: SendObserver = SILENT,
    confirm_refusals: ConfirmRefusals | None = None,
) -> bool:
    """Send a frozen campaign to everyone who waits; return False when a person stopped it at `confirm_refusals`.

    The caller is the issue's sole sender. When too many are refused and nobody is there to ask, or the backend can't
    go on, DeliveryError is raised; all is recorded by then, and delivering again goes on. Raises ConfigError, before
    anything is sent, for a key that is missing.
    """
    backend = publication.load_backend()
    rules = Rules.of(publication.workspace)
    store, record = publication.store, publication.record(issue)
    while True:
        observer.begin(issue, ledger.counts(store, issue).waiting)
        try:
            carry_out(store, issue, backend, record, rules, observer.progress, observer.stopping)
        except TooManyRefused as error:
            observer.end(issue, error)
            if confirm_refusals is None:
                raise
            if not confirm_refusals(error):
                return False
            rules = replace(rules, refusals=None)
        except BaseException as error:
            observer.end(issue, error)
            raise
        else:
            observer.end(issue, None)
            return True


def carry_out(
    store: Store,
    issue: str,
    backend: Backend,
    record: Path,
    rules: Rules,
    on_progress: OnProgress,
    on_stop: Callable[[], None],
) -> None:
    """Write the sent record, send to everyone who waits, and write it again.

    `on_stop` is called when a signal has asked the run to end with what is in hand. Raises DeliveryError when the run
    had to stop, and ConfigError, before anything is sent, when unsubscribe links can't be signed.
    """
    for text in ledger.current_texts(store, issue):
        rules.recipient_tags.require_keys(MessageTemplate.from_bytes(text.payload))
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
    """Return uvloop's, when it is installed: it halves what the connections cost."""
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
    """Run the campaign until it is done or a signal stops it; return why it ended early, or an empty string.

    Ctrl-C and SIGTERM finish what is in hand, and a second one ends at once. Signals reach the main thread alone
    (signal(7)), so that a run on another thread is not stopped by them.
    """
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

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
    try:
        await sending
    except asyncio.CancelledError as error:
        raise DeliveryError("Ended at once, with messages in hand.") from error
    return "it was asked to stop" if stop.is_set() else ""
