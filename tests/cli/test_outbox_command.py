"""`newsletter outbox` as an editor and as cron see it: what waits, what leaves, what is left to a person."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from conftest import Publication
from scheduling import HOUR, MINUTE, put_in
from smtp_server import Server

from newsletter.store import Store, open_store


def _put_in(publication: Publication, store: Store, *, ago: int, lasts: int = 60, name: str = "2.10") -> None:
    """Put an issue in that was due `ago` minutes ago, and expires `lasts` minutes after that."""
    due = datetime.now(UTC) - ago * MINUTE
    put_in(publication, store, due, due + lasts * MINUTE, name)


@pytest.fixture
def three(digest: Publication) -> Iterator[Publication]:
    (digest.root / "subscribers.csv").write_text("email,name\na@example.org,A\nb@example.org,B\nc@example.org,C\n")
    return digest


@pytest.fixture
def store(three: Publication) -> Iterator[Store]:
    with closing(open_store(three.workspace.database)) as opened:
        yield opened


def _terminal(publication: Publication, *args: str, typed: str = "") -> tuple[int, str]:
    done = publication.run_on_terminal(*args, typed=typed)
    return done.returncode, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout)


def test_an_empty_outbox_says_so_and_makes_nothing(publication: Publication) -> None:
    assert publication.run("outbox", "list").stdout == "The outbox is empty.\n"
    assert json.loads(publication.run("outbox", "list", "--json").stdout) == []
    quiet = publication.run("outbox", "run")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert not (publication.root / ".newsletter").exists()


def test_what_waits_is_listed_with_its_moment(three: Publication, store: Store) -> None:
    _put_in(three, store, ago=-130)
    heads, row = (line.split("\t") for line in three.run("outbox", "list").stdout.splitlines())
    assert heads == ["Issue", "State", "Due", "When", "Expires", "Readers", "Subject"]
    shown = dict(zip(heads, row, strict=True))
    assert (shown["Issue"], shown["State"], shown["Readers"]) == ("2.10", "waiting", "3")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d America/New_York", shown["Due"])
    assert shown["When"].startswith("in 2 hours")
    (found,) = json.loads(three.run("outbox", "list", "--json").stdout)
    assert found.keys() == {"issue", "state", "subject", "due", "expires", "readers", "draft_changed"}
    assert found["draft_changed"] is False


def test_a_draft_that_changed_since_is_pointed_out(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=-60)
    path = three.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "persuasion and"))
    listed = three.run("outbox", "list").stdout
    assert "The draft of 2.10 has changed since. What leaves is the text as it was then." in listed
    assert json.loads(three.run("outbox", "list", "--json").stdout)[0]["draft_changed"] is True


def test_nothing_due_is_said_to_a_person_and_not_to_cron(three: Publication, store: Store) -> None:
    _put_in(three, store, ago=-60)
    status, shown = _terminal(three, "outbox", "run")
    assert status == 0
    assert "Nothing is due." in shown
    assert "2.10" in shown
    cron = three.run("outbox", "run")
    assert (cron.returncode, cron.stdout) == (0, "")


@pytest.mark.slow
def test_what_is_due_leaves_and_its_balance_is_told(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=1)
    done = three.run("outbox", "run")
    assert done.returncode == 0, done.stderr
    assert "2.10 leaves to 3 readers: Leaders align on coercion" in done.stdout
    assert "3 on the list = 3 accepted" in done.stdout
    assert len(server.stored) == 3
    assert three.run("outbox", "list").stdout == "The outbox is empty.\n"


def test_what_has_expired_is_left_to_a_person(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=120, lasts=60)
    done = three.run("outbox", "run")
    assert done.returncode == 1
    assert re.search(r"2\.10 was to leave before .+, and has expired: it was not sent\.", done.stderr)
    assert "newsletter outbox cancel 2.10   takes it out" in done.stderr
    assert server.stored == []
    assert json.loads(three.run("outbox", "list", "--json").stdout)[0]["state"] == "expired"


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "sent"), [("y", 3), ("n", 0)])
def test_what_is_late_is_asked_about_at_a_terminal(
    three: Publication, store: Store, server: Server, answer: str, sent: int
) -> None:
    _put_in(three, store, ago=120, lasts=24 * 60)
    _, shown = _terminal(three, "outbox", "run", typed=f"{answer}\n")
    assert re.search(r"2\.10 was due at .+, and nothing has moved for more than an hour\.", shown.replace("\n", " "))
    assert "Send it now?" in shown
    assert len(server.stored) == sent


def test_what_is_late_waits_where_nobody_can_be_asked(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=120, lasts=24 * 60)
    held = three.run("outbox", "run")
    assert held.returncode == 1
    assert "2.10" in held.stderr
    assert server.stored == []


@pytest.mark.slow
def test_who_is_put_off_is_left_to_a_send_that_is_named(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=1, lasts=24 * 60)
    server.refuse["a@example.org"] = "450 4.2.1 Try again later"
    done = three.run("outbox", "run")
    assert done.returncode == 1
    assert "2 accepted + 0 refused + 1 deferred" in done.stdout
    assert "To try them again: newsletter send 2.10" in done.stdout
    server.refuse.clear()
    assert three.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == {f"{name}@example.org": 1 for name in "abc"}


@pytest.mark.slow
def test_taking_it_out_says_how_it_can_still_be_sent(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=-60)
    done = three.run("outbox", "cancel", "2.10")
    assert done.returncode == 0
    assert "2.10 is out of the outbox." in done.stdout
    again = three.run("outbox", "cancel", "2.10")
    assert again.returncode == 1
    assert "2.10" in again.stderr
    assert three.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 3


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("yesterday", "yesterday"),
        ("2020-01-01 09:00", "past"),
        ("whenever", "whenever"),
        ("2026-13-01", "2026-13-01"),
    ],
)
def test_a_moment_that_is_none_or_past_is_refused(three: Publication, server: Server, at: str, words: str) -> None:
    done = three.run("send", "2.10", "--at", at, "--yes")
    assert done.returncode != 0
    assert words in done.stderr
    assert server.stored == []
    assert three.run("outbox", "list").stdout == "The outbox is empty.\n"


@pytest.mark.slow
def test_two_issues_leave_each_at_its_own_moment(three: Publication, store: Store, server: Server) -> None:
    _put_in(three, store, ago=2)
    put_in(three, store, datetime.now(UTC) + HOUR, datetime.now(UTC) + 2 * HOUR, "3.7")
    assert three.run("outbox", "run").returncode == 0
    assert {row["issue"]: row["state"] for row in json.loads(three.run("outbox", "list", "--json").stdout)} == {
        "3.7": "waiting"
    }
    assert len(server.stored) == 3
