"""Issues by welcome: whoever joins, in whatever order, has an issue by their welcome or by its campaign, and once."""

from collections.abc import Sequence
from datetime import UTC, datetime

from conftest import Publication
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, select, update

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import Instant
from newsletter.config import Config
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign, find_campaign
from newsletter.ledger.freeze import freeze_batch, open_freeze
from newsletter.ledger.staging import Recipient, StagedBatch, stage_recipients
from newsletter.ledger.states import State
from newsletter.ledger.templates import FrozenTemplate
from newsletter.store import Store
from newsletter.store.schema import batches, campaigns, deliveries, templates, transactional_mails
from newsletter.transactional.mail_kinds import MailState
from newsletter.transactional.welcome import queue_welcome

ISSUE = IssueName("2.10")
READERS = [f"reader{number}@example.org" for number in range(4)]
_STEP = st.tuples(
    st.sampled_from(["join", "add", "send", "mail", "refuse", "drop", "join while it is sent"]),
    st.sampled_from(READERS),
)
_ANSWERED = {"mail": MailState.ACCEPTED, "refuse": MailState.REFUSED, "drop": MailState.DROPPED}


def test_in_whatever_order_people_join_and_the_issue_is_sent_each_gets_it_once(
    publication: Publication, store: Store
) -> None:
    publication.environ["NEWSLETTER_SIGNUP__WELCOME"] = "issue"
    config = publication.workspace.config

    @settings(max_examples=8)
    @example([("send", ""), ("join while it is sent", READERS[1])])
    @example([("send", ""), ("add", READERS[1]), ("join while it is sent", READERS[1]), ("mail", "")])
    @example([("join while it is sent", READERS[1]), ("join", READERS[1]), ("join", READERS[2]), ("join", READERS[2])])
    @example([("send", ""), ("join", READERS[1]), ("refuse", ""), ("join", READERS[2]), ("drop", "")])
    @given(st.lists(_STEP, min_size=4, max_size=10))
    def hold_once(steps: Sequence[tuple[str, str]]) -> None:
        _forget_all(store)
        listed = {READERS[0]}
        for step, reader in [*steps, ("send", "")]:
            match step:
                case "add":
                    listed.add(reader)
                case "join":
                    listed.add(reader)
                    _welcome(store, config, reader)
                case "mail" | "refuse" | "drop":
                    _note_all(store, transactional_mails, MailState.WAITING, _ANSWERED[step])
                case _:
                    with stage_recipients(store) as staged:
                        campaign = find_campaign(store, ISSUE)
                        _stage(staged, sorted(listed), campaign)
                        if step.startswith("join"):
                            listed.add(reader)
                            _welcome(store, config, reader)
                        _freeze(staged, campaign)
                    _note_all(store, deliveries, State.PENDING, State.ACCEPTED)
        assert _list_copies(store) == sorted(listed)

    hold_once()


def test_an_issue_that_was_called_off_welcomes_nobody(publication: Publication, opened: Store) -> None:
    publication.environ["NEWSLETTER_SIGNUP__WELCOME"] = "issue"
    with stage_recipients(opened) as staged:
        _stage(staged, READERS[:1], None)
        _freeze(staged, None)
    _note_all(opened, deliveries, State.PENDING, State.ACCEPTED)
    with opened.transaction() as connection:
        connection.execute(update(campaigns).values(cancelled_at="2026-11-30T12:00:00.000+00:00"))
    _welcome(opened, publication.workspace.config, READERS[1])
    with opened.reading() as connection:
        assert connection.scalars(select(transactional_mails.c.issue)).all() == [None]


def _welcome(store: Store, config: Config, reader: str) -> None:
    with store.transaction() as connection:
        queue_welcome(connection, config, SubscriberKey(reader), EmailAddress(reader))


def _stage(staged: StagedBatch, readers: Sequence[str], campaign: Campaign | None) -> None:
    """Stage the list, as plans do."""
    recipients = (
        Recipient(
            subscriber=SubscriberKey(reader), address=EmailAddress(reader), fields={}, tags=frozenset(), template=0
        )
        for reader in readers
    )
    staged.fill(recipients, campaign and campaign.issue)
    staged.leave_out_welcomed(ISSUE)


def _freeze(staged: StagedBatch, known: Campaign | None) -> None:
    campaign = known or Campaign(
        issue=ISSUE, id="id", subject="News", draft_sha256="", rules=(), created_at=Instant(datetime.now(UTC))
    )
    with open_freeze(staged, ISSUE, known) as connection:
        freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")], known=known)


def _note_all(store: Store, table: Table, old: State | MailState, new: State | MailState) -> None:
    with store.transaction() as connection:
        connection.execute(update(table).where(table.c.state == old.value).values(state=new.value))


def _list_copies(store: Store) -> list[str]:
    """Return who got the issue or will, each as often as they do, by its campaign and by their welcome."""
    with store.reading() as connection:
        frozen = connection.scalars(select(deliveries.c.subscriber))
        welcomed = connection.scalars(
            select(transactional_mails.c.subscriber).where(
                transactional_mails.c.issue == ISSUE,
                transactional_mails.c.state.not_in([MailState.REFUSED.value, MailState.DROPPED.value]),
            )
        )
        return sorted([*frozen, *welcomed])


def _forget_all(store: Store) -> None:
    with store.transaction() as connection:
        for table in (deliveries, templates, batches, campaigns, transactional_mails):
            connection.execute(delete(table))
