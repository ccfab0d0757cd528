"""Which file a draft's name means, and which files no command reads."""

import random
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import DraftError
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue_name import order_name


def test_a_draft_that_is_a_link_within_the_publication_is_read_as_any_other(publication: Publication) -> None:
    link = publication.root / "drafts" / "2.10.yaml"
    (publication.root / "shared").mkdir()
    link.rename(publication.root / "shared" / "issue.yaml")
    link.symlink_to("../shared/issue.yaml")
    path = publication.workspace.find_draft("2.10")
    issue = load_issue(path)
    assert path == link
    assert issue.picture == publication.root / "drafts" / "2.10-lead.jpg"


@pytest.mark.parametrize("name", ["9.9", None, "drafts/9.9.yaml", "../secret.yaml", "ROOT/drafts/9.9.yaml"])
def test_a_draft_that_leads_out_of_the_publication_is_read_by_no_command(
    publication: Publication, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = publication.root.parent / "secret.yaml"
    outside.write_text("volume: a secret")
    (publication.root / "drafts" / "9.9.yaml").symlink_to(outside)
    monkeypatch.chdir(publication.root)
    with pytest.raises(DraftError, match="leads out of the publication's folder"):
        publication.workspace.find_draft(name and name.replace("ROOT", str(publication.root)))


def test_no_site_is_made_of_a_draft_that_leads_out_of_the_publication(publication: Publication) -> None:
    outside = publication.root.parent / "9.9.yaml"
    outside.write_text((publication.root / "drafts" / "3.7.yaml").read_text())
    (publication.root / "drafts" / "9.9.yaml").symlink_to(outside)
    ran = publication.run("export", "site")
    assert ran.returncode == 1
    assert "9.9.yaml leads out of the publication's folder" in ran.stderr
    assert not Path(publication.root, "build").exists()


_NAMES = ["1.4", "2.10", "3.7", "11", "2024-05-16", "spring-fair", "2.10-correction", "a.b_c"]


def test_any_name_means_its_draft_wherever_the_command_stands(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(publication.root.parent)
    for name in _NAMES:
        publication.draft(name, "date: 2024-05-16\n")
        assert publication.workspace.find_draft(name) == publication.root / "drafts" / f"{name}.yaml"
    (publication.root / "drafts" / "12.yml").write_text("number: 12\n")
    assert publication.workspace.find_draft("12").name == "12.yml"


@pytest.mark.parametrize(
    "name", ["index", "feed", "site", "list", "Spring", "spring fair", "-x", ".x", "x..y", "x-", "ä", "x" * 61, "x\n"]
)
def test_a_file_with_a_name_that_no_issue_may_have_is_no_draft(publication: Publication, name: str) -> None:
    path = publication.draft(name, (publication.root / "drafts/2.10.yaml").read_text())
    assert path not in publication.workspace.draft_paths()
    assert {problem.code for problem in read_draft(path).problems} == {"file-name"}
    unnumbered = publication.draft(name, "date: 2024-05-16\nitems: [{headline: A, detail: B}]\n")
    assert {problem.code for problem in read_draft(unnumbered).problems} == {"file-name"}
    assert (path in publication.workspace.misnamed_drafts()) == (not name.startswith("."))


@pytest.mark.parametrize("name", ["../2.10", "../../etc/passwd", "drafts/../../x", "2.10/../2.10", "\0", ""])
def test_a_name_that_leads_elsewhere_is_no_draft(
    publication: Publication, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(publication.root)
    with pytest.raises(DraftError, match="There is no draft"):
        publication.workspace.find_draft(name)


def test_drafts_are_in_the_order_of_their_dates_and_then_of_their_numbers(publication: Publication) -> None:
    for path in (publication.root / "drafts").glob("*.yaml"):
        path.unlink()
    dates = {
        "2.9": "2024-05-02", "2.10": "2024-05-16", "2.11": "2024-05-16", "2.10-correction": "2024-05-20",
        "spring-fair": "2024-05-10", "2024-05-12": "2024-05-12", "2.8": "", "2.12": "", "winter": "",
        "10": "2024-04-01",
    }  # fmt: skip
    for name, date in dates.items():
        publication.draft(name, f"date: {date}\n")
    names = [path.stem for path in publication.workspace.draft_paths()]
    assert names == [
        "2.8", "10", "2.9", "spring-fair", "2024-05-12", "2.10", "2.11", "2.12", "2.10-correction", "winter",
    ]  # fmt: skip
    assert publication.workspace.find_draft(None).stem == "winter"


def test_the_order_follows_a_date_that_has_changed(publication: Publication) -> None:
    path = publication.root / "drafts" / "1.4.yaml"
    path.write_text(path.read_text().replace("2022-08-10", "2025-08-10"))
    assert publication.workspace.draft_paths()[-1] == path
    path.write_text(path.read_text().replace("2025-08-10", "2021-08-101"))
    assert publication.workspace.draft_paths()[0] == path


def test_names_are_in_the_order_of_the_numbers_in_them() -> None:
    names = ["2.9", "2.10", "2.10-correction", "2.10-correction-2", "2.11", "10", "2024-05-16", "fair-2", "fair-10"]
    assert sorted(random.sample(names, len(names)), key=order_name) == names
