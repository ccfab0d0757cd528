"""Who has written to join and leaves while that is being read has left."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Publication

from newsletter.actions import join_by_mail as module
from newsletter.actions.join_by_mail import join_by_mail
from newsletter.address import EmailAddress, SubscriberKey
from newsletter.feedback.mail.sign_up_request import SignUpOutcome, SignUpRequest
from newsletter.store import Store, suppressions
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.secret_keys import create_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers

ADA = SubscriberKey("ada@example.org")


def _leave(store: Store) -> None:
    record_events(store, None, [Event(subscriber=ADA, kind=EventKind.UNSUBSCRIBED, source=EventSource.ONE_CLICK)])


@pytest.mark.parametrize("leaves", [False, True])
def test_who_leaves_meanwhile_has_left(
    publication: Publication, store: Store, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    publication.environ |= {
        "NEWSLETTER_SERVICE__URL": "https://news.example.org",
        "NEWSLETTER_LIST__SOURCE": "store",
        "NEWSLETTER_SIGNUP__OPEN": "true",
    }
    create_secret_keys(publication.root)
    with store.transaction() as connection:
        save_subscribers(connection, [StoredSubscriber(address=EmailAddress(ADA))])
        suppressions.suppress(connection, ADA, "bounced", "", source="mail")  # so that joining has something to lift
    join_reader = module.join_reader
    is_postgresql = store.file is None  # SQLite has one writer at a time, so that nobody leaves meanwhile

    def be_overtaken(*arguments: object) -> object:
        if leaves and is_postgresql:
            with ThreadPoolExecutor(1) as threads:
                threads.submit(_leave, store).result(timeout=30)
        return join_reader(*arguments)

    monkeypatch.setattr(module, "join_reader", be_overtaken)
    written_at = datetime.now(UTC) - timedelta(minutes=1)
    wrote = SignUpRequest(
        address=EmailAddress(ADA), message_id="<1@example.org>", received_at=written_at, proof="dmarc"
    )
    outcome = join_by_mail(store, None, publication.workspace.config, wrote)
    with store.reading() as connection:
        if leaves and is_postgresql:
            assert outcome is SignUpOutcome.OVERTAKEN
            assert {*suppressions.list_causes(connection, ADA)} == {"bounced", "unsubscribed"}
        else:
            assert outcome is SignUpOutcome.JOINED
            assert gets_newsletter(connection, ADA)
