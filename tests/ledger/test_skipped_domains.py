"""Of domains at their limit nobody is claimed, and everybody else is, in the order of the list."""

from newsletter.clock import parse_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.claims import record_and_claim
from newsletter.ledger.delivery_domain import SkippedDomains, count_waiting_domains, list_recent_departures
from newsletter.ledger.freeze import freeze_batch
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.templates import FrozenTemplate
from newsletter.ledger.workers import register_worker
from newsletter.mail.message import Outcome, Result
from newsletter.store import Store

ISSUE = IssueName("1.1")
NAMES = [f"r{number}@{domain}" for number in range(4) for domain in ("a.example", "b.a.example", "c.example")]


def _freeze(store: Store) -> None:
    campaign = Campaign(
        issue="1.1", id="c", subject="s", draft_sha256="d", rules=[[]], created_at=parse_instant("2026-11-30")
    )
    with stage_recipients(store) as staged:
        recipients = [Recipient(subscriber=one, address=one, fields={}, tags=frozenset(), template=0) for one in NAMES]
        staged.fill(recipients, None)
        with staged.durable() as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])


def test_nobody_of_a_skipped_domain_is_claimed(store: Store) -> None:
    _freeze(store)
    register_worker(store, ISSUE, "w")
    assert count_waiting_domains(store, ISSUE) == {"a.example": 4, "b.a.example": 4, "c.example": 4}
    skipped = SkippedDomains(domains={"a.example", "c.example"})
    first = record_and_claim(store, ISSUE, "w", want=2, skipped=skipped).deliveries
    assert [one.subscriber for one in first] == ["r0@b.a.example", "r1@b.a.example"]
    later = SkippedDomains(domains=["c.example"], after=first[-1].id)
    second = record_and_claim(store, ISSUE, "w", want=100, skipped=later).deliveries
    assert [one.subscriber for one in second] == ["r2@a.example", "r2@b.a.example", "r3@a.example", "r3@b.a.example"]
    results = [
        one.with_result(Result(key=one.id, outcome=Outcome.ACCEPTED, stage="text", code=250), took=1) for one in second
    ]
    rest = record_and_claim(store, ISSUE, "w", results=results, want=100).deliveries
    assert len(rest) == len(NAMES) - 6
    recent = list_recent_departures(store, 60.0)
    assert {domain: len(times) for domain, times in recent.items()} == {"a.example": 2, "b.a.example": 2}
