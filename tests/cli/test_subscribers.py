"""newsletter subscribers, as an editor meets it."""

import csv
import io
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from memory import COMMAND
from smtp_server import Server

from newsletter.store import Store, open_store
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys

OLGA = "olga.petrova@example.net"


@pytest.fixture
def wherever(publication: Publication, place: Path | str) -> Publication:
    """Return the publication with its state on each database."""
    url = f"sqlite:///{place}" if isinstance(place, Path) else place
    publication.environ["NEWSLETTER_STORE__URL"] = url
    return publication


def _say(publication: Publication, kind: EventKind, reader: str, words: str = "", issue: str | None = None) -> None:
    event = Event(subscriber=reader, kind=kind, source=EventSource.MAIL, issue=issue, evidence={"words": words})
    with closing(open_store(publication.workspace.database)) as store:
        record_events(store, require_secret_keys(publication.workspace), [event])


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
def test_a_readers_way_through_the_list(wherever: Publication) -> None:
    create_secret_keys(wherever.root)
    path = wherever.root / "subscribers.csv"
    before = path.read_bytes()
    args = ("--name", "Zoé, Jr", "--tag", "Board", "--field", "City=Riga", "--evidence", "on paper, 1 March")
    added = wherever.run("subscribers", "add", "Zoe@Example.ORG", *args)
    assert added.returncode == 0
    assert "zoe@example.org is on the list: subscribers.csv." in added.stdout
    assert path.read_bytes() == before + 'Zoe@example.org,"Zoé, Jr",board,Riga\n'.encode()
    again = wherever.run("subscribers", "add", "zoe@example.org")
    assert again.returncode == 1
    assert "on the list already, in line 27" in again.stderr

    _say(wherever, EventKind.UNSUBSCRIBED, "zoe@example.org", issue="2.10")
    refused = wherever.run("subscribers", "add", "zoe@example.org")
    assert refused.returncode == 1
    assert "must not be mailed: unsubscribed since 20" in refused.stderr
    assert "--again" in refused.stderr
    back = wherever.run("subscribers", "add", "zoe@example.org", "--again")
    assert "gets mail again" in back.stdout

    known = json.loads(wherever.run("subscribers", "show", "ZOE@example.org", "--json").stdout)
    assert known["state"] == "mailable"
    assert known["rows"] == [
        {"line": 27, "cells": {"email": "Zoe@example.org", "name": "Zoé, Jr", "tags": "board", "city": "Riga"}}
    ]
    assert [(event["kind"], event["source"], event["issue"]) for event in known["events"]] == [
        ("signed up", "editor", None), ("unsubscribed", "mail", "2.10"), ("allowed", "editor", None),
    ]  # fmt: skip
    assert known["events"][0]["evidence"] == {"words": "on paper, 1 March"}

    removed = wherever.run("subscribers", "remove", "zoe@example.org")
    assert removed.returncode == 0
    assert "off the list (line 27)" in removed.stdout
    assert "newsletter subscribers suppress zoe@example.org" in removed.stdout
    assert path.read_bytes() == before
    gone = wherever.run("subscribers", "remove", "olga.petrov@example.net")
    assert gone.returncode == 1
    assert "olga.petrov@example.net is not on the list" in gone.stderr
    assert f"Did you mean {OLGA}?" in gone.stderr


@pytest.mark.slow
def test_an_erased_reader_stays_erased_and_may_come_back(digest: Publication, server: Server) -> None:
    create_secret_keys(digest.root)
    path = digest.root / "subscribers.csv"
    before = path.read_bytes()
    server.refuse[OLGA] = f"550 5.1.1 <{OLGA}>: nobody of that name"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    _say(digest, EventKind.HARD, OLGA, "bounced, too")
    shown = digest.run("subscribers", "show", OLGA).stdout
    for words in (
        "on the list, bounced since 20", "subscribers.csv, line 6", "name: Ольга Петрова", "hard bounce, by mail",
        "words: bounced, too", "2.10  refused", "nobody of that name", "city: Рига",
    ):  # fmt: skip
        assert words in shown
    asked = digest.run("subscribers", "forget", OLGA, stdin="n\n")
    assert asked.returncode == 1
    assert "1 row of subscribers.csv, 1 event, 1 delivery, and a note that they must not be mailed" in asked.stdout
    assert path.read_bytes() == before
    done = digest.run("subscribers", "forget", OLGA, "--yes")
    assert done.returncode == 0, done.stderr
    assert "build/2.10/not-accepted.csv" in done.stdout
    assert f"{OLGA}: erased on record: only a keyed hash is left" in digest.run("subscribers", "show", OLGA).stdout
    report = digest.run("status", "2.10").stdout
    assert re.search(r"25 on the list = 24 accepted .* \+ 1 cancelled", report)
    assert "Петрова" not in digest.run("report", "2.10", "--csv", "-").stdout

    path.write_bytes(before)  # an old copy of the list
    checked = digest.run("subscribers", "check")
    assert checked.returncode == 1
    assert "subscribers.csv:6: this person was erased on 20" in checked.stdout
    assert "24 readers, 0 unusable rows, 0 duplicates, 1 erased" in checked.stdout
    assert "\terased\t20" in digest.run("subscribers", "list", "olga").stdout
    exported = digest.run("subscribers", "export")
    assert "1 row of people who were erased" in exported.stderr
    assert OLGA not in exported.stdout
    assert "was erased on" in digest.run("subscribers", "suppress", OLGA).stdout
    assert "add olga.petrova@example.net --again" in digest.run("subscribers", "unsuppress", OLGA).stderr
    assert "erased on record since" in digest.run("subscribers", "add", OLGA).stderr
    assert digest.run("subscribers", "add", OLGA, "--again").returncode == 0
    assert "\tmailable\t" in digest.run("subscribers", "list", "olga").stdout


@pytest.mark.slow
def test_list_and_stats_and_exports(publication: Publication) -> None:
    create_secret_keys(publication.root)
    with (publication.root / "subscribers.csv").open("a") as file:
        file.write("nowhere,No,\n=cmd@example.org,=1+1,board,\n")
    _say(publication, EventKind.UNSUBSCRIBED, OLGA, issue="2.10")
    _say(publication, EventKind.COMPLAINED, OLGA, "abuse", issue="2.10")
    _say(publication, EventKind.HARD, "gone@example.org", issue="1.4")
    listed = publication.run("subscribers", "list")
    head, *rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert head == ["Address", "Name", "Tags", "State", "Since"]
    assert len(rows) == 26
    assert [row for row in rows if row[3] != "mailable"] == [
        [OLGA, "Ольга Петрова", "members", "unsubscribed, complained", rows[4][4]]
    ]
    assert "1 row can't be used" in listed.stderr
    only = publication.run("subscribers", "list", "--suppressed", "--json").stdout
    assert [one["address"] for one in json.loads(only)] == [OLGA]
    some = publication.run("subscribers", "list", "--mailable", "--tag", "Board", "EXAMPLE.org", "--json").stdout
    assert [one["line"] for one in json.loads(some)] == [2, 11, 28]
    assert json.loads(publication.run("subscribers", "list", "nobody", "--json").stdout) == []

    counted = json.loads(publication.run("subscribers", "stats", "--json").stdout)
    assert counted["list"] == {"readers": 26, "unusable": 1, "duplicates": 0, "mailable": 25}
    assert counted["held_back"] == {"complained": 1, "unsubscribed": 1}
    assert counted["causes"] == {"bounced": 1, "complained": 1, "unsubscribed": 1}
    assert counted["tags"]["board"] == 4
    kinds = ("issue", "unsubscribed", "complained", "hard bounce")
    assert [tuple(one[kind] for kind in kinds) for one in counted["issues"]] == [("1.4", 0, 0, 1), ("2.10", 1, 1, 0)]
    assert {one["kind"]: one["events"] for one in counted["months"]} == {
        "unsubscribed": 1, "complained": 1, "hard bounce": 1,
    }  # fmt: skip
    said = publication.run("subscribers", "stats").stdout
    assert "26 readers on the list, 25 of them mailable" in said

    everyone = _csv(publication.run("subscribers", "export").stdout)
    assert {row["email"]: row["newsletter_state"] for row in everyone}[OLGA] == "unsubscribed, complained"
    assert (everyone[-1]["email"], everyone[-1]["name"]) == ("'=cmd@example.org", "'=1+1")
    mailable = _csv(publication.run("subscribers", "export", "--mailable").stdout)
    assert len(mailable) == 25
    assert list(mailable[0]) == ["email", "name", "tags", "city"]
    events = _csv(publication.run("subscribers", "export", "--events").stdout)
    assert [row["kind"] for row in events] == ["unsubscribed", "complained", "hard bounce"]

    done = publication.run("subscribers", "export", "out.csv", "--suppressed")
    assert "out.csv: 3 rows" in done.stdout
    file = publication.root / "out.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    refused = publication.run("subscribers", "export", "-o", "out.csv")
    assert refused.returncode == 1
    assert "out.csv is there already" in refused.stderr
    assert publication.run("subscribers", "export", "subscribers.csv", "--yes").returncode == 1
    publication.environ["NEWSLETTER_STORE__URL"] = "sqlite:///other.db"
    moved = publication.run("subscribers", "suppress", "--from", "out.csv")
    assert "3 suppressions new here, 0 known" in moved.stdout
    there = publication.run("subscribers", "export", "--suppressed").stdout
    assert _csv(there) == _csv(file.read_text(encoding="utf-8-sig"))
    assert publication.run("subscribers", "export", "out.csv", "--yes").returncode == 0


def test_a_duplicate_is_not_listed_as_another_reader(publication: Publication) -> None:
    (publication.root / "subscribers.csv").write_text("email\na@example.org\nA@example.org\nb@example.org\n")
    listed = publication.run("subscribers", "list", "--mailable", "--json")
    assert [each["line"] for each in json.loads(listed.stdout)] == [2, 4]
    assert "1 row left out, with an address that is in an earlier row" in listed.stderr


def test_what_is_wrongly_asked_is_answered_in_words(publication: Publication) -> None:
    for args, status, words in (
        (("show", "nobody"), 1, "'nobody' is no address"),
        (("add", "a@b@c"), 1, "is no address"),
        (("add", "a@example.org", "--field", "city"), 2, "--field wants a column and a value"),
        (("add", "a@example.org", "--field", "Name=A"), 2, "has its own place: --name"),
        (("add", "a@example.org", "--field", "country=LV"), 1, "has no column country"),
        (("add", "a@example.org", "--tag", "two words"), 1, "A tag is one word"),
        (("suppress",), 2, "Name an ADDRESS, or a file"),
        (("list", "--mailable", "--suppressed"), 2, "Nobody is both"),
        (("forget", "a@example.org", "--yes"), 2, "newsletter keys new"),
        (("export", "a.csv", "-o", "b.csv"), 2, "Name the file once"),
    ):
        done = publication.run("subscribers", *args)
        assert done.returncode == status, args
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert (publication.root / "subscribers.csv").read_bytes().endswith(b"r.iyer@example.net,R. Iyer,board,Chennai\n")


def test_a_slip_of_the_hand_is_seen(publication: Publication) -> None:
    """Who asked to leave and is written down wrongly would go on getting mail."""
    slip = publication.run("subscribers", "suppress", "olga.petrov@example.net", "--reason", "on the\nphone")
    assert slip.returncode == 0
    assert f"not on the list. Did you mean {OLGA}?" in slip.stdout
    assert "not on the list" not in publication.run("subscribers", "suppress", OLGA).stdout
    (publication.root / "subscribers.csv").write_text("name\n")
    assert publication.run("subscribers", "suppress", "a@example.org").returncode == 0
    known = publication.run("subscribers", "export", "--suppressed").stdout
    assert [row["newsletter_words"] for row in _csv(known)] == ["", "on the phone", ""]


def test_looking_at_a_publication_leaves_no_trace(publication: Publication) -> None:
    known = publication.run("subscribers", "show", "someone@example.org")
    assert (known.returncode, known.stdout) == (0, "Nothing is known of someone@example.org.\n")
    for args in (("list",), ("stats",), ("check",), ("export", "--events")):
        assert publication.run("subscribers", *args).returncode == 0
    assert not (publication.root / ".newsletter").exists()


def test_who_was_erased_is_known_by_the_keys_alone(publication: Publication) -> None:
    create_secret_keys(publication.root)
    assert publication.run("subscribers", "forget", OLGA, "--yes").returncode == 0
    (publication.root / ".newsletter/keys.toml").unlink()
    for args in (("add", OLGA), ("list",), ("check",), ("suppress", "--from", "subscribers.csv")):
        done = publication.run("subscribers", *args)
        assert done.returncode == 2
        assert "asked to be erased, and the keys that know them again are gone" in done.stderr
    # Who phones to leave is noted all the same, whoever they may be.
    assert "gets no more mail" in publication.run("subscribers", "suppress", OLGA).stdout


@pytest.mark.slow
def test_a_forget_while_somebody_sends_is_to_be_run_again(publication: Publication, opened: Store) -> None:
    create_secret_keys(publication.root)
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    assert publication.run("send", "2.10", "--tag", "board", "--yes").returncode == 0
    with opened.sole("2.10"):
        done = publication.run("subscribers", "forget", OLGA, "--yes")
        assert done.returncode == 1
        assert "run the same command again" in done.stdout
    again = publication.run("subscribers", "forget", OLGA, "--yes")
    assert again.returncode == 0
    assert "was erased on 20" in again.stdout


def test_a_hostile_name_does_not_reach_the_terminal(publication: Publication) -> None:
    (publication.root / "subscribers.csv").write_text("email,name\na@example.org,\u202eevil\n")
    _, row = publication.run("subscribers", "list").stdout.splitlines()
    assert row == "a@example.org\t\\u202eevil\t\tmailable\t"


def test_a_name_of_two_lines_makes_no_other_row(publication: Publication) -> None:
    (publication.root / "subscribers.csv").write_text('email,name\na@example.org,"A\nb@example.org\tB"\n')
    _, *rows = publication.run("subscribers", "list").stdout.splitlines()
    assert [row.split("\t")[:2] for row in rows] == [["a@example.org", "A b@example.org B"]]


def test_a_table_on_a_terminal(publication: Publication) -> None:
    assert "25 readers." in publication.run_on_terminal("subscribers", "list").stdout
    assert "Nobody on the list is that." in publication.run_on_terminal("subscribers", "list", "--suppressed").stdout


@pytest.mark.slow
def test_a_million_readers_are_listed_and_exported_in_bounded_memory(publication: Publication) -> None:
    with (publication.root / "subscribers.csv").open("w") as file:
        file.write("email,name,tags\n")
        file.writelines(f"reader{number}@example.org,Reader {number},all\n" for number in range(1_000_000))
    for number in range(0, 1_000_000, 100_000):
        publication.run("subscribers", "suppress", f"reader{number}@example.org")
    for args, lines in (
        (("list",), 1_000_001),
        (("list", "--json"), 1_000_002),
        (("export",), 1_000_001),
        (("check",), 2),
    ):
        with (publication.root / "out").open("w+b") as file:
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, str(ROOT / "tests"), "subscribers", *args],
                cwd=publication.root, stdout=file, check=True,
                env=publication.environment(), stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            file.seek(0)
            assert sum(1 for _ in file) == lines
        assert int(done.stderr.split()[-1]) < 100_000, done.stderr
