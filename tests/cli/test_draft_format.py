"""The command `newsletter draft fmt`: what it writes, what it leaves, and what it says of each draft."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import Publication
from sqlalchemy import insert

import newsletter
from newsletter.actions import format_draft as action
from newsletter.cli import cli
from newsletter.errors import DecisionNeeded, DraftError
from newsletter.publication import OpenPublication
from newsletter.store import open_store
from newsletter.store.schema import campaigns
from newsletter.workspace import MAIN

Invoke = Callable[..., Result]
UNTIDY = "volume: 4\nnumber: 1\ndate: 2025-01-02\nitems:   \n  - headline: One\n      two\n    detail: b # c\n".replace(
    "detail: b # c", "detail: >- # c\n        b"
)
TIDY = "volume: 4\nnumber: 1\ndate: 2025-01-02\nitems:\n  - headline: >-\n      One two\n    detail: >- # c\n      b\n"


@pytest.fixture
def invoke(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return the command line, within this process."""
    monkeypatch.chdir(publication.root)
    return lambda *args: CliRunner(env=publication.environment()).invoke(cli, ["draft", "fmt", *args])


def test_newest_draft_is_formatted(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", UNTIDY)
    done = invoke()
    assert (done.exit_code, done.output) == (0, "drafts/4.1.yaml: formatted\n")
    assert path.read_text() == TIDY
    assert invoke().output == "drafts/4.1.yaml: nothing to change\n"
    assert [file.name for file in path.parent.iterdir() if ".new" in file.name] == []


def test_check_names_what_would_change_and_writes_nothing(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", UNTIDY)
    done = invoke("--check", "4.1", "drafts/3.7.yaml")
    assert done.exit_code == 1
    assert done.output == "drafts/4.1.yaml: would be formatted\ndrafts/3.7.yaml: nothing to change\n"
    assert path.read_text() == UNTIDY
    assert invoke("--check", "3.7").exit_code == 0


def test_diff_shows_what_would_change(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", UNTIDY.replace("      two", "      t\u202ewo"))
    done = invoke("--diff", "4.1")
    assert done.exit_code == 0
    assert "--- drafts/4.1.yaml\n+++ drafts/4.1.yaml\n" in done.output
    assert "\n-  - headline: One\n-      t\\u202ewo\n" in done.output
    assert "\n+  - headline: >-\n+      One t\\u202ewo\n" in done.output
    assert path.read_text() != TIDY
    assert invoke("--diff", "--check", "4.1").exit_code == 1


def test_draft_with_problems_is_told_and_left_and_the_others_are_formatted(
    publication: Publication, invoke: Invoke
) -> None:
    broken = publication.draft("4.2", "volume: 4\nnumber: x\n")
    path = publication.draft("4.1", UNTIDY)
    done = invoke("4.2", "9.9", "4.1")
    assert done.exit_code == 1
    assert "drafts/4.2.yaml:2:9: 'x' is not a whole number" in done.output
    assert "There is no draft '9.9'." in done.output
    assert broken.read_text() == "volume: 4\nnumber: x\n"
    assert path.read_text() == TIDY


def test_rights_links_and_line_ends_stay(publication: Publication, invoke: Invoke) -> None:
    kept = publication.root / "kept" / "text.yaml"
    kept.parent.mkdir()
    kept.write_bytes(UNTIDY.replace("\n", "\r\n").encode())
    kept.chmod(0o640)
    link = publication.root / "drafts" / "4.1.yaml"
    link.symlink_to(kept)
    assert invoke("4.1").exit_code == 0
    assert link.is_symlink()
    assert kept.read_bytes() == TIDY.replace("\n", "\r\n").encode()
    assert kept.stat().st_mode & 0o777 == 0o640


def test_draft_with_a_sent_record_is_left(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", UNTIDY)
    (path.parent / "4.1.sent.toml").write_text('campaign = "a"\n')
    done = invoke("4.1")
    assert done.exit_code == 1
    assert "4.1.yaml has been sent, or is in the outbox, and is left as it is." in done.output
    assert path.read_text() == UNTIDY
    checked = invoke("--check", "4.1")
    assert checked.exit_code == 0, "nobody may format it, so that no check has to fail because of it"
    assert "has been sent" in checked.output


def test_draft_that_the_store_knows_to_be_sent_is_left(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", UNTIDY)
    frozen = {"publication": MAIN, "issue": "4.1", "id": "c", "kind": "issue", "subject": "One", "draft_sha256": "d"}
    noted = {"created_at": "2025-01-02T09:00:00.000+00:00", "runs": 1, "rules": "[[]]", "left_out": 0}
    with closing(open_store(publication.workspace.database)) as store, store.transaction() as connection:
        connection.execute(insert(campaigns).values(**frozen, **noted))
    done = invoke("4.1")
    assert done.exit_code == 1
    assert "has been sent" in done.output
    assert path.read_text() == UNTIDY
    assert invoke("--check", "4.1").exit_code == 1, "the store is not asked, so that CI needs none"


def test_draft_that_is_saved_meanwhile_is_left(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    path = publication.draft("4.1", UNTIDY)

    def save(source: str, path: Path, _language: str) -> str:
        path.write_text("saved")
        return source + "\n"

    monkeypatch.setattr(action, "format_source", save)
    with OpenPublication.open(publication.root) as opened, pytest.raises(DraftError, match="saved again"):
        action.format_draft(opened, "4.1")
    assert path.read_text() == "saved"
    assert sorted(path.parent.glob(".*")) == []


def test_draft_that_yaml_cannot_read_for_what_was_pasted_is_mended(publication: Publication, invoke: Invoke) -> None:
    path = publication.draft("4.1", TIDY.replace("2025-01-02", "“2025-01-02”").replace(">-\n      One two", "One: two"))
    done = invoke("4.1")
    assert done.exit_code == 0
    assert done.output == (
        "drafts/4.1.yaml: formatted\n"
        "    YAML could not read it before. Look at what is mended in these of its lines: 3, 5\n"
    )
    assert path.read_text() == TIDY.replace("2025-01-02", '"2025-01-02"').replace("One two", "One: two")


def test_draft_is_formatted_from_python(publication: Publication) -> None:
    path = publication.draft("4.1", UNTIDY)
    with newsletter.Publication.open(publication.root, publication.environ) as opened:
        assert opened.format_draft("4.1")
        assert not opened.format_draft(str(path))
        (path.parent / "3.7.sent.toml").write_text('campaign = "a"\n')
        sent = path.with_name("3.7.yaml")
        sent.write_text(sent.read_text() + "\n\n")
        with pytest.raises(DecisionNeeded, match="has been sent"):
            opened.format_draft("3.7")
    assert path.read_text() == TIDY
