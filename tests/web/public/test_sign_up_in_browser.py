"""Joining in a real browser on a phone: the form, the link of the mail, each in the reader's language."""

import re
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes, policy
from time import monotonic, sleep
from typing import Literal

import pytest
import smtp_server
from browser import barriers, find_obstacles
from conftest import Publication
from playwright.sync_api import Browser, Page, expect
from service_server import PATIENCE, Service, serving
from sign_up_forms import AGAIN, SENT, Forms, joinable
from translated import declare

from newsletter.subscribers.joining import gets_newsletter
from newsletter.web.public.sign_up_pages import FORMS, ConfirmPages, ConfirmState, FormState, SignUpPages


@pytest.fixture(scope="module")
def mail_server() -> Iterator[smtp_server.Server]:
    with smtp_server.running() as running:
        yield running


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, mail_server: smtp_server.Server) -> Iterator[Service]:
    """Under a name that a browser finds without DNS, and with a sum for the browser to do."""
    publication = joinable(tmp_path_factory.mktemp("service") / "digest", proof_of_work="true", mail="join@example.org")
    declare(publication, "ja", "ar")
    publication.through(mail_server)
    publication.environ["NEWSLETTER_SERVICE__URL"] = "http://localhost"
    with serving(publication) as first:
        port = first.port
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"http://localhost:{port}"
    with serving(publication, "--port", str(port)) as running:
        running.says("The archive has 1 issue")
        yield running


def _link_for(server: smtp_server.Server, address: str) -> str:
    """Return the link of the mail that a server has for an address, once it is there."""
    began = monotonic()
    while True:
        for to, raw in list(server.stored):
            text = message_from_bytes(raw, policy=policy.default).get_body(("plain",))
            assert text
            if to == address and (link := re.search(r"http://\S+/confirm/\S+", str(text.get_content()))):
                return link[0]
        assert monotonic() - began < PATIENCE
        sleep(0.05)


def _right(page: Page) -> None:
    assert find_obstacles(page) == []
    assert barriers(page, least="minor") == []


@pytest.mark.slow
def test_a_reader_joins_on_a_phone(browser: Browser, local: Service, mail_server: smtp_server.Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"http://localhost:{local.port}/")
    page.get_by_label("Your email address").fill("phone@example.org")
    page.get_by_role("button", name="Subscribe").click()  # of the archive, whose form has no stamp and no sum
    expect(page.get_by_text(AGAIN)).to_be_visible()
    expect(page.get_by_label("Your email address")).to_have_value("phone@example.org")
    page.wait_for_timeout(2_100)  # as long as people take
    expect(page.get_by_text("This form needs JavaScript.")).to_be_hidden()
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(SENT)
    page.goto(_link_for(mail_server, "phone@example.org"))
    expect(page.get_by_role("heading", level=2)).to_contain_text("Do you want Pacific Alliance Digest by email?")
    page.get_by_role("button", name="Yes, send it to me").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("from now on")
    assert context.cookies() == []
    assert refused == ["Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"]
    with closing(Forms(local).store()) as store, store.reading() as connection:
        assert gets_newsletter(connection, "phone@example.org")
    context.close()


@pytest.mark.slow
def test_without_scripts_the_page_says_how_to_join_by_mail(browser: Browser, local: Service) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"http://localhost:{local.port}/subscribe")
    expect(page.get_by_text("This form needs JavaScript.")).to_be_visible()
    expect(page.get_by_role("link", name="join@example.org")).to_be_visible()
    page.close()


@pytest.mark.slow
def test_nothing_is_in_a_reader_s_way_in_three_languages(browser: Browser, local: Service) -> None:
    environ = {**local.publication.environ, "NEWSLETTER_SIGNUP__ASK_NAME": "true"}
    publication = Publication(local.publication.root, environ)
    joining, confirming = SignUpPages(publication.workspace), ConfirmPages(publication.workspace)
    page = browser.new_page(viewport={"width": 320, "height": 740})
    looks: list[tuple[Literal["light", "dark"], str]] = [("light", ""), ("dark", ""), ("light", "ja"), ("light", "ar")]
    for mode, language in looks:
        page.emulate_media(color_scheme=mode)
        # What is another language's alone is its words and their direction.
        some = [FormState.ASK, FormState.ADDRESS, FormState.SENT] if language else list(FormState)
        for state in some:
            html = joining.fill(state, language, email="ada@example.org", name="Ada Lovelace")
            page.set_content(html.decode())
            _right(page)
            assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
            assert (page.locator("input[name=email]").count() == 1) == (state in FORMS)
        for confirm_state in [ConfirmState.JOIN, ConfirmState.JOINED] if language else list(ConfirmState):
            page.set_content(confirming.find(confirm_state, language).decode())
            _right(page)
    page.close()
    served = browser.new_page(viewport={"width": 320, "height": 740}, bypass_csp=True)
    for path in ("/", "/2.10.html", "/subscribe", "/subscribe?language=ja"):
        served.goto(f"http://localhost:{local.port}{path}")
        _right(served)
    served.close()
