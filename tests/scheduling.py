"""Issues in an outbox for tests: put there for moments that may be past already."""

import json
from datetime import UTC, datetime, timedelta

from conftest import Publication

from newsletter.actions.deliver import sole_sender
from newsletter.actions.send import SendTime, freeze_for_outbox
from newsletter.campaigns.options import SendOptions
from newsletter.campaigns.plan import SendRequest, plan_send
from newsletter.issue.draft import read_draft
from newsletter.ledger.schedule import schedule_campaign
from newsletter.ledger.staging import stage_recipients
from newsletter.store import Store
from newsletter.subscribers.csv_source import CsvSource

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PATIENCE = 60  # seconds: far more than anything takes


def put_in(
    publication: Publication, store: Store, due: datetime, expires: datetime, name: str = "2.10", tag: str = ""
) -> None:
    """As `send --at` does, but for a moment that may be past already."""
    workspace = publication.workspace
    draft = read_draft(workspace.find_draft(name))
    record = workspace.record(name)
    with sole_sender(store, name), stage_recipients(store) as staged:
        request = SendRequest(
            staged=staged,
            context=publication.context,
            draft=draft,
            source=CsvSource(workspace.subscribers, workspace.config.subscriber_list),
            options=SendOptions(tag=tag),
        )
        plan = plan_send(store, record, request)
        freeze_for_outbox(store, staged, plan, record, SendTime(due=due, expires=expires))


def put_in_now(publication: Publication, store: Store, name: str = "2.10") -> None:
    now = datetime.now(UTC)
    put_in(publication, store, now - MINUTE, now + HOUR, name)


def put_in_too_late(publication: Publication, store: Store, name: str = "2.10") -> None:
    now = datetime.now(UTC)
    put_in(publication, store, now - 2 * HOUR, now - HOUR, name)


def readers_by_state(publication: Publication, name: str = "2.10") -> dict[str, int]:
    (status,) = json.loads(publication.run("status", name, "--json").stdout)
    return {state: count for state, count in status["readers"].items() if count}


def in_outbox(publication: Publication) -> dict[str, str]:
    return {one["issue"]: one["state"] for one in json.loads(publication.run("outbox", "list", "--json").stdout)}


def set_moments(store: Store, due: datetime, expires: datetime, issue: str = "1.1") -> None:
    schedule_campaign(store, issue, due.isoformat(timespec="seconds"), expires.isoformat(timespec="seconds"))
