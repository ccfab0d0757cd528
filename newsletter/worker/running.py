"""A running worker: it takes jobs until a signal asks it to end, and waits for a database that is out of reach."""

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from procrastinate.jobs import Status

from newsletter.jobs.job_queue import OUTBOX, SEND, SENDING, UPKEEP, name_queue
from newsletter.jobs.job_tables import prepare_job_tables
from newsletter.ledger import workers
from newsletter.publication import OpenPublication
from newsletter.store import Store
from newsletter.worker.sending_tasks import SendingTasks
from newsletter.worker.upkeep import PeriodicTask, Upkeep

HEARTBEAT_S = 5.0
_STALLED_S = 30.0
_REST_S, _LONGEST_REST_S = 1.0, 30.0  # after the database was lost
_LOG = logging.getLogger(__name__)


def run_worker(publications: Sequence[OpenPublication], on_ready: Callable[[], None] = lambda: None) -> None:
    """Do the jobs of these publications, which share a database, until SIGINT or SIGTERM.

    The first signal lets what is in hand come to its end, and a second one ends it at once. Raises DeliveryError where
    the database has no queue and none can be made.
    """
    store = publications[0].store
    prepare_job_tables(store)
    store.limit_idle_transactions(workers.LEASE_S)  # stopped within one, a worker would hold up all others
    asyncio.run(_run(store, SendingTasks(publications), Upkeep(publications), on_ready))


async def _run(store: Store, tasks: SendingTasks, upkeep: Upkeep, on_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_lost_task)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, partial(_ask_to_stop, stop, tasks))
    for publication in tasks.publications:
        await asyncio.to_thread(upkeep.look_after, publication, is_start=True)
    on_ready()
    known = tasks.publications
    sending, other = [[name_queue(kind, one) for one in known] for kind in (SENDING, UPKEEP)]
    async with asyncio.TaskGroup() as group:
        # One that sends at a time: a second one would have the connections and the processor of the first.
        group.create_task(_keep_working(_make_sending_app(store, tasks), sending, 1, stop))
        group.create_task(_keep_working(_make_upkeep_app(store, known, upkeep), other, 3, stop))


def report_lost_task(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report a failure that nobody waited for; of the queue's library, whose database was lost, in one line."""
    error = context.get("exception")
    if isinstance(error, ConnectorException):
        _LOG.warning("A job's end could not be noted in the queue; the ledger says what is left to do.")
    else:
        loop.default_exception_handler(context)


def _ask_to_stop(stop: asyncio.Event, tasks: SendingTasks) -> None:
    stop.set()
    tasks.stop()


def _make_app(store: Store) -> App:
    options = store.connect_options()
    return App(
        connector=PsycopgConnector(conninfo="", kwargs=options, min_size=1, max_size=4),
        # Another file of jobs that went well would only grow: what was done is in the ledger.
        worker_defaults={
            "delete_jobs": "always",
            "install_signal_handlers": False,
            "update_heartbeat_interval": HEARTBEAT_S,
            "stalled_worker_timeout": _STALLED_S,
        },
    )


def _make_sending_app(store: Store, tasks: SendingTasks) -> App:
    app = _make_app(store)
    app.task(name=SEND)(tasks.send)
    return app


def _make_upkeep_app(store: Store, publications: Sequence[str], upkeep: Upkeep) -> App:
    """Return the app of what is done from time to time; one worker of all does each, whichever is the first."""
    app = _make_app(store)
    app.task(name=OUTBOX)(upkeep.look_at_outbox)

    async def remove_stalled(timestamp: int) -> None:
        del timestamp
        await _remove_stalled(app)

    removing = app.task(name="newsletter.remove_stalled")(remove_stalled)
    app.periodic(cron="* * * * *", queue=name_queue(UPKEEP, publications[0]))(removing)
    for periodic in upkeep.timetable:
        task = app.task(name=periodic.name)(_without_timestamp(periodic))
        for publication in publications:
            name = f"{periodic.name} {publication}"
            app.periodic(
                cron=periodic.cron,
                periodic_id=publication,
                queue=name_queue(UPKEEP, publication),
                # One at a time, and one that waits: no reading of a mailbox begins while another is under way.
                lock=name,
                queueing_lock=name,
                task_kwargs={"publication": publication},
            )(task)
    return app


def _without_timestamp(periodic: PeriodicTask) -> Callable[[int, str], None]:
    def work(timestamp: int, publication: str) -> None:
        del timestamp  # of the crontab's moment; what is to be done is looked up
        periodic.work(publication)

    return work


async def _keep_working(app: App, queues: Sequence[str], concurrency: int, stop: asyncio.Event) -> None:
    """Work on queues until `stop` is set; when the database is lost, rest and begin once more."""
    rest = _REST_S
    while not stop.is_set():
        try:
            async with app.open_async():
                await _remove_stalled(app)
                working = asyncio.create_task(app.run_worker_async(queues=queues, concurrency=concurrency))
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                if stop.is_set():
                    working.cancel()  # it waits for its jobs
                with suppress(asyncio.CancelledError):
                    await working
            rest = _REST_S
        except (ProcrastinateException, OSError) as error:
            _LOG.warning("The queue is out of reach: %s It is tried again.", error)
        if not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), rest)
            rest = min(2 * rest, _LONGEST_REST_S)


async def _remove_stalled(app: App) -> None:
    """Remove the jobs of workers that are gone: by what the ledger says, new ones are put in."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_S):
        with suppress(ConnectorException):  # another worker was quicker
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
