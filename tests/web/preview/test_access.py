"""Only the browser that was let in sees anything: other accounts of this machine, and other browsers, see nothing."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from conftest import Publication
from playwright.sync_api import Browser, expect
from preview_server import PATIENCE, Preview, previewing

from newsletter.ledger.issue_tests import list_tested_texts
from newsletter.store import open_store

STRANGER = 4_242  # nobody has this number
PATHS = ["/", "/2.10", "/2.10/readers?words=a", "/2.10/state", "/2.10/events", "/2.10/email.html", "/2.10/email.txt",
         "/2.10/web.html", "/2.10/message.eml", "/2.10/edition.pdf", "/2.10/page-1.png", "/2.10/2.10-lead.jpg",
         "/-/preview.js", "/nothing"]  # fmt: skip


@contextmanager
def _account(user: int) -> Iterator[None]:
    """Sockets that are made here are that account's."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


def _key(preview: Preview) -> str:
    """Return the path and the key of the last address in the terminal."""
    return re.findall(r"http://127\.0\.0\.1:\d+(/\S+\?key=\S+)", "\n".join(preview.printed))[-1]


def test_nothing_is_there_without_the_cookie(preview: Preview) -> None:
    name, _, value = preview.cookie.partition("=")
    assert name == f"newsletter-preview-{preview.port}"
    for cookie in ("", f"{name}=", f"{name}=x", f"other={value}", f"newsletter-preview-1={value}", f"{name}=\xff"):
        for path in PATHS if cookie == "" else PATHS[:3]:
            status, headers, body = preview.ask(path, headers={"Cookie": cookie})
            assert status == 403, path
            assert json.loads(body)["title"] == (
                'This is open only to the browser that was opened by "newsletter preview".'
            )
            assert "set-cookie" not in headers
    assert preview.ask("/2.10/email.html", headers={"Cookie": f"a=b; {preview.cookie}"})[0] == 200


@pytest.mark.slow
def test_an_address_lets_one_browser_in(preview: Preview) -> None:
    preview.says("For another browser: ")
    path = _key(preview)
    for method in ("HEAD", "POST"):  # they use nothing up
        assert preview.ask(path, method, b"" if method == "POST" else None, {"Cookie": ""})[0] in (403, 405)
    status, headers, body = preview.ask(f"{path}&view=text&mode=%22%3E", headers={"Cookie": ""})
    assert status == 200
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {word.lower() for word in attributes} == {"httponly", "path=/", "samesite=strict"}
    assert b"0;url=/2.10?view=text&amp;mode=%22%3E" in body
    assert preview.ask("/2.10/email.html", headers={"Cookie": cookie})[0] == 200
    status, headers, body = preview.ask(path, headers={"Cookie": "", "Accept": "text/html"})
    assert (status, "set-cookie" in headers) == (403, False)
    assert b"Each address works once." in body
    assert _key(preview) != path
    assert preview.ask(path, headers={"Cookie": cookie})[0] == 200  # somebody goes back to it


@pytest.mark.slow
def test_a_preview_that_runs_beside_it_knows_no_cookie_of_the_other(preview: Preview, publication: Publication) -> None:
    with previewing(publication, "2.10") as beside:
        assert beside.cookie.partition("=")[0] != preview.cookie.partition("=")[0]
        value = preview.cookie.partition("=")[2]
        stolen = {"Cookie": f"newsletter-preview-{beside.port}={value}"}
        assert beside.ask("/2.10", headers=stolen)[0] == 403


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other accounts")
def test_another_account_gets_in_neither_by_what_it_sees_of_the_browser_nor_by_a_cookie(
    publication: Publication,
) -> None:
    note = publication.root / "opened"
    browser = publication.root / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys\nopen({str(note)!r}, 'w').write(sys.argv[1])\n")
    browser.chmod(0o755)
    publication.environ["BROWSER"] = str(browser)
    with previewing(publication, "2.10", no_open=False) as preview:
        began = time.monotonic()
        while not (note.exists() and note.read_text()):
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.05)
        path = "/2.10?" + note.read_text().partition("?")[2]
        with _account(STRANGER):
            assert preview.ask(path, headers={"Cookie": ""})[0] == 403
            assert preview.ask("/2.10/readers?words=a")[0] == 403
        status, headers, _ = preview.ask(path, headers={"Cookie": ""})
        assert status == 200
        with _account(STRANGER):
            assert preview.ask("/2.10", headers={"Cookie": headers["set-cookie"].partition(";")[0]})[0] == 403
            # Who was given the terminal's address is let in, as another browser; and what they got is theirs alone.
            given = preview.ask(_key(preview), headers={"Cookie": ""})[1]["set-cookie"].partition(";")[0]
            assert preview.ask("/2.10", headers={"Cookie": given})[0] == 200
        assert preview.ask("/2.10", headers={"Cookie": given})[0] == 403


@pytest.mark.slow
def test_a_test_counts_from_the_preview_s_own_page_alone(preview: Preview, publication: Publication) -> None:
    order, token = json.dumps({"address": "me@example.org"}).encode(), {"X-Preview-Token": preview.token()}
    with closing(open_store(publication.workspace.database)) as store:
        assert preview.ask("/2.10/test", "POST", order, {**token, "Cookie": ""})[0] == 403
        assert preview.ask("/2.10/test", "POST", order, {})[0] == 403
        assert list_tested_texts(store, "2.10") == {}
        assert preview.ask("/2.10/test", "POST", order, token)[0] == 200
        assert len(list_tested_texts(store, "2.10")) == 1


@pytest.mark.slow
def test_a_browser_is_let_in_stays_in_and_another_is_told_what_to_do(
    publication: Publication, browser: Browser
) -> None:
    with previewing(publication, "2.10", enter=False) as preview:
        page = browser.new_context().new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"http://127.0.0.1:{preview.port}{_key(preview)}&view=text")
        expect(page.locator("#text")).to_contain_text("Hiroshima")
        assert page.url == f"{preview.address}?view=text"
        page.reload()
        expect(page.locator("#text")).to_contain_text("Hiroshima")
        tab = page.context.new_page()
        tab.goto(preview.address)
        expect(tab.locator("#status")).to_contain_text("Up to date")
        assert tab.evaluate("document.cookie") == ""
        other = browser.new_page()
        other.goto(preview.address)
        expect(other.locator("h1")).to_have_text("This preview is not open here")
        expect(other.locator("body")).to_contain_text("open here the last address in its terminal")
        preview.says("For another browser: ")
        # From a page of somebody else's, such as a terminal in the browser: a link counts as asked for by that page.
        link = f"<a href='http://127.0.0.1:{preview.port}{_key(preview)}'>go</a>"
        other.route("http://other.example/", lambda route: route.fulfill(content_type="text/html", body=link))
        other.goto("http://other.example/")
        other.get_by_text("go").click()
        expect(other.locator("#status")).to_contain_text("Up to date")
        for one in (page, other):
            one.context.close()
