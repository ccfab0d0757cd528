"""The review's page in a real browser: for everybody to read, on each width, in both schemes and on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import barriers, browser
from conftest import ROOT, copy_sample
from playwright.sync_api import Browser, Page

__all__ = ["browser"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of an issue that has everything, in two languages, with a problem and a note."""
    publication = copy_sample(tmp_path_factory.mktemp("review") / "digest")
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[languages.ar]\ntitle = "ملخص"\n')
    for path in (ROOT / "tests/editions/everything").iterdir():
        (publication.root / "drafts" / path.name).write_bytes(path.read_bytes())
    publication.draft("2.11", (ROOT / "tests/editions/everything.yaml").read_text(encoding="utf-8"))
    publication.draft(
        "2.11.ar",
        "volume: 2\nnumber: 11\ndate: 2023-06-14\nitems: [{headline: ميناء, detail: 'فتح الميناء اليوم اليوم.'}]\n",
    )
    done = publication.run("review", "2.11", "--no-links")
    assert done.returncode == 1, done.stdout + done.stderr
    return publication.root / "build/review/2.11/index.html"


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")], ids=str)
def shown(browser: Browser, reviewed: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True) as context:
        tab = context.new_page()
        tab.goto(reviewed.as_uri())
        yield tab


def test_everybody_can_read_it(shown: Page) -> None:
    assert barriers(shown, least="minor") == []
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_asks_for_its_own_files_alone_and_shows_every_picture(browser: Browser, reviewed: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        tab, asked, failed = context.new_page(), list[str](), list[str]()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("requestfailed", lambda request: failed.append(request.url))
        tab.goto(reviewed.as_uri(), wait_until="load")
        assert failed == []
        assert all(address.startswith(reviewed.parent.as_uri()) for address in asked)
        empty = tab.evaluate("[...document.images].filter(one => !one.naturalWidth).map(one => one.src)")
        assert (len(asked) > 10, empty) == (True, [])


def test_every_picture_is_whole_on_paper(browser: Browser, reviewed: Path) -> None:
    with browser.new_context(viewport={"width": 700, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(reviewed.as_uri())
        tab.emulate_media(media="print")
        hidden = tab.evaluate(
            "[...document.querySelectorAll('.shot')].filter(one => one.scrollHeight > one.clientHeight + 2).length"
        )
        assert hidden == 0
