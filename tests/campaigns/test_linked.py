"""No mail leaves whose links lead to a page or a PDF that can't be made."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import Publication
from smtp_server import Server


@pytest.fixture
def unshowable(digest: Publication) -> Publication:
    draft = digest.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("Dear {{", "ᚠ Dear {{"))
    digest.readers(2)
    return digest


@pytest.mark.parametrize(
    "arguments",
    [["--yes"], ["--dry-run"], ["--yes", "--at", f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d %H:%M} UTC"]],
)
def test_an_issue_whose_pdf_cannot_be_made_is_refused_before_anything_is_frozen(
    unshowable: Publication, server: Server, arguments: list[str]
) -> None:
    refused = unshowable.run("send", "2.10", *arguments)
    assert refused.returncode == 1
    assert "The PDF can't show every character." in refused.stderr
    assert "drafts/2.10.yaml:" in refused.stderr
    assert "U+16A0" in refused.stderr
    assert not server.stored
    assert not list((unshowable.root / "drafts").glob("*.sent.toml"))
    assert "2.10" not in unshowable.run("outbox", "list").stdout


def test_without_a_website_no_link_leads_to_the_pdf(unshowable: Publication, server: Server) -> None:
    config = unshowable.root / "newsletter.toml"
    config.write_text(config.read_text().replace("website =", "# website ="))
    assert unshowable.run("send", "2.10", "--yes", "--despite-problems").returncode == 0
    assert len(server.stored) == 2


@pytest.mark.slow
def test_a_text_that_is_changed_later_is_held_to_the_same(digest: Publication, server: Server) -> None:
    digest.readers(4)
    assert digest.run("send", "2.10", "--yes", "--tag", "even").returncode == 0
    draft = digest.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("Dear {{", "ᚠ Dear {{"))
    refused = digest.run("send", "2.10", "--yes", "--with-changes")
    assert refused.returncode == 1
    assert "U+16A0" in refused.stderr
    assert len(server.stored) == 2
    assert digest.run("send", "2.10", "--yes", "--continue").returncode == 0
