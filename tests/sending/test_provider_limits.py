"""Providers that bear less than they are given, or nothing more: everyone is served, or everyone waits."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen
from scheduling import in_outbox, put_in_now
from smtp_server import Provider, provider

from newsletter.backends.smtp import SmtpBackend
from newsletter.errors import DeliveryError
from newsletter.ledger.states import State
from newsletter.sending.refusals import QuotaUsedUp, SenderBlocked, TooManyRefused
from newsletter.sending.rules import SendingRules
from newsletter.store import Store, open_store

Say = Callable[[Provider, int, str], str | None]
RULES = SendingRules(refusals=0.1)


@pytest.fixture
def freeze(publication: Publication, tmp_path: Path) -> Iterator[Callable[[int], Frozen]]:
    with closing(open_store(tmp_path / "state.db")) as store:
        yield lambda count: Frozen(publication, store, count)


def _send(campaign: Frozen, server: Provider, connections: int = 4, rules: SendingRules = RULES) -> None:
    settings = SmtpBackend.Settings(
        host="127.0.0.1", port=server.port, security="none", connections=connections, helo="localhost"
    )
    campaign.send_through(SmtpBackend(settings, Path()), rules)


def _is_extra(server: Provider, number: int, most: int) -> bool:
    return number in server.open[most:]


BEYOND = {
    "432 to the text": lambda command: "432 4.3.2 Concurrent connections limit exceeded" if command == "TEXT" else None,
    "432 to MAIL": lambda command: "432 4.3.2 sender thread limit exceeded" if command == "MAIL" else None,
    "421 to MAIL": lambda command: "421 4.3.2 come back later" if command == "MAIL" else None,
    "421 to EHLO": lambda command: "421 4.7.0 too many connections" if command == "EHLO" else None,
    "421 as a greeting": lambda command: "421 4.7.0 too many connections" if command == "" else None,
    "554 as a greeting": lambda command: "554 5.7.1 not you as well" if command == "" else None,
    "451 for all": lambda command: "451 4.7.1 Rate limit exceeded, slow down" if command == "RCPT" else None,
}


@pytest.mark.slow
@pytest.mark.parametrize("how", BEYOND)
def test_a_connection_too_many_is_given_up_and_costs_nobody_anything(freeze: Callable[[int], Frozen], how: str) -> None:
    """Exchange Online refuses at the connection beyond the third, which answers fastest and would eat the list."""
    campaign = freeze(300)

    def say(server: Provider, number: int, command: str) -> str | None:
        return BEYOND[how](command) if _is_extra(server, number, 2) else None

    with provider(say) as server:
        _send(campaign, server)
    assert campaign.states() == {State.ACCEPTED: 300}
    assert len(set(server.accepted)) == len(server.accepted) == 300
    assert server.opened <= 12  # it is not opened again and again


@pytest.mark.slow
def test_a_limit_of_one_connection_for_all_that_is_learned_late(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(200)

    def say(server: Provider, number: int, command: str) -> str | None:
        extra = len(server.accepted) > 50 and number != min(server.open)
        return "432 4.3.2 Concurrent connections limit exceeded" if extra and command == "TEXT" else None

    with provider(say) as server:
        _send(campaign, server)
    assert campaign.states() == {State.ACCEPTED: 200}


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply",
    [
        "454 Throttling failure: Maximum sending rate exceeded.",
        "451 4.7.0 Rate limit exceeded, slow down",
        "432 4.3.2 Concurrent connections limit exceeded",
    ],
)
@pytest.mark.parametrize("connections", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_rate_limit_costs_no_try_and_everyone_is_served(
    freeze: Callable[[int], Frozen], reply: str, connections: int
) -> None:
    """Amazon SES answers 454 to what is beyond its rate, and takes the same message a moment later."""
    campaign = freeze(120)
    refused: list[str] = []

    def say(server: Provider, _number: int, command: str) -> str | None:
        now = asyncio.get_running_loop().time()
        if command == "TEXT" and sum(moment > now - 0.25 for moment in server.moments) >= 15:
            refused.append(command)
            return reply
        return None

    with provider(say) as server:
        _send(campaign, server, connections)
    assert campaign.states() == {State.ACCEPTED: 120}
    assert refused


@pytest.mark.slow
def test_a_server_that_takes_nothing_for_long_ends_the_send_and_everyone_waits(
    freeze: Callable[[int], Frozen],
) -> None:
    campaign = freeze(30)
    with (
        provider(
            lambda _server, _number, command: "451 4.7.0 Rate limit exceeded" if command == "TEXT" else None
        ) as server,
        pytest.raises(DeliveryError, match=r"has taken nothing for 1 seconds, .*: 451 4\.7\.0 Rate limit exceeded"),
    ):
        _send(campaign, server, 2, SendingRules(refusals=0.1, patience=0.6))
    assert campaign.states() == {State.PENDING: 30}


AT_ONCE = [
    "454 Throttling failure: Daily message quota exceeded.",
    "550 5.4.5 Daily user sending limit exceeded.",
    "552 Account sending quota exceeded",
    "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message",
    "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
]
WITHIN_A_FEW = [
    "550 5.7.1 Our system has detected that this message is likely unsolicited mail",
    "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy",
    "554 5.7.1 Service unavailable; Client host blocked using zen.spamhaus.org",
    "421 5.7.1 Service not available, closing the connection",
]


# Each reply from the first message on, and one of either kind from the twentieth on.
SAID = [
    pytest.param(
        after, reply, stage, marks=[pytest.mark.slow] if after and reply not in (AT_ONCE[0], WITHIN_A_FEW[0]) else []
    )
    for after in (0, 20)
    for reply in AT_ONCE + WITHIN_A_FEW
    for stage in ("RCPT", "TEXT")
]


@pytest.mark.parametrize(("after", "reply", "stage"), SAID)
def test_what_is_said_to_the_sender_is_held_against_no_reader(
    freeze: Callable[[int], Frozen], reply: str, stage: str, after: int
) -> None:
    """A list of less than a hundred readers, which ended as refused, every one."""
    campaign = freeze(60)
    told: list[str] = []

    def say(server: Provider, _number: int, command: str) -> str | None:
        if command == stage and len(server.accepted) >= after:
            told.append(reply)
            return reply
        return None

    with provider(say) as server, pytest.raises((QuotaUsedUp, SenderBlocked, TooManyRefused)) as halted:
        _send(campaign, server)
    states = campaign.states()
    assert isinstance(halted.value, TooManyRefused) == (reply not in AT_ONCE)  # of the rest a person may know better
    assert reply in halted.value.message
    assert "still wait" in halted.value.next_step
    assert states == {State.ACCEPTED: len(server.accepted), State.PENDING: 60 - len(server.accepted)} or (
        states == {State.PENDING: 60} and not server.accepted
    )
    assert len(told) <= 3 + 2 * 4  # in a row, and what was under way on each connection


def test_how_many_in_a_row_is_a_setting(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(60)
    told: list[str] = []

    def say(_server: Provider, _number: int, command: str) -> str | None:
        if command == "RCPT":
            told.append(command)
            return WITHIN_A_FEW[0]
        return None

    with provider(say) as server, pytest.raises((SenderBlocked, TooManyRefused)):
        _send(campaign, server, 1, SendingRules(refusals=0.1, blocks=10))
    assert 10 <= len(told) <= 12
    assert campaign.states() == {State.PENDING: 60}


@pytest.mark.slow
@pytest.mark.parametrize("share", [None, 1.0])
def test_a_person_may_know_better_of_policy(freeze: Callable[[int], Frozen], share: float | None) -> None:
    campaign = freeze(30)
    with provider(lambda _server, _number, command: WITHIN_A_FEW[0] if command == "RCPT" else None) as server:
        _send(campaign, server, rules=SendingRules(refusals=share))
    assert campaign.states() == {State.REFUSED: 30}


def test_one_reader_whose_domain_has_a_policy_is_refused_as_any_other(freeze: Callable[[int], Frozen]) -> None:
    campaign = freeze(60)
    refused: list[str] = []

    def say(server: Provider, _number: int, command: str) -> str | None:
        if command == "TEXT" and len(server.accepted) in (10, 40) and len(refused) < 2:
            refused.append(command)
            return WITHIN_A_FEW[0]
        return None

    with provider(say) as server:
        _send(campaign, server, 1)
    assert campaign.states() == {State.ACCEPTED: 58, State.REFUSED: 2}


def test_policy_for_many_readers_here_and_there_asks_before_a_small_list_is_burnt(
    freeze: Callable[[int], Frozen],
) -> None:
    campaign = freeze(60)
    texts: list[str] = []

    def say(_server: Provider, _number: int, command: str) -> str | None:
        if command == "TEXT":
            texts.append(command)
            return WITHIN_A_FEW[0] if len(texts) % 4 == 0 else None
        return None

    with provider(say) as server, pytest.raises(TooManyRefused, match="about the sender and not about them"):
        _send(campaign, server, 1)
    assert State.REFUSED not in campaign.states()
    assert campaign.states()[State.PENDING] >= 20


@pytest.mark.slow
@pytest.mark.parametrize("reply", ["552 Account sending quota exceeded", WITHIN_A_FEW[0], "421 5.7.1 Go away"])
@pytest.mark.parametrize("stage", ["TEXT", "MAIL"])
def test_the_outbox_holds_an_issue_whose_sender_is_blocked(
    publication: Publication, opened: Store, reply: str, stage: str
) -> None:
    publication.readers(40)
    with provider(lambda _server, _number, command: reply if command == stage else None) as server:
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }  # fmt: skip
        put_in_now(publication, opened)
        done = publication.run("outbox", "run")
        assert done.returncode == 1
        assert reply in done.stderr
        assert in_outbox(publication) == {"2.10": "held"}
        (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
        assert {name: count for name, count in status["readers"].items() if count} == {"pending": 40}
        assert publication.run("outbox", "run").returncode == 1
    with provider(lambda *_: None) as server:
        publication.environ["NEWSLETTER_SMTP__PORT"] = str(server.port)
        assert publication.run("send", "2.10", "--yes").returncode == 0
        assert len(set(server.accepted)) == len(server.accepted) == 40
