"""An issue in several languages in the preview: each is a page of its own, and they lead to each other."""

import pytest
from conftest import ROOT, Publication
from playwright.sync_api import Browser, expect
from preview_server import PATIENCE, previewing

from newsletter.web.preview.draft_state import DraftState, find_drafts, refresh_state
from newsletter.web.preview.page_state import state


@pytest.fixture
def bilingual(publication: Publication) -> Publication:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[languages.ja]\ntitle = "太平洋"\nsender = "研究所"\nabout = "海の話"\n')
    text = (ROOT / "drafts/2.10.yaml").read_text(encoding="utf-8")
    publication.draft("2.10.ja", text.replace("Dear {{ name | reader }}", "{{ name | 読者 }}様"))
    return publication


def _show(publication: Publication, name: str) -> dict:
    workspace = publication.workspace
    path = publication.root / "drafts" / f"{name}.yaml"
    shown = refresh_state(workspace, path, DraftState(name=name))
    assert shown.error is None
    return state(shown, workspace, find_drafts(workspace, path), "")


def test_each_language_is_shown_with_its_own_settings_and_leads_to_the_others(bilingual: Publication) -> None:
    japanese, english = _show(bilingual, "2.10.ja"), _show(bilingual, "2.10")
    languages = [
        {"draft": "2.10", "tag": "en", "name": "English"}, {"draft": "2.10.ja", "tag": "ja", "name": "日本語"},
    ]  # fmt: skip
    assert japanese["languages"] == english["languages"] == languages
    assert japanese["main"] == english["main"] == "2.10"
    assert japanese["issue"]["from"] == "研究所"
    assert [each["name"] for each in japanese["drafts"]] == ["3.7", "2.10", "1.4"]
    assert [each["translations"] for each in japanese["drafts"]] == [{}, {"ja": "2.10.ja"}, {}]
    assert _show(bilingual, "3.7")["languages"] == []


def test_each_language_has_its_own_diagnostics(bilingual: Publication) -> None:
    workspace, path = bilingual.workspace, bilingual.root / "drafts/2.10.ja.yaml"
    before = refresh_state(workspace, path, DraftState(name="2.10.ja"))
    assert before.rendered is not None
    before.rendered.check()
    assert {each.problem.path for each in before.rendered.draft_report.findings} == {path}
    assert refresh_state(workspace, path, before).rendered is before.rendered
    # What differs is known again once the main draft has changed.
    main = bilingual.root / "drafts/2.10.yaml"
    main.write_text(main.read_text(encoding="utf-8").replace("2023-05-31", "2023-05-30"), encoding="utf-8")
    after = refresh_state(workspace, path, before)
    assert after.rendered is not None
    assert after.rendered is not before.rendered
    after.rendered.check()
    messages = [each.problem.message for each in after.rendered.draft_report.findings if not each.note]
    assert messages == ["'date' is 2023-05-31, and 2023-05-30 in 2.10.yaml:4"]


@pytest.mark.slow
def test_an_editor_turns_to_another_language_and_writes_in_it(bilingual: Publication, browser: Browser) -> None:
    with previewing(bilingual, "2.10") as preview:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE * 1000)
        expect.set_options(timeout=PATIENCE * 1000)
        preview.let_in(context)
        page = context.new_page()
        page.goto(preview.address)
        email = page.frame_locator("#frame")
        expect(email.get_by_text("Dear reader, the second half")).to_be_visible()
        page.locator("#languages").select_option("日本語")
        expect(email.get_by_text("読者様, the second half")).to_be_visible()
        expect(email.locator("html")).to_have_attribute("lang", "ja")
        assert page.url.endswith("/2.10.ja")
        expect(page.locator("#drafts")).to_have_value("2.10")
        path = bilingual.root / "drafts/2.10.ja.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("読者", "皆"), encoding="utf-8")
        expect(email.get_by_text("皆様, the second half")).to_be_visible()
        page.keyboard.press("l")
        expect(email.get_by_text("Dear reader, the second half")).to_be_visible()
        page.locator("#drafts").select_option("3.7")
        expect(page.locator("#languages")).to_be_hidden()
        context.close()
