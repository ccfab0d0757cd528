"""Issues in an outbox for tests: put there for moments that may be past already."""

import json
from datetime import UTC, datetime, timedelta

from conftest import Publication

from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.send import send
from newsletter.campaigns.options import SendOptions
from newsletter.clock import make_instant
from newsletter.ledger.schedule import schedule_campaign
from newsletter.publication import OpenPublication
from newsletter.store import Store

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PATIENCE = 60  # seconds: far more than anything takes


def put_in(
    publication: Publication, store: Store, due: datetime, expires: datetime, name: str = "2.10", tag: str = ""
) -> None:
    """Schedule an issue as `send --at` does, but for a moment that may be past already."""
    opened = OpenPublication(publication.workspace, store=store)
    options = SendOptions(tag=tag, despite_problems=True)
    send(opened, opened.draft(name), options, confirm=lambda _: True, time=SendTime(due=due, expires=expires))


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
    with store.transaction() as connection:
        schedule_campaign(connection, issue, make_instant(due), make_instant(expires))
