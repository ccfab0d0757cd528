"""A correction goes to those who have the issue that it corrects, to each once, and to nobody else."""

import re
from collections import Counter
from contextlib import closing

import pytest
from conftest import Publication
from postgres import Postgres
from smtp_server import Server
from sqlalchemy import update

from newsletter.campaigns.sent_record import write_record
from newsletter.errors import DecisionNeeded
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.states import State
from newsletter.publication import OpenPublication
from newsletter.store import open_store
from newsletter.store.schema import deliveries

_CORRECTION = """\
date: 2023-06-03
kind: correction
corrects: "2.10"
subject: "Correction: the meeting is on Friday"
items: [{headline: The meeting is on Friday, detail: We wrote that it is on Thursday.}]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def everywhere(request: pytest.FixtureRequest, digest: Publication) -> Publication:
    """Return the publication with its state in each of the databases."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        digest.environ["NEWSLETTER_STORE__URL"] = server.cleared()
    return digest


def _sent(server: Server) -> Counter[str]:
    """Return to whom correction went how often, by their addresses."""
    return Counter(recipient for recipient, data in server.stored if b"Correction: the meeting" in data)


def _set_state(publication: Publication, address: str, state: State) -> None:
    workspace = publication.workspace
    with closing(open_store(workspace.database)) as store:
        with store.transaction() as connection:
            whose = deliveries.c.subscriber == address
            assert connection.execute(update(deliveries).where(whose).values(state=state.value)).rowcount == 1
        write_record(workspace.record("2.10"), store, "2.10")


@pytest.mark.slow
def test_it_goes_to_those_who_had_the_error_and_may_still_be_mailed(everywhere: Publication, server: Server) -> None:
    digest, (refused, deferred, suppressed, removed, erased, unknown, *others) = everywhere, everywhere.readers(12)
    server.refuse |= {refused: "550 5.1.1 no such user", deferred: "450 4.2.1 later"}
    assert digest.run("send", "2.10", "--yes").returncode == 1
    server.refuse.clear()
    digest.run("keys", "new")
    assert digest.run("subscribers", "suppress", suppressed).returncode == 0
    assert digest.run("subscribers", "forget", erased, "--yes").returncode == 0
    _set_state(digest, unknown, State.UNKNOWN)
    listed = digest.root / "subscribers.csv"
    rows = [row for row in listed.read_text().splitlines() if not row.startswith(removed)]
    listed.write_text("\n".join([*rows, "newcomer@example.org,New,odd"]) + "\n")
    digest.draft("2.10-correction", _CORRECTION)

    asked = digest.run("send", "2.10-correction", stdin="n\n")
    assert asked.returncode == 1
    assert "Pacific Alliance Digest Correction to 2.10" in asked.stdout
    assert "To        7 readers who have 2.10, of subscribers.csv" in asked.stdout
    assert "Left out  1 who must not be mailed" in asked.stdout
    assert "Left out  2 who have 2.10 and are not on subscribers.csv any more" in asked.stdout
    assert "Note      1 reader still to get 2.10" in asked.stdout
    assert not _sent(server)
    dry = digest.run("send", "2.10-correction", "--dry-run")
    assert "7 messages in build/2.10-correction/dry-run" in dry.stdout

    done = digest.run("send", "2.10-correction", "--yes")
    assert done.returncode == 0, done.stderr
    assert _sent(server) == Counter([unknown, *others])
    again = digest.run("send", "2.10-correction", "--yes")
    assert "2.10-correction has been sent already" in again.stdout
    # Who gets the issue after all gets its correction, and nobody a second one; the newcomer has had neither.
    assert digest.run("send", "2.10", "--yes").returncode == 1
    assert digest.run("send", "2.10-correction", "--to-new", "--yes").returncode == 0
    assert _sent(server) == Counter([unknown, *others, deferred])
    assert server.copies()["newcomer@example.org"] == 0
    with OpenPublication(digest.workspace) as opened:
        campaign = find_campaign(opened.store, "2.10-correction")
        assert campaign
        assert (campaign.kind, campaign.corrects) == ("correction", "2.10")


@pytest.mark.slow
def test_it_is_not_sent_where_the_issue_was_sent_to_nobody(digest: Publication, server: Server) -> None:
    digest.draft("2.10-correction", _CORRECTION)
    for option in ("--yes", "--dry-run"):
        refused = digest.run("send", "2.10-correction", option)
        assert refused.returncode == 1
        assert "2.10 has been sent to nobody from here" in refused.stderr
        assert "newsletter send 2.10" in refused.stderr
    assert server.stored == []
    assert not (digest.root / "drafts" / "2.10-correction.sent.toml").exists()
    addresses = digest.readers(2)
    server.refuse |= dict.fromkeys(addresses, "550 5.1.1 no such user")
    digest.environ["NEWSLETTER_SEND__REFUSALS"] = "100"
    digest.run("send", "2.10", "--yes")
    server.refuse.clear()
    assert "sent to nobody from here" in digest.run("send", "2.10-correction", "--yes").stderr
    assert server.stored == []


def test_it_is_sent_from_where_the_issue_was_sent(digest: Publication, server: Server) -> None:
    digest.draft("2.10-correction", _CORRECTION)
    digest.run("send", "2.10", "--yes")
    for path in (digest.root / ".newsletter").iterdir():
        path.unlink()
    refused = digest.run("send", "2.10-correction", "--yes", "--nobody-left")
    assert refused.returncode == 1
    assert "2.10.sent.toml" in refused.stderr
    assert not _sent(server)


@pytest.mark.slow
def test_nobody_is_left_who_has_the_issue(digest: Publication, server: Server) -> None:
    digest.readers(3)
    digest.run("send", "2.10", "--yes")
    (digest.root / "subscribers.csv").write_text("email,name,tags\nnewcomer@example.org,New,\n")
    digest.draft("2.10-correction", _CORRECTION)
    refused = digest.run("send", "2.10-correction", "--yes")
    assert refused.returncode == 1
    assert "Nobody who has 2.10 is on the list any more." in refused.stderr
    assert not _sent(server)


@pytest.mark.slow
def test_a_correction_that_was_stopped_goes_on_and_goes_to_nobody_twice(digest: Publication, server: Server) -> None:
    addresses = digest.readers(8)
    digest.run("send", "2.10", "--yes")
    digest.draft("2.10-correction", _CORRECTION)
    server.refuse |= dict.fromkeys(addresses[:3], "450 4.2.1 later")
    assert digest.run("send", "2.10-correction", "--yes").returncode == 1
    assert len(_sent(server)) == 5
    server.refuse.clear()
    assert digest.run("send", "2.10-correction", "--yes").returncode == 0
    assert _sent(server) == Counter(addresses)


@pytest.mark.slow
def test_a_tag_narrows_a_correction(digest: Publication, server: Server) -> None:
    addresses = digest.readers(6)
    digest.run("send", "2.10", "--yes")
    with (digest.root / "subscribers.csv").open("a") as file:
        file.write("newcomer@example.org,New,even\n")
    digest.draft("2.10-correction", _CORRECTION)
    assert digest.run("send", "2.10-correction", "--tag", "even", "--yes").returncode == 0
    assert _sent(server) == Counter(addresses[::2])
    assert digest.run("send", "2.10-correction", "--yes").returncode == 0
    assert _sent(server) == Counter(addresses)


@pytest.mark.slow
def test_a_second_correction_goes_to_all_who_have_the_issue(digest: Publication, server: Server) -> None:
    addresses = digest.readers(3)
    digest.run("send", "2.10", "--yes")
    for name in ("2.10-correction", "2.10-correction-2"):
        digest.draft(name, _CORRECTION)
        assert digest.run("send", name, "--yes").returncode == 0
    assert _sent(server) == Counter([*addresses, *addresses])


@pytest.mark.slow
def test_names_of_every_kind_are_sent_and_told_of(digest: Publication, server: Server) -> None:
    digest.readers(2)
    digest.environ |= {"NEWSLETTER_SENDER__VERP": "+", "NEWSLETTER_SENDER__FEEDBACK_ID": "digest"}
    longest = "x" * 60
    digest.run("keys", "new")
    for name, more in (("spring-fair", "kind: announcement\n"), (longest, "kind: announcement\n")):
        digest.draft(name, more + _CORRECTION.replace('kind: correction\ncorrects: "2.10"\n', ""))
        assert digest.run("send", name, "--yes").returncode == 0
        assert f"{name}: sent" in digest.run("status", name).stdout
        assert digest.run("report", name).returncode == 0
        assert digest.run("export", "text", name).returncode == 0
    assert [name for name in digest.run("draft", "list").stdout.split() if name in ("spring-fair", longest)]
    for _, data in server.stored:
        message_id = re.search(rb"^Message-ID:\s+<([^>\r\n]+)>", data, re.MULTILINE | re.IGNORECASE)
        assert message_id
        assert re.fullmatch(rb"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@[\w.-]+", message_id[1])
        assert max(len(line) for line in data.split(b"\r\n")) <= 998


def test_a_script_is_told_by_an_error(publication: Publication) -> None:
    publication.draft("2.10-correction", _CORRECTION)
    from newsletter.actions.send import SendOptions, send

    with OpenPublication(publication.workspace) as opened, pytest.raises(DecisionNeeded, match="sent to nobody"):
        send(opened, opened.draft("2.10-correction"), SendOptions(), confirm=lambda _: True)
