"""What the service says to readers is in the publication's language, and so is the question before they leave."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from conftest import Publication
from messages import parsed
from service_server import served
from starlette.exceptions import HTTPException
from starlette.requests import Request
from translated import declare

from newsletter.address import SubscriberKey
from newsletter.feedback.mail.confirmation_message import ConfirmationSender
from newsletter.store import Store, open_store
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.web.http_refusals import make_refusal_handler
from newsletter.web.public.archive import Archive, ArchiveNotReady


@pytest.fixture
def german(publication: Publication) -> Publication:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "de"
    served(publication)
    return publication


@pytest.fixture
def store(german: Publication) -> Iterator[Store]:
    with closing(open_store(german.workspace.database)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("status", "german_words", "english_words"),
    [(404, "Diese Seite gibt es nicht.", "There is no such page."), (418, "Das wird abgelehnt.", "This is refused.")],
)
def test_refusals(german: Publication, status: int, german_words: str, english_words: str) -> None:
    translator = german.workspace.config.translator
    request = Request({"type": "http"})
    for handler, words in ((make_refusal_handler(translator), german_words), (make_refusal_handler(), english_words)):
        assert asyncio.run(handler(request, HTTPException(status))).body.decode() == f"{words}\n"


def test_an_archive_that_is_yet_to_come(german: Publication, store: Store) -> None:
    with pytest.raises(ArchiveNotReady, match="Diese Seite wird gerade erstellt"):
        Archive(german.workspace, store).find("index.html")


@pytest.mark.parametrize(
    ("service", "way"), [("https://news.example.org", "betätigen Sie die Schaltfläche"), ("", "die dieser Link öffnet")]
)
def test_the_question_whether_somebody_wants_to_leave(german: Publication, service: str, way: str) -> None:
    german.environ["NEWSLETTER_SERVICE__URL"] = service
    sender = ConfirmationSender(german.workspace, require_secret_keys(german.workspace))
    question = parsed(sender.build_message(SubscriberKey("ann@example.org")).data)
    assert question["Subject"] == "Möchten Sie Pacific Alliance Digest abbestellen?"
    text = question.get_content()
    assert "nicht mehr an ann@example.org zu senden" in text
    assert way in text
    declare(german, "ja")
    asked = {"ann@example.org": "ja", "ben@example.org": "zz"}
    sender = ConfirmationSender(german.workspace, sender.keys, find_language=asked.__getitem__)
    question = parsed(sender.build_message(SubscriberKey("ann@example.org")).data)
    assert "太平洋同盟ダイジェスト" in str(question["Subject"])
    assert "太平洋研究所" in str(question["From"])
    question = parsed(sender.build_message(SubscriberKey("ben@example.org")).data)
    assert question["Subject"] == "Möchten Sie Pacific Alliance Digest abbestellen?"
    german.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "en"
    text = parsed(ConfirmationSender(german.workspace, sender.keys).build_message(SubscriberKey("a@example.org")).data)
    assert ("press its button" in text.get_content()) == bool(service)
