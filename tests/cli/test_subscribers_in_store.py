"""newsletter subscribers, send and preview with the list in the store, as an editor meets them; on both databases."""

import csv
import io
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from memory import COMMAND
from preview_server import previewing
from smtp_server import Server

from newsletter.address import subscriber_key
from newsletter.mail.compiler import NOBODY
from newsletter.store import open_store
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.store_source import StoreSource
from newsletter.subscribers.stored_subscribers import (
    StoredSubscriber,
    count_subscribers,
    find_subscribers,
    save_subscribers,
)
from newsletter.subscribers.subscriber import SubscriberStatus
from newsletter.web.preview import subscriber_search

OLGA, ADA = "olga.petrova@example.net", "ada.okafor@example.org"
PAUSED = "tom.baker@example.com"


@pytest.fixture
def kept(publication: Publication, place: Path | str) -> Publication:
    """Return the publication with its list in the store, on each database: the sample's, and nobody's file any more."""
    publication.environ["NEWSLETTER_STORE__URL"] = f"sqlite:///{place}" if isinstance(place, Path) else place
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    create_secret_keys(publication.root)
    (publication.root / "subscribers.csv").rename(publication.root / "people.csv")
    done = publication.run("subscribers", "import", "people.csv", "--yes")
    assert done.returncode == 0, done.stderr
    return publication


def _pause(publication: Publication) -> None:
    with closing(open_store(publication.workspace.database)) as store, store.transaction() as connection:
        (row,) = find_subscribers(connection, [PAUSED]).values()
        save_subscribers(
            connection,
            [StoredSubscriber(address=row.address, status=SubscriberStatus.PAUSED, fields=row.fields, tags=row.tags)],
        )


def test_an_import_shows_its_plan_and_asks(kept: Publication) -> None:
    again = kept.run("subscribers", "import", "people.csv")
    assert again.returncode == 0
    assert "Nothing has to be imported" in again.stdout
    (kept.root / "more.csv").write_text("email,name\nzoe@example.org,Zoe\nnowhere,No\n")
    asked = kept.run("subscribers", "import", "more.csv", stdin="n\n")
    assert asked.returncode == 1
    assert asked.stdout.split("Import it?")[0].splitlines() == [
        "more.csv into the list in the store",
        "  New         1",
        "  Changed     0",
        "  Unchanged   0",
        "  Left out    1 row that can't be used; see them: newsletter subscribers check more.csv",
        "more.csv:3: no mail can be sent to this address: An email address must have an @-sign.  [address]",
        "    Mend the address, or remove the row.",
        "  Kept        25 who are on the list and not in more.csv",
    ]
    assert "Nothing was imported." in asked.stdout
    assert "zoe@example.org" not in kept.run("subscribers", "list").stdout
    done = kept.run("subscribers", "import", "more.csv", stdin="y\n")
    assert done.returncode == 1, "a row was left out"
    assert "Imported: 1 new, 0 changed." in done.stdout
    assert "zoe@example.org\tZoe" in kept.run("subscribers", "list").stdout
    kept.run("subscribers", "suppress", "zoe@example.org")
    assert "Suppressed  1 of these left" in kept.run("subscribers", "import", "more.csv").stdout
    assert "zoe@example.org\tZoe\t\tunsubscribed" in kept.run("subscribers", "list").stdout


def test_who_has_the_list_in_a_file_is_told_how_to_change(kept: Publication) -> None:
    del kept.environ["NEWSLETTER_LIST__SOURCE"]
    assert 'source = "store"' in kept.run("subscribers", "import", "people.csv").stdout


@pytest.mark.slow
def test_the_commands_about_the_list_work_on_the_store(kept: Publication) -> None:
    _pause(kept)
    listed = [line.split("\t") for line in kept.run("subscribers", "list").stdout.splitlines()[1:]]
    assert len(listed) == 25
    assert [row[:4] for row in listed if row[3] != "mailable"] == [[PAUSED, "Tom Baker", "staff", "paused"]]
    assert json.loads(kept.run("subscribers", "list", "lagos", "--json").stdout)[0]["address"] == ADA
    assert "25 readers, 0 unusable rows, 0 duplicates, 1 not to be mailed" in kept.run("subscribers", "check").stdout
    assert "25 readers on the list, 24 of them mailable" in kept.run("subscribers", "stats").stdout
    mailable = list(csv.DictReader(io.StringIO(kept.run("subscribers", "export", "--mailable").stdout)))
    assert (len(mailable), list(mailable[0])) == (24, ["email", "name", "tags", "city"])
    everyone = {row["email"]: row for row in csv.DictReader(io.StringIO(kept.run("subscribers", "export").stdout))}
    assert everyone[PAUSED]["newsletter_state"] == "paused"

    added = kept.run("subscribers", "add", "zoe@example.org", "--name", "Zoé", "--evidence", "on paper")
    assert "zoe@example.org is on the list." in added.stdout
    known = json.loads(kept.run("subscribers", "show", "zoe@example.org", "--json").stdout)
    assert known["rows"][0]["cells"]["status"] == "active"
    assert [consent["evidence"] for consent in known["consents"]] == [{"words": "on paper"}]
    shown = kept.run("subscribers", "show", "zoe@example.org").stdout
    assert "What they agreed to" in shown
    assert "words: on paper" in shown
    assert "on the list already" in kept.run("subscribers", "add", "zoe@example.org").stderr
    assert "on the list, and paused" in kept.run("subscribers", "add", PAUSED).stderr
    assert "gets mail again" in kept.run("subscribers", "add", PAUSED, "--again").stdout
    assert "zoe@example.org is off the list." in kept.run("subscribers", "remove", "zoe@example.org").stdout
    gone = kept.run("subscribers", "remove", "olga.petrov@example.net")
    assert gone.returncode == 1
    assert f"Did you mean {OLGA}?" in gone.stderr


def test_an_empty_list_says_how_to_fill_it(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    for args in (("list",), ("stats",), ("check",), ("export",)):
        done = publication.run("subscribers", *args)
        assert done.returncode == 1
        assert "newsletter subscribers import FILE" in done.stderr
    assert not (publication.root / ".newsletter").exists(), "looking leaves no trace"


@pytest.mark.slow
def test_send_goes_to_the_active_and_then_to_the_new(kept: Publication, server: Server) -> None:
    kept.through(server)
    _pause(kept)
    kept.run("subscribers", "suppress", OLGA)
    sent = kept.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert "To        23 readers of the list in the store" in sent.stdout
    assert "Left out  1 by what the list in the store itself says (paused 1)" in sent.stdout
    assert len(server.copies()) == 23
    assert not {OLGA, PAUSED} & set(server.copies())
    assert "nobody came onto the list since" in kept.run("send", "2.10", "--to-new", "--yes").stdout
    (kept.root / "more.csv").write_text(f"email,name\nzoe@example.org,Zoe\n{OLGA},Olga\n")
    kept.run("subscribers", "import", "more.csv", "--yes")
    assert kept.run("send", "2.10", "--to-new", "--yes").returncode == 0
    assert sorted(server.copies())[-1] == "zoe@example.org"
    assert len(server.copies()) == 24
    assert kept.run("send", "2.10", "--test", ADA).returncode == 0
    assert b"Subject: [TEST]" in server.stored[-1][1]


@pytest.mark.slow
def test_whoever_is_forgotten_is_gone_from_the_list_and_stays_away(kept: Publication) -> None:
    kept.run("subscribers", "add", "zoe@example.org", "--evidence", "on paper")
    done = kept.run("subscribers", "forget", "zoe@example.org", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 row of the list in the store, 1 consent, 1 event" in done.stdout
    assert "erased on record" in kept.run("subscribers", "show", "zoe@example.org").stdout
    (kept.root / "old.csv").write_text("email\nzoe@example.org\n")
    again = kept.run("subscribers", "import", "old.csv")
    assert "1 who asked to be erased" in again.stdout
    assert "zoe@example.org" not in kept.run("subscribers", "list").stdout
    named = kept.run("subscribers", "forget", OLGA, "--yes").stdout
    assert "people.csv" in named, "a file that is not the list any more is a copy"


def test_a_backup_has_the_list_and_what_people_agreed_to(kept: Publication) -> None:
    kept.run("subscribers", "add", "zoe@example.org", "--evidence", "on paper")
    assert kept.run("state", "backup", "backup.db").returncode == 0
    with closing(open_store(kept.root / "backup.db")) as store:
        (row,) = StoreSource(store).find([subscriber_key("zoe@example.org")]).values()
        assert row.address == "zoe@example.org"
        assert [one.evidence for one in StoreSource(store).find_rows(row.key).consents] == [{"words": "on paper"}]
        with store.reading() as connection:
            assert sum(count_subscribers(connection).values()) == 26


def test_preview_chooses_among_the_stores_subscribers(kept: Publication) -> None:
    source = subscriber_search.open_source(kept.workspace)
    (olga,) = subscriber_search.search(source, "olga рига")
    assert olga.address == OLGA
    assert subscriber_search.find(source, subscriber_search.reader_id(olga)) == olga
    assert subscriber_search.find(source, subscriber_search.reader_id(NOBODY)) is None
    assert subscriber_search.open_source(kept.workspace) == source, "the store is opened once"
    kept.run("subscribers", "remove", OLGA)
    assert subscriber_search.find(source, subscriber_search.reader_id(olga)) is None


def test_the_preview_shows_the_mail_of_a_subscriber_in_the_store(kept: Publication) -> None:
    with previewing(kept) as preview:
        status, _, body = preview.ask("/2.10/readers?words=olga")
        assert status == 200
        (olga,) = json.loads(body)
        assert olga["name"] == "Ольга Петрова"
        assert "Ольга Петрова" in preview.text(f"/2.10/email.html?reader={olga['id']}")


def test_a_preview_of_an_empty_list_says_how_to_fill_it(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    with previewing(publication) as preview:
        status, _, body = preview.ask("/2.10/readers?words=olga")
    assert status == 422
    assert "newsletter subscribers import FILE" in json.loads(body)["next_step"]


@pytest.mark.slow
def test_a_million_are_imported_listed_and_frozen_in_bounded_memory(kept: Publication, place: Path | str) -> None:
    count = 1_000_000 if isinstance(place, Path) else 200_000
    with (kept.root / "many.csv").open("w") as file:
        file.write("email,name,tags\n")
        file.writelines(f"reader{number}@example.org,Reader {number},all\n" for number in range(count))
    kept.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    for args in (
        ("subscribers", "import", "many.csv", "--yes"),
        ("subscribers", "list"),
        ("send", "2.10", "--at", "in 1 hour", "--yes"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(ROOT / "tests"), *args],
            cwd=kept.root, stdout=subprocess.DEVNULL, check=True,
            env=kept.environment(), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        # Sending looks at the draft's words too, by a dictionary of 20 MB.
        assert int(done.stderr.split()[-1]) < 210_000, (args, done.stderr)
    with closing(open_store(kept.workspace.database)) as store, store.reading() as connection:
        assert sum(count_subscribers(connection).values()) == count + 25
