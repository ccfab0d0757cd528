"""The workflows that `newsletter init --ci` makes: valid by the forges' schemas, pinned, with least rights."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import forked
import pytest
import yaml

_BIN = Path(sys.executable).parent
_FORGES = ("github", "gitlab", "forgejo")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with a workspace in it, and the files of all forges."""
    root = tmp_path_factory.mktemp("repository") / "digest"
    _newsletter(root.parent, "init", str(root), "--ci", "github")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", root], check=True)
    for forge in _FORGES[1:]:
        _newsletter(root, "init", "--ci", forge)
    return root


def _newsletter(folder: Path, *args: str) -> str:
    done = forked.run(args, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, stdin="", timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _workflows(root: Path) -> list[Path]:
    return sorted([*root.glob(".*/workflows/*.yml"), *root.glob(".gitlab*/*.yml"), *root.glob(".gitlab-ci.yml")])


def _check(*args: str | Path, cwd: Path) -> None:
    done = subprocess.run(args, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_are_valid_by_the_forges_published_schemas(repository: Path) -> None:
    github = [*repository.glob(".github/workflows/*.yml"), *repository.glob(".forgejo/workflows/*.yml")]
    gitlab = [repository / ".gitlab-ci.yml", repository / ".gitlab/newsletter.yml"]
    assert len(github) == 4
    _check(_BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *github, cwd=repository)
    _check(_BIN / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", *gitlab, cwd=repository)


def test_zizmor_finds_nothing_in_them(repository: Path, tmp_path: Path) -> None:
    zizmor = (_BIN / "zizmor", "--offline", "--no-progress")
    _check(*zizmor, "--persona", "auditor", repository, cwd=repository)
    # Forgejo knows no environments, so that secrets stand outside of one: zizmor's auditor asks for that of GitHub.
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    for path in repository.glob(".forgejo/workflows/*.yml"):
        (folder / path.name).write_text(path.read_text())
    _check(*zizmor, tmp_path, cwd=tmp_path)


def test_zizmor_would_find_something(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    text = (repository / ".github/workflows/newsletter-review.yml").read_text()
    (folder / "review.yml").write_text(text.replace("pull_request:", "pull_request_target:"))
    done = subprocess.run([_BIN / "zizmor", "--offline", "."], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0


def test_each_action_is_pinned_by_its_commit(repository: Path) -> None:
    used = [line for path in _workflows(repository) for line in path.read_text().splitlines() if "uses:" in line]
    assert len(used) > 10
    for line in used:
        assert re.search(r"uses: \S+@[0-9a-f]{40} # v\d", line), line


def test_a_pull_request_is_given_no_secret_and_may_write_nothing_but_a_comment(repository: Path) -> None:
    for path in repository.glob(".*/workflows/newsletter-review.yml"):
        text = path.read_text()
        workflow = yaml.safe_load(text)
        assert "secrets." not in text
        assert workflow["permissions"] == {}
        assert list(workflow[True]) == ["pull_request"]  # and not pull_request_target: YAML 1.1 reads `on` as true
        assert workflow["jobs"]["review"]["permissions"] == {"contents": "read"}
        assert workflow["jobs"]["comment"]["permissions"] == {"pull-requests": "write"}
        (step,) = [step for step in workflow["jobs"]["review"]["steps"] if "--changed" in step.get("run", "")]
        assert "head.repo.full_name != github.repository && '--untrusted'" in step["env"]["UNTRUSTED"]


def test_the_version_that_made_them_is_installed(repository: Path) -> None:
    for path in repository.glob(".*/workflows/*.yml"):
        assert re.findall(r'newsletter-press\S*==([^"]+)"', path.read_text())[0] == version("newsletter-press")
        assert "@" not in re.sub(r"@[0-9a-f]{40}", "", path.read_text())


def test_files_that_are_there_are_left_as_they_are(repository: Path) -> None:
    mine = repository / ".github/workflows/newsletter-send.yml"
    mine.write_text("# mine\n")
    said = _newsletter(repository, "init", "--ci", "github")
    assert mine.read_text() == "# mine\n"
    assert said.count("is there already, and stays as it is") == 2


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--initial-branch=master", tmp_path], check=True)
    _newsletter(tmp_path, "init", "letters/digest")
    return tmp_path


def test_a_workspace_below_the_top_is_named_in_them(nested: Path) -> None:
    _newsletter(nested / "letters/digest", "init", "--ci", "github")
    send = yaml.safe_load((nested / ".github/workflows/newsletter-send.yml").read_text())
    assert send["jobs"]["send"]["defaults"]["run"]["working-directory"] == "letters/digest"
    assert send[True]["push"]["branches"] == ["master"]
    review = (nested / ".github/workflows/newsletter-review.yml").read_text()
    assert 'path: "letters/digest/build/review"' in review


@pytest.mark.parametrize("name", ["a b", 'x"; id #', "$(id)", "ü", "-x"])
def test_a_folder_that_a_workflow_cant_name_is_told(tmp_path: Path, name: str) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    _newsletter(tmp_path, "init", f"./{name}")
    done = forked.run(
        ("init", "--ci", "github"), cwd=tmp_path / name, env={**os.environ, "NO_COLOR": "1"}, stdin="", timeout=60
    )
    assert done.returncode == 1
    assert "can't name as it is" in done.stderr + done.stdout
    assert not (tmp_path / ".github").exists()
