"""`newsletter reconcile` and `report` as an operator sees them, after connections broke when a text was under way."""

import csv
import json
import re
from pathlib import Path

import pytest
from conftest import Publication
from smtp_server import Server

READERS = [f"reader{number}@example.org" for number in range(4)]


@pytest.fixture
def broken(digest: Publication, server: Server) -> Publication:
    """Four readers: the server took the texts for the first two and hung up before it said so."""
    (digest.root / "subscribers.csv").write_text("\n".join(["email", *READERS]) + "\n")
    digest.environ["NEWSLETTER_SMTP__CONNECTIONS"] = "1"
    hung_up: list[int] = []

    def on_reply(number: int, text: str) -> str | None:
        if "Ok: stored" in text and len(hung_up) < 2:
            hung_up.append(number)
            return "drop"
        return None

    server.on_reply = on_reply
    assert digest.run("send", "2.10", "--yes").returncode == 1
    return digest


def _unknown(publication: Publication) -> dict[str, str]:
    """Return the addresses that a table in a pipe lists, each with its Message-ID."""
    done = publication.run("reconcile", "2.10")
    assert done.returncode == 1
    heads, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert heads == ["Address", "Message-ID", "When", "Known"]
    return {row[0]: row[1] for row in rows}


def _states(publication: Publication) -> dict[str, int]:
    (found,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    return {state: count for state, count in found["readers"].items() if count}


def test_unknown_ones_are_explained_where_the_send_ends(broken: Publication) -> None:
    shown = broken.run("status", "2.10").stdout
    assert re.search(r"Unknown means that the message was in hand .*: \d readers? may have it or not", shown)
    assert "To find out and say so: newsletter reconcile 2.10" in shown


@pytest.mark.slow
def test_on_a_terminal_each_is_listed_with_the_ways_to_settle_it(broken: Publication) -> None:
    ids = _unknown(broken)
    assert set(ids) <= set(READERS)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", broken.run_on_terminal("reconcile", "2.10").stdout)
    for address, message_id in ids.items():
        assert re.search(rf"{re.escape(address)}, 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d: ", shown)
        assert f"    {message_id}" in shown
    assert f"{len(ids)} reader{'' if len(ids) == 1 else 's'} of 2.10 may have it or not." in shown
    for way in ("--log /var/log/mail.log", "--message-ids FILE", "--arrived ADDRESS --not-arrived ADDRESS",
                "--all-arrived, or --none-arrived"):  # fmt: skip
        assert f"  newsletter reconcile 2.10 {way}" in shown
    assert "Who does not is tried again: newsletter send 2.10" in shown


@pytest.mark.slow
def test_what_is_said_of_one_is_shown_asked_and_written_down(broken: Publication, server: Server) -> None:
    first, *_ = _unknown(broken)
    before = _states(broken)
    declined = broken.run_on_terminal("reconcile", "2.10", "--arrived", first, typed="n\n")
    assert declined.returncode == 1
    assert "Write that down? [y/N]: Aborted!" in declined.stdout
    assert _states(broken) == before
    done = broken.run("reconcile", "2.10", "--arrived", first, "--yes")
    assert f"2.10: 1 have it, 0 do not, {before['unknown'] - 1} stay unknown." in done.stdout
    assert done.returncode == (1 if before["unknown"] > 1 else 0)
    assert _states(broken).get("unknown", 0) == before["unknown"] - 1


@pytest.mark.slow
def test_those_without_wait_and_the_next_send_tries_them(broken: Publication, server: Server) -> None:
    unknown = _unknown(broken)
    done = broken.run("reconcile", "2.10", "--none-arrived", "--yes")
    assert done.returncode == 0
    assert "To send it to those without: newsletter send 2.10" in done.stdout
    assert _states(broken)["pending"] == len(unknown)
    server.stored.clear()
    assert broken.run("send", "2.10", "--yes").returncode == 0
    assert set(server.copies()) == set(unknown)
    none = broken.run("reconcile", "2.10")
    assert none.returncode == 0
    assert none.stdout == "Nobody is unknown: of each reader of 2.10 it is known whether they have it.\n"


@pytest.mark.slow
def test_message_ids_of_a_file_and_of_a_pipe_say_who_has_it(broken: Publication, tmp_path: Path) -> None:
    unknown = _unknown(broken)
    path = tmp_path / "ids.txt"
    path.write_text("nothing\n")
    nothing = broken.run("reconcile", "2.10", "--message-ids", str(path), "--yes")
    assert nothing.returncode == 1
    assert f"Nothing is known of any of the {len(unknown)} yet, and nothing was written down." in nothing.stdout
    path.write_text("\n".join(unknown.values()))
    assert broken.run("reconcile", "2.10", "--message-ids", str(path), "--yes").returncode == 0
    assert _states(broken) == {"accepted": len(READERS)}


@pytest.mark.slow
def test_ids_come_from_standard_input_too(broken: Publication) -> None:
    unknown = _unknown(broken)
    done = broken.run(
        "reconcile", "2.10", "--message-ids", "-", "--others-not-arrived", "--yes", stdin="\n".join(unknown.values())
    )
    assert done.returncode == 0, done.stderr
    assert _states(broken) == {"accepted": len(READERS)}


@pytest.mark.slow
def test_an_address_that_is_not_unknown_is_told_apart(broken: Publication) -> None:
    settled = next(address for address in READERS if address not in _unknown(broken))
    before = _states(broken)
    for address in (settled, "stranger@example.org"):
        done = broken.run("reconcile", "2.10", "--arrived", address, "--yes")
        assert done.returncode == 1
        assert address in done.stderr
    assert _states(broken) == before


@pytest.mark.slow
def test_a_report_shows_each_run_and_each_reply(broken: Publication, server: Server) -> None:
    shown = broken.run("report", "2.10").stdout
    assert "Leaders align on coercion" in shown.splitlines()[0]
    assert re.search(r"  Begun     20\d\d-\d\d-\d\d \d\d:\d\d:\d\d America/New_York", shown)
    assert re.search(r"\nReaders\tState\tReply\n", shown)
    assert re.search(r"\nDomain\tReaders\t.*\bunknown\b", shown)
    assert "The same with plots, and no address in it: build/2.10/report.html" in shown
    assert "Everyone not accepted: build/2.10/not-accepted.csv" in shown
    assert "Every reader: newsletter report 2.10 --csv FILE" in shown
    with (broken.root / "build/2.10/not-accepted.csv").open(newline="") as file:
        assert {row["address"] for row in csv.DictReader(file)} == set(_unknown(broken))
    broken.run("reconcile", "2.10", "--none-arrived", "--yes")
    broken.run("send", "2.10", "--yes")
    heads = [line for line in broken.run("report").stdout.splitlines() if line.startswith("Run\t")]
    assert heads == ["Run\tTook\tAnswers\tMessages\tEnded because"]


@pytest.mark.slow
def test_a_report_goes_to_a_file_or_through_a_pipe(broken: Publication) -> None:
    done = broken.run("report", "2.10", "--csv", "every.csv", "--html", "page.html")
    assert done.returncode == 0
    assert "Every reader: every.csv" in done.stdout
    assert "no address in it: page.html" in done.stdout
    page = (broken.root / "page.html").read_text()
    assert not any(address in page for address in READERS)
    piped = broken.run("report", "2.10", "--csv", "-")
    assert piped.stdout == (broken.root / "every.csv").read_text()
    assert [row["address"] for row in csv.DictReader(piped.stdout.splitlines())] == READERS
    assert ((broken.root / "every.csv").stat().st_mode & 0o777) == 0o600


@pytest.mark.slow
def test_a_report_in_json_holds_numbers_and_no_address(broken: Publication) -> None:
    text = broken.run("report", "2.10", "--json").stdout
    assert not any(address in text for address in READERS)
    assert json.loads(text)["issue"] == "2.10"


@pytest.mark.slow
def test_what_waits_in_the_outbox_has_not_begun(digest: Publication) -> None:
    digest.run("send", "2.10", "--at", "in 2 hours", "--yes")
    assert "  Its sending has not begun." in digest.run("report", "2.10").stdout
