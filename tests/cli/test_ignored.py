"""What git must not see of a publication: addresses, mails, keys and passwords, in whatever form they lie about."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.scaffold import make_workspace

PERSONAL = [
    "subscribers.csv", "export.tsv", "2.10.reader.eml", "drafts/mail.eml", "bounces.mbox", "state.db",
    "backup/state.db", "dkim.pem", ".env", "keys.toml", "backup/keys.toml", ".newsletter/keys.toml",
    "build/2.10/readers.csv",
    "newsletter.toml~", "drafts/2.10.yaml~", ".subscribers.csv.swp", "drafts/.2.10.yaml.swp",
]  # fmt: skip
OURS = ["newsletter.toml", "subscribers.example.csv", "drafts/2.10.yaml", "drafts/2.10-lead.jpg",
        "drafts/2.10.sent.toml", "templates/email.mjml.j2"]  # fmt: skip


@pytest.fixture(params=["init", "this repository"])
def ignored(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], bool]:
    """Asks git itself, by the rules that `init` writes and by those of this repository, a publication as well."""
    folder = tmp_path / "digest"
    make_workspace(folder, "A Digest")
    if request.param != "init":
        (folder / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)

    def ask(name: str) -> bool:
        return subprocess.run(["git", "check-ignore", "--quiet", name], cwd=folder, check=False).returncode == 0

    return ask


def test_what_is_personal_or_secret_stays_out_of_git(ignored: Callable[[str], bool]) -> None:
    assert [name for name in PERSONAL if not ignored(name)] == []
    assert [name for name in OURS if ignored(name)] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is a copy without git's folder")
def test_nothing_that_this_repository_has_is_ignored_by_its_own_rules() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout == ""
