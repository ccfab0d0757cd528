"""The workflows that `newsletter init --ci` makes: valid by the forges' schemas, pinned, with least rights."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
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


# Prints the constraints that it is given.
_PIP = """#!/bin/sh
for word in "$@"; do if [ "$last" = -c ]; then cat "$word"; fi; last=$word; done
"""


def _read_commands(root: Path, forge: str) -> tuple[str, str]:
    """Return what a forge's runner runs to install the program for a review, and to review with it."""
    if forge == "gitlab":
        script = yaml.safe_load((root / ".gitlab/newsletter.yml").read_text())["newsletter-review"]["script"]
        first = next(number for number, line in enumerate(script) if "newsletter review" in line)
        return "\n".join(script[:first]), script[first]
    steps = yaml.safe_load((root / f".{forge}/workflows/newsletter-review.yml").read_text())["jobs"]["review"]["steps"]
    install, review = (
        step["run"] for step in steps if step.get("name") in ("Install", "Review the drafts that changed")
    )
    return install, review


def _run_as_fork(commands: str, folder: Path, base: str) -> str:
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name, script in {"pip": _PIP, "apt-get": "#!/bin/sh\n", "newsletter": "#!/bin/sh\nexit 3\n"}.items():
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    told = {
        "BASE": base, "UNTRUSTED": "--untrusted", "RUNNER_TEMP": str(tools),
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2", "CI_MERGE_REQUEST_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
    }  # fmt: skip
    environ = {**os.environ, **told, "PATH": f"{tools}:{os.environ['PATH']}"}
    words = ["bash", "-c", commands]
    return subprocess.run(words, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, check=False).stdout


@pytest.fixture
def fork(repository: Path, tmp_path: Path) -> tuple[Path, str]:
    """Return a clone whose last commit is a stranger's, and the commit before it."""
    folder = tmp_path / "fork"
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    folder.mkdir()
    subprocess.run([*git, "init", "--quiet"], cwd=folder, check=True)
    (folder / "constraints.txt").write_text("pillow==12.0\n")
    subprocess.run([*git, "add", "--all"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Begin"], cwd=folder, check=True)
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "constraints.txt").write_text("newsletter-press @ https://stranger.example/press.whl\n")
    (folder / "build/review").mkdir(parents=True)
    (folder / "build/review/summary.md").write_text("No problems.\n")
    subprocess.run([*git, "add", "--all", "--force"], cwd=folder, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Change"], cwd=folder, check=True)
    return folder, base.strip()


@pytest.mark.parametrize("forge", _FORGES)
def test_a_fork_chooses_nothing_that_is_installed(forge: str, repository: Path, fork: tuple[Path, str]) -> None:
    install, _ = _read_commands(repository, forge)
    said = _run_as_fork(install, *fork)
    assert "pillow==12.0" in said  # as the branch has it that the pull request is for
    assert "stranger" not in said


@pytest.mark.parametrize("forge", _FORGES)
def test_a_review_that_came_along_with_a_pull_request_is_not_shown(
    forge: str, repository: Path, fork: tuple[Path, str]
) -> None:
    _, review = _read_commands(repository, forge)
    _run_as_fork(review, *fork)  # in which `newsletter` breaks down
    assert not (fork[0] / "build/review").exists()


@pytest.mark.parametrize("forge", ["github", "forgejo"])
def test_a_run_on_the_clock_does_not_take_the_place_of_a_merge_that_waits(forge: str) -> None:
    text = files("newsletter.forges").joinpath(f"workflows/{forge}/newsletter-send.yml").read_text()
    waiting = yaml.safe_load(text)["concurrency"]
    assert "github.event_name == 'schedule'" in waiting["group"]
    assert waiting["cancel-in-progress"] is False


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
