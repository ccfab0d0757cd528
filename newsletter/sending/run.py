"""A campaign's run: sessions take messages from what is claimed, and answers are recorded in groups.

While one commit is under way the next group gathers. The ledger works on a thread of its own, so that
a sync to disk never stalls a connection.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import time
from typing import TypeVar

from newsletter import ledger
from newsletter.backends import Backend
from newsletter.errors import DeliveryError
from newsletter.mail.dkim import DkimSigner
from newsletter.mail.message import Message, Outcome
from newsletter.mail.message_template import MessageTemplate
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.sending.connections import Sessions
from newsletter.sending.dispatcher import Collected, Desk
from newsletter.sending.refusals import Refusals
from newsletter.sending.throttle import HOUR_S, Pace
from newsletter.store import Store
from newsletter.workspace import Workspace

_PATIENCE_S = 300.0  # with a server that takes nothing and asks for less
_AHEAD_S = 2.0  # with a slow pace, no more is claimed than leaves within this time
_TELL_EVERY_S = 0.1
_LOCKED_S = 1.0
_LOOK_EVERY_S = 30.0  # the clock on the wall may jump
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is. `deferred` in the tally are those who may be tried again; `resting_until` is when, in
    seconds since 1970, while nothing else is left to do."""

    tally: Counter[Outcome]
    resting_until: float | None = None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the publication wants of a run.

    `waits` are seconds, see Desk, and so is `patience`; `refusals` is a share of 1, and `blocks` a number in a row, see
    Refusals; `recipient_tags` what each copy is known by; `sign` the last hand on a message before it leaves.
    """

    waits: Sequence[float] = ()
    refusals: float | None = None
    blocks: int = 3
    patience: float = _PATIENCE_S
    recipient_tags: RecipientTags = field(default_factory=RecipientTags)
    sign: Callable[[Message], Message] | None = None

    @classmethod
    def of(cls, workspace: Workspace) -> "Rules":
        """As newsletter.toml has it. Raises ConfigError for a key that is missing or can't be used."""
        config = workspace.config
        return cls(
            waits=[60 * minutes for minutes in config.send.retries],
            refusals=config.send.refusals / 100,
            blocks=config.send.blocks,
            patience=max(_PATIENCE_S, 60 * sum(config.send.retries)),
            recipient_tags=RecipientTags.from_workspace(workspace),
            sign=signing(workspace),
        )


def signing(workspace: Workspace) -> Callable[[Message], Message] | None:
    """The publication's signature, when it has one. Raises ConfigError."""
    signer = DkimSigner.from_config(workspace.config, workspace.root)
    return signer.sign if signer else None


async def run_campaign(
    store: Store, issue: str, run: str, backend: Backend, rules: Rules, stop: asyncio.Event, on_progress: OnProgress
) -> None:
    """Send to everyone who waits, until all are answered or `stop` is set. `begin_run` has been called.

    Raises DeliveryError when the backend can't go on; everyone not answered then waits, or is unknown.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger") as thread:
        books = _Books(store, issue, run, backend, rules, thread, on_progress)
        await books.open()
        sessions = Sessions(backend, books.desk)
        watcher = asyncio.create_task(_halt_when(stop, books.desk, sessions))
        sessions.start()
        try:
            await books.keep()
        except asyncio.CancelledError:
            books.desk.halt()
            sessions.cancel()
            raise
        except BaseException:
            books.desk.halt()  # with no ledger nothing more may leave
            raise
        finally:
            books.desk.close()
            sessions.stop_connecting()
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            await sessions.ended()
            await books.close()
    if books.desk.failure is not None:
        raise books.desk.failure


async def _halt_when(stop: asyncio.Event, desk: Desk, sessions: Sessions) -> None:
    await stop.wait()
    desk.halt()
    sessions.stop_connecting()


class _Books:
    """The run's part that knows the ledger: claims for the desk, and records what was handed in there."""

    def __init__(
        self,
        store: Store,
        issue: str,
        run: str,
        backend: Backend,
        rules: Rules,
        thread: ThreadPoolExecutor,
        on_progress: OnProgress,
    ) -> None:
        self._step = partial(ledger.step, store, issue, run)
        self._store = store
        self._issue = issue
        self._run = run
        self._limits = backend.limits
        self._rules = rules
        self._thread = thread
        self._on_progress = on_progress
        # A crash leaves at most this many unknown: two windows for each session.
        self._most_ahead = 2 * backend.limits.connections * backend.limits.window
        self._templates: dict[int, MessageTemplate] = {}
        self._claimed = 0  # claimed, and not recorded yet
        self._told_at = 0.0
        self._next_due: float | None = 0.0  # when a deferred reader may be tried again

    async def open(self) -> None:
        self._date = await self._in_ledger(partial(ledger.began_at, self._store, self._run))
        recent: Sequence[float] = ()
        if self._limits.per_hour:
            # The limit holds for all that left within the hour, by whatever run.
            moments = await self._in_ledger(partial(ledger.recent_answers, self._store, HOUR_S, self._limits.per_hour))
            shift = asyncio.get_running_loop().time() - time()
            recent = [moment + shift for moment in moments]
        pace = Pace(self._limits, recent)
        rules = self._rules
        refusals = Refusals(rules.refusals, rules.blocks)
        group = max(1, self._most_ahead // 4)
        self.desk = Desk(pace, rules.waits, refusals, group, rules.patience)

    async def keep(self) -> None:
        """Record, take back and claim, one commit after another, until nothing waits and nothing is under way."""
        desk = self.desk
        while True:
            collected = desk.collect()
            want = 0 if desk.halting else max(0, self._ahead() - self._claimed + len(collected))
            moment = time() if want and self._next_due is not None and self._next_due <= time() else None
            try:
                taken = await self._record(collected, want, moment)
            except BaseException:
                # Recorded or not, nobody knows: a second time does no harm.
                desk.keep(collected)
                raise
            self._claimed += len(taken.claims) - len(collected)
            self._note_due(taken, collected.answers, looked=moment is not None)
            if moment is not None and not taken.claims and self._next_due is not None:
                # Somebody else holds the rows; in PostgreSQL a person may.
                self._next_due = max(self._next_due, moment + _LOCKED_S)
            if collected.released:
                self._next_due = time()  # some of them may have been deferred, and are so again
            desk.supply([(claim, await self._message(claim)) for claim in taken.claims])
            idle = not self._claimed and not taken.claims
            if idle and (desk.halting or (want and self._next_due is None)):
                self._on_progress(Progress(tally=desk.tally))
                return
            await self._next(idle=idle, want=want)

    async def close(self) -> None:
        """Record what was still answered after the last commit; when the store fails, it stays unknown."""
        last = self.desk.collect()
        if last or last.forgiven:
            with suppress(DeliveryError):
                await self._record(last)

    async def _record(self, collected: Collected, want: int = 0, moment: float | None = None) -> ledger.Taken:
        """Record what was collected, and claim as many as are wanted, in one transaction."""
        return await self._in_ledger(
            partial(
                self._step,
                answers=collected.answers,
                returned=collected.returned,
                released=collected.released,
                forgiven=collected.forgiven,
                want=want,
                moment=moment,
            )
        )

    def _ahead(self) -> int:
        room = self.desk.pace.room(asyncio.get_running_loop().time(), _AHEAD_S)
        return self._most_ahead if room is None else min(self._most_ahead, room)

    async def _next(self, *, idle: bool, want: int) -> None:
        """Wait for what is handed in; with nothing under way, for the next who is due, or for the pace's leave."""
        resting = None
        if idle and want:
            resting = self._next_due
        elif idle:
            loop = asyncio.get_running_loop()
            resting = time() + max(0.0, self.desk.pace.ready_at(loop.time()) - loop.time())
        self._tell(resting)
        patience = None if resting is None else min(_LOOK_EVERY_S, max(0.0, resting - time()))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.desk.news.wait()

    def _tell(self, resting: float | None) -> None:
        """Nobody sees more than a few changes a second, and each costs as much as a message."""
        now = asyncio.get_running_loop().time()
        if resting is not None or now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._on_progress(Progress(tally=self.desk.tally, resting_until=resting))

    def _note_due(self, taken: ledger.Taken, answers: Sequence[ledger.Answer], *, looked: bool) -> None:
        if looked:
            self._next_due = taken.next_due
        for answer in answers:
            if answer.result.outcome is Outcome.DEFERRED and answer.due < ledger.NEVER:
                self._next_due = answer.due if self._next_due is None else min(self._next_due, answer.due)

    async def _message(self, claim: ledger.Claim) -> Message:
        template = self._templates.get(claim.template)
        if template is None:
            payload = await self._in_ledger(partial(ledger.template_payload, self._store, claim.template))
            template = self._templates[claim.template] = MessageTemplate.from_bytes(payload)
        recipient_tags = self._rules.recipient_tags
        message = recipient_tags.render(
            template, self._issue, claim.reader, claim.address, claim.fields, self._date, claim.id
        )
        return self._rules.sign(message) if self._rules.sign else message

    async def _in_ledger(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
