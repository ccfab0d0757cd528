"""The page in a real browser: a reader leaves by the button, says why, and comes back."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Literal

import pytest
from browser import barriers
from conftest import Publication
from playwright.sync_api import Browser, Page, expect
from service_server import Service, made, serving, token

from newsletter.web.public.unsubscribe_pages import PageState, UnsubscribePages

Mode = Literal["light", "dark"]
MODES: tuple[Mode, ...] = ("light", "dark")
# Texts and buttons that are too small, and whatever makes the page scroll sideways.
_LOOK = """() => {
  const wrong = [];
  for (const element of document.querySelectorAll('p, label, legend, button, h1, h2, a, input, textarea')) {
    const box = element.getBoundingClientRect();
    if (parseFloat(getComputedStyle(element).fontSize) < 14 && element.tagName !== 'INPUT')
      wrong.push(`small: ${element.outerHTML.slice(0, 60)}`);
    if (box.right > innerWidth + 1 || box.left < -1) wrong.push(`cut off: ${element.outerHTML.slice(0, 60)}`);
    if (element.tagName === 'BUTTON' && box.height < 44) wrong.push(`hard to hit: ${element.textContent}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('scrolls sideways');
  return wrong;
}"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Under a name that a browser finds without DNS."""
    publication = made(tmp_path_factory.mktemp("service") / "digest")
    publication.environ["NEWSLETTER_SERVICE__URL"] = "http://localhost"
    publication.environ["NEWSLETTER_SERVICE__ASK_REASON"] = "true"
    with serving(publication) as first:
        port = first.port
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"http://localhost:{port}"
    with serving(publication, "--port", str(port)) as running:
        running.says("The archive has 1 issue")
        yield running


def _open(browser: Browser, service: Service, path: str, width: int, mode: Mode, *, scripts: bool = True) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=mode, bypass_csp=scripts, java_script_enabled=scripts
    )
    page.goto(f"http://localhost:{service.port}{path}")
    return page


def test_a_reader_leaves_says_why_and_comes_back(browser: Browser, local: Service, reader: str) -> None:
    # Without scripts, and under the page's own policy.
    page = _open(browser, local, f"/u/{token(local.publication, reader)}", 390, "light", scripts=False)
    address = page.url
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("You won’t get Pacific Alliance Digest any more")
    page.get_by_label("It comes too often").check()
    page.get_by_label("In your own words").fill("<b>Every day</b> & night")
    page.get_by_role("button", name="Send this").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("Thank you for telling us")
    page.goto(address)
    page.get_by_role("button", name="Undo: keep sending it to me").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("You want Pacific Alliance Digest again")
    assert page.url == address
    assert page.context.cookies() == []
    assert refused == []
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_in_a_readers_way(browser: Browser, local: Service, reader: str, width: int) -> None:
    for mode in MODES:
        page = _open(browser, local, f"/u/{token(local.publication, f'{mode}.{reader}')}", width, mode)
        for state, name in (
            ("ask", "Unsubscribe"),
            ("left", "Send this"),
            ("thanks", "Keep"),
            ("returned", "Unsubscribe"),
        ):
            assert page.evaluate(_LOOK) == [], (mode, state)
            assert barriers(page) == [], (mode, state)
            with page.expect_navigation():
                page.get_by_role("button", name=re.compile(f"^{name}")).click()
        page.goto(f"http://localhost:{local.port}/u/nothing")
        assert page.evaluate(_LOOK) == [], mode
        assert barriers(page) == [], mode
        page.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "title", "direction"),
    [
        ("ar", "نشرة المحيط (PAD)", "rtl"),
        ("de", "Über Süßgräser & Gewässer", "ltr"),
        ("en", "نشرة", "ltr"),
        ("ja", "太平洋同盟ダイジェスト", "ltr"),
    ],
)
def test_a_title_in_another_language_keeps_its_own_way(
    browser: Browser, publication: Publication, language: str, title: str, direction: str
) -> None:
    toml = publication.root / "newsletter.toml"
    text = re.sub("(?m)^title = .*$", f'title = "{title}"', toml.read_text(), count=1)
    toml.write_text(re.sub("(?m)^language = .*$", f'language = "{language}"', text, count=1))
    page = browser.new_page(viewport={"width": 320, "height": 800})
    pages = UnsubscribePages(publication.workspace, lambda: True)
    for mode, state in product(MODES, PageState):
        page.emulate_media(color_scheme=mode)
        page.set_content(pages[state].decode())
        assert page.evaluate(_LOOK) == [], (mode, state)
        assert barriers(page) == [], (mode, state)
    page.set_content(pages[PageState.ASK].decode())
    asked = publication.context.translator.translate("Unsubscribe from {title}?", title="T")
    expect(page.get_by_role("heading", level=2)).to_have_text(asked.replace("T", title))
    assert page.title() == asked.replace("T", f"\u2068{title}\u2069")
    assert page.evaluate(
        "['html', 'h1 bdi', 'h2 bdi'].map(name => document.querySelector(name)).map(e => [e.lang, e.dir])"
    ) == [[language, direction], [language, direction], [language, direction]]
    page.close()


def test_the_keyboard_is_enough(browser: Browser, local: Service, reader: str) -> None:
    page = _open(browser, local, f"/u/{token(local.publication, reader)}", 800, "light")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_have_text("You won’t get Pacific Alliance Digest any more")
    page.close()


def test_the_archive_works_under_its_own_policy(browser: Browser, local: Service) -> None:
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(f"{message.location['url']}: {message.text}"))
    page.goto(f"http://localhost:{local.port}/")
    page.get_by_role("heading", level=3).get_by_role("link").click()
    page.wait_for_url("**/2.10.html")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.evaluate("getComputedStyle(document.querySelector('.masthead')).textAlign") == "center"
    assert [message for message in refused if "/favicon.ico" not in message] == []
    page.close()
