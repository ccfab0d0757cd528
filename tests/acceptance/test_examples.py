"""The newsletters in examples/drafts/: each kind that a draft can say is checked and exported as an editor would."""

import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.issue.draft import load_issue

EXAMPLES = ROOT / "examples" / "drafts"
# By folder: the draft's name, and how many items, sections, links and pictures it has at least.
KINDS = {
    "larch-weekly": ("612", 29, 11, 230, 0),
    "fern-weekly": ("2026-05-15", 3, 3, 12, 0),
    "harbour-street-journal": ("41", 10, 7, 1, 22),
    "pacific-studies-monthly": ("8.4", 3, 6, 16, 3),
    "minato-dayori": ("88", 3, 2, 3, 0),
}


def test_every_kind_has_its_example() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_is_to_say(kind: str) -> None:
    name, items, sections, links, pictures = KINDS[kind]
    issue = load_issue(EXAMPLES / kind / "drafts" / f"{name}.yaml")
    assert issue.name == name
    assert len(issue.all_items) >= items
    assert len(issue.sections) >= sections
    assert len(issue.links()) + sum(1 for text in issue.texts() for _ in text.links()) >= links
    assert len(issue.pictures) >= pictures


@pytest.mark.parametrize(
    "kind", ["fern-weekly", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "fern-weekly")]
)
def test_it_checks_clean_and_every_edition_is_made(tmp_path: Path, kind: str) -> None:
    publication = Publication(tmp_path / kind)
    shutil.copytree(EXAMPLES / kind, publication.root)
    checked = publication.run("draft", "check", "--rendered", KINDS[kind][0])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    exported = publication.run("export", "all", KINDS[kind][0], "-o", "out")
    assert exported.returncode == 0, exported.stderr
    assert {path.suffix for path in (publication.root / "out").rglob("*")} >= {".html", ".txt", ".pdf", ".eml"}
