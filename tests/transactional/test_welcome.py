"""Welcomes: none, a note, or the newest issue, which nobody gets a second time by its campaign."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import smtp_server
from conftest import Publication
from mail_room import MailRoom
from messages import parsed, texts, well_formed
from postgres import Postgres
from sqlalchemy import select
from translated import TITLES, WORDS, translate

from newsletter.actions.change_address import confirm_address_change, request_address_change
from newsletter.actions.report import report
from newsletter.actions.send import Proposal, SendOutcome, SendResult, send
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.campaigns.options import SendOptions
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.freeze import open_freeze
from newsletter.ledger.staging import stage_recipients
from newsletter.publication import OpenPublication
from newsletter.reports.json_report import build_json_report
from newsletter.store import Store, open_store
from newsletter.store.schema import transactional_mails
from newsletter.subscribers.reader_requests import list_requests_of
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers
from newsletter.subscribers.tokens import TokenSigner
from newsletter.transactional.mail_kinds import MailState
from newsletter.transactional.welcome import queue_welcome

ISSUE = IssueName("2.10")
_CORRECTION = """\
date: 2023-06-03
kind: correction
corrects: "2.10"
subject: "Correction: the meeting is on Friday"
items: [{headline: The meeting is on Friday, detail: We wrote that it is on Thursday.}]
"""
READERS = [f"reader{number}@example.org" for number in range(4)]


class Club:
    """A publication whose list is in the store, and whose readers join by themselves."""

    def __init__(self, publication: Publication, store: Store, welcome: str = "issue") -> None:
        publication.environ |= {
            "NEWSLETTER_SERVICE__URL": "https://news.example.org",
            "NEWSLETTER_LIST__SOURCE": "store",
            "NEWSLETTER_SIGNUP__WELCOME": welcome,
        }
        create_secret_keys(publication.root)
        self.publication, self.store = publication, store
        self.mails = MailRoom(publication, store)
        self.proposals: list[Proposal] = []

    def add(self, address: str, **fields: str) -> None:
        with self.store.transaction() as connection:
            save_subscribers(connection, [StoredSubscriber(address=EmailAddress(address), fields=fields)])

    def join(self, address: str, language: str = "", **fields: str) -> str | None:
        """Put a reader on the list and queue their welcome; return the issue that it is to carry."""
        with self.store.transaction() as connection:
            save_subscribers(connection, [StoredSubscriber(address=EmailAddress(address), fields=fields)])
            config = self.publication.workspace.config
            mail = queue_welcome(
                connection, config, SubscriberKey(address), EmailAddress(address), language=language, request=7
            )
            wanted = select(transactional_mails.c.issue).where(transactional_mails.c.id == mail)
            return connection.scalar(wanted) if mail else None

    def send(self, issue: str = ISSUE, *, between: Callable[[], object] = lambda: None, **how: object) -> SendResult:
        """Send the issue; `between` is done after the plan was made and before it is frozen."""

        def confirm(_proposal: Proposal) -> bool:
            between()
            return True

        options = SendOptions(despite_problems=True, **how)
        with OpenPublication(self.publication.workspace, store=self.store) as opened:
            return send(opened, opened.draft(issue), options, confirm=confirm, on_proposal=self.proposals.append)


@pytest.fixture
def club(publication: Publication, server: smtp_server.Server, opened: Store) -> Club:
    publication.through(server)
    return Club(publication, opened)


@pytest.fixture
def club_on_both(publication: Publication, server: smtp_server.Server, store: Store) -> Club:
    """Return a club once on each database."""
    publication.through(server)
    return Club(publication, store)


@pytest.mark.parametrize(("welcome", "mails"), [("none", []), ("note", [None]), ("issue", ["2.10"])])
def test_what_comes_after_joining_is_as_the_publication_has_it(
    club: Club, server: smtp_server.Server, welcome: str, mails: Sequence[str | None]
) -> None:
    club.add(READERS[0])
    club.send()
    club.publication.environ["NEWSLETTER_SIGNUP__WELCOME"] = welcome
    joined = club.join(READERS[1], name="Ben")
    assert joined == (mails[0] if mails else None)
    club.mails.send()
    sent = [parsed(data) for recipient, data in server.stored if recipient == READERS[1]]
    assert len(sent) == len(mails)
    if welcome == "note":
        assert sent[0]["Subject"] == "Welcome to Pacific Alliance Digest"


def test_the_newest_issue_comes_with_a_line_of_welcome_above_and_ways_to_leave(
    club: Club, server: smtp_server.Server
) -> None:
    club.add(READERS[0])
    club.send()
    club.join(READERS[1], name="Ben")
    assert club.mails.send().counts == {MailState.ACCEPTED: 1}
    data = server.message(READERS[1])
    well_formed(data)
    welcome, usual = parsed(data), parsed(server.message(READERS[0]))
    assert welcome["Subject"] == usual["Subject"]
    assert welcome["Auto-Submitted"] == "auto-generated"
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    line = "Welcome to Pacific Alliance Digest! So that you need not wait for the next issue, here is the newest."
    plain, html = texts(data)
    assert " ".join(plain.split()).startswith(line)
    assert line in " ".join(html.split())
    assert line not in " ".join(texts(server.message(READERS[0]))[0].split())
    holder = TokenSigner(
        require_secret_keys(club.publication.workspace), club.publication.workspace.config.subscriber_list.id
    ).read(str(welcome["List-Unsubscribe"]).partition("/u/")[2].partition(">")[0])
    assert holder
    assert (holder.subscriber, holder.issue) == (READERS[1], ISSUE)


def test_who_has_the_issue_or_waits_for_it_gets_a_note_alone(club: Club) -> None:
    for reader in READERS[:2]:
        club.add(reader)
    assert club.join(READERS[2]) is None, "nothing has been sent yet"
    club.send()
    assert club.join(READERS[0]) is None
    assert club.join(READERS[3]) == ISSUE
    assert club.join(READERS[3]) is None, "they have it by the welcome before"


@pytest.mark.slow
def test_an_issue_that_went_to_some_alone_welcomes_nobody(club: Club) -> None:
    club.add(READERS[0])
    with club.store.transaction() as connection:
        board = StoredSubscriber(address=EmailAddress(READERS[1]), tags=frozenset({"board"}))
        save_subscribers(connection, [board])
    club.send(tag="board")
    assert club.join(READERS[2]) is None
    club.send()
    assert club.join(READERS[3]) == ISSUE


def test_who_was_welcomed_with_it_is_left_out_of_the_campaign_and_counted(
    club_on_both: Club, server: smtp_server.Server
) -> None:
    club_on_both.add(READERS[0])
    club_on_both.send()
    club_on_both.join(READERS[1])
    club_on_both.add(READERS[2])
    club_on_both.send(to_new=True)
    (batch,) = [one.plan.batch for one in club_on_both.proposals[-1:]]
    assert batch
    assert (batch.welcomed, batch.new) == (1, 1)
    club_on_both.mails.send()
    assert server.copies() == {READERS[0]: 1, READERS[1]: 1, READERS[2]: 1}
    with OpenPublication(club_on_both.publication.workspace, store=club_on_both.store) as opened:
        found = report(opened, ISSUE)
    assert found.welcomed == 1
    assert build_json_report(found)["welcomed"] == 1
    assert club_on_both.send(to_new=True).outcome is SendOutcome.NOBODY


def test_who_joins_between_plan_and_freezing_is_left_out_as_well(
    club_on_both: Club, server: smtp_server.Server
) -> None:
    club_on_both.add(READERS[0])
    club_on_both.send()
    club_on_both.add(READERS[1])

    club_on_both.send(to_new=True, between=lambda: club_on_both.join(READERS[1]))
    club_on_both.mails.send()
    assert server.copies() == {READERS[0]: 1, READERS[1]: 1}


@pytest.mark.slow
def test_a_welcome_that_was_refused_leaves_the_issue_to_the_campaign(club: Club, server: smtp_server.Server) -> None:
    club.add(READERS[0])
    club.send()
    server.answer[READERS[1]] = "554 5.2.2 mailbox full"
    club.join(READERS[1])
    assert club.mails.send().counts == {MailState.REFUSED: 1}
    server.answer.clear()
    club.send(to_new=True)
    assert server.copies() == {READERS[0]: 1, READERS[1]: 1}


@pytest.mark.parametrize(
    "fault", ["gone", pytest.param("broken", marks=pytest.mark.slow), pytest.param("a field", marks=pytest.mark.slow)]
)
def test_where_the_issue_cannot_be_made_a_note_comes_and_the_campaign_has_the_issue(
    club: Club, server: smtp_server.Server, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    club.add(READERS[0], name="Ada", town="Bonn")
    club.send()
    club.join(READERS[1], name="Ben")
    draft = club.publication.root / "drafts" / "2.10.yaml"
    text = draft.read_text()
    if fault == "gone":
        draft.unlink()
    elif fault == "broken":
        draft.write_text("items: [")
    else:
        draft.write_text(f"intro: Greetings to {{{{ town }}}}.\n{text}")
    assert club.mails.send().counts == {MailState.ACCEPTED: 1}
    assert parsed(server.message(READERS[1]))["Subject"] == "Welcome to Pacific Alliance Digest"
    assert "without the issue 2.10" in caplog.text
    assert READERS[1] not in caplog.text
    draft.write_text(text)
    club.send(to_new=True)
    assert server.copies()[READERS[1]] == 2


@pytest.mark.slow
def test_a_correction_goes_to_those_who_have_the_issue_by_their_welcome(club: Club, server: smtp_server.Server) -> None:
    club.add(READERS[0])
    club.send()
    club.join(READERS[1])
    club.mails.send()
    club.add(READERS[2])
    club.publication.draft("2.10-correction", _CORRECTION)
    club.send(issue="2.10-correction")
    corrected = [recipient for recipient, data in server.stored if b"Correction: the meeting" in data]
    assert sorted(corrected) == READERS[:2]
    batch = club.proposals[-1].plan.batch
    assert batch
    assert batch.corrected
    assert (batch.corrected.reached, batch.corrected.lost) == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("sent_before", [True, False])
def test_who_moves_to_another_address_takes_the_welcome_along(
    club: Club, server: smtp_server.Server, sent_before: bool
) -> None:
    club.add(READERS[0])
    club.send()
    club.join(READERS[1])
    if sent_before:
        club.mails.send()
    with OpenPublication(club.publication.workspace, store=club.store) as opened:
        assert request_address_change(opened, SubscriberKey(READERS[1]), EmailAddress(READERS[2]), "")
        with club.store.transaction() as connection:
            (request,) = list_requests_of(connection, SubscriberKey(READERS[2]))
            assert not confirm_address_change(connection, opened, request, by_old=True)
            assert confirm_address_change(connection, opened, request, by_old=False)
    club.mails.send()
    assert club.send(to_new=True).outcome is SendOutcome.NOBODY
    got = [recipient for recipient, data in server.stored if b"List-Unsubscribe-Post" in data]
    assert got == [READERS[0], READERS[1] if sent_before else READERS[2]]


def test_who_got_the_issue_at_their_old_address_is_welcomed_at_the_new_one_by_a_note(club: Club) -> None:
    """They left at the new one, and came back by joining."""
    club.add(READERS[0])
    club.send()
    with OpenPublication(club.publication.workspace, store=club.store) as opened:
        assert request_address_change(opened, SubscriberKey(READERS[0]), EmailAddress(READERS[1]), "")
        with club.store.transaction() as connection:
            (request,) = list_requests_of(connection, SubscriberKey(READERS[1]))
            for by_old in (True, False):
                confirm_address_change(connection, opened, request, by_old=by_old)
    assert club.join(READERS[1]) is None
    assert club.join(READERS[2]) == ISSUE


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "ar"])
def test_the_issue_comes_in_the_readers_language_where_it_is_there(
    club: Club, server: smtp_server.Server, language: str
) -> None:
    translate(club.publication, "ja", "ar")
    club.add(READERS[0])
    club.send(issue="3.8")
    assert club.join(READERS[1], language=language) == "3.8"
    assert club.join(READERS[2], language="sw") == "3.8"
    club.mails.send()
    data = server.message(READERS[1])
    well_formed(data)
    plain, html = texts(data)
    headline, detail, for_members = WORDS[language]
    assert headline in "".join(plain)
    assert TITLES[language] in plain.partition(headline)[0], "the line of welcome is above"
    assert f'lang="{language}"' in html
    assert detail in html
    assert for_members not in html
    assert WORDS[""][0] in texts(server.message(READERS[2]))[0]


@pytest.mark.slow
def test_who_joins_while_the_campaign_is_frozen_waits_for_that(
    publication: Publication, server: smtp_server.Server, postgres: Postgres
) -> None:
    publication.through(server)
    publication.environ["NEWSLETTER_STORE__URL"] = postgres.cleared()
    with closing(open_store(publication.workspace.database)) as store, ThreadPoolExecutor(2) as threads:
        club = Club(publication, store)
        club.add(READERS[0])
        club.send()
        for first, reader in (("joins", READERS[1]), ("is frozen", READERS[2])):
            club.add(reader)
            if first == "joins":
                with store.transaction() as connection:
                    config = publication.workspace.config
                    assert queue_welcome(connection, config, SubscriberKey(reader), EmailAddress(reader))
                    sending = threads.submit(club.send, to_new=True)
                    _wait_for_lock(postgres, publication)
                sending.result()
            else:
                with stage_recipients(store) as staged, open_freeze(staged, ISSUE, find_campaign(store, ISSUE)):
                    joining = threads.submit(club.join, reader)
                    _wait_for_lock(postgres, publication)
                assert joining.result() == ISSUE
                club.send(to_new=True)
        club.mails.send()
    assert server.copies() == dict.fromkeys(READERS[:3], 1)


def _wait_for_lock(postgres: Postgres, publication: Publication) -> None:
    """Wait until a connection waits for another's lock."""
    database = str(publication.workspace.database).rpartition("/")[2]
    waiting = f"SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
    began = time.monotonic()
    while not postgres.execute(waiting):
        assert time.monotonic() - began < 20
        time.sleep(0.02)
