"""What a server announces is believed before anybody is tried, and what it says of a message's size ends a send."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen
from smtp_server import Provider, provider, running
from sqlalchemy import select

from newsletter.backends.smtp import SmtpBackend
from newsletter.ledger.states import State
from newsletter.ledger.templates import list_current_templates
from newsletter.mail.message_template import MessageTemplate
from newsletter.sending.refusals import MessageRefused
from newsletter.sending.rules import SendingRules
from newsletter.store import open_store
from newsletter.store.schema import deliveries

RULES = SendingRules(refusals=0.1)


@pytest.fixture
def freeze(publication: Publication, tmp_path: Path) -> Iterator[Callable[[int], Frozen]]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


def _send(campaign: Frozen, port: int, connections: int = 4, rules: SendingRules = RULES) -> None:
    settings = SmtpBackend.Settings(
        host="127.0.0.1", port=port, security="none", connections=connections, helo="localhost"
    )
    campaign.send_through(SmtpBackend(settings, Path()), rules)


def test_a_size_below_the_message_is_told_before_anybody_is_tried(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(80)
    commands: list[str] = []

    def say(_server: Provider, _number: int, command: str) -> str | None:
        commands.append(command)
        return "250-localhost\r\n250 SIZE 2000" if command == "EHLO" else None

    with provider(say) as server, pytest.raises(MessageRefused) as halted:
        _send(campaign, server.port)
    assert "the server takes 2,000 at most" in halted.value.message
    assert campaign.states() == {State.PENDING: 80}
    assert not {"MAIL", "RCPT", "TEXT"} & {*commands}


def test_a_message_just_above_the_size_for_one_reader_is_not_tried(freeze: Callable[[int], Frozen]) -> None:
    """A size that the text alone keeps to, and no reader's message."""
    campaign = freeze(30)
    (template,) = list_current_templates(campaign.store, "2.10")
    least = MessageTemplate.from_bytes(template.payload).least_size
    with running(size=least + 20) as server, pytest.raises(MessageRefused, match="and the server takes"):
        _send(campaign, server.port)
    assert server.stored == []
    assert campaign.states() == {State.PENDING: 30}


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("MAIL", "552 5.3.4 Message size exceeds fixed limit"),
        ("TEXT", "552 5.2.3 Message size exceeds fixed maximum message size (10240000)"),
    ],
)
def test_the_first_reply_about_the_size_ends_the_send_with_everybody_pending(
    freeze: Callable[[int], Frozen], extensions: tuple[str, ...], stage: str, reply: str
) -> None:
    campaign = freeze(60)
    greeting = "\r\n".join([*(f"250-{name}" for name in ("localhost", *extensions)), "250 HELP"])

    def say(_server: Provider, _number: int, command: str) -> str | None:
        return greeting if command == "EHLO" else reply if command == stage else None

    with provider(say) as server, pytest.raises(MessageRefused) as halted:
        _send(campaign, server.port)
    assert reply in halted.value.message
    assert campaign.states() == {State.PENDING: 60}
    with provider(lambda *_: None) as server:
        _send(campaign, server.port)
    assert campaign.states() == {State.ACCEPTED: 60}


def test_a_connection_carries_no_more_than_the_server_announces(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(60)
    carried: dict[int, int] = {}

    def say(_server: Provider, number: int, command: str) -> str | None:
        if command == "EHLO":
            return "250-localhost\r\n250-PIPELINING\r\n250 LIMITS MAILMAX=7 RCPTMAX=1"
        if command == "MAIL":
            carried[number] = carried.get(number, 0) + 1
            return "452 4.5.3 Too many messages" if carried[number] > 7 else None
        return None

    with provider(say) as server:
        _send(campaign, server.port, connections=2)
    assert campaign.states() == {State.ACCEPTED: 60}
    assert max(carried.values()) == 7


@pytest.mark.parametrize(
    "reply", ["452 4.5.3 Too many recipients: Too many messages sent", "421 4.7.0 Too many messages in this session"]
)
def test_a_session_that_is_used_up_makes_way_for_a_new_one_and_costs_nobody_a_try(
    freeze: Callable[[int], Frozen], reply: str
) -> None:
    """As OpenSMTPD does it, which keeps the session open and refuses all that comes."""
    campaign = freeze(100)
    carried: dict[int, int] = {}

    def say(_server: Provider, number: int, command: str) -> str | None:
        if command == "EHLO":
            return "250-localhost\r\n250 PIPELINING"
        if command == "MAIL":
            carried[number] = carried.get(number, 0) + 1
            return reply if carried[number] > 20 else None
        return None

    with provider(say) as server:
        _send(campaign, server.port, connections=2)
    assert campaign.states() == {State.ACCEPTED: 100}
    with campaign.store.reading() as connection:
        assert set(connection.scalars(select(deliveries.c.tries))) == {0}  # deferrals that count
