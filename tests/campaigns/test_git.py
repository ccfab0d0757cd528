"""What git is asked runs nothing that the repository brings along."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.campaigns.git_commits import Repository
from newsletter.config import load_config
from newsletter.errors import ConfigError
from newsletter.git import NoAnswer, ask_git
from newsletter.mail.dkim_keys import generate_dkim_key, read_dkim_keys

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """git in a repository with one file."""
    root = tmp_path / "digest"
    root.mkdir()

    def run(*args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=root, env={**os.environ, **IDENTITY}, text=True, capture_output=True, check=True
        )
        return done.stdout

    run("init", "--quiet")
    (root / "2.10.yaml").write_text("volume: 2\n")
    run("add", "--all")
    run("commit", "--quiet", "--message", "Begin")
    return run


def _told(root: Path) -> list[str]:
    return [problem.message for problem in Repository.around(root).find_uncommitted([root / "2.10.yaml"], [root])]


@pytest.mark.parametrize("key", ["clean", "process"])
@pytest.mark.parametrize("name", ["trap", "a=b", "a b.c"])
def test_no_filter_of_a_repository_runs(tmp_path: Path, git: Callable[..., str], key: str, name: str) -> None:
    root, ran = tmp_path / "digest", tmp_path / "ran"
    git("config", f"filter.{name}.{key}", f"touch {ran}; cat")
    git("config", f"filter.{name}.required", "true")
    # Attributes can't name one with such signs, and its configuration must not confuse what comes after it.
    git("config", f"filter.trap.{key}", f"touch {ran}; cat")
    (root / ".git/info/attributes").write_text("* filter=trap\n")
    assert _told(root) == []
    assert not ran.exists()
    (root / "2.10.yaml").write_text("volume: 3\n")
    assert _told(root) == ["this is kept in git by the filter 'trap', and whether it is the same can't be told"]
    assert not ran.exists()
    if key == "clean":
        git("status", "--porcelain")
        assert ran.exists(), "git itself would have run it"


def test_no_program_of_a_repository_within_runs(tmp_path: Path, git: Callable[..., str]) -> None:
    root, ran = tmp_path / "digest", tmp_path / "ran"
    inner = root / "templates"
    inner.mkdir()
    (inner / "email.txt.j2").write_text("Hello")
    for args in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Inner"],
                 ["config", "core.fsmonitor", f"touch {ran}; false"],
                 ["config", "filter.trap.clean", f"touch {ran}; cat"]):  # fmt: skip
        subprocess.run(["git", *args], cwd=inner, env={**os.environ, **IDENTITY}, check=True)
    git("add", "templates")
    git("commit", "--quiet", "--message", "A submodule")
    ran.unlink(missing_ok=True)
    (inner / ".git/info/attributes").write_text("* filter=trap\n")
    (inner / "email.txt.j2").write_text("Hullo")
    assert _told(root) == []  # git has nothing of what is in there
    assert not ran.exists()


def test_nothing_is_fetched(tmp_path: Path, git: Callable[..., str]) -> None:
    root, ran = tmp_path / "digest", tmp_path / "ran"
    tree = git("rev-parse", "HEAD^{tree}").strip()
    for setting in (
        ("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"), ("remote.origin.url", f"ext::touch {ran}"),
        ("protocol.ext.allow", "always"),
    ):  # fmt: skip
        git("config", *setting)
    (root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(NoAnswer):
        _told(root)
    assert not ran.exists()


def test_a_repository_that_lies_in_the_work_tree_as_files_is_none(tmp_path: Path, git: Callable[..., str]) -> None:
    inner = tmp_path / "digest" / "bare"
    git("init", "--quiet", "--bare", "bare")
    with pytest.raises(NoAnswer, match="bareRepository"):
        ask_git(inner, "rev-parse", "--git-dir")


def test_looking_whether_a_key_is_in_git_runs_nothing(tmp_path: Path, git: Callable[..., str]) -> None:
    root, ran = tmp_path / "digest", tmp_path / "ran"
    sample = Path(__file__).parents[2] / "newsletter.toml"
    (root / "newsletter.toml").write_text(
        f'{sample.read_text()}\n[dkim]\ndomain = "example.org"\nselector = "s1"\nkey_file = "s1.pem"\n'
    )
    key = root / "s1.pem"
    key.write_bytes(generate_dkim_key("ed25519")[0])
    key.chmod(0o600)
    git("config", "core.fsmonitor", f"touch {ran}; false")
    config = load_config(root / "newsletter.toml", {})
    assert len(read_dkim_keys(config, root, root / "newsletter.toml")) == 1
    git("-c", "core.fsmonitor=false", "add", "s1.pem")
    with pytest.raises(ConfigError) as refusal:
        read_dkim_keys(config, root, root / "newsletter.toml")
    assert "is in git" in refusal.value.problems[0].message
    assert not ran.exists()
