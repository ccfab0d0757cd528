"""A campaign that is frozen and not begun, and a backend of a test's own to send it through."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from conftest import Publication

from newsletter.actions.freeze_plan import freeze_plan
from newsletter.backends import Backend, Feed, Limits
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.campaigns.options import SendOptions
from newsletter.campaigns.plan import SendRequest, plan_send
from newsletter.campaigns.sent_record import write_record
from newsletter.issue.draft import read_draft
from newsletter.ledger.deliveries import count_deliveries
from newsletter.ledger.staging import stage_recipients
from newsletter.ledger.states import State
from newsletter.mail.message import Message, Outcome
from newsletter.sending.assignment import Assignment
from newsletter.sending.rules import OnProgress, SendingRules, WorkerProgress
from newsletter.sending.worker import send_campaign
from newsletter.store import Store
from newsletter.subscribers.csv_source import CsvSource

Carry = Callable[["Pigeons", Feed, Message], Awaitable[None]]


class Pigeons:
    """A backend that does with each message what a test says."""

    def __init__(self, carry: Carry, limits: Limits) -> None:
        self.limits = limits
        self.carried = 0
        self._carry = carry

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Pigeons"]:
        yield self

    async def deliver(self, feed: Feed) -> None:
        while True:
            message = feed.take()
            if message is None:
                if not await feed.wait():
                    return
                continue
            self.carried += 1
            await self._carry(self, feed, message)


def send_frozen(
    store: Store,
    issue: str,
    backend: Backend,
    record: Path,
    rules: SendingRules,
    on_progress: OnProgress = lambda _now: None,
) -> None:
    """Send a frozen campaign, as `newsletter send` does."""
    send_campaign(
        Assignment(
            store=store,
            issue=issue,
            backend=backend,
            rules=rules,
            write_record=lambda: write_record(record, store, issue),
            on_progress=on_progress,
            on_stop=lambda: None,
        )
    )


class Frozen:
    """A campaign of so many readers, frozen and not begun."""

    def __init__(self, publication: Publication, store: Store, count: int) -> None:
        self.store = store
        self.record = publication.workspace.record("2.10")
        publication.readers(count)
        workspace = publication.workspace
        with stage_recipients(store) as staged:
            draft = read_draft(workspace.find_draft("2.10"))
            request = SendRequest(
                staged=staged, texts=read_issue_texts(workspace, publication.context, draft), options=SendOptions(),
                source=CsvSource(workspace.subscribers, workspace.config.subscriber_list),
            )  # fmt: skip
            plan = plan_send(store, self.record, request)
            freeze_plan(staged, plan)

    def send(self, carry: Carry, limits: Limits, rules: SendingRules | None = None) -> list[Counter[Outcome]]:
        """Return the tallies that were shown."""
        seen: list[Counter[Outcome]] = []

        def on_progress(now: WorkerProgress) -> None:
            seen.append(Counter(now.tally))

        self.send_through(Pigeons(carry, limits), rules or SendingRules(), on_progress)
        return seen

    def send_through(
        self, backend: Backend, rules: SendingRules, on_progress: Callable[[WorkerProgress], None] = lambda _now: None
    ) -> None:
        send_frozen(self.store, "2.10", backend, self.record, rules, on_progress)

    def states(self) -> dict[State, int]:
        return dict(count_deliveries(self.store, "2.10").by_state)
