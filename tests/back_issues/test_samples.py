"""Back issues in the digest's three forms and in those of weeklies come back whole: every headline, bullet and link."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Publication, copy_sample
from edition_contents import EditionContents

from newsletter.actions.import_back_issues import ImportedBackIssue, import_back_issues
from newsletter.issue.draft import load_issue
from newsletter.publication import OpenPublication

SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Sample:
    """What a sample becomes: its name and date, how many items and remarks it has, and what no edition says."""

    name: str
    date: str
    items: int
    remarks: int = 0
    unsaid: tuple[str, ...] = ()  # lines of the source whose words no edition has, as far as they begin so


EXPECTED = {
    "dashes.md": Sample("2.1", "2023-01-12", 4, unsaid=("Headlines:",)),
    "numbers.md": Sample("2.2", "2023-01-26", 3, unsaid=("**Volume", "**Headlines")),
    "details-first.md": Sample("2.3", "2023-02-09", 2),
    "uneven.md": Sample("2.4", "2023-02-23", 3, remarks=2, unsaid=("Vol", "23 Feb", "HEADLINES")),
    "plain.txt": Sample("2.5", "2023-03-09", 3, unsaid=("Vol", "Headlines:", "PACIFIC")),
    "wrapped.txt": Sample("2.6", "2023-03-23", 3, unsaid=("Vol", "====", "Headlines")),
    "lines.txt": Sample("2.7", "2023-04-06", 2, remarks=1, unsaid=("Vol", "2023", "Headlines:")),
    "page.txt": Sample("2.8", "2023-04-20", 4, unsaid=("Volume",)),
    "page-titled.txt": Sample("2.9", "2023-05-04", 2, unsaid=("Vol.", "Harbor week headlines")),
    "jekyll.md": Sample("2.11", "2023-06-14", 4, remarks=4, unsaid=("{% include",)),
    "hugo.md": Sample("2.12", "2023-06-28", 1, remarks=4, unsaid=("{{< figure", "![Not here]")),
    "weekly.md": Sample("2.13", "2023-07-05", 29, remarks=1),
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return copy_sample(tmp_path_factory.mktemp("back-issues") / "digest")


@pytest.fixture(scope="module")
def imported(digest: Publication) -> dict[str, ImportedBackIssue]:
    for name in ("2.10", "3.7", "1.4"):
        (digest.root / f"drafts/{name}.yaml").unlink()
    files = [SAMPLES / name for name in EXPECTED]
    with OpenPublication.open(digest.root, digest.environ) as publication:
        return {each.file.name: each for each in import_back_issues(publication, files)}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_becomes_a_draft_without_problems(imported: dict[str, ImportedBackIssue], name: str) -> None:
    found, expected = imported[name], EXPECTED[name]
    assert found.error is None
    assert found.draft
    assert found.draft.name == f"{expected.name}.yaml"
    assert found.problems == 0
    issue = load_issue(found.draft)
    assert str(issue.date) == expected.date
    assert len(issue.all_items) == expected.items
    assert len(found.undecided) == expected.remarks, found.undecided
    # The first of several lines of a remark begins with the mark.
    assert (found.draft.read_text().count("# import: ") > 0) == (expected.remarks > 0)


# Each of them is three quarters of a second; the others are alike.
_QUICK = ("dashes.md", "page.txt", "hugo.md", "weekly.md")


@pytest.mark.parametrize(
    "name", [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPECTED]
)
def test_the_editions_of_a_sample_say_all_that_the_source_says(
    digest: Publication, imported: dict[str, ImportedBackIssue], name: str, tmp_path: Path
) -> None:
    draft = imported[name].draft
    assert draft
    source = (SAMPLES / name).read_text()
    contents = EditionContents.render(digest, load_issue(draft), tmp_path)
    assert contents.find_unsaid(_list_lines(source, EXPECTED[name].unsaid)) == []
    addresses = set(re.findall(r"\]\(<?((?:https?|mailto):[^\s()<>]+(?:\([^\s()]*\))?)", source))
    addresses |= set(re.findall(r"(?m)^\[[^\]]+\]: <?(https?:[^\s>]+)", source))
    assert contents.find_unlinked(addresses - {"https://example.org/lost.jpg"}) == []


def _list_lines(source: str, unsaid: tuple[str, ...]) -> list[str]:
    """Return the words of each line of a source, without front matter, marks and addresses."""
    source = re.sub(r"\A(---|\+\+\+)\n.*?\n\1\n|\A(?:\w+: [^\n]*\n)+\n", "", source, flags=re.DOTALL)
    source = re.sub(r"(?m)^\[[^\]^]+\]: .*$|<!--.*?-->|\{%(?s:.*?)%\}|\{\{%.*?%\}\}|not shown|(?m:^```.*$)", "", source)
    lines = []
    for line in source.split("\n"):
        if line.startswith(unsaid) and unsaid:
            continue
        line = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", line)
        line = re.sub(r"\[([^\]]*)\](?:\([^)]*\)+|\[[^\]]*\])", r"\1", line)
        line = re.sub(r"\[\^\d\]:?|<br>|</?\w+(?: [^<>]*)?>|\\(?=\|)|[*`]", " ", line)
        line = re.sub(r"^\s*(?:[-–•*>#]+|\d{1,2}[.)])\s+", "", line)
        line = re.sub(r"^\s*(?:Photo:|Details:?$|DETAILS:$|[-=|: ]+$)", "", line)
        lines += [part for part in re.split(r"\s*\|\s*", line) if part.strip()]
    return lines


def test_pictures_beside_a_text_are_copied_next_to_its_draft(
    digest: Publication, imported: dict[str, ImportedBackIssue]
) -> None:
    lead = load_issue(digest.root / "drafts/2.1.yaml").image
    assert lead
    assert (lead.file, lead.alt) == ("lightship.jpg", "Two tugs pull a lightship out of the fog")
    assert lead.caption
    assert lead.caption.plain() == "The lightship leaves for the yard."
    assert lead.credit
    assert [link.href for link in lead.credit.links()] == ["https://example.org/museum/lightship"]
    assert imported["dashes.md"].pictures == (digest.root / "drafts/lightship.jpg",)
    crane = load_issue(digest.root / "drafts/2.12.yaml").image
    assert crane
    assert crane.caption
    assert (crane.file, crane.caption.plain()) == ("crane.png", "The old crane")
    for name in ("lightship.jpg", "pictures/crane.png"):
        assert (digest.root / "drafts" / Path(name).name).read_bytes() == (SAMPLES / name).read_bytes()


@pytest.mark.usefixtures("imported")
def test_the_standing_note_of_the_publication_is_not_said_twice(digest: Publication) -> None:
    assert load_issue(digest.root / "drafts/2.1.yaml").note is None


def test_headlines_are_paired_with_details_by_their_order(
    digest: Publication, imported: dict[str, ImportedBackIssue]
) -> None:
    maps, votes = load_issue(digest.root / "drafts/2.3.yaml").items  # the details stand first
    assert maps.headline.plain() == "Maps: 12,000 sheets are free"
    assert maps.detail.plain().startswith("The archive opened its maps")
    assert votes.detail.plain() == "Sailors may vote by radio again."
    assert imported["uneven.md"].undecided[0].startswith("There are 3 headlines and 2 details")
    draft = (digest.root / "drafts/2.4.yaml").read_text()
    assert "  # import: No detail was found for this headline" in draft


def test_a_second_import_changes_nothing(digest: Publication, imported: dict[str, ImportedBackIssue]) -> None:
    before = {path: path.read_bytes() for path in (digest.root / "drafts").iterdir()}
    with OpenPublication.open(digest.root, digest.environ) as publication:
        again = list(import_back_issues(publication, [SAMPLES / name for name in EXPECTED]))
    assert all(each.error and "is there already" in each.error.message for each in again)
    assert {path: path.read_bytes() for path in (digest.root / "drafts").iterdir()} == before
    assert len(again) == len(imported)
