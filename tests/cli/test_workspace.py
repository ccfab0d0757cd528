"""Which file a draft's name means, and which files no command reads."""

from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import DraftError
from newsletter.issue.draft import load_issue


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
