"""The page where a reader says that they still want the newsletter: by its button alone, for any kind of list."""

import re
from contextlib import closing
from urllib.parse import urlencode

import pytest
from browser import barriers
from conftest import Publication
from playwright.sync_api import Browser
from service_server import FORM, Service
from sign_up_forms import confirm_token

from newsletter.store import Store, open_store
from newsletter.subscribers.reader_requests import ReaderRequest, RequestKind, RequestState, add_requests
from newsletter.subscribers.stored_subscribers import list_consents
from newsletter.web.public.sign_up_pages import ConfirmPages, ConfirmState


def _consents(store: Store, reader: str) -> list[tuple[str, str]]:
    with store.reading() as connection:
        return [(each.source, each.words) for each in list_consents(connection, reader)]


def test_a_look_changes_nothing_and_the_button_is_consent_to_the_words_shown(service: Service, reader: str) -> None:
    publication = service.publication
    with closing(open_store(publication.workspace.database)) as store:
        with store.transaction() as connection:
            request = ReaderRequest(kind=RequestKind.RECONFIRM, address=reader, state=RequestState.ASKED)
            (number,) = add_requests(connection, [request])
        path = f"/confirm/{confirm_token(publication, number, reader)}"
        for method in ("HEAD", "GET", "GET"):
            status, _, page = service.ask(path, method)
            assert status == 200
        assert b"Do you still want" in page
        assert reader.encode() not in page
        words = publication.workspace.config.consent_words
        assert words in page.decode()
        found = re.search(r'name="words" value="(\w+)"', page.decode())
        assert found
        assert service.ask(path, "POST", b"action=other", FORM)[0] == 400
        assert _consents(store, reader) == []
        for _ in range(2):
            posted = urlencode({"action": "confirm", "words": found[1]})
            status, _, page = service.ask(path, "POST", posted, FORM)
            assert status == 200
            assert b"from now on" in page
        assert _consents(store, reader) == [("reconfirm", words)]
        assert service.ask(f"/confirm/{confirm_token(publication, number, f'x{reader}')}")[0] == 404


@pytest.mark.slow
def test_the_page_serves_every_screen_and_everyone(browser: Browser, publication: Publication) -> None:
    pages = ConfirmPages(publication.workspace)
    for width in (360, 1200):
        page = browser.new_page(viewport={"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.set_content(pages[ConfirmState.STAY].decode())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert barriers(page) == []
        page.close()
