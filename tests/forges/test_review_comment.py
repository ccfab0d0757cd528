"""The review's one comment on a pull request: made once, found again, kept up to date."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from forge_server import TOKEN, ForgeServer, run_forge

from newsletter.cli import cli
from newsletter.errors import ConfigError, NewsletterError
from newsletter.forges.review_comment import PullRequest, comment_review, find_pull_request

_SUMMARY = "# 2.10\n\nThree words changed.\n"


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with run_forge() as server:
        yield server


def _github(forge: ForgeServer, **more: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "ada/digest",
        "GITHUB_REF": "refs/pull/7/merge", **more,
    }  # fmt: skip


def _gitlab(forge: ForgeServer) -> dict[str, str]:
    return {
        "GITLAB_CI": "true", "CI_API_V4_URL": forge.url, "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_IID": "7",
    }  # fmt: skip


@pytest.fixture(params=["github", "forgejo", "gitlab"])
def pull_request(request: pytest.FixtureRequest, forge: ForgeServer) -> PullRequest:
    if request.param == "gitlab":
        forge.own = "project_42_bot"
        return find_pull_request(_gitlab(forge))
    if request.param == "forgejo":
        forge.own = "forgejo-actions"
        return find_pull_request(_github(forge, FORGEJO_ACTIONS="true"))
    return find_pull_request(_github(forge))


def test_a_pull_request_has_one_comment_which_follows_it(pull_request: PullRequest, forge: ForgeServer) -> None:
    assert comment_review(pull_request, TOKEN, _SUMMARY) == "made"
    assert comment_review(pull_request, TOKEN, _SUMMARY) == "unchanged"
    assert comment_review(pull_request, TOKEN, _SUMMARY.replace("Three", "Four")) == "changed"
    assert len(forge.comments) == 1
    assert "Four words changed." in forge.bodies[0]
    # Line ends that the forge has put in are no change.
    assert comment_review(pull_request, TOKEN, _SUMMARY.replace("Three", "Four")) == "unchanged"


def test_it_is_found_behind_many_others(pull_request: PullRequest, forge: ForgeServer) -> None:
    for number in range(120):
        forge.add("somebody", f"comment {number}")
    assert comment_review(pull_request, TOKEN, _SUMMARY) == "made"
    assert comment_review(pull_request, TOKEN, "other") == "changed"
    assert len(forge.comments) == 121


def test_a_comment_of_somebody_else_is_never_changed(pull_request: PullRequest, forge: ForgeServer) -> None:
    forge.add("mallory", "<!-- newsletter review -->\nAll is well.")
    assert comment_review(pull_request, TOKEN, _SUMMARY) == "made"
    assert forge.bodies[0].endswith("All is well.")
    assert len(forge.comments) == 2


def test_a_comment_too_long_for_the_forge_is_cut_at_a_line_and_says_so(forge: ForgeServer) -> None:
    line = "ü" * 99 + "\n"
    comment_review(find_pull_request(_github(forge)), TOKEN, line * 1000)
    (body,) = forge.bodies
    assert 65_000 < len(body) <= 65_536
    *lines, said = body.rstrip().split("\n")
    assert "did not fit" in said
    assert {one for one in lines if one} == {"<!-- newsletter review -->", line.rstrip()}


@pytest.mark.parametrize(("status", "words"), [(401, "token"), (403, "token"), (404, "token"), (502, "later")])
def test_a_forge_that_refuses_is_told_with_what_to_do(
    pull_request: PullRequest, forge: ForgeServer, status: int, words: str
) -> None:
    forge.refuses = status
    with pytest.raises(NewsletterError, match=str(status)) as told:
        comment_review(pull_request, TOKEN, _SUMMARY)
    assert words in told.value.next_step
    assert TOKEN not in f"{told.value}{told.value.next_step}"


def test_a_forge_that_is_gone_is_told_without_the_token() -> None:
    with run_forge() as forge:
        gone = find_pull_request(_github(forge))
    with pytest.raises(NewsletterError, match="can't be asked") as told:
        comment_review(gone, TOKEN, _SUMMARY)
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"},
        {"GITHUB_API_URL": "https://api.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": "refs/heads/main"},
        {"GITLAB_CI": "true", "CI_API_V4_URL": "https://gitlab.example/api/v4"},
        {"GITLAB_CI": "true", "CI_API_V4_URL": "https://x", "CI_MERGE_REQUEST_PROJECT_ID": "1",
         "CI_MERGE_REQUEST_IID": "seven"},
    ],
)  # fmt: skip
def test_a_run_for_no_pull_request_is_told(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="no run for a pull request"):
        find_pull_request(environ)


def test_a_token_goes_nowhere_without_encryption() -> None:
    environ = {
        "GITHUB_API_URL": "http://forge.example", "GITHUB_REPOSITORY": "ada/digest", "GITHUB_REF": "refs/pull/7/head",
    }  # fmt: skip
    with pytest.raises(ConfigError, match="https://"):
        find_pull_request(environ)


def test_the_command_comments_with_the_summary_of_a_folder(
    forge: ForgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "summary.md").write_text(_SUMMARY)
    for name, value in {**_github(forge), "NEWSLETTER_FORGE_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["review", "--comment", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, "The comment is made.\n")
    assert forge.bodies == [f"<!-- newsletter review -->\n{_SUMMARY}"]


@pytest.mark.parametrize(
    ("kept", "words"),
    [({"token"}, "not the folder of a review"), ({"summary"}, "No token"), ({"summary", "link"}, "not the folder")],
)
def test_what_the_comment_lacks_is_told(
    forge: ForgeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: set[str], words: str
) -> None:
    if "link" in kept:
        (tmp_path / "secret").write_text("not for everybody")
        (tmp_path / "summary.md").symlink_to(tmp_path / "secret")
    elif "summary" in kept:
        (tmp_path / "summary.md").write_text(_SUMMARY)
    for name, value in _github(forge).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEWSLETTER_FORGE_TOKEN", TOKEN if "token" in kept else "")
    done = CliRunner().invoke(cli, ["review", "--comment", str(tmp_path)])
    assert words in str(done.exception)
    assert forge.asked == []
