"""`newsletter subscribers` word by word: each of its commands with each option."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Publication

LIST = """\
email,name,tags,city
ada@example.org,Ada Okafor,board members,Lagos
bo@example.org,Bo Sato,members,Riga
cy@example.net,Cy Lagos,,Osaka
"""
ADA, BO, CY = "ada@example.org", "bo@example.org", "cy@example.net"


@pytest.fixture
def three(publication: Publication) -> Publication:
    (publication.root / "subscribers.csv").write_text(LIST)
    return publication


def _listed(publication: Publication, *args: str) -> list[str]:
    _, *rows = publication.run("subscribers", "list", *args).stdout.splitlines()
    return [row.split("\t")[0] for row in rows]


def _rows(publication: Publication) -> list[dict[str, str]]:
    with (publication.root / "subscribers.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("args", "addresses"),
    [
        ((), [ADA, BO, CY]),
        (("lagos",), [ADA, CY]),
        (("LAGOS", "example.net"), [CY]),
        (("nobody-at-all",), []),
        (("--tag", "members"), [ADA, BO]),
        (("--tag", "board", "ada"), [ADA]),
        (("--mailable",), [ADA, CY]),
        (("--suppressed",), [BO]),
        (("--suppressed", "--tag", "board"), []),
    ],
)
def test_the_list_is_narrowed_by_words_tags_and_state(
    three: Publication, args: tuple[str, ...], addresses: list[str]
) -> None:
    three.run("subscribers", "suppress", BO)
    assert _listed(three, *args) == addresses
    assert [row["address"] for row in json.loads(three.run("subscribers", "list", *args, "--json").stdout)] == addresses


def test_rows_that_cannot_be_used_are_counted_beside_the_list(three: Publication) -> None:
    (three.root / "subscribers.csv").write_text(f"{LIST}nobody,,,\n{ADA},Ada,,\n")
    done = three.run("subscribers", "list")
    assert len(done.stdout.splitlines()) == 4
    assert "1 row can't be used: newsletter subscribers check" in done.stderr
    assert "1 row left out, with an address that is in an earlier row: newsletter subscribers check" in done.stderr


def test_a_reader_is_added_with_name_tags_and_fields(three: Publication) -> None:
    columns = ("--name", "Dee", "--tag", "board", "--tag", "press", "--field", "city=Oslo")
    done = three.run("subscribers", "add", "Dee@Example.org", *columns)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "dee@example.org is on the list: subscribers.csv.\n"
    row = _rows(three)[-1]
    assert (row["name"], set(row["tags"].split(";")), row["city"]) == ("Dee", {"board", "press"}, "Oslo")
    assert (three.root / "subscribers.csv").read_text().startswith(LIST)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((ADA,), "ada@example.org"),
        (("nobody",), "'nobody' is no address"),
        (("dee@example.org", "--field", "planet=Mars"), "planet"),
    ],
)
def test_what_cannot_be_added_leaves_the_list_as_it_is(three: Publication, args: tuple[str, ...], words: str) -> None:
    done = three.run("subscribers", "add", *args)
    assert done.returncode == 1
    assert words in done.stderr
    assert (three.root / "subscribers.csv").read_text() == LIST


def test_whoever_left_comes_back_when_they_asked_to(three: Publication) -> None:
    three.run("subscribers", "suppress", BO)
    refused = three.run("subscribers", "add", BO)
    assert refused.returncode == 1
    assert "--again" in refused.stderr
    done = three.run("subscribers", "add", BO, "--again", "--evidence", "by telephone")
    assert done.returncode == 0, done.stderr
    assert "bo@example.org gets mail again." in done.stdout
    assert (three.root / "subscribers.csv").read_text() == LIST
    assert "by telephone" in three.run("subscribers", "show", BO).stdout
    assert _listed(three, "--suppressed") == []


def test_a_reader_is_taken_off_and_it_is_said_what_that_means(three: Publication) -> None:
    (three.root / "subscribers.csv").write_text(f"{LIST}{BO},Bo again,,\n")
    done = three.run("subscribers", "remove", BO)
    assert done.returncode == 0
    assert "bo@example.org is off the list (lines 3, 5)." in done.stdout
    assert "Nothing keeps them out: once they are added again, they get mail again." in done.stdout
    assert "newsletter subscribers suppress bo@example.org" in done.stdout
    three.run("subscribers", "suppress", CY)
    gone = three.run("subscribers", "remove", CY)
    assert "Nothing is sent to them, even if they are added again: unsubscribed since " in gone.stdout
    slip = three.run("subscribers", "remove", "aba@example.org")
    assert slip.returncode == 1
    assert "aba@example.org is not on the list subscribers.csv." in slip.stderr
    assert "Did you mean ada@example.org?" in slip.stderr
    assert [row["email"] for row in _rows(three)] == [ADA]


def test_a_suppression_has_a_reason_and_keeps_the_first(three: Publication) -> None:
    first = three.run("subscribers", "suppress", BO, "--reason", "bounced")
    assert first.stdout == "bo@example.org gets no more mail (bounced).\n"
    same = three.run("subscribers", "suppress", BO, "--reason", "bounced")
    assert "bo@example.org gets no mail already: " in same.stdout
    assert "That reason stays." in same.stdout
    other = three.run("subscribers", "suppress", BO, "--reason", "complained")
    assert "Noted as well: complained." in other.stdout
    stranger = three.run("subscribers", "suppress", "bb@example.org")
    assert "It is not on the list. Did you mean bo@example.org?" in stranger.stdout
    allowed = three.run("subscribers", "unsuppress", BO)
    assert allowed.stdout == "bo@example.org can get mail again.\n"
    assert three.run("subscribers", "unsuppress", BO).stdout == "bo@example.org was not suppressed.\n"


def test_suppressions_travel_as_a_file(three: Publication, tmp_path: Path) -> None:
    three.run("subscribers", "suppress", BO, "--reason", "complained")
    out = three.run("subscribers", "export", "--suppressed", "-o", "left.csv")
    assert "left.csv: 1 row." in out.stdout
    assert ((three.root / "left.csv").stat().st_mode & 0o777) == 0o600
    other = Publication(tmp_path / "other")
    (other.root / "drafts").mkdir(parents=True)
    for name in ("newsletter.toml", "subscribers.csv", "left.csv"):
        (other.root / name).write_bytes((three.root / name).read_bytes())
    brought = other.run("subscribers", "suppress", "--from", "left.csv")
    assert brought.returncode == 0, brought.stderr
    assert "left.csv: 1 suppression new here, 0 known." in brought.stdout
    assert (
        "left.csv: 0 suppressions new here, 1 known."
        in other.run("subscribers", "suppress", "--from", "left.csv").stdout
    )
    assert _listed(other, "--suppressed") == [BO]


def test_a_check_counts_readers_rows_and_tags(three: Publication) -> None:
    good = three.run("subscribers", "check")
    assert good.returncode == 0
    assert "subscribers.csv: 3 readers, 0 unusable rows, 0 duplicates" in good.stdout
    assert "Tags: members (2), board (1)" in good.stdout
    three.environ["NEWSLETTER_LIST__HONOUR"] = "status"
    (three.root / "own.csv").write_text("email,status\na@example.org,active\nb@example.org,unsubscribed\n")
    own = three.run("subscribers", "check", "own.csv")
    assert "1 not to be mailed by its own columns" in own.stdout


def test_a_file_can_be_checked_outside_of_any_publication(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("email\na@example.org\nnobody\n")
    done = Publication(tmp_path).run("subscribers", "check", "list.csv")
    assert done.returncode == 1
    assert "list.csv:3:" in done.stdout
    assert "1 reader, 1 unusable row, 0 duplicates" in done.stdout


def test_stats_count_who_is_mailed_and_why_not(three: Publication) -> None:
    three.run("subscribers", "suppress", BO)
    shown = three.run("subscribers", "stats").stdout
    assert "3 readers on the list, 2 of them mailable" in shown
    assert "  1 unsubscribed" in shown
    assert "Tags: members (2), board (1)" in shown
    assert "On record, on the list or not: 1 unsubscribed" in shown
    assert "\nMonth\tEvents\tWhat\n" in shown
    found = json.loads(three.run("subscribers", "stats", "--json").stdout)
    assert found["list"] == {"readers": 3, "unusable": 0, "duplicates": 0, "mailable": 2}
    assert found["held_back"] == {"unsubscribed": 1}
    assert found["tags"] == {"members": 2, "board": 1}


def test_stats_show_how_the_list_has_grown_in_the_terminal_and_on_a_page(three: Publication) -> None:
    three.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    three.run("send", "2.10", "--yes")
    three.run("subscribers", "suppress", BO)
    three.run("subscribers", "add", "new@example.org", "--evidence", "asked for it")
    done = three.run("subscribers", "stats", "--html", "out/growth.html")
    month = datetime.now(UTC).strftime("%Y-%m")
    assert "\nMonth\tJoined\tCame back\tLeft\tBounced\tComplained\tUnconfirmed\tPaused\n" in done.stdout
    assert f"\n{month}\t1\t0\t1\t0\t0\t0\t0\n" in done.stdout
    assert "Where they left: an editor, by hand (1)" in done.stdout
    assert "no address in it: out/growth.html" in done.stdout
    page = (three.root / "out/growth.html").read_text()
    assert "4 on the list, 3 of them mailable" in page
    assert "@" not in page.split("</style>")[1]
    found = json.loads(three.run("subscribers", "stats", "--json").stdout)
    assert {"month": month, "change": "left", "source": "editor", "people": 1} in found["growth"]
    assert [(size["issue"], size["readers"]) for size in found["sizes"]] == [("2.10", 3)]
    # What the list itself says of when people agreed outweighs when a command put them on it.
    rows = three.root / "subscribers.csv"
    rows.write_text("email,consent_at,consent_source\nada@example.org,2025-03-02T10:00:00Z,fair\nb@example.org,,\n")
    growth = json.loads(three.run("subscribers", "stats", "--json").stdout)["growth"]
    assert [each for each in growth if each["change"] == "joined"] == [
        {"month": "2025-03", "change": "joined", "source": "fair", "people": 1}
    ]


def test_what_is_known_of_nobody_is_said_with_the_nearest(three: Publication) -> None:
    shown = three.run("subscribers", "show", "adda@example.org").stdout
    assert "Did you mean ada@example.org?" in shown
    found = json.loads(three.run("subscribers", "show", "adda@example.org", "--json").stdout)
    assert (found["state"], found["rows"], found["events"]) == ("unlisted", [], [])


def test_all_that_is_known_of_one_can_be_handed_to_them(three: Publication) -> None:
    three.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    three.run("send", "2.10", "--yes")
    three.run("subscribers", "suppress", ADA)
    shown = three.run("subscribers", "show", ADA).stdout
    assert "subscribers.csv, line 2\n  email: ada@example.org" in shown
    assert "  city: Lagos" in shown
    assert "What was said\n" in shown
    assert "left, noted by an editor" in shown
    assert "What was sent\n  2.10  accepted" in shown
    assert shown.endswith("Times are in UTC.\n")
    found = json.loads(three.run("subscribers", "show", ADA, "--json").stdout)
    assert found["rows"] == [
        {"line": 2, "cells": {"email": ADA, "name": "Ada Okafor", "tags": "board members", "city": "Lagos"}}
    ]
    assert [part["issue"] for part in found["deliveries"]] == ["2.10"]


@pytest.mark.parametrize(
    ("option", "addresses"), [((), [ADA, BO, CY]), (("--mailable",), [ADA, CY]), (("--suppressed",), [BO])]
)
def test_an_export_holds_those_who_were_asked_for(
    three: Publication, option: tuple[str, ...], addresses: list[str]
) -> None:
    three.run("subscribers", "suppress", BO)
    piped = three.run("subscribers", "export", *option).stdout
    assert [row["email"] for row in csv.DictReader(piped.splitlines())] == addresses
    assert three.run("subscribers", "export", "-", *option).stdout == piped


def test_an_export_writes_over_a_file_only_when_told(three: Publication) -> None:
    path = three.root / "out.csv"
    path.write_text("precious")
    refused = three.run("subscribers", "export", "out.csv")
    assert refused.returncode == 1
    assert "out.csv is there already." in refused.stderr
    assert path.read_text() == "precious"
    done = three.run("subscribers", "export", "out.csv", "--yes")
    assert "out.csv: 3 rows." in done.stdout
    assert "It holds personal data: keep it out of git, and delete it when it has served." in done.stdout


@pytest.mark.slow
def test_erasing_asks_says_what_is_known_and_what_is_out_of_reach(three: Publication) -> None:
    three.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    no_keys = three.run("subscribers", "forget", ADA, "--yes")
    assert no_keys.returncode != 0
    assert "newsletter keys new" in no_keys.stderr
    three.run("keys", "new")
    three.run("send", "2.10", "--yes")
    declined = three.run_on_terminal("subscribers", "forget", ADA, typed="n\n")
    assert declined.returncode == 1
    assert "Known of ada@example.org: 1 row of subscribers.csv" in declined.stdout
    assert "Nobody was erased." in declined.stdout
    assert (three.root / "subscribers.csv").read_text() == LIST
    done = three.run("subscribers", "forget", ADA, "--yes")
    assert done.returncode == 0, done.stderr
    assert "ada@example.org is erased: a keyed hash is left, and nothing is sent to them." in done.stdout
    assert "Out of this program's reach: backups, git's history" in done.stdout
    assert "These still hold the address. Delete them, or what is in them:" in done.stdout
    assert ADA not in (three.root / "subscribers.csv").read_text()
    again = three.run("subscribers", "forget", ADA, "--yes")
    assert "ada@example.org was erased on " in again.stdout
    unknown = three.run("subscribers", "forget", "bob@example.org", stdin="n\n")
    assert "Nothing is known of bob@example.org. Their keyed hash will be kept all the same." in unknown.stdout
    assert "Did you mean bo@example.org?" in unknown.stdout


def test_a_pause_is_entered_for_somebody_who_has_asked_by_mail(publication: Publication) -> None:
    (publication.root / "subscribers.csv").write_text("email,name\nolga@example.net,Olga\n")
    paused = publication.run("subscribers", "pause", "olga@Example.net", "--for", "2w")
    until = (datetime.now(UTC) + timedelta(weeks=2)).date().isoformat()
    assert paused.stdout == f"Olga@example.net gets nothing until {until}, and then everything again.\n".replace(
        "O", "o"
    )
    shown = publication.run("subscribers", "show", "olga@example.net").stdout
    assert f"on the list, paused since {datetime.now(UTC):%Y-%m-%d} until {until}" in shown
    assert "paused it, noted by an editor" in shown
    assert "1 reader on the list, 0 of them mailable\n  1 paused\n" in publication.run("subscribers", "stats").stdout
    publication.run("subscribers", "suppress", "olga@example.net", "--reason", "no more")
    resumed = publication.run("subscribers", "resume", "olga@example.net")
    assert resumed.stdout.startswith("olga@example.net gets mail again.\nIt must not be mailed: suppressed since")
    assert "had paused nothing" in publication.run("subscribers", "resume", "olga@example.net").stdout
    wrong = publication.run("subscribers", "pause", "olga@example.nett")
    assert "It is not on the list. Did you mean olga@example.net?" in wrong.stdout
