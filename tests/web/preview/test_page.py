"""The preview in a real browser: an editor writes, breaks, mends, looks at every edition, and sends a test."""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default as modern

import pytest
import smtp_server
from browser import barriers
from conftest import ROOT, Publication
from playwright.sync_api import Browser, Page, expect
from preview_server import PATIENCE, Preview, previewing

from newsletter.scaffold import eject

VIEWS = ["Email", "Text", "PDF", "Web page", "Source"]
_FRAMED = "wanted => document.getElementById('frame').contentWindow.location.search === wanted"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 480, "height": 800}


@pytest.fixture
def opened(browser: Browser, preview: Preview) -> Iterator[Callable[..., Page]]:
    """Open the preview's page; whatever a page complains of in its console fails the test."""
    contexts, complaints = [], []

    def open_(query: str = "", size: dict[str, int] = WIDE, **more: object) -> Page:
        context = browser.new_context(viewport=size, permissions=["clipboard-read", "clipboard-write"], **more)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        preview.let_in(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(preview.address + query)
        return page

    expect.set_options(timeout=PATIENCE * 1000)
    yield open_
    for context in contexts:
        context.close()
    # What the browser notes by itself: a 422, by which an edition says why it can't be made, and blocked images.
    assert [said for said in complaints if "422" not in said and "Loading the image" not in said] == []


def _write(publication: Publication, *changes: tuple[str, str]) -> None:
    text = (ROOT / "drafts" / "2.10.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    publication.draft("2.10", text)


def test_an_editors_hour(publication: Publication, server: smtp_server.Server, opened: Callable[..., Page]) -> None:
    page = opened()
    email = page.frame_locator("#frame")
    status = page.locator("#status")
    expect(email.get_by_text("Dear reader, the second half of May belonged to Hiroshima.")).to_be_visible()
    expect(status).to_have_text("Up to date")
    page.evaluate("window.sameDocument = true")

    # Saved: it shows without a reload, and the reader's place is kept.
    page.evaluate("document.getElementById('frame').contentWindow.scrollTo(0, 500)")
    _write(publication, ("Hiroshima", "Nagasaki"))
    expect(email.get_by_text("Dear reader, the second half of May belonged to Nagasaki.")).to_be_attached()
    assert page.evaluate("document.getElementById('frame').contentWindow.scrollY") == 500

    # Broken: the problem with its place, and the last good state, marked.
    _write(publication, ("Hiroshima", "Kyoto"), ("date: 2023-05-31", "date: May 31"))
    expect(page.locator("#stale")).to_contain_text("Not up to date.")
    expect(page.locator(".diagnostic")).to_contain_text("'May 31' is not a date")
    expect(status).to_have_text("1 problem; this is the last good state")
    expect(page).to_have_title("(1) 2.10 · Email · Preview")
    expect(email.get_by_text("belonged to Nagasaki.")).to_be_attached()
    page.get_by_role("button", name="drafts/2.10.yaml:4:7").click()
    expect(page.locator("#said")).to_have_text("Copied: drafts/2.10.yaml:4:7")
    assert page.evaluate("navigator.clipboard.readText()") == "drafts/2.10.yaml:4:7"

    # Mended.
    _write(publication, ("Hiroshima", "Kyoto"))
    expect(email.get_by_text("belonged to Kyoto.")).to_be_attached()
    expect(page.locator("#stale")).to_be_hidden()
    expect(status).to_have_text("Up to date")

    # To be looked at, one by one.
    _write(publication, ("Hiroshima", "Kyoto"), ("the second half of May", "the the second half of of May"))
    expect(status).to_have_text("Up to date · 2 notes")
    _write(publication, ("Hiroshima", "Kyoto"), ("the second half of May", "TODO the the second half of May"))
    expect(status).to_have_text("Up to date · 1 problem, 1 note")
    _write(publication, ("Hiroshima", "Kyoto"))
    expect(status).to_have_text("Up to date")

    # The other editions.
    page.get_by_label("Text", exact=True).check(force=True)
    expect(page.locator("#text")).to_contain_text("1. Leaders align on coercion")
    page.get_by_label("PDF", exact=True).check(force=True)
    expect(page.locator("img.page")).to_have_count(2)
    page.get_by_label("Web page").check(force=True)
    expect(page.frame_locator("#frame").get_by_text("Download this issue")).to_be_visible()
    page.get_by_label("Source").check(force=True)
    expect(page.locator("#text")).to_contain_text("List-Unsubscribe: <mailto:leave@example.org")
    assert page.url.endswith("/2.10?view=source")

    # A test, read where it arrived.
    page.get_by_role("button", name="Send me a test …").click()
    page.get_by_label("To", exact=True).fill("me@example.org")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#test-result")).to_contain_text("[TEST] 2.10 to me@example.org: accepted (250")
    message = message_from_bytes(server.message("me@example.org"), policy=modern)
    assert message["Subject"].startswith("[TEST] Leaders align on coercion")
    assert "Kyoto" in message.get_body(("plain",)).get_content()

    # All of that in the one document, and the address is remembered for the next time.
    assert page.evaluate("window.sameDocument")
    page.reload()
    page.get_by_role("button", name="Send me a test …").click()
    expect(page.get_by_label("To", exact=True)).to_have_value("me@example.org")


@pytest.mark.slow
def test_the_view_is_kept_in_the_address(opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_label("Phone").check(force=True)
    page.get_by_label("Dark").check(force=True)
    page.get_by_label("Images").uncheck()
    page.wait_for_function(_FRAMED, arg="?mode=dark&images=off")
    page.reload()
    for label in ("Phone", "Dark"):
        expect(page.get_by_label(label)).to_be_checked()
    expect(page.get_by_label("Images")).not_to_be_checked()
    page.wait_for_function(_FRAMED, arg="?mode=dark&images=off")
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    assert page.evaluate("document.getElementById('frame').clientWidth") == 375
    look = page.evaluate("""() => {
      const inner = document.getElementById('frame').contentDocument;
      const text = [...inner.querySelectorAll('td, div, p')].find(element => element.textContent.startsWith('Dear'));
      return {background: getComputedStyle(inner.body).backgroundColor, colour: getComputedStyle(text).color,
              shown: inner.querySelector('img').naturalWidth};
    }""")
    assert look["shown"] == 0  # not loaded, as where a client blocks images
    assert sum(map(int, re.findall(r"\d+", look["background"])[:3])) < 150
    assert sum(map(int, re.findall(r"\d+", look["colour"])[:3])) > 500


@pytest.mark.slow
def test_the_colours_are_the_pages_choice_and_not_the_systems(opened: Callable[..., Page]) -> None:
    page = opened("?mode=light", color_scheme="dark")
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    background = page.evaluate(
        "getComputedStyle(document.getElementById('frame').contentDocument.body).backgroundColor"
    )
    assert sum(map(int, re.findall(r"\d+", background)[:3])) > 600


@pytest.mark.slow
def test_keys_do_what_the_list_of_them_says(opened: Callable[..., Page]) -> None:
    page = opened()
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    for key, view in zip("12345", VIEWS, strict=True):
        page.keyboard.press(key)
        expect(page.get_by_role("radio", name=view, exact=True)).to_be_checked()
    page.keyboard.press("1")
    page.keyboard.press("w")
    expect(page.get_by_label("Tablet")).to_be_checked()
    page.keyboard.press("c")
    expect(page.get_by_label("Dark")).to_be_checked()
    page.keyboard.press("i")
    expect(page.get_by_label("Images")).not_to_be_checked()
    page.keyboard.press("]")
    expect(page.locator("#drafts")).to_have_value("3.7")
    page.keyboard.press("[")
    expect(page.locator("#drafts")).to_have_value("2.10")
    page.keyboard.press("t")
    expect(page.locator("#test")).to_be_visible()
    page.keyboard.type("t1c")  # letters of an address
    expect(page.get_by_label("To", exact=True)).to_have_value("t1c")
    page.keyboard.press("Escape")
    # Within the frame too.
    page.frame_locator("#frame").get_by_text("Vol. 2.10").first.wait_for()
    page.frame_locator("#frame").get_by_text("Dear reader").click()
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()
    # Who speaks to the computer, or types into the wrong window, can do without.
    page.keyboard.press("?")
    page.get_by_label("Use these shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()


@pytest.mark.slow
def test_all_of_it_can_be_reached_by_the_keyboard_alone(opened: Callable[..., Page]) -> None:
    page = opened()
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
    for name in ("drafts", "view", "test-open", "help-open", "width", "mode", "images", "reader"):
        assert name in reached
    page.locator("input[name=view]:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()


@pytest.mark.slow
@pytest.mark.parametrize("size", [pytest.param(WIDE, marks=pytest.mark.slow), NARROW], ids=["wide", "narrow"])
def test_nothing_keeps_a_person_out(opened: Callable[..., Page], size: dict[str, int]) -> None:
    page = opened("?view=pdf", size, bypass_csp=True)  # axe-core is a script too
    expect(page.locator("#status")).to_have_text("Up to date")
    page.locator("img.page").first.wait_for()
    for key in "34512":
        page.keyboard.press(key)
        if key in "41":
            page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
        else:
            page.locator("img.page:visible, #text:visible").first.wait_for()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert barriers(page) == []


@pytest.mark.slow
def test_a_reader_is_picked_and_the_mail_is_theirs(
    publication: Publication, server: smtp_server.Server, opened: Callable[..., Page]
) -> None:
    _write(publication, ("Dear {{ name | reader }}", "Dear {{ name }} of {{ city }}"))
    page = opened()
    email = page.frame_locator("#frame")
    expect(email.get_by_text("Dear [name] of [city]")).to_be_visible()
    expect(page.locator(".diagnostic")).to_contain_text("2 fields without a default.")
    page.get_by_label("As").click()
    page.get_by_label("As").press_sequentially("okaf")
    expect(page.locator("#readers [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(email.get_by_text("Dear Ada Okafor of Lagos")).to_be_visible()
    expect(page.locator(".diagnostic")).to_have_count(0)
    assert "okafor" not in page.url.lower()  # an address has no place in a history of addresses
    page.keyboard.press("r")
    expect(page.locator("#readers [role=option]")).to_have_count(25)
    page.get_by_label("As").press_sequentially("li")
    page.keyboard.press("Escape")
    expect(page.get_by_label("As")).to_have_value("Ada Okafor <ada.okafor@example.org>")
    expect(email.get_by_text("Dear Ada Okafor of Lagos")).to_be_visible()
    for view, words in (("Text", "Dear Ada Okafor of Lagos"), ("Source", "To: Ada Okafor <ada.okafor@example.org>")):
        page.get_by_label(view, exact=True).check(force=True)
        expect(page.locator("#text")).to_contain_text(words)
    page.reload()
    expect(page.get_by_label("As")).to_have_value("Ada Okafor <ada.okafor@example.org>")

    page.get_by_role("button", name="Send me a test …").click()
    expect(page.locator("#test-as")).to_contain_text("As Ada Okafor <ada.okafor@example.org> gets it.")
    page.get_by_label("To", exact=True).fill("me@example.org")
    page.keyboard.press("Enter")
    expect(page.locator("#test-result")).to_contain_text("accepted")
    assert [recipient for recipient, _ in server.stored] == ["me@example.org"]
    assert b"Ada Okafor" in server.message("me@example.org")

    publication.readers(3)  # another list: she is gone from it
    expect(page.get_by_label("As")).to_have_value("")
    expect(page.locator("#diagnostics")).to_contain_text("The reader that was chosen is not on the list any more.")
    page.keyboard.press("Escape")  # the test's dialog
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(page.locator("#diagnostics")).not_to_contain_text("not on the list any more")


@pytest.mark.slow
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_readers_menu_is_whole_and_goes_by_keys(
    publication: Publication, opened: Callable[..., Page], size: dict[str, int]
) -> None:
    long = "Maximiliana Featherstonehaugh-Cholmondeley of the Institute for Pacific Studies"
    rows = [f"reader{number}@example.org,Reader {number},even" for number in range(120)]
    (publication.root / "subscribers.csv").write_text(
        "\n".join(["email,name,tags", f"{'m' * 40}@example.org,{long},board", "max@example.org,Max,board", *rows])
    )
    page = opened("?view=text", size, bypass_csp=True)
    expect(page.locator("#text")).to_contain_text("Dear reader")
    field, options = page.get_by_label("As", exact=True), page.locator("#readers [role=option]")
    said = page.locator("#reader-said")
    field.click()
    expect(said).to_have_text("The first 100. More letters find fewer.")
    expect(options).to_have_count(100)
    # Each row is whole, and in the window.
    assert page.evaluate("""() => [...document.querySelectorAll('#readers li, #reader-menu')].every((element) => {
      const { left, right } = element.getBoundingClientRect();
      return left >= 0 && right <= innerWidth && element.scrollWidth <= element.clientWidth;
    })""")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert barriers(page) == []

    field.press_sequentially("zzz")
    expect(said).to_have_text("Nobody on the list matches “zzz”.")
    expect(options).to_have_count(0)
    page.keyboard.press("Enter")
    expect(field).to_have_value("zzz")  # which is still to be mended

    field.fill("max")
    expect(options).to_have_count(2)
    page.keyboard.press("Enter")  # two match: none is taken for the other
    expect(field).to_have_value("max")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text("Dear Max")
    expect(field).to_have_value("Max <max@example.org>")

    # Enter takes the one match, however quickly it comes behind the letters.
    field.focus()
    page.keyboard.type("maximil")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_contain_text("Dear Maximiliana")
    expect(page.locator("#reader-menu")).to_be_hidden()

    page.keyboard.press("r")
    page.keyboard.type("reader7@")
    expect(options).to_have_count(1)
    options.first.click()
    expect(page.locator("#text")).to_contain_text("Dear Reader 7")
    field.fill("")
    expect(page.locator("#text")).to_contain_text("Dear reader")


@pytest.mark.slow
def test_a_diagnostics_backticks_are_code(publication: Publication, opened: Callable[..., Page]) -> None:
    (sheet,) = eject(publication.root / "templates", ["email.css"])
    sheet.write_text(sheet.read_text() + ".note { display: flex; gap: 4px; }\n")
    page = opened()
    diagnostics = page.locator("#diagnostic-list")
    expect(diagnostics.locator("code", has_text="gap")).to_be_visible()
    assert "`" not in diagnostics.inner_text()


@pytest.mark.slow
def test_rows_of_the_inbox_are_dark_where_the_mail_is(opened: Callable[..., Page]) -> None:
    page = opened(bypass_csp=True)
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    for mode, is_dark in (("Light", False), ("Dark", True)):
        page.get_by_label(mode).check(force=True)
        for row in (".gmail", ".apple"):
            ground = page.locator(row).evaluate("element => getComputedStyle(element).backgroundColor")
            assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == is_dark
        assert barriers(page, rules=["color-contrast"]) == []


@pytest.mark.slow
def test_a_test_that_fails_says_why_as_the_command_line_does(
    publication: Publication, server: smtp_server.Server, opened: Callable[..., Page]
) -> None:
    server.refuse["me@example.org"] = "550 5.1.1 No such user"
    page = opened()
    page.get_by_role("button", name="Send me a test …").click()
    result = page.locator("#test-result")
    page.get_by_label("To", exact=True).fill("me@example.org")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(result).to_contain_text("[TEST] 2.10 to me@example.org: refused (550 5.1.1 No such user)")
    page.get_by_label("To", exact=True).fill("me@localhost")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(result).to_contain_text("Write it as name@example.org.")
    _write(publication, ("date: 2023-05-31", "date: May 31"))
    page.get_by_label("To", exact=True).fill("me@example.org")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(result).to_contain_text("drafts/2.10.yaml:4:7")
    assert server.stored == []


@pytest.mark.slow
@pytest.mark.parametrize(("view", "scroller"), [("text", "#text"), ("source", "#text"), ("pdf", "#pages")])
def test_the_readers_place_is_kept_in_every_view(
    publication: Publication, opened: Callable[..., Page], view: str, scroller: str
) -> None:
    page = opened(f"?view={view}")
    place = page.locator(scroller)
    expect(page.locator("#status")).to_have_text("Up to date")
    (page.locator("img.page").last if view == "pdf" else place.get_by_text("Hiroshima")).wait_for()
    before = page.locator("img.page").first.get_attribute("src") if view == "pdf" else ""
    place.evaluate("element => element.scrollTo(0, 300)")
    _write(publication, ("Hiroshima", "Nagasaki"))
    if view == "pdf":
        expect(page.locator("img.page").first).not_to_have_attribute("src", before)
    else:
        expect(place).to_contain_text("Nagasaki")
    assert place.evaluate("element => element.scrollTop") == 300


@pytest.mark.slow
def test_a_page_finds_a_preview_that_was_started_again(
    publication: Publication, server: smtp_server.Server, browser: Browser
) -> None:
    publication.through(server)
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(PATIENCE * 1000)
    with previewing(publication, "2.10") as first:
        first.let_in(page.context)
        page.goto(f"{first.address}?view=text&width=phone")
        expect(page.locator("#status")).to_have_text("Up to date")
        assert first.end() == 0
        expect(page.locator("#status")).to_contain_text(
            "The preview has stopped. Start it again: newsletter preview 2.10"
        )
    _write(publication, ("Hiroshima", "Nagasaki"))
    with previewing(publication, "2.10") as second:
        assert second.port == first.port
        expect(page.locator("#status")).to_contain_text("Go to the window that it opened last")
        second.let_in(page.context)  # as that window does
        expect(page.locator("#text")).to_contain_text("Nagasaki")
        expect(page.locator("#status")).to_have_text("Up to date")
        page.get_by_role("button", name="Send me a test …").click()  # with the new one's token
        page.get_by_label("To", exact=True).fill("me@example.org")
        page.keyboard.press("Enter")
        expect(page.locator("#test-result")).to_contain_text("accepted")
    page.close()


@pytest.mark.slow
def test_a_page_that_was_hidden_while_the_preview_was_started_again(
    publication: Publication, server: smtp_server.Server, browser: Browser
) -> None:
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(PATIENCE * 1000)
    with previewing(publication, "2.10") as first:
        first.let_in(page.context)
        page.goto(f"{first.address}?view=text")
        expect(page.locator("#text")).to_contain_text("Hiroshima")
        page.evaluate(hide, arg=True)
    _write(publication, ("Hiroshima", "Nagasaki"))
    with previewing(publication, "2.10") as second:
        second.let_in(page.context)
        page.evaluate(hide, arg=False)
        expect(page.locator("#text")).to_contain_text("Nagasaki")
    page.close()


@pytest.mark.slow
def test_a_page_opened_on_a_broken_draft_shows_it_when_it_is_mended(publication: Publication, browser: Browser) -> None:
    _write(publication, ("date: 2023-05-31", "date: May 31"))
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(PATIENCE * 1000)
    with previewing(publication, "2.10") as preview:
        preview.let_in(page.context)
        page.goto(preview.address)
        expect(page.locator("#nothing")).to_contain_text("There is nothing to show until the draft has no problems.")
        _write(publication)
        expect(page.frame_locator("#frame").get_by_text("Dear reader")).to_be_visible()
        expect(page.locator("#nothing")).to_be_hidden()
    page.close()


@pytest.mark.slow
def test_more_pages_than_a_browser_has_connections(publication: Publication, opened: Callable[..., Page]) -> None:
    pages = [opened("?view=text") for _ in range(8)]
    first = pages[0].context
    pages += [first.new_page() for _ in range(7)]
    for page in pages[8:]:
        page.goto(pages[0].url)
    for page in pages:
        expect(page.locator("#text")).to_contain_text("Hiroshima")
    _write(publication, ("Hiroshima", "Nagasaki"))
    for page in pages:
        expect(page.locator("#text")).to_contain_text("Nagasaki")


@pytest.mark.slow
def test_back_leads_to_the_view_and_the_draft_before(opened: Callable[..., Page]) -> None:
    page = opened()
    page.frame_locator("#frame").get_by_text("Dear reader").wait_for()
    page.keyboard.press("2")
    page.keyboard.press("]")
    expect(page.locator("#text")).to_contain_text("Vol. 3.7")
    page.go_back()
    expect(page.locator("#text")).to_contain_text("Vol. 2.10")
    page.go_back()
    expect(page.frame_locator("#frame").get_by_text("Dear reader")).to_be_visible()
    page.go_forward()
    expect(page.locator("#text")).to_contain_text("Vol. 2.10")


@pytest.mark.slow
def test_back_is_not_trapped_by_a_draft_that_was_renamed(publication: Publication, opened: Callable[..., Page]) -> None:
    page = opened("?view=text")
    expect(page.locator("#text")).to_contain_text("Vol. 2.10")
    page.locator("#drafts").select_option("3.7")
    expect(page.locator("#text")).to_contain_text("Vol. 3.7")
    path = publication.root / "drafts" / "3.7.yaml"
    path.rename(path.with_name("3.8.yaml"))
    expect(page.locator("#drafts")).to_have_value("3.8")
    page.go_back()
    expect(page.locator("#text")).to_contain_text("Vol. 2.10")


@pytest.mark.slow
def test_a_link_within_the_email_leaves_the_controls_in_step(opened: Callable[..., Page]) -> None:
    page = opened()
    email = page.frame_locator("#frame")
    email.get_by_role("link", name="Space: second set").click()
    page.wait_for_function("() => document.getElementById('frame').contentWindow.scrollY > 300")
    page.keyboard.press("i")
    page.wait_for_function(_FRAMED, arg="?images=off")
    email.get_by_text("Dear reader").wait_for()
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Text", exact=True)).to_be_checked()
    page.go_back()
    expect(page.get_by_label("Images")).not_to_be_checked()
    page.wait_for_function(_FRAMED, arg="?images=off")


@pytest.mark.slow
def test_dialogs_give_the_focus_back_and_keep_the_keys(opened: Callable[..., Page]) -> None:
    page = opened()
    email = page.frame_locator("#frame")
    email.get_by_text("Dear reader").click()
    page.keyboard.press("t")
    page.get_by_label("To", exact=True).fill("me@example.org")
    page.get_by_role("button", name="Send", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#test-result")).to_contain_text("accepted")
    assert page.evaluate("document.activeElement.id") == "test-send"
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Email", exact=True)).to_be_checked()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.id === 'frame'")
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.getElementById('frame').contentWindow.scrollY > 100")


@pytest.mark.slow
def test_links_in_drawings_and_maps_open_elsewhere_too(publication: Publication, opened: Callable[..., Page]) -> None:
    (publication.root / "templates").mkdir()
    source = (ROOT / "templates" / "web.html.j2").read_text()
    odd = """<svg><a href="/elsewhere" id="drawn"><text y="20">x</text></a></svg>
    <map name="m"><area href="/elsewhere" id="mapped" shape="default" alt="m"></map></body>"""
    (publication.root / "templates" / "web.html.j2").write_text(source.replace("</body>", odd))
    page = opened("?view=web")
    for name in ("drawn", "mapped"):
        link = page.frame_locator("#frame").locator(f"#{name}")
        link.wait_for(state="attached")
        expect(link).to_have_attribute("target", "_blank")
    expect(page.locator("#nothing")).to_be_hidden()


@pytest.mark.slow
def test_a_draft_renamed_or_deleted_while_open(publication: Publication, opened: Callable[..., Page]) -> None:
    page = opened("?view=text&mode=dark")
    expect(page.locator("#text")).to_contain_text("Hiroshima")
    path = publication.root / "drafts" / "2.10.yaml"
    text = path.read_text()
    path.rename(path.with_name("2.11.yaml"))
    expect(page.locator("#drafts")).to_have_value("2.11")
    assert page.url.endswith("/2.11?view=text&mode=dark")
    expect(page.locator(".diagnostic")).to_contain_text("Rename it to 2.10.yaml, or mend volume and number.")
    expect(page.locator("#text")).to_contain_text("Hiroshima")
    path.with_name("2.11.yaml").unlink()
    expect(page.locator("#stale")).to_contain_text("The draft 2.11.yaml is gone from drafts/.")
    expect(page.locator("#text")).to_contain_text("Hiroshima")
    path.with_name("2.11.yaml").write_text(text.replace("number: 10", "number: 11").replace("Hiroshima", "Nagasaki"))
    expect(page.locator("#text")).to_contain_text("Nagasaki")
    expect(page.locator("#stale")).to_be_hidden()


@pytest.mark.slow
def test_a_fault_of_one_edition_shows_in_its_view(publication: Publication, opened: Callable[..., Page]) -> None:
    page = opened("?view=pdf")
    expect(page.locator("img.page")).to_have_count(2)
    _write(publication, ("Hiroshima", "Hiroshima \U00012000"))
    expect(page.locator("#diagnostics .diagnostic")).to_contain_text("no typeface has")
    expect(page.locator("#nothing .diagnostic")).to_contain_text("The PDF can't show every character.")
    expect(page.locator("img.page")).to_have_count(2)  # those from before
    page.keyboard.press("1")
    expect(page.frame_locator("#frame").get_by_text("Dear reader")).to_be_visible()
    expect(page.locator("#nothing")).to_be_hidden()
    _write(publication)
    page.keyboard.press("3")
    expect(page.locator("#nothing")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("Up to date")
