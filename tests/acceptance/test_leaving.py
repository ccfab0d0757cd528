"""A reader leaves by the link in the mail that a real server received, and comes back; sends leave out whoever left."""

import json
import re

import pytest
import smtp_server
from browser import chromium
from conftest import Publication
from messages import parsed, texts
from playwright.sync_api import expect
from ports import free_port
from service_server import FORM, ONE_CLICK, serving
from visible_text import Page

from newsletter.subscribers.secret_keys import create_secret_keys

BALANCE = "{} on the list = {} accepted + 0 refused + 0 deferred + 0 unknown + 0 pending + {} suppressed"


@pytest.fixture
def here(digest: Publication) -> Publication:
    """Return the publication with a mail server, and a service at a port that its mails can name before it runs."""
    port = free_port()
    create_secret_keys(digest.root)
    digest.environ |= {
        "NEWSLETTER_SERVICE__URL": f"http://127.0.0.1:{port}",
        "NEWSLETTER_SERVICE__PORT": str(port),
    }
    return digest


def _link(server: smtp_server.Server, reader: str) -> str:
    return next(link for link in Page(texts(server.message(reader))[1]).links if "/u/" in link)


@pytest.mark.slow
def test_a_reader_leaves_by_the_button_and_comes_back(here: Publication, server: smtp_server.Server) -> None:
    here.readers(3)
    reader = "reader0001@example.org"
    assert here.run("send", "2.10", "--yes").returncode == 0
    with serving(here, "--port", here.environ["NEWSLETTER_SERVICE__PORT"]), chromium() as browser:
        page = browser.new_page()
        page.goto(_link(server, reader))
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_role("heading", level=2)).to_contain_text("You won’t get")
        server.stored.clear()
        assert BALANCE.format(3, 2, 1) in here.run("send", "1.4", "--yes").stdout
        assert reader not in server.copies()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("heading", level=2)).to_contain_text("again")
        assert BALANCE.format(3, 3, 0) in here.run("send", "3.7", "--yes").stdout
        assert all(one["since"]["unsubscribed"] == 0 for one in json.loads(here.run("status", "--json").stdout))
        assert reader in server.copies()


@pytest.mark.parametrize("form", ["urlencoded", pytest.param("multipart", marks=pytest.mark.slow)])
def test_one_click_during_a_sending_holds_for_those_who_wait(
    here: Publication, server: smtp_server.Server, form: str
) -> None:
    """As Gmail does it, by the address and the field that the mail's own header names (RFC 8058)."""
    readers = here.readers(10)
    assert here.run("send", "2.10", "--yes").returncode == 0
    leaving = [readers[1], readers[8]]
    posts = {
        reader: re.findall("<(http.+?)>", parsed(server.message(reader))["List-Unsubscribe"])[0] for reader in leaving
    }
    server.stored.clear()
    server.refuse = dict.fromkeys(readers[5:], "450 4.2.1 later")
    here.run("send", "1.4", "--yes")
    server.refuse = {}
    body, headers = ONE_CLICK, FORM
    if form == "multipart":
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    with serving(here, "--port", here.environ["NEWSLETTER_SERVICE__PORT"]) as service:
        for post in posts.values():
            path = post.partition(f":{service.port}")[2]
            assert service.ask(path, "POST", body, {**headers, "Host": f"127.0.0.1:{service.port}"})[0] == 200
        # The service runs on while the sending goes on.
        assert BALANCE.format(10, 9, 1) in here.run("send", "1.4", "--yes").stdout
    assert BALANCE.format(10, 8, 2) in here.run("send", "3.7", "--yes").stdout
    assert readers[8] not in server.copies()
    assert server.copies()[readers[1]] == 1  # what had left before
    (status,) = [one for one in json.loads(here.run("status", "--json").stdout) if one["issue"] == "2.10"]
    assert status["since"] == {
        "hard bounce": 0, "soft bounce": 0, "blocked": 0, "complained": 0, "unsubscribed": 2,
    }  # fmt: skip
