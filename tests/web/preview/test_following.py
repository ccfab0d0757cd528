"""The preview follows the files: each change shows, each fault is named, and it recovers by itself."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Publication
from preview_server import Preview, previewing
from watchfiles import awatch
from watchfiles.main import FileChange

from newsletter.web.preview import file_watch


@pytest.fixture
def preview(publication: Publication) -> Iterator[Preview]:
    with previewing(publication, "2.10") as running:
        yield running


def _write(publication: Publication, *changes: tuple[str, str], name: str = "2.10") -> None:
    """Return the sample draft with some words changed."""
    text = (ROOT / "drafts" / f"{name}.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    publication.draft(name, text)


def _titles(state: dict) -> str:
    return " ".join(diagnostic["title"] for diagnostic in state["diagnostics"])


@pytest.mark.slow
def test_a_saved_draft_shows_in_every_edition(publication: Publication, preview: Preview) -> None:
    first = preview.until(lambda state: state["finished"])
    assert not first["diagnostics"]
    _write(publication, ("Hiroshima", "Nagasaki"))
    preview.until(lambda state: state["rendering"] > first["rendering"] and state["finished"])
    for edition in ("email.html", "email.txt", "web.html", "message.eml"):
        assert "Nagasaki" in preview.text(f"/2.10/{edition}")
    assert preview.ask("/2.10/edition.pdf")[2].startswith(b"%PDF")
    assert preview.ask("/2.10/page-1.png")[2].startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_word_that_is_added_to_the_word_list_is_noted_no_more(publication: Publication, preview: Preview) -> None:
    preview.until(lambda state: state["finished"])
    _write(publication, ("JUCIP", "KESTI"))
    noted = preview.until(lambda state: state["finished"] and state["diagnostics"])
    assert "'KESTI' is nowhere spelt out" in str(noted["diagnostics"])
    (publication.root / "words.txt").write_text("DRAM\nKESTI\nMETI\n")
    preview.until(lambda state: state["finished"] and not state["diagnostics"])


@pytest.mark.slow
def test_the_mail_is_shown_before_the_checks_and_the_pdf_are_made(publication: Publication, preview: Preview) -> None:
    states = preview.states()
    first = next(states)
    while not first["finished"]:
        first = next(states)
    _write(publication, ("Hiroshima", "Nagasaki"))
    state = next(states)
    assert state["rendering"] > first["rendering"]
    assert not state["finished"]
    assert state["pages"] is None
    assert "Nagasaki" in preview.text("/2.10/email.html")
    while not state["finished"]:
        state = next(states)
    assert state["pages"] == 2


@pytest.mark.slow
def test_a_broken_draft_keeps_its_last_good_state(publication: Publication, preview: Preview) -> None:
    good = preview.until(lambda state: state["finished"])
    _write(publication, ("date: 2023-05-31", "date: May 31"), ("Hiroshima", "Nagasaki"))
    state = preview.until(lambda state: state["stale"])
    assert state["rendering"] == good["rendering"]
    (diagnostic,) = state["diagnostics"]
    assert diagnostic["stops"]
    assert diagnostic["problems"][0]["place"] == "drafts/2.10.yaml:4:7"
    assert "Write year-month-day" in diagnostic["problems"][0]["next_step"]
    assert "Hiroshima" in preview.text("/2.10/email.html")
    preview.says("The draft 2.10.yaml has 1 problem.")
    preview.says("drafts/2.10.yaml:4:7: 'May 31' is not a date")
    _write(publication, ("Hiroshima", "Nagasaki"))
    assert not preview.until(lambda state: not state["stale"])["diagnostics"]
    assert "Nagasaki" in preview.text("/2.10/email.html")
    preview.says("2.10: no problems")


@pytest.mark.slow
def test_mending_it_to_what_it_was_is_not_stale_either(publication: Publication, preview: Preview) -> None:
    _write(publication, ("date: 2023-05-31", "date: May 31"))
    preview.until(lambda state: state["stale"])
    _write(publication)
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_a_file_that_is_half_written_shows_no_problem(publication: Publication, preview: Preview) -> None:
    states = preview.states()
    while not next(states)["finished"]:
        pass
    text = (ROOT / "drafts" / "2.10.yaml").read_text().replace("Hiroshima", "Nagasaki")
    with (publication.root / "drafts" / "2.10.yaml").open("w") as file:
        file.write(text[:700])
        file.flush()
        time.sleep(0.03)
        file.write(text[700:])
    seen = [next(states)]
    while not seen[-1]["finished"]:
        seen.append(next(states))
    assert not any(state["stale"] for state in seen)
    assert "Nagasaki" in preview.text("/2.10/email.html")


@pytest.mark.slow
def test_a_template_with_an_error_is_named_by_its_line(publication: Publication, preview: Preview) -> None:
    preview.until(lambda state: state["rendering"])
    templates = publication.root / "templates"
    templates.mkdir()  # while the preview runs: it is followed from then on
    time.sleep(0.3)
    source = (ROOT / "templates" / "email.mjml.j2").read_text()
    (templates / "email.mjml.j2").write_text(source.replace("<mj-body", "{{ nothing.here }}<mj-body", 1))
    state = preview.until(lambda state: state["stale"])
    (problem,) = state["diagnostics"][0]["problems"]
    assert problem["place"].startswith("templates/email.mjml.j2:")
    assert "nothing" in problem["message"]
    preview.says("templates/email.mjml.j2:")
    publication.draft("2.10", (ROOT / "drafts" / "2.10.yaml").read_text())  # the draft alone does not mend it
    time.sleep(0.5)
    assert preview.until(lambda _: True)["stale"]
    (templates / "email.mjml.j2").write_text(source.replace("<mj-body", "<!-- restyled --><mj-body", 1))
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_a_fault_of_the_web_page_alone_stops_no_other_edition(publication: Publication, preview: Preview) -> None:
    (publication.root / "templates").mkdir()
    source = (ROOT / "templates" / "web.html.j2").read_text()
    (publication.root / "templates" / "web.html.j2").write_text(source + "{{ nothing }}")
    state = preview.until(lambda state: state["diagnostics"] and state["finished"])
    assert state["diagnostics"][0]["title"].startswith("Web page: ")
    assert not state["stale"]
    status, _, body = preview.ask("/2.10/web.html")
    assert status == 422
    assert b"web.html.j2:" in body
    assert "Hiroshima" in preview.text("/2.10/email.html")


@pytest.mark.slow
def test_a_glyph_that_no_typeface_has_is_a_problem_of_the_pdf(publication: Publication, preview: Preview) -> None:
    _write(publication, ("Hiroshima", "Hiroshima \U00012000"))
    state = preview.until(lambda state: state["diagnostics"] and state["finished"])
    assert state["diagnostics"][0]["title"] == "The PDF can't show every character."
    assert state["diagnostics"][0]["problems"][0]["place"].startswith("drafts/2.10.yaml:")
    assert not state["stale"]
    preview.says("2.10: The PDF can't show every character.")


def test_settings_are_followed(publication: Publication, preview: Preview) -> None:
    config = publication.root / "newsletter.toml"
    source = config.read_text()
    config.write_text(source.replace('title = "Pacific Alliance Digest"', 'title = "Harbor Letter"'))
    preview.until(lambda _: "Harbor Letter" in preview.text("/2.10/email.html"))
    config.write_text(source.replace("port = 587", 'port = "many"'))
    state = preview.until(lambda state: state["stale"])
    assert state["diagnostics"][0]["problems"][0]["place"].startswith("newsletter.toml:")
    config.write_text(source)
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_a_new_picture_shows_under_another_address(publication: Publication, preview: Preview) -> None:
    state = preview.until(lambda state: state["finished"])
    before = preview.text("/2.10/email.html")
    from PIL import Image

    Image.new("RGB", (1200, 600), "#336699").save(publication.root / "drafts" / "2.10-lead.jpg")
    preview.until(lambda now: now["rendering"] > state["rendering"])
    after = preview.text("/2.10/email.html")
    old, new = (next(part for part in html.split('"') if "2.10-lead.jpg?" in part) for html in (before, after))
    assert old != new
    status, headers, body = preview.ask(f"/2.10/{new}")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert body.startswith(b"\xff\xd8")


@pytest.mark.slow
def test_a_draft_that_is_gone_and_comes_back(publication: Publication, preview: Preview) -> None:
    path = publication.root / "drafts" / "2.10.yaml"
    preview.until(lambda state: state["rendering"])
    text = path.read_text()
    path.unlink()
    state = preview.until(lambda state: state["stale"])
    assert _titles(state) == "The draft 2.10.yaml is gone from drafts/."
    assert "Put the file back" in state["diagnostics"][0]["next_step"]
    assert "2.10" not in [draft["name"] for draft in state["drafts"]]
    assert "Hiroshima" in preview.text("/2.10/email.html")
    preview.says("The draft 2.10.yaml is gone")
    path.write_text(text.replace("Hiroshima", "Nagasaki"))
    preview.until(lambda state: not state["stale"])
    assert "Nagasaki" in preview.text("/2.10/email.html")


def test_a_draft_that_is_renamed_is_followed(publication: Publication, preview: Preview) -> None:
    drafts = publication.root / "drafts"
    preview.until(lambda state: state["rendering"])
    (drafts / "2.10.yaml").rename(drafts / "2.11.yaml")
    assert preview.until(lambda state: state["moved"])["moved"] == "2.11"
    state = preview.until(lambda state: state["stale"], draft="2.11")
    assert state["diagnostics"][0]["problems"][0]["code"] == "file-name"
    assert "Hiroshima" in preview.text("/2.11/email.html")  # the last good state goes along
    preview.says("Rename it to 2.10.yaml, or mend volume and number.")
    text = (drafts / "2.11.yaml").read_text()
    (drafts / "2.11.yaml").write_text(text.replace("number: 10", "number: 11"))
    preview.until(lambda state: not state["stale"], draft="2.11")
    assert "Vol. 2.11" in preview.text("/2.11/email.html")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["archive", "."])
@pytest.mark.parametrize("inside", [True, False])
def test_a_draft_that_lies_elsewhere_in_the_publication(publication: Publication, folder: str, inside: bool) -> None:
    place = publication.root / folder
    place.mkdir(exist_ok=True)
    text = (ROOT / "drafts" / "2.10.yaml").read_text().replace("2.10-lead.jpg", "lead.jpg")
    shutil.copyfile(ROOT / "drafts" / "2.10-lead.jpg", place / "lead.jpg")
    (place / "2.10.yaml").write_text(text.replace("Hiroshima", "Kobe"))
    started = Publication(place if inside else publication.root)
    with previewing(started, "2.10.yaml" if inside else f"{folder}/2.10.yaml") as preview:
        preview.until(lambda state: state["finished"])
        assert "Kobe" in preview.text("/2.10/email.txt")  # and not that of drafts/
        (place / "2.10.yaml").write_text(text.replace("Hiroshima", "Nagasaki"))
        preview.until(lambda state: "Nagasaki" in str(state["issue"]))
        other = publication.root / "other.yaml"
        (place / "2.10.yaml").rename(other)
        if folder == "archive":
            preview.says("is gone from archive/")


@pytest.mark.slow
def test_what_nobody_looks_at_keeps_its_last_good_state(publication: Publication, preview: Preview) -> None:
    """A page that is hidden, or that asks now and then: all but the terminal's own draft."""
    preview.until(lambda state: state["rendering"], draft="3.7")
    text = (publication.root / "drafts" / "3.7.yaml").read_text()
    publication.draft("3.7", text.replace("volume: 3", "volume: three"))
    time.sleep(0.5)
    state = preview.until(lambda state: state["stale"], draft="3.7")
    assert state["rendering"]
    assert preview.ask("/3.7/email.html")[0] == 200
    publication.draft("3.7", text)
    preview.until(lambda state: not state["stale"], draft="3.7")
    path = publication.root / "drafts" / "3.7.yaml"
    path.rename(path.with_name("3.8.yaml"))
    time.sleep(0.5)
    assert preview.until(lambda state: state["moved"], draft="3.7")["moved"] == "3.8"


@pytest.mark.slow
def test_a_draft_that_is_renamed_and_named_as_before(publication: Publication, preview: Preview) -> None:
    path = publication.root / "drafts" / "2.10.yaml"
    preview.says("2.10: no problems")
    path.rename(path.with_name("2.11.yaml"))
    time.sleep(0.09)
    path.with_name("2.11.yaml").rename(path)
    time.sleep(0.5)
    assert not preview.until(lambda state: state["rendering"])["stale"]
    _write(publication, ("date: 2023-05-31", "date: May 31"))
    preview.says("2.10: The draft 2.10.yaml has 1 problem.")


@pytest.mark.slow
def test_a_new_draft_is_not_taken_for_one_that_was_deleted(publication: Publication, preview: Preview) -> None:
    """File systems give a number that is free to the next file."""
    preview.until(lambda state: state["rendering"])
    other = (ROOT / "drafts" / "3.7.yaml").read_text().replace("number: 7", "number: 8")
    for _ in range(3):
        (publication.root / "drafts" / "2.10.yaml").unlink()
        publication.draft("3.8", other)
        state = preview.until(lambda state: state["stale"])
        assert not state["moved"]
        _write(publication)
        (publication.root / "drafts" / "3.8.yaml").unlink()
        preview.until(lambda state: not state["stale"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drafts/2.10.yaml", "newsletter.toml"])
def test_a_pipe_in_place_of_a_file_holds_nothing_up(publication: Publication, preview: Preview, name: str) -> None:
    preview.until(lambda state: state["rendering"])
    path = publication.root / name
    text = path.read_text()
    path.unlink()
    os.mkfifo(path)
    preview.until(lambda state: state["stale"])
    path.unlink()
    path.write_text(text)
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_started_in_a_folder_that_is_taken_away(publication: Publication) -> None:
    drafts = publication.root / "drafts"
    inside = Publication(drafts)
    with previewing(inside, "2.10") as preview:
        preview.until(lambda state: state["finished"])
        drafts.rename(publication.root / "elsewhere")
        preview.until(lambda state: state["stale"])
        shutil.copytree(publication.root / "elsewhere", drafts)
        preview.until(lambda state: not state["stale"])
        _write(publication, ("date: 2023-05-31", "date: May 31"))
        preview.says("'May 31' is not a date")


@pytest.mark.slow
def test_a_folder_of_drafts_that_is_moved_away_and_back(publication: Publication, preview: Preview) -> None:
    """As git does when another branch is checked out."""
    drafts = publication.root / "drafts"
    preview.until(lambda state: state["rendering"])
    drafts.rename(publication.root / "elsewhere")
    preview.until(lambda state: state["stale"])
    shutil.copytree(publication.root / "elsewhere", drafts)
    preview.until(lambda state: not state["stale"])
    time.sleep(0.3)
    _write(publication, ("Hiroshima", "Nagasaki"))
    preview.until(lambda state: "Nagasaki" in str(state["issue"]))


def test_a_draft_of_two_megabytes_is_refused_and_the_preview_goes_on(
    publication: Publication, preview: Preview
) -> None:
    preview.until(lambda state: state["rendering"])
    publication.draft("2.10", (ROOT / "drafts" / "2.10.yaml").read_text() + "# more\n" * 300_000)
    state = preview.until(lambda state: state["stale"])
    assert "larger than 1,000,000 bytes" in state["diagnostics"][0]["problems"][0]["message"]
    preview.says("larger than 1,000,000 bytes")
    _write(publication)
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_other_drafts_are_listed_and_shown(publication: Publication, preview: Preview) -> None:
    state = preview.until(lambda state: state["rendering"])
    assert [draft["name"] for draft in state["drafts"]] == ["3.7", "2.10", "1.4"]
    assert preview.until(lambda state: state["finished"], draft="3.7")["issue"]
    assert "3.7" in preview.text("/3.7/email.html")
    states = preview.states()
    next(states)
    publication.draft("3.8", (ROOT / "drafts" / "3.7.yaml").read_text().replace("number: 7", "number: 8"))
    (publication.root / "drafts" / "1.4.sent.toml").write_text("")
    while len((state := next(states))["drafts"]) < 4 or not state["drafts"][-1]["sent"]:
        pass
    assert [draft["name"] for draft in state["drafts"]] == ["3.8", "3.7", "2.10", "1.4"]


@pytest.mark.slow
def test_a_draft_that_is_not_there_says_so_until_it_is(publication: Publication, preview: Preview) -> None:
    state = preview.until(lambda _: True, draft="9.9")
    assert _titles(state) == "There is no draft 9.9 in drafts/."
    status, _, body = preview.ask("/9.9/email.html")
    assert status == 422
    assert b"There is no draft 9.9" in body
    states = preview.states(draft="9.9")
    next(states)
    _write(publication, ("volume: 2", "volume: 9"), ("number: 10", "number: 9"))
    (publication.root / "drafts" / "2.10.yaml").rename(publication.root / "drafts" / "9.9.yaml")
    assert any(state["rendering"] for state in states)


def test_a_draft_that_is_wrong_from_the_start_shows_when_it_is_right(publication: Publication) -> None:
    _write(publication, ("date: 2023-05-31", "date: May 31"))
    with previewing(publication, "2.10") as preview:
        state = preview.until(lambda state: state["stale"])
        assert state["rendering"] is None
        assert state["issue"] is None
        _write(publication)
        assert preview.until(lambda state: state["rendering"])["issue"]


@pytest.mark.slow
def test_a_save_in_two_steps_shows_no_empty_draft(publication: Publication, preview: Preview) -> None:
    """Editors' programs may empty a file and write it then, and be kept waiting in between."""
    states = preview.states()
    while not next(states)["finished"]:
        pass
    publication.draft("2.10", "")
    time.sleep(0.4)
    _write(publication, ("Hiroshima", "Nagasaki"))
    seen = [next(states)]
    while "Nagasaki" not in str(seen[-1]["issue"]):
        seen.append(next(states))
    assert not any(state["stale"] for state in seen)
    publication.draft("2.10", "")
    assert _titles(preview.until(lambda state: state["stale"])).startswith("The draft 2.10.yaml has 1 problem")


@pytest.mark.slow
def test_fifty_saves_in_a_second_come_to_one_last_state(publication: Publication, preview: Preview) -> None:
    states = preview.states()
    while not next(states)["finished"]:
        pass
    for number in range(50):
        _write(publication, ("Hiroshima", f"Place-{number:02}"))
        time.sleep(0.02)
    seen = [next(states)]
    while not (seen[-1]["finished"] and "Place-49" in str(seen[-1]["issue"])):
        seen.append(next(states))
    assert len(seen) < 60  # those of the mail, and of the PDF at most at the pauses
    assert not any(state["stale"] for state in seen)
    assert "Place-49" in preview.text("/2.10/email.html")
    assert "Place-49" in preview.text("/2.10/web.html")


@pytest.mark.slow
def test_where_the_system_tells_of_no_changes_they_are_looked_for(publication: Publication) -> None:
    publication.environ["WATCHFILES_FORCE_POLLING"] = "1"
    os.utime(publication.root / "drafts" / "2.10.yaml", (0, 0))  # looked for by the second
    with previewing(publication, "2.10") as preview:
        preview.until(lambda state: state["finished"])
        _write(publication, ("Hiroshima", "Nagasaki"))
        preview.until(lambda state: "Nagasaki" in str(state["issue"]))


@pytest.mark.slow
def test_the_same_when_it_tells_too_many_programs_already(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*folders: Path, force_polling: bool | None, **more: Any) -> AsyncIterator[set[FileChange]]:
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        return awatch(*folders, force_polling=True, **more)

    monkeypatch.setattr(file_watch, "awatch", refused)
    os.utime(publication.root / "drafts" / "2.10.yaml", (0, 0))  # looked for by the second

    async def first_change() -> set[Path]:
        changes = file_watch.watch_files(lambda: publication.workspace, publication.workspace.drafts)
        async with aclosing(changes) as found:
            await anext(found)
            _write(publication, ("Hiroshima", "Nagasaki"))
            return await anext(found)

    changed = asyncio.run(asyncio.wait_for(first_change(), 20))
    assert publication.workspace.drafts / "2.10.yaml" in changed


@pytest.mark.slow
def test_a_draft_that_is_a_link_within_the_publication_is_followed_to_its_file(publication: Publication) -> None:
    shared = publication.root / "shared"
    shared.mkdir()
    link = publication.root / "drafts" / "2.10.yaml"
    link.rename(shared / "issue.yaml")
    link.symlink_to("../shared/issue.yaml")
    with previewing(publication, "2.10") as preview:
        first = preview.until(lambda state: state["finished"])
        assert not first["diagnostics"]
        (shared / "issue.yaml").write_text((shared / "issue.yaml").read_text().replace("Hiroshima", "Nagasaki"))
        preview.until(lambda state: state["rendering"] > first["rendering"])
        assert "Nagasaki" in preview.text("/2.10/email.html")


@pytest.mark.slow
def test_a_fault_that_nobody_foresaw_is_shown_and_survived(publication: Publication, preview: Preview) -> None:
    preview.until(lambda state: state["rendering"])
    path = publication.root / "drafts" / "2.10.yaml"
    path.unlink()
    path.symlink_to("2.10.yaml")  # leads to itself
    assert preview.until(lambda state: state["stale"])["diagnostics"]
    path.unlink()
    _write(publication)
    preview.until(lambda state: not state["stale"])


@pytest.mark.slow
def test_a_correction_and_the_mark_of_it_are_shown(publication: Publication) -> None:
    publication.draft(
        "2.10-correction",
        'date: 2023-06-03\nkind: correction\ncorrects: "2.10"\ntitle: The day is Friday\n'
        "items: [{headline: The day, detail: It is Friday.}]\n",
    )
    with previewing(publication, "2.10-correction") as preview:
        assert "Correction to 2.10" in preview.text("/2.10-correction/email.html")
        assert "It is Friday." in preview.text("/2.10-correction/web.html")
        assert "Corrected on" in preview.text("/2.10/web.html")
        assert preview.end() == 0
