"""A send to the list that a query of another database gives: frozen as it is then, and never shrunken in silence."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from conftest import Publication, Run
from page_server import PageServer, page
from scheduling import HOUR, MINUTE
from slapd import PASSWORD, READER, running_slapd
from smtp_server import Server

from newsletter.actions.erase import erase_subscriber
from newsletter.actions.find_copies import find_copies
from newsletter.actions.freeze_plan import SendTime
from newsletter.actions.run_outbox import run_outbox
from newsletter.actions.send import Proposal, SendOutcome, send
from newsletter.actions.suppress import suppress
from newsletter.address import SubscriberKey
from newsletter.campaigns.list_comparison import ListChanged
from newsletter.campaigns.options import SendOptions
from newsletter.errors import ListError
from newsletter.publication import OpenPublication
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.secret_keys import create_secret_keys

READERS = [f"reader{number:02}@example.org" for number in range(20)]


@dataclass
class Members:
    """A publication whose list is a query of the members' database."""

    publication: Publication

    def write(self, addresses: Iterable[str]) -> None:
        """Have exactly these in the database."""
        with closing(sqlite3.connect(self.publication.root / "members.db")) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS members (address TEXT, state TEXT)")
            database.execute("DELETE FROM members")
            rows = [(address, "left" if address.startswith("left") else "active") for address in addresses]
            database.executemany("INSERT INTO members VALUES (?, ?)", rows)

    def send(self, issue: str = "2.10", *, agrees: bool = True, **how: object) -> tuple[SendOutcome, Proposal]:
        options = SendOptions(despite_problems=True, list_is_right=bool(how.pop("list_is_right", False)))
        seen: list[Proposal] = []
        with OpenPublication(self.publication.workspace) as opened:
            result = send(
                opened, opened.draft(issue), options, confirm=lambda _: agrees, on_proposal=seen.append, **how
            )  # type: ignore[arg-type]  # only the time is passed on
        return result.outcome, seen[0]


@pytest.fixture
def members(publication: Publication, server: Server) -> Members:
    publication.through(server)
    settings = publication.root / "newsletter.toml"
    query = 'source = "sql"\nurl = "sqlite:///members.db"\nhonour = ["state"]\n' + (
        'query = """\nSELECT address AS email, state\nFROM members\n"""\n'
    )
    settings.write_text(settings.read_text().replace("[list]\n", f"[list]\n{query}"))
    (publication.root / "subscribers.csv").unlink()
    first = (publication.root / "drafts" / "2.10.yaml").read_text()
    publication.draft("2.11", first.replace("number: 10", "number: 11").replace("2023-05-31", "2023-06-14"))
    made = Members(publication)
    made.write([*READERS, "left@example.org"])
    return made


def _mailed(server: Server) -> set[str]:
    return {recipient for recipient, _ in server.stored}


def test_the_issue_goes_to_those_the_query_finds_and_the_next_shows_what_changed(
    members: Members, server: Server
) -> None:
    with OpenPublication(members.publication.workspace) as opened:
        suppress(opened, READERS[0], "asked by telephone")
    outcome, proposal = members.send()
    assert outcome is SendOutcome.DELIVERED
    assert proposal.plan.batch is not None
    assert proposal.plan.batch.difference is None
    assert _mailed(server) == set(READERS[1:])  # neither who left by the database's word, nor by what is known here
    server.stored.clear()
    members.write([*READERS[:-3], "new@example.org"])
    for agrees in (False, True):
        outcome, proposal = members.send("2.11", agrees=agrees)
        assert proposal.plan.batch is not None
        assert proposal.plan.batch.difference == ListDifference(before=21, new=1, gone=4)
    assert _mailed(server) == {*READERS[1:-3], "new@example.org"}


def test_a_shrunken_list_stops_and_asks(members: Members, server: Server) -> None:
    members.send()
    server.stored.clear()
    members.write(READERS[:5])
    for _ in range(2):
        with pytest.raises(ListChanged, match=r"16 of 21 readers are gone from list-from-database\.csv") as stopped:
            members.send("2.11")
    assert "newsletter send 2.11 --list-is-right" in stopped.value.next_step
    assert server.stored == []
    members.send("2.11", list_is_right=True)
    assert _mailed(server) == set(READERS[:5])


def test_a_database_that_is_away_stops_the_send_and_the_outbox(members: Members, server: Server) -> None:
    now = datetime.now(UTC)
    members.send(time=SendTime(due=now - MINUTE, expires=now + HOUR))
    database = members.publication.root / "members.db"
    database.rename(database.with_suffix(".away"))
    with pytest.raises(ListError, match=r"members\.db can't be opened"):
        members.send("2.11")
    errors: list[object] = []
    with OpenPublication(members.publication.workspace) as opened:
        run_outbox(opened, lambda _issue, _result, error: errors.append(error))
    assert "who of them has left since can't be known" in str(errors[0])
    assert server.stored == []
    database.with_suffix(".away").rename(database)
    members.write(READERS[1:])
    with OpenPublication(members.publication.workspace) as opened:
        run_outbox(opened, lambda _issue, _result, _error: None)
    assert _mailed(server) == set(READERS[1:])  # who was taken off since it was frozen gets nothing


def test_a_list_at_an_address_is_fetched_for_each_issue_and_asks_when_it_shrinks(
    members: Members, server: Server
) -> None:
    text = "\n".join(["email,state", *(f"{address},active" for address in READERS), "left@example.org,left"])
    with PageServer({"/readers.csv": page(text, kind="text/csv")}) as pages:
        members.publication.environ |= {
            "NEWSLETTER_LIST__SOURCE": "address",
            "NEWSLETTER_LIST__URL": pages.address("/readers.csv"),
            "NEWSLETTER_LIST__PASSWORD": "token-of-the-members",
        }
        members.send()
        assert _mailed(server) == set(READERS)
        assert {request.headers["authorization"] for request in pages.requests} == {"Bearer token-of-the-members"}
        server.stored.clear()
        pages.pages["/readers.csv"] = page("email,state\nada@example.org,active\n", kind="text/csv")
        with pytest.raises(ListChanged, match=r"21 of 21 readers are gone from list-from-address\.csv"):
            members.send("2.11")
        pages.pages["/readers.csv"] = page("", 503)
        with pytest.raises(ListError, match="has a fault"):
            members.send("2.11")
    assert server.stored == []


def test_a_search_of_a_directory_is_frozen_as_it_is_and_asks_when_it_shrinks(members: Members, server: Server) -> None:
    with running_slapd() as directory:
        members.publication.environ |= {
            "NEWSLETTER_LIST__SOURCE": "ldap",
            "NEWSLETTER_LIST__URL": directory.url(),
            "NEWSLETTER_LIST__USER": READER,
            "NEWSLETTER_LIST__PASSWORD": PASSWORD,
            "NEWSLETTER_LIST__COLUMNS": '{"email": "mail", "state": "employeeType"}',
        }
        directory.put("left", mail="left@example.org", employeeType="left")
        members.send()
        assert _mailed(server) == set(READERS)
        server.stored.clear()
        for number in range(15):
            directory.drop(f"reader{number:02}")
        with pytest.raises(ListChanged, match=r"15 of 21 readers are gone from list-from-directory\.csv"):
            members.send("2.11")
        assert server.stored == []
        members.send("2.11", list_is_right=True)
        assert _mailed(server) == set(READERS[15:])


def test_commands_that_edit_say_whose_list_it_is(members: Members, run: Run) -> None:
    create_secret_keys(members.publication.root)
    assert "list-from-database.csv: 21 readers" in run("subscribers", "check").output
    for command in (("add", "new@example.org"), ("remove", READERS[0])):
        refused = run("subscribers", *command)
        assert isinstance(refused.exception, ListError)
        assert "another system's: sqlite:///members.db. It is only read here" in refused.exception.message
        assert "newsletter subscribers suppress" in refused.exception.next_step
    with OpenPublication(members.publication.workspace) as opened:
        assert erase_subscriber(opened, SubscriberKey(READERS[0])).list_rows == 1
        assert find_copies(opened, SubscriberKey(READERS[0])) == []
    _, proposal = members.send()
    assert proposal.plan.batch is not None
    assert proposal.plan.batch.erased == 1
