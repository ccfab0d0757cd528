"""Our own editions read back: each has every headline, every item's text and every link of the draft."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter import Publication
from newsletter.actions.import_back_issues import import_back_issues
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication

ROOT = Path(__file__).parents[2]
LARCH = ROOT / "examples/drafts/larch-weekly"
EDITIONS = {"html": "email.html", "web": "html", "pdf": "pdf", "eml": "eml"}


@pytest.fixture(scope="module", params=["2.10", "3.7", pytest.param("612", marks=pytest.mark.slow)])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a publication's folder with one draft, and the folder of its editions."""
    root = tmp_path_factory.mktemp("publication")
    source = LARCH if request.param == "612" else ROOT
    (root / "drafts").mkdir()
    shutil.copyfile(source / "newsletter.toml", root / "newsletter.toml")
    shutil.copyfile(ROOT / "subscribers.example.csv", root / "subscribers.csv")
    for path in (source / "drafts").glob(f"{request.param}*"):
        shutil.copyfile(path, root / "drafts" / path.name)
    with Publication.open(root) as publication:
        issue = publication.issue(request.param)
        publication.export(issue, list(EDITIONS), root / "build")
    return root, root / "build"


def find_texts(issue: Issue) -> Iterator[str]:
    for item in issue.all_items:
        yield re.sub(r"\W", "", item.headline if isinstance(item.headline, str) else item.headline.plain())
        yield re.sub(r"\W", "", item.detail.plain())


@pytest.mark.parametrize("edition", EDITIONS)
def test_an_edition_comes_back(exported: tuple[Path, Path], edition: str) -> None:
    root, build = exported
    [draft] = (root / "drafts").glob("*.yaml")
    original = load_issue(draft)
    links = re.findall(r"\]\((https?://[^\s)]+)", re.sub(r"\s+", " ", draft.read_text()))
    shutil.move(draft, root / "original")
    try:
        [file] = build.glob(f"*.{EDITIONS[edition]}") if edition != "web" else [build / f"{draft.stem}.html"]
        with OpenPublication.open(root, {}) as publication:
            [imported] = import_back_issues(publication, [file])
        assert imported.error is None
        assert imported.draft == draft
        assert imported.problems == 0
        back = load_issue(draft)
        *before, last = find_texts(original)
        *returned, end = find_texts(back)
        assert returned == before
        assert end.startswith(last)  # nothing says where the last of a weekly's items ends, and the imprint begins
        written = re.sub(r"\s+", " ", draft.read_text())
        assert [link for link in links if f"]({link})" not in written] == []
        assert len(back.sections) == len(original.sections)
        # The title of a mail or a page is the subject. A PDF has neither.
        subject = "".join(map(str, original.subject or ()))
        assert back.title in (original.title, *([None] if edition == "pdf" else [subject]))
        assert (back.headlines_title or "").casefold() == (original.headlines_title or "").casefold()
        assert "@" not in "".join(imported.undecided)
    finally:
        draft.unlink(missing_ok=True)
        shutil.move(root / "original", draft)
