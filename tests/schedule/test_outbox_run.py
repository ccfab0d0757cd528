"""`newsletter send --at` and `newsletter outbox` as an editor and as cron meet them: real processes, a real server."""

import json
import re
import shutil
import signal
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime

import pytest
from conftest import Publication
from forked import Run
from postgres import Postgres
from scheduling import (
    HOUR,
    MINUTE,
    PATIENCE,
    in_outbox,
    put_in,
    put_in_now,
    put_in_too_late,
    readers_by_state,
    set_moments,
)
from smtp_server import POLITE, Server, kill_at, scripted
from sqlalchemy import update

from newsletter.ledger.campaigns import find_campaign
from newsletter.store import Store, open_store
from newsletter.store.schema import campaigns, warm_ups

pytestmark = pytest.mark.slow


def test_send_at_freezes_records_and_exits(digest: Publication, server: Server) -> None:
    asked = digest.run("send", "2.10", "--at", "tomorrow 09:00", stdin="n\n")
    assert asked.returncode == 1
    assert re.search(r"  At        .* 09:00 .* in \d+ (hour|day)", asked.stdout)
    assert in_outbox(digest) == {}
    assert ", in 1 hour; not after" in digest.run("send", "2.10", "--at", "in 1 hour", stdin="n\n").stdout
    done = digest.run("send", "2.10", "--at", "tomorrow 09:00", "--expires", "2h", stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert server.stored == []
    (one,) = json.loads(digest.run("outbox", "list", "--json").stdout)
    assert (one["issue"], one["state"], one["readers"], one["draft_changed"]) == ("2.10", "waiting", 25, False)
    due, expires = (datetime.fromisoformat(one[key]) for key in ("due", "expires"))
    assert expires - due == 2 * HOUR
    listed = digest.run("outbox", "list").stdout.splitlines()[1].split("\t")
    assert listed[:2] == ["2.10", "waiting"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d 09:00 America/New_York", listed[2])
    assert listed[3].startswith("in ")
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert "runs = 0" in record
    assert f'due_at = "{one["due"]}"' in record


def test_nothing_is_done_and_said_before_the_moment(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    done = digest.run("outbox", "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert server.stored == []


def test_an_outbox_that_nobody_used_is_empty_and_leaves_no_trace(digest: Publication) -> None:
    assert digest.run("outbox", "list").stdout == "The outbox is empty.\n"
    assert digest.run("outbox", "list", "--json").stdout == "[]\n"
    assert digest.run("outbox", "run").returncode == 0
    assert not (digest.root / ".newsletter").exists()
    refused = digest.run("outbox", "cancel", "2.10")
    assert refused.returncode == 1
    assert "2.10 is not in the outbox" in refused.stderr


def test_what_is_due_is_sent_and_reported(digest: Publication, opened: Store, server: Server) -> None:
    put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 0, done.stderr
    assert "25 on the list = 25 accepted" in done.stdout
    assert len(server.stored) == 25
    assert in_outbox(digest) == {}
    assert "finished_at" in (digest.root / "drafts/2.10.sent.toml").read_text()
    assert digest.run("outbox", "run").stdout == ""
    assert "has been sent already" in digest.run("send", "2.10", "--yes").stdout
    assert len(server.stored) == 25


def test_on_postgresql_too(digest: Publication, postgres: Postgres, server: Server) -> None:
    digest.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    assert in_outbox(digest) == {"2.10": "waiting"}
    with closing(open_store(digest.environ["NEWSLETTER_STORE__URL"])) as store:
        now = datetime.now(UTC)
        set_moments(store, now - MINUTE, now + HOUR, "2.10")
    done = digest.run("outbox", "run")
    assert done.returncode == 0, done.stderr
    assert len(server.stored) == 25
    assert in_outbox(digest) == {}


def test_what_has_expired_is_reported_each_time_and_never_sent(
    digest: Publication, opened: Store, server: Server
) -> None:
    put_in_too_late(digest, opened)
    for _ in range(2):
        done = digest.run("outbox", "run")
        assert done.returncode == 1
        assert re.search(r"2\.10 was to leave before .* America/New_York, and has expired", done.stderr)
        assert "newsletter outbox cancel 2.10" in done.stderr
    assert in_outbox(digest) == {"2.10": "expired"}
    assert "newsletter outbox cancel 2.10" in digest.run("send", "2.10", "--yes").stderr
    assert digest.run("outbox", "cancel", "2.10").returncode == 0
    assert digest.run("outbox", "run").returncode == 0
    assert server.stored == []
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 25


def test_ones_failure_does_not_keep_the_others_back(digest: Publication, opened: Store, server: Server) -> None:
    put_in_too_late(digest, opened, "1.4")
    put_in_now(digest, opened, "2.10")
    put_in_now(digest, opened, "3.7")
    there = 'campaign = "of another machine"\nruns = 0\ndue_at = "2026-12-01T09:00:00+00:00"\n'
    (digest.root / "drafts/2.10.sent.toml").write_text(there)
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "1.4 was to leave before" in done.stderr
    assert "2.10: 2.10 is in another machine's outbox" in done.stderr
    assert readers_by_state(digest, "3.7") == {"accepted": 25}
    assert len(server.stored) == 25
    assert in_outbox(digest) == {"1.4": "expired", "2.10": "due"}


def test_the_frozen_text_leaves_though_the_draft_has_changed(
    digest: Publication, opened: Store, server: Server
) -> None:
    put_in_now(digest, opened)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    listed = digest.run("outbox", "list").stdout
    assert "The draft of 2.10 has changed since. What leaves is the text as it was then." in listed
    assert digest.run("outbox", "run").returncode == 0
    assert len(server.stored) == 25
    assert not any(b"LEADERS" in data for _, data in server.stored)


def test_while_it_is_in_the_outbox_it_can_not_be_sent_or_put_in_again_by_hand(
    digest: Publication, server: Server
) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    for more in ([], ["--at", "tomorrow 10:00"]):
        refused = digest.run("send", "2.10", "--yes", *more)
        assert refused.returncode == 1
        assert "2.10 is in the outbox" in refused.stderr
        assert "newsletter outbox cancel 2.10" in refused.stderr
    assert server.stored == []


def test_taken_out_it_begins_anew_and_keeps_nobody_from_sending_it(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    record = digest.root / "drafts/2.10.sent.toml"
    assert record.exists()
    done = digest.run("outbox", "cancel", "2.10")
    assert done.returncode == 0
    assert "drafts/2.10.sent.toml is removed" in done.stdout
    assert not record.exists()
    readers = digest.readers(3)
    draft = digest.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)
    assert all(b"LEADERS" in data for _, data in server.stored)


def test_another_machine_is_told_in_whose_outbox_it_is(digest: Publication, server: Server) -> None:
    digest.run("send", "2.10", "--at", "tomorrow 09:00", "--yes")
    state = digest.root / ".newsletter"
    state.rename(digest.root / "on another machine")
    refused = digest.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "2.10 is in another machine's outbox: 2.10.sent.toml names the campaign" in refused.stderr
    assert "newsletter outbox cancel 2.10" in refused.stderr
    shutil.rmtree(state)
    (digest.root / "on another machine").rename(state)
    digest.run("outbox", "cancel", "2.10")
    shutil.rmtree(state)
    assert digest.run("send", "2.10", "--yes").returncode == 0


def test_the_record_of_what_some_have_got_stays(digest: Publication, server: Server) -> None:
    digest.readers(10)
    digest.run("send", "2.10", "--yes", "--tag", "even")
    digest.run("send", "2.10", "--yes", "--at", "tomorrow 09:00")
    done = digest.run("outbox", "cancel", "2.10")
    assert done.returncode == 0
    assert "5 readers still without it. To send it: newsletter send 2.10" in done.stdout
    record = (digest.root / "drafts/2.10.sent.toml").read_text()
    assert "accepted = 5" in record
    assert "pending = 5" in record


def test_what_is_put_in_to_go_on_with_those_who_wait_leaves(digest: Publication, opened: Store, server: Server) -> None:
    readers = digest.readers(4)
    server.refuse[readers[1]] = "450 4.2.1 later"
    assert digest.run("send", "2.10", "--yes").returncode == 1
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes", "--at", "tomorrow 09:00").returncode == 0
    assert in_outbox(digest) == {"2.10": "waiting"}
    set_moments(opened, datetime.now(UTC) - MINUTE, datetime.now(UTC) + HOUR, "2.10")
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter(readers)


def test_who_is_put_off_to_the_end_is_left_to_a_later_send(digest: Publication, opened: Store, server: Server) -> None:
    readers = digest.readers(4)
    server.refuse[readers[1]] = "450 4.2.1 later"
    put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "newsletter send 2.10" in done.stdout
    assert in_outbox(digest) == {}
    server.refuse.clear()
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.copies() == Counter(readers)


def test_a_new_server_is_warmed_up_from_one_day_to_the_next(digest: Publication, opened: Store, server: Server) -> None:
    digest.environ["NEWSLETTER_SEND__WARM_UP"] = "2"
    readers = digest.readers(5)
    put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert "3 readers wait for the next one, with twice as many." in done.stdout + done.stderr
    assert len(server.stored) == 2
    (waits,) = json.loads(digest.run("outbox", "list", "--json").stdout)
    assert waits["state"] == "waiting"
    assert 22 * HOUR < datetime.fromisoformat(waits["due"]) - datetime.now(UTC) <= 23 * HOUR
    assert digest.run("outbox", "run").returncode == 0
    assert len(server.stored) == 2, "not twice within a day"
    with opened.transaction() as connection:
        began_at = (datetime.now(UTC) - 24 * HOUR).isoformat(timespec="milliseconds")
        connection.execute(update(warm_ups).values(began_at=began_at))
        connection.execute(update(campaigns).values(due_at=began_at))
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter(readers)


def test_a_tags_wave_is_done_when_everyone_in_it_was_tried(digest: Publication, opened: Store, server: Server) -> None:
    digest.readers(4)
    now = datetime.now(UTC)
    put_in(digest, opened, now - MINUTE, now + HOUR, tag="even")
    assert digest.run("outbox", "run").returncode == 0
    assert len(server.stored) == 2
    assert in_outbox(digest) == {}
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert len(server.stored) == 4


def test_what_was_cancelled_for_good_is_not_sent(digest: Publication, opened: Store, server: Server) -> None:
    put_in_now(digest, opened)
    assert digest.run("cancel", "2.10", "--yes").returncode == 0
    done = digest.run("outbox", "run")
    assert (done.returncode, done.stdout) == (0, "")
    assert server.stored == []


# When it stops.


def test_a_wrong_password_is_tried_once_and_then_left_to_a_person(publication: Publication, opened: Store) -> None:
    answers = {**POLITE, "EHLO": b"250-localhost\r\n250 AUTH PLAIN\r\n", "AUTH": b"535 5.7.8 Wrong password\r\n"}
    logins = 0

    def answer(command: str) -> bytes:
        nonlocal logins
        logins += command == "AUTH"
        return answers[command]

    with scripted(answer) as (port, texts):
        publication.through(Server(port=port))
        publication.environ |= {"NEWSLETTER_SMTP__USERNAME": "digest", "NEWSLETTER_SMTP__PASSWORD": "of yesterday"}
        put_in_now(publication, opened)
        for _ in range(2):
            done = publication.run("outbox", "run")
            assert done.returncode == 1
            assert re.search("2.10 was stopped: .*refused the login of digest: 535 5.7.8\n", done.stderr)
            assert "newsletter send 2.10" in done.stderr
        assert logins == 1
        assert in_outbox(publication) == {"2.10": "held"}
        answers["AUTH"] = b"235 2.7.0 welcome\r\n"
        assert publication.run("send", "2.10", "--yes").returncode == 0
        assert len(texts) == 25
    assert in_outbox(publication) == {}
    assert publication.run("outbox", "run").returncode == 0


def test_too_many_refusals_stop_it_until_a_person_has_looked(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(150)
    server.refuse |= dict.fromkeys(readers, "550 5.1.1 No such mailbox")
    put_in_now(digest, opened)
    done = digest.run("outbox", "run")
    assert done.returncode == 1
    assert "were refused" in done.stderr
    states = readers_by_state(digest)
    assert digest.run("outbox", "run").returncode == 1
    assert readers_by_state(digest) == states
    assert in_outbox(digest) == {"2.10": "held"}
    assert digest.run("outbox", "cancel", "2.10").returncode == 0
    assert digest.run("outbox", "run").returncode == 0
    assert readers_by_state(digest) == states


def test_killed_in_the_middle_the_next_run_goes_on_though_it_has_expired(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(300)
    put_in_now(digest, opened)
    running: list[Run] = []
    kill_at(server, 301, lambda: running[0].pid)
    running.append(digest.start("outbox", "run"))
    running[0].communicate(timeout=PATIENCE)
    assert running[0].returncode == -signal.SIGKILL
    assert 0 < len(server.stored) < 300
    assert in_outbox(digest) == {"2.10": "half sent"}
    assert "newsletter outbox cancel 2.10" in digest.run("send", "2.10", "--yes").stderr
    campaign = find_campaign(opened, "2.10")
    assert campaign is not None
    assert campaign.due_at is not None
    set_moments(opened, campaign.due_at, campaign.due_at, "2.10")
    digest.run("outbox", "run")
    assert in_outbox(digest) == {}
    states = readers_by_state(digest)
    assert states.keys() <= {"accepted", "unknown"}
    assert states.get("unknown", 0) <= 4 * 2 * 2  # connections x window x 2
    assert sum(states.values()) == 300
    assert all(count == 1 for count in server.copies().values())
    assert len(set(readers) - server.copies().keys()) <= states.get("unknown", 0)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_what_is_in_hand_and_the_next_run_goes_on(
    digest: Publication, opened: Store, server: Server, sign: signal.Signals
) -> None:
    readers = digest.readers(200)
    put_in_now(digest, opened)
    running: list[Run] = []
    kill_at(server, 301, lambda: running[0].pid, sign)
    running.append(digest.start("outbox", "run"))
    out, err = running[0].communicate(timeout=PATIENCE)
    assert running[0].returncode == 1
    assert "Traceback" not in err
    assert "2.10 stays in the outbox" in out
    states = readers_by_state(digest)
    assert states.keys() == {"accepted", "pending"}
    assert states["accepted"] == len(server.stored)
    assert digest.run("outbox", "run").returncode == 0
    assert server.copies() == Counter(readers)


def test_of_two_runs_at_once_the_second_leaves_it_to_the_first(
    digest: Publication, opened: Store, server: Server
) -> None:
    readers = digest.readers(20)
    put_in_now(digest, opened)
    reached, go_on = threading.Event(), threading.Event()

    def hold(number: int, _text: str) -> None:
        if number == 40:
            reached.set()
            assert go_on.wait(PATIENCE)

    server.on_reply = hold
    first = digest.start("outbox", "run")
    assert reached.wait(PATIENCE)
    second = digest.run("outbox", "run")
    assert second.returncode == 0
    assert second.stdout == "2.10 is being sent by another process.\n"
    taken_out = digest.run("outbox", "cancel", "2.10")
    assert taken_out.returncode == 1
    assert "Another process is sending 2.10" in taken_out.stderr
    go_on.set()
    first.communicate(timeout=PATIENCE)
    assert first.returncode == 0
    assert server.copies() == Counter(readers)
