"""The page that a reader's link opens is in the language in which they got the issue, or that the list has of them."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from service_server import Service, made, serving, token
from translated import declare

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import make_instant
from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import Campaign
from newsletter.ledger.freeze import freeze_batch, open_freeze
from newsletter.ledger.staging import Recipient, stage_recipients
from newsletter.ledger.templates import FrozenTemplate
from newsletter.store import Store, open_store, suppressions
from newsletter.subscribers.stored_subscribers import StoredSubscriber, save_subscribers

ISSUE = IssueName("2.10")
LANG = re.compile(rb'<html lang="([\w-]+)" dir="(\w+)">')
LIST = {"dora": "JA_jp", "emil": "xx", "chie": "ar"}  # chie has a delivery, which comes first
GOT = {"anna": "", "chie": "ja", "dalia": "ar", "gone": "de"}  # German is declared no more


def _freeze(store: Store) -> None:
    campaign = Campaign(
        issue=ISSUE, id="c", subject="s", draft_sha256="d", rules=[], created_at=make_instant(datetime.now(UTC))
    )
    people = {f"{name}@example.org": language for name, language in GOT.items()}
    recipients = (
        Recipient(subscriber=SubscriberKey(address), address=EmailAddress(address), fields={}, tags=frozenset(),
                  template=0, language=language)
        for address, language in people.items()
    )  # fmt: skip
    with stage_recipients(store) as staged:
        staged.fill(recipients, ISSUE)
        with open_freeze(staged, ISSUE, None) as connection:
            freeze_batch(connection, staged, campaign, "", [FrozenTemplate("1", b"{}")])
    with store.transaction() as connection:
        of_list = [
            StoredSubscriber(address=EmailAddress(f"{name}@example.org"), fields={"language": language})
            for name, language in LIST.items()
        ]
        save_subscribers(connection, of_list)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    publication = made(tmp_path_factory.mktemp("languages") / "digest")
    declare(publication, "ja", "ar")
    with closing(open_store(publication.workspace.database)) as store:
        _freeze(store)
    with serving(publication) as running:
        yield running


def _language(body: bytes) -> tuple[str, str]:
    found = LANG.search(body)
    assert found
    return found[1].decode(), found[2].decode()


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("anna", ("en", "ltr")),
        ("chie", ("ja", "ltr")),
        ("dalia", ("ar", "rtl")),
        ("gone", ("en", "ltr")),
        ("dora", ("ja", "ltr")),
        ("emil", ("en", "ltr")),
        ("nobody", ("en", "ltr")),
    ],
)
def test_the_page_is_in_the_reader_s_language(service: Service, name: str, language: tuple[str, str]) -> None:
    link = f"/u/{token(service.publication, f'{name}@example.org')}"
    status, _, body = service.ask(link)
    assert (status, _language(body)) == (200, language)
    assert (b"Unsubscribe from" in body) == (language[0] == "en")
    status, _, body = service.ask(link, "POST", b"action=leave", {"Content-Type": "application/x-www-form-urlencoded"})
    assert (status, _language(body)) == (200, language)
    assert service.ask(link)[2] == body
    store = open_store(service.publication.workspace.database)
    with closing(store), store.reading() as connection:
        assert suppressions.list_causes(connection, SubscriberKey(f"{name}@example.org"))


def test_of_another_issue_s_link_the_last_one_that_they_got_tells(service: Service) -> None:
    for name, language in {"dalia": "ar", "chie": "ar", "anna": "en"}.items():  # the list has Arabic for chie
        _, _, body = service.ask(f"/u/{token(service.publication, f'{name}@example.org', '9.9')}")
        assert _language(body)[0] == language


def test_a_click_is_answered_as_before_and_a_forged_link_tells_nothing(service: Service) -> None:
    status, headers, body = service.post("chie@example.org")
    assert (status, body) == (200, b"You won't get Pacific Alliance Digest any more.\n")
    real = token(service.publication, "chie@example.org")
    status, _, body = service.ask(f"/u/{real[:-4]}aaaa")
    assert (status, _language(body)) == (404, ("en", "ltr"))
    assert body == service.ask("/u/nothing")[2]
    assert headers["content-type"].startswith("text/plain")
