"""`newsletter review`: the folder that it writes, what it prints, and its exit status."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Publication
from linked_draft import silence_note, write_draft
from page_server import PageServer, page
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

QUICKLY = ("--no-pictures", "--no-links")
FINE = "volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n  - headline: Ports\n    detail: They open in three months.\n"


def _review(publication: Publication, *args: str, status: int = 0) -> str:
    done = publication.run("review", *args)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def _read_page(folder: Path) -> LexborHTMLParser:
    return LexborHTMLParser((folder / "index.html").read_text(encoding="utf-8"))


def _text(folder: Path) -> str:
    body = _read_page(folder).body
    assert body
    return " ".join(body.text(separator=" ").split())


def _break_text_edition(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    (publication.root / "templates/email.txt.j2").write_text("{{ nothing.at.all }}")


def test_the_folder_holds_every_edition_and_needs_nothing_else(publication: Publication) -> None:
    said = _review(publication, "2.10", *QUICKLY)
    assert said == "2.10: no problems\nbuild/review/2.10/index.html\n"
    folder = publication.root / "build/review/2.10"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    editions = {"2.10.email.html", "2.10.txt", "2.10.html", "2.10.pdf", "2.10-lead.jpg"}
    assert names == {"index.html", "summary.md", *editions, "pictures/2.10-page-1.png", "pictures/2.10-page-2.png"}
    shown = _read_page(folder)
    named = [node.attributes[key] or "" for key in ("src", "href") for node in shown.css(f"[{key}]")]
    assert editions - {"2.10-lead.jpg"} <= set(named)
    assert [name for name in named if not name.startswith("#") and not (folder / name).is_file()] == []
    assert not shown.css("script, link, style[src]")
    text = _text(folder)
    for words in ("357 words", "2 min", "of HTML; Gmail cuts off at 102 kB", "2 pages", "16, not followed"):
        assert words in text
    inbox = [node.text() for node in shown.css(".inbox.phone p")]
    assert inbox[:2] == [
        "Pacific Alliance Digest",
        "Leaders align on coercion and deterrence ahead of the Hiroshima summit",
    ]


def test_problems_and_notes_are_in_page_and_summary_with_their_places(publication: Publication) -> None:
    publication.draft("2.11", FINE + "colour: red\n")
    said = _review(publication, "2.11", *QUICKLY, status=1)
    assert "drafts/2.11.yaml:7:1: 'colour' is not a known key" in said
    assert "2.11: 1 problem" in said
    folder = publication.root / "build/review/2.11"
    assert "Problem: 'colour' is not a known key." in _text(folder)
    assert "It can be rendered once its problems are mended." in _text(folder)
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## 2.11\n\n**1 problem")
    assert "- `drafts/2.11.yaml:7:1`: 'colour' is not a known key." in summary


@pytest.mark.slow
def test_notes_alone_are_no_failure(publication: Publication) -> None:
    publication.draft("2.11", FINE.replace("three months", "three three months"))
    assert "no problems, 1 note" in _review(publication, "2.11", *QUICKLY)
    assert "Note: " in _text(publication.root / "build/review/2.11")


@pytest.mark.slow
def test_an_edition_that_cannot_be_made_leaves_the_others(publication: Publication) -> None:
    _break_text_edition(publication)
    said = _review(publication, "2.10", *QUICKLY, status=1)
    assert "templates/email.txt.j2:1" in said
    folder = publication.root / "build/review/2.10"
    assert (folder / "2.10.email.html").is_file()
    assert (folder / "2.10.pdf").is_file()
    assert not (folder / "2.10.txt").exists()


def test_words_of_a_draft_are_no_markup(publication: Publication) -> None:
    folder = publication.root / "build/review/2.11"
    publication.draft("2.11", FINE + "subject: '@everyone: #1 is 1 < 2 & \"3\"'\n")
    _review(publication, "2.11", *QUICKLY)
    assert '@everyone: #1 is 1 < 2 & "3"' in _text(folder)
    assert "@everyone" not in (folder / "summary.md").read_text(encoding="utf-8")
    publication.draft("2.11", FINE + "<img src=x onerror=alert(1)>@everyone![x](javascript:alert): it\n")
    _review(publication, "2.11", *QUICKLY, status=1)
    assert _read_page(folder).css('[onerror], img[src="x"], [href^="javascript"]') == []
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "@everyone" not in summary
    assert "<img" not in summary.replace("\\<", "")
    assert "](" not in summary.replace("\\]", "")


@pytest.mark.slow
def test_each_language_has_its_part(publication: Publication) -> None:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[languages.de]\ntitle = "Bündnis"\n')
    publication.draft("2.11", FINE)
    publication.draft("2.11.de", FINE.replace("Ports", "Häfen").replace("They open in three months", "Sie öffnen"))
    publication.run("review", "2.11", *QUICKLY)
    folder = publication.root / "build/review/2.11"
    assert [node.text() for node in _read_page(folder).css("h2")] == ["English", "German"]
    assert (folder / "2.11.de.email.html").is_file()
    assert "### German\n" in (folder / "summary.md").read_text(encoding="utf-8")


def test_what_is_for_some_readers_is_shown_too(publication: Publication) -> None:
    publication.draft("2.11", f"{FINE}  - headline: Fees\n    detail: They rise.\n    only_for: [board]\n")
    _review(publication, "2.11", *QUICKLY)
    folder = publication.root / "build/review/2.11"
    assert "Parts of it are only for readers with the tag board." in _text(folder)
    assert "They rise" in (folder / "2.11.every-tag.email.html").read_text(encoding="utf-8")
    assert "They rise" not in (folder / "2.11.email.html").read_text(encoding="utf-8")
    assert "2.11.every-tag.email.html" in _text(folder)


def test_annotations_for_github_begin_with_problems(publication: Publication) -> None:
    publication.draft("2.11", FINE.replace("in three", "in in three"))
    _break_text_edition(publication)
    lines = _review(publication, "2.11", *QUICKLY, "--format", "github", status=1).splitlines()
    kinds = [line.split(" ")[0] for line in lines if line.startswith("::")]
    assert kinds == sorted(kinds)
    assert {"::error", "::notice"} == set(kinds)
    assert any(line.startswith("::error file=templates/email.txt.j2,line=1,") for line in lines)


def test_gitlab_gets_a_code_quality_report(publication: Publication) -> None:
    publication.environ["CI_PROJECT_DIR"] = str(publication.root.parent)
    publication.draft("2.11", FINE.replace("in three", "in in three") + "colour: red\n")
    _review(publication, "2.11", *QUICKLY, "--format", "gitlab", status=1)
    report = publication.root / "build/review/2.11/gl-code-quality-report.json"
    first, *_ = found = json.loads(report.read_text(encoding="utf-8"))
    assert first["severity"] == "major"
    assert first["location"] == {"path": "digest/drafts/2.11.yaml", "lines": {"begin": 7}}
    assert len({each["fingerprint"] for each in found}) == len(found)
    # A problem that has moved within the file is not a new one.
    publication.draft("2.11", "# a comment\n" + FINE.replace("in three", "in in three") + "colour: red\n")
    _review(publication, "2.11", *QUICKLY, "--format", "gitlab", status=1)
    moved = json.loads(report.read_text(encoding="utf-8"))
    assert {each["fingerprint"] for each in moved} == {each["fingerprint"] for each in found}


@pytest.fixture
def pages() -> Iterator[PageServer]:
    with PageServer({"/fine": page()}) as started:
        yield started


def test_dead_links_are_problems(publication: Publication, pages: PageServer) -> None:
    silence_note(publication)
    write_draft(publication, map(pages.address, ["/fine", "/missing"]))
    said = _review(publication, "2.11", "--no-pictures", status=1)
    assert "drafts/2.11.yaml:10:15: this link leads nowhere: 127.0.0.1 does not have the page" in said
    folder = publication.root / "build/review/2.11"
    assert "2 pages linked: 1 fine, 1 dead" in _text(folder)
    assert "2 pages linked: 1 fine, 1 dead" in (folder / "summary.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_folder_with_something_else_is_left_alone(publication: Publication) -> None:
    done = publication.run("review", "2.10", *QUICKLY, "-o", "drafts")
    assert done.returncode == 1
    assert "Name a folder of its own with -o." in done.stderr
    elsewhere = publication.root.parent / "elsewhere"
    elsewhere.mkdir()
    (publication.root / "build").mkdir()
    (publication.root / "build/review").symlink_to(elsewhere)
    assert publication.run("review", "2.10", *QUICKLY).returncode == 1
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_an_earlier_review_is_written_over(publication: Publication) -> None:
    _review(publication, "2.10", *QUICKLY)  # a PDF of two pages
    publication.draft("2.10", FINE.replace("11", "10"))
    _review(publication, "2.10", *QUICKLY)
    pictures = publication.root / "build/review/2.10/pictures"
    assert [path.name for path in pictures.iterdir()] == ["2.10-page-1.png"]


# Several issues, by what has changed


@pytest.fixture
def git(publication: Publication) -> Callable[..., None]:
    """Return git in the publication's repository, in which all is committed."""
    me = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
          (("NAME", "Ada"), ("EMAIL", "ada@example.org"))}  # fmt: skip

    def run(*args: str) -> None:
        subprocess.run(["git", *args], cwd=publication.root, env=os.environ | me, check=True, capture_output=True)

    run("init", "--quiet", "--initial-branch", "main")
    run("add", "--all")
    run("commit", "--quiet", "--message", "Begin")
    return run


def _changed(publication: Publication, against: str = "main") -> set[str]:
    """Return the issues that are reviewed as changed."""
    said = _review(publication, "--changed", "--against", against, *QUICKLY)
    assert said.endswith("build/review/index.html\n")
    return set(re.findall(r"^(\S+): no problems", said, re.MULTILINE))


def test_changed_issues_are_those_that_git_says(publication: Publication, git: Callable[..., None]) -> None:
    folder = publication.root / "build/review"
    assert _changed(publication) == set()
    assert (folder / "summary.md").read_text(encoding="utf-8") == "No issue is changed here.\n"
    draft = publication.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text(encoding="utf-8") + "# seen\n", encoding="utf-8")
    assert _changed(publication) == {"2.10"}
    assert (folder / "2.10.email.html").is_file()
    publication.draft("3.8", FINE.replace("volume: 2\nnumber: 11\ndate: 2023", "volume: 3\nnumber: 8\ndate: 2024"))
    git("add", "--all")  # but build/ is none of theirs
    assert _changed(publication) == {"2.10", "3.8"}
    addresses = [node.attributes["href"] for node in _read_page(folder).css("h2 a")]
    assert addresses == ["2.10/index.html", "3.8/index.html"]
    assert all((folder / str(address)).is_file() for address in addresses)
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert re.findall("^## (\\S+):", summary, re.MULTILINE) == ["2.10", "3.8"]
    assert "build/review/3.8/index.html" in _review(publication, "3.8", *QUICKLY)  # one of them written over


@pytest.mark.slow
def test_every_publication_of_a_workspace_is_looked_at(publication: Publication, git: Callable[..., None]) -> None:
    assert publication.run("init", "--publication", "alpha").returncode == 0
    git("add", "--all")
    git("commit", "--quiet", "--message", "Another")
    draft = publication.root / "publications/alpha/drafts/2.10.yaml"
    draft.parent.mkdir(exist_ok=True)
    draft.write_text(FINE.replace("11", "10"), encoding="utf-8")
    publication.draft("2.10", FINE.replace("11", "10"))
    done = publication.run("review", "--changed", "--against", "main", *QUICKLY)
    folder = publication.root / "build/review"
    assert (folder / "alpha/2.10/index.html").is_file(), done.stdout + done.stderr
    addresses = [node.attributes["href"] for node in _read_page(folder).css("h2 a")]
    assert addresses == ["main/2.10/index.html", "alpha/2.10/index.html"]


@pytest.mark.slow
def test_a_changed_picture_changes_its_issue(publication: Publication, git: Callable[..., None]) -> None:
    Image.new("RGB", (600, 300), "navy").save(publication.root / "drafts/2.10-lead.jpg")
    assert _changed(publication) == {"2.10"}


@pytest.mark.slow
def test_settings_alone_show_in_the_newest_issue(publication: Publication, git: Callable[..., None]) -> None:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n# a comment\n")
    assert _changed(publication) == {"3.7"}


@pytest.mark.parametrize("revision", ["--output=stolen", "nowhere", "main:drafts", ""])
def test_what_is_no_revision_is_told(publication: Publication, git: Callable[..., None], revision: str) -> None:
    done = publication.run("review", "--changed", f"--against={revision}", *QUICKLY)
    assert done.returncode == 1
    assert f"git can't tell what has changed since {revision!r}" in done.stderr
    assert not (publication.root / "stolen").exists()


def test_changed_needs_something_to_compare_with(publication: Publication) -> None:
    assert publication.run("review", "--changed").returncode == 2


def _edit(publication: Publication, before: str, after: str, name: str = "2.10") -> None:
    path = publication.root / f"drafts/{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def _summary(publication: Publication, *args: str) -> str:
    _review(publication, "2.10", *args, *QUICKLY)
    return (publication.root / "build/review/2.10/summary.md").read_text(encoding="utf-8")


def test_what_has_changed_is_in_page_and_summary(publication: Publication, git: Callable[..., None]) -> None:
    assert "**Nothing has changed since main (" in _summary(publication, "--against", "main")
    _edit(publication, "on May 18.", "on May 19 \\<and on>.")
    Image.new("RGB", (600, 300), "navy").save(publication.root / "drafts/2.10-lead.jpg")
    publication.run("review", "2.10", "--against", "main", *QUICKLY)
    folder = publication.root / "build/review/2.10"
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "**2 changes since main (" in summary
    assert "- **2.10-lead.jpg**\n  - The file is another one." in summary
    assert "May <del>18</del><ins>19 \\<and on\\></ins>" in summary
    shown = _read_page(folder)
    assert [node.text() for node in shown.css(".changes del")] == ["18"]
    assert [node.text() for node in shown.css(".changes ins")] == ["19 <and on>"]


def test_a_renamed_draft_is_compared_with_what_it_was(publication: Publication, git: Callable[..., None]) -> None:
    git("mv", "drafts/2.10.yaml", "drafts/2.11.yaml")
    _edit(publication, "number: 10", "number: 11", name="2.11")
    _review(publication, "2.11", "--against", "main", *QUICKLY)
    summary = (publication.root / "build/review/2.11/summary.md").read_text(encoding="utf-8")
    assert "**1 change since main (" in summary
    assert "\n- **The issue**\n  - The number was 10, and is 11.\n" in summary


def test_a_new_draft_and_one_that_was_none_are_told(publication: Publication, git: Callable[..., None]) -> None:
    draft = publication.draft("2.11", "volume: 2\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin the next")
    draft.write_text(FINE, encoding="utf-8")
    path = publication.root / "build/review/2.11/summary.md"
    git("tag", "then")
    for revision, said in [
        ("main^", ": all of it is new."),
        ("then", "it was no valid draft (3 problems), so what has changed can't be told."),
    ]:
        _review(publication, "2.11", "--against", revision, *QUICKLY)
        assert said in path.read_text(encoding="utf-8").replace("\u200b", "")


@pytest.mark.slow
def test_without_a_revision_it_stands_beside_the_issue_before(publication: Publication) -> None:
    summary = _summary(publication)
    assert "**Beside 1.4, the issue before: 357 words instead of 164, 1 picture instead of 0.**" in summary


def test_a_revision_that_git_does_not_know_is_told(publication: Publication, git: Callable[..., None]) -> None:
    done = publication.run("review", "2.10", "--against", "nowhere", *QUICKLY)
    assert done.returncode == 1
    assert "git can't tell what 2.10.yaml was at 'nowhere'" in done.stderr
