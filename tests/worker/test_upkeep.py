"""What a worker does from time to time: mail that came back, mails that ask readers, links, and lost jobs."""

import logging
import mailbox
from contextlib import closing
from datetime import timedelta

import pytest
from conftest import Publication
from frozen import Frozen
from linked_draft import silence_note, write_draft
from page_server import PageServer, page
from postgres import Postgres
from returned_mail import make_bounce
from smtp_server import Server
from sqlalchemy import text

from newsletter.actions.look_after_handovers import look_after_handovers
from newsletter.actions.reconfirm_subscribers import ask_subscribers
from newsletter.issue_name import IssueName
from newsletter.jobs.job_queue import defer_sending
from newsletter.jobs.job_tables import prepare_job_tables
from newsletter.ledger.handovers import hand_over
from newsletter.publication import OpenPublication
from newsletter.store import Store, open_store
from newsletter.store.suppressions import count_suppressed
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.worker.upkeep import Upkeep


def test_mail_that_came_back_is_read_and_each_mailbox_once(
    digest: Publication, server: Server, opened: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "newsletter")
    create_secret_keys(digest.root)
    digest.readers(30)
    assert digest.run("send", "2.10", "--yes").returncode == 0
    box = mailbox.Maildir(digest.root / "Maildir")
    gone = "reader0003@example.org"
    box.add(make_bounce(gone, "5.1.1", server.message(gone)))
    upkeep = Upkeep([OpenPublication(digest.workspace, store=opened)])
    upkeep.read_inbox("main")  # no mailbox is named
    digest.environ["NEWSLETTER_INBOX__SOURCE"] = "Maildir"
    upkeep = Upkeep([OpenPublication(digest.workspace, store=opened)])
    upkeep.read_inbox("main")
    with opened.reading() as connection:
        assert count_suppressed(connection) == 1
    upkeep.read_inbox("main")
    assert [record.getMessage().split(": ")[1] for record in caplog.records if "came back" in record.message] == [
        "read mail that came back"
    ]
    assert gone not in caplog.text


def test_readers_are_asked_whether_they_want_to_stay_and_once(
    digest: Publication, server: Server, opened: Store
) -> None:
    create_secret_keys(digest.root)
    digest.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_LIST__SOURCE": "store"}
    with opened.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address="ada@example.org")])
    publication = OpenPublication(digest.workspace, store=opened)
    upkeep = Upkeep([publication])
    upkeep.send_mails("main")
    assert server.stored == []
    assert ask_subscribers(publication, timedelta(days=365), lambda _plan: True) == 1
    for _ in range(2):
        upkeep.send_mails("main")
    assert [recipient for recipient, _ in server.stored] == ["ada@example.org"]


def test_links_of_drafts_that_were_not_sent_are_asked(
    publication: Publication, opened: Store, caplog: pytest.LogCaptureFixture
) -> None:
    silence_note(publication)
    (publication.root / "drafts/2.10.yaml").unlink()
    with PageServer({"/here": page(), "/gone": page(status=404)}) as server:
        write_draft(publication, [server.address("/here"), server.address("/gone")])
        upkeep = Upkeep([OpenPublication(publication.workspace, store=opened)])
        for _ in range(2):
            upkeep.check_links("main")
        assert "2.11: 1 link in trouble: newsletter draft check 2.11 --links" in caplog.text
        assert server.count("/here") == 1


def test_what_goes_wrong_ends_nothing(publication: Publication, caplog: pytest.LogCaptureFixture) -> None:
    publication.environ["NEWSLETTER_STORE__URL"] = "postgresql://nobody@127.0.0.1:1/none"
    with closing(OpenPublication(publication.workspace)) as known:
        upkeep = Upkeep([known])
        for each in upkeep.timetable:
            each.work("main")
    assert "can't be reached" in caplog.text


def test_what_could_not_be_sent_rests_until_its_own_job(publication: Publication, postgres: Postgres) -> None:
    with closing(open_store(postgres.fresh())) as store:
        Frozen(publication, store, 3)
        prepare_job_tables(store)
        with store.transaction() as connection:
            hand_over(connection, IssueName("2.10"))
            defer_sending(connection, IssueName("2.10"), after_s=900, failures=4)
        look_after_handovers(store)
        assert _count_jobs(store) == 1
        look_after_handovers(store, is_start=True)
        assert _count_jobs(store) == 2


def test_a_job_that_waits_for_readers_put_off_keeps_nobody_else_waiting(
    publication: Publication, postgres: Postgres
) -> None:
    with closing(open_store(postgres.fresh())) as store:
        Frozen(publication, store, 3)
        prepare_job_tables(store)
        with store.transaction() as connection:
            hand_over(connection, IssueName("2.10"))
            defer_sending(connection, IssueName("2.10"), after_s=900)
        look_after_handovers(store)
        assert _count_jobs(store) == 2


def _count_jobs(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) or 0
