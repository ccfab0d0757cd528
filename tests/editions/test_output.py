"""What is exported goes into the folder that was named, and no link that somebody has put there leads it elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.editions import EditionContext, edition_files, render_pdf
from newsletter.editions.edition_files import export_editions
from newsletter.editions.site import export_site
from newsletter.errors import DecisionNeeded
from newsletter.files import write_shared
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue

STRANGER = 4_242  # nobody has this number
PLANTED: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, precious: path.symlink_to(precious),
    "a link that leads nowhere yet": lambda path, precious: path.symlink_to(precious.with_name("new")),
    "a hard link": lambda path, precious: path.hardlink_to(precious),
}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("years of work")
    return path


@pytest.mark.parametrize("planted", PLANTED)
def test_an_export_follows_no_link_that_stands_in_a_file_s_place(
    publication: Publication, tmp_path: Path, precious: Path, planted: str
) -> None:
    issue, context = load_issue(publication.workspace.find_draft("2.10")), publication.context
    written = export_editions(context, issue, ("html", "text"), tmp_path / "first")
    folder = tmp_path / "shared"
    folder.mkdir()
    for path in written.values():
        PLANTED[planted](folder / path.name, precious)
    again = export_editions(context, issue, ("html", "text"), folder)
    for name, path in again.items():
        assert not path.is_symlink()
        assert path.read_bytes() == written[name].read_bytes()
        assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert precious.read_text() == "years of work"
    assert not precious.with_name("new").exists()
    assert {path.name for path in folder.iterdir()} == {path.name for path in written.values()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", ["index.html", "2.10.html", ".newsletter-site.json"])
def test_a_site_follows_none(publication: Publication, tmp_path: Path, precious: Path, name: str) -> None:
    drafts, folder = [read_draft(publication.workspace.find_draft("2.10"))], tmp_path / "site"
    export_site(publication.context, drafts, folder)
    path = folder / name
    known = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    if known and name.endswith(".json"):
        precious.write_bytes(known)
    path.symlink_to(precious)
    before = precious.read_bytes()
    export_site(publication.context, drafts, folder)
    assert precious.read_bytes() == before
    assert not path.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make links that belong to somebody else")
def test_a_folder_is_not_reached_by_a_link_of_somebody_else(publication: Publication, tmp_path: Path) -> None:
    issue, context = load_issue(publication.workspace.find_draft("2.10")), publication.context
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    link.symlink_to(elsewhere)
    export_editions(context, issue, ("text",), link)  # one's own
    assert [path.name for path in elsewhere.iterdir()] == ["2.10.txt"]
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    for folder in (link, link / "deeper"):
        with pytest.raises(DecisionNeeded, match=f"out is a link that belongs to user {STRANGER}"):
            export_editions(context, issue, ("text",), folder)
        with pytest.raises(DecisionNeeded, match="is a link that belongs to"):
            export_site(context, [read_draft(issue.path)], folder)
    done = publication.run("export", "eml", "2.10", "--as", "ada.okafor@example.org", "-o", str(link))
    assert done.returncode == 1
    assert "is a link that belongs to" in done.stderr
    assert [path.name for path in elsewhere.iterdir()] == ["2.10.txt"]


def test_what_can_not_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_shared(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_pdf_is_set_once_for_its_file_and_for_the_web_page(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    made: list[bytes] = []

    def render(context: EditionContext, issue: Issue) -> bytes:
        made.append(render_pdf(context, issue))
        return made[-1]

    monkeypatch.setattr(edition_files, "render_pdf", render)
    written = export_editions(publication.context, issue, ("pdf", "web"), tmp_path / "out")
    assert made == [written["pdf"].read_bytes()]
    assert "2.10.pdf" in written["web"].read_text()
