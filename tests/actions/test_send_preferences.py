"""What readers chose decides what they are sent: their topics, language and name, the summary, a pause."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from conftest import Publication, Run
from smtp_server import Server

from newsletter.address import SubscriberKey
from newsletter.errors import ListError
from newsletter.store import Store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.preferences import Frequency, Preferences, save_preferences

A, B, C, D = (f"reader000{number}@example.org" for number in range(4))
DRAFT = """subject: For {{ name | you }}
date: 2026-11-30
kind: announcement
items:
  - headline: All
    detail: Everybody reads this.
  - headline: Energy alone
    detail: Only with the topic.
    only_for: [energy]
"""
Choose = Callable[[str, Preferences], None]


@pytest.fixture
def choose(digest: Publication, opened: Store) -> Choose:
    digest.readers(4)
    toml = digest.root / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[preferences]\nsummary = "once a month"\ntopics = {{ energy = "Energy" }}\n')
    for name in ("one", "two"):
        digest.draft(name, DRAFT)

    def choose(address: str, chosen: Preferences) -> None:
        with opened.transaction() as connection:
            save_preferences(connection, SubscriberKey(address), chosen)

    return choose


def _pause(store: Store, address: str, days: int) -> None:
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="milliseconds")
    event = Event(subscriber=address, kind=EventKind.PAUSED, source=EventSource.PAGE, evidence={"until": until})
    record_events(store, None, [event])


def _got(server: Server) -> dict[str, tuple[str, bool]]:
    """Return by address the subject that each has got, and whether it has the item for a topic."""
    found = {}
    for address, data in server.stored:
        mail = message_from_bytes(data, policy=policy.default)
        part = mail.get_body(("plain",))
        assert part
        found[address] = mail["Subject"], "Energy alone" in part.get_content()
    server.stored.clear()
    return found


def test_an_issue_goes_out_as_readers_chose(run: Run, server: Server, choose: Choose, opened: Store) -> None:
    choose(A, Preferences(name="Ada", tags={"energy": True}))
    choose(B, Preferences(frequency=Frequency.SUMMARY))
    _pause(opened, C, 20)
    sent = run("send", "one", "--yes")
    assert sent.exit_code == 0, sent.output
    assert "To        2 readers" in sent.output
    assert "Left out  1 who have paused it; it comes back to them by itself" in sent.output
    assert "Left out  1 who want only the summary: newsletter send NAME --tag summary" in sent.output
    assert "must not be mailed" not in sent.output
    assert _got(server) == {A: ("For Ada", True), D: ("For Reader 3", False)}
    # The summary goes to those who chose it, of this draft or another.
    assert run("send", "two", "--tag", "summary", "--yes").exit_code == 0
    assert _got(server) == {B: ("For Reader 1", False)}
    assert run("send", "one", "--tag", "summary", "--yes").exit_code == 0
    assert _got(server) == {B: ("For Reader 1", False)}
    # Who wants the issues again, and whose pause is over, gets the next one.
    choose(B, Preferences(frequency=Frequency.ISSUES))
    _pause(opened, C, -1)
    assert run("send", "two", "--yes").exit_code == 0
    assert _got(server).keys() == {A, C, D}  # B has it already
    assert run("send", "one", "--yes").exit_code == 0
    assert _got(server) == {}  # and C had paused when it went out


def test_a_list_of_those_who_want_the_summary_alone_is_no_list_for_an_issue(run: Run, choose: Choose) -> None:
    for address in (A, B, C, D):
        choose(address, Preferences(frequency=Frequency.SUMMARY))
    refused = run("send", "one", "--yes")
    assert isinstance(refused.exception, ListError)
    assert "wants the summary alone, sent by --tag summary" in refused.exception.message
