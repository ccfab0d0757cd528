"""Work that readers' requests leave to do after they were answered: decide about them, send mails, let pauses end.

One thread for each publication does it, so that a mail server that hangs holds up no other publication's readers. It
begins at once when something was asked for, and looks every few seconds for what else there may be: what a command has
queued, what was put off, what a crash left behind.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from newsletter import backends
from newsletter.actions.answer_sign_ups import answer_sign_ups, clear_requests
from newsletter.actions.reader_erasures import finish_erasures
from newsletter.publication import OpenPublication
from newsletter.store import Busy, Store
from newsletter.subscribers.pauses import lift_ended_pauses
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.text import escape_controls
from newsletter.transactional.messages import MessageWriter
from newsletter.transactional.queue_upkeep import delete_old_mails
from newsletter.transactional.sender import TransactionalSender
from newsletter.web.public.error_line import error_line
from newsletter.workspace import Workspace

_LOOK_EVERY_S = 3.0
_ENDING_S = 10.0
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Task:
    """A piece of work: done at each look, or every so many seconds.

    `work` returns why it could not be done, "" when it was; `failing` says in the log what stays undone then.
    """

    failing: str
    work: Callable[[Workspace], str]
    every_s: float = 0.0
    due: float = float("-inf")
    logged: str = ""


def end_reader_work(works: Sequence["ReaderWork"]) -> None:
    """End the work of all, with a while for mails under way: of one without an answer it is not known if it arrived."""
    for work in works:
        work.stop()
    until = monotonic() + _ENDING_S
    for work in works:
        work.wait(max(0.0, until - monotonic()))


class ReaderWork:
    """The thread of one publication, and what wakes it. `keys` are those by which the service reads links.

    Settings are those on disk each time; one that can't be used leaves those from before in use.
    """

    def __init__(self, workspace: Workspace, store: Store, keys: Callable[[], SecretKeys]) -> None:
        self._workspace = workspace
        self._store = store
        self._keys = keys
        self._sender = TransactionalSender(store)
        self._wanted, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader-work", daemon=True)
        self._tasks = self._list_tasks()
        self._send_from, self._why_not_sent = float("-inf"), ""

    def start(self) -> None:
        """Begin to work, until `stop`."""
        self._thread.start()

    def wake(self) -> None:
        """Have the thread look at once, since something was asked for."""
        self._wanted.set()

    def stop(self) -> None:
        """Begin nothing new. The mail that is under way goes on, and whatever has not left yet waits."""
        self._stopped.set()
        self._wanted.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the mail that is under way, so many seconds at most."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _list_tasks(self) -> Sequence[_Task]:
        """Return all that there is to do, in the order in which one leads to another."""
        return (
            _Task(failing="Sign-ups wait to be answered", work=self._answer_sign_ups),
            _Task(failing="Mails to single readers wait", work=self._send),
            _Task(failing="Pauses that are over do not end", work=self._lift_pauses, every_s=_HOUR_S),
            _Task(failing="Readers wait to be erased", work=self._erase),
            _Task(failing="Old requests of readers are not deleted", work=self._clear_requests, every_s=_HOUR_S),
            _Task(failing="Old mails to single readers are not deleted", work=self._delete_old_mails, every_s=_DAY_S),
        )

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.clear()
            self._read_settings()
            for task in self._tasks:
                if monotonic() >= task.due and not self._stopped.is_set():
                    self._do(task)
            self._wanted.wait(_LOOK_EVERY_S)

    def _read_settings(self) -> None:
        current = self._workspace.with_current_settings()
        try:
            _ = current.config
        except Exception:  # noqa: BLE001  # whoever renews the pages logs it
            return
        self._workspace = current

    def _do(self, task: _Task) -> None:
        """Do one piece of work. What is wrong is logged once, as long as it stays the same."""
        try:
            failure = escape_controls(task.work(self._workspace))
        except Exception as error:  # noqa: BLE001  # the others are done all the same, and this one is tried again
            failure = error_line(error)
        if failure and failure != task.logged:
            _LOG.error("%s: %s", task.failing, failure)
        task.logged = failure
        if not failure:
            task.due = monotonic() + task.every_s

    def _answer_sign_ups(self, workspace: Workspace) -> str:
        """Decide about requests to join, a group after another, so that other writers get their turn."""
        while not self._stopped.is_set() and answer_sign_ups(self._store, workspace.config.signup):
            pass
        return ""

    def _erase(self, workspace: Workspace) -> str:
        """Erase those whose erasure a restart or a send kept from being done."""
        left = finish_erasures(OpenPublication(workspace, store=self._store))
        return next((error_line(error) for error in left.values() if not isinstance(error, Busy)), "")

    def _clear_requests(self, workspace: Workspace) -> str:
        clear_requests(self._store, workspace.config.signup)
        return ""

    def _lift_pauses(self, _workspace: Workspace) -> str:
        lift_ended_pauses(self._store)
        return ""

    def _delete_old_mails(self, _workspace: Workspace) -> str:
        with self._store.transaction() as connection:
            delete_old_mails(connection)
        return ""

    def _send(self, workspace: Workspace) -> str:
        """Send some of the mails that are due, and go on at once where there are more; return why none is taken now.

        Between two lots there is time for what else readers ask for.
        """
        if monotonic() < self._send_from:
            return self._why_not_sent
        config = workspace.config
        sent = self._sender.send_due(
            lambda: MessageWriter(workspace, self._store, self._keys()),
            lambda: backends.load_backend(config.send.backend, config, workspace.root),
            may_go_on=lambda: not self._stopped.is_set(),
        )
        self._send_from, self._why_not_sent = monotonic() + sent.rest_s, sent.why
        if sent.has_more and not sent.rest_s:
            self.wake()
        return self._why_not_sent
