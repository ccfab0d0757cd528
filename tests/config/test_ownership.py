"""A publication of somebody else's does nothing: its templates and its program would run as whoever stands in it."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.backends.command import CommandBackend
from newsletter.editions import EditionContext
from newsletter.editions.plaintext import render_text
from newsletter.errors import ConfigError
from newsletter.field import write_default
from newsletter.issue.draft import load_issue
from newsletter.workspace_search import find_workspace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to somebody else")
STRANGER, SELF = 4_242, 4_343  # nobody has these numbers
EXCEPTION = "NEWSLETTER_SAFE_DIRECTORIES"


@contextmanager
def _acting(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", [".", "newsletter.toml", ".newsletter"])
def test_a_workspace_of_somebody_else_is_refused(publication: Publication, name: str) -> None:
    (publication.root / ".newsletter").mkdir()
    find_workspace(publication.root / "drafts", {})
    os.chown(publication.root / name, STRANGER, -1)
    with pytest.raises(ConfigError, match=f"belongs to user {STRANGER}, not to you") as refusal:
        find_workspace(publication.root / "drafts", {})
    assert refusal.value.next_step.endswith(f"export {EXCEPTION}={publication.root}")


def test_settings_that_somebody_else_has_put_in_place_since_are_refused(publication: Publication) -> None:
    found = find_workspace(publication.root, {})
    os.chown(publication.root / "newsletter.toml", STRANGER, -1)  # as preview and serve read it anew
    with pytest.raises(ConfigError, match="belongs to"):
        _ = found.config


def test_one_planted_above_is_refused_and_none_further_up_taken_instead(publication: Publication) -> None:
    planted = publication.root / "shared"
    (planted / "mine").mkdir(parents=True)
    (planted / "newsletter.toml").write_text("")
    os.chown(planted / "newsletter.toml", STRANGER, -1)
    with pytest.raises(ConfigError, match=rf"shared/newsletter\.toml belongs to user {STRANGER}"):
        find_workspace(planted / "mine", {})


def test_a_link_of_somebody_else_to_what_is_mine_is_refused(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.rename(publication.root / "mine.toml")
    config.symlink_to("mine.toml")
    find_workspace(publication.root, {})
    os.chown(config, STRANGER, -1, follow_symlinks=False)
    with pytest.raises(ConfigError, match="belongs to"):
        find_workspace(publication.root, {})


@pytest.mark.parametrize("way", ["file", "folder", "part", "link", "linked folder", "folder within"])
def test_no_template_of_somebody_else_runs(publication: Publication, tmp_path: Path, way: str) -> None:
    templates, ran = publication.root / "templates", tmp_path / "ran"
    inner = templates / "inner"
    inner.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    trap = f"{{{{ cycler.__init__.__globals__.os.system('touch {ran}') }}}}"
    (templates / "email.txt.j2").write_text(trap)
    (inner / "part.j2").write_text("")
    own = find_workspace(publication.root, {})
    issue = load_issue(own.find_draft("2.10"))
    render_text(EditionContext.from_workspace(own), issue, write_default)
    assert ran.exists(), "one's own templates may do anything"
    ran.unlink()
    if way == "link":
        (templates / "email.txt.j2").rename(outside / "email.txt.j2")
        (templates / "email.txt.j2").symlink_to(outside / "email.txt.j2")
        os.chown(outside / "email.txt.j2", STRANGER, -1)
    elif way == "linked folder":
        (templates / "more").symlink_to(outside)
        (outside / "part.j2").write_text("")
        (outside / "again").symlink_to(templates)  # no end
        os.chown(outside / "part.j2", STRANGER, -1)
    else:
        path = {"file": templates / "email.txt.j2", "folder": templates, "part": inner / "part.j2"}.get(way, inner)
        os.chown(path, STRANGER, -1)
    with pytest.raises(ConfigError, match=rf"templates.* belongs to user {STRANGER}, not to you"):
        render_text(EditionContext.from_workspace(own), issue, write_default)
    assert not ran.exists()
    trusting = find_workspace(publication.root, {EXCEPTION: str(publication.root)})
    render_text(EditionContext.from_workspace(trusting), issue, write_default)
    assert ran.exists()


@pytest.mark.parametrize("words", [["./carry"], ["sh", "carry"], ["sh", "./carry"]])
def test_no_program_of_somebody_else_in_the_workspace_runs(publication: Publication, words: list[str]) -> None:
    program = publication.root / "carry"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    backend = CommandBackend(CommandBackend.Settings(command=[*words, "{recipient}"]), publication.root)

    async def connect() -> None:
        async with backend.connect():
            pass

    asyncio.run(connect())
    os.chown(program, STRANGER, -1)
    with pytest.raises(ConfigError, match="carry belongs to"):
        asyncio.run(connect())


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [("{}", True), ("/elsewhere:{}", True), ("*", True), ("{}/", True), ("", False), (":", False), ("{}/drafts", False),
     ("{}/..", False), (".", False), ("/elsewhere", False)],
)  # fmt: skip
def test_only_the_environment_excepts_a_folder_and_only_that_one(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, said: str, is_taken: bool
) -> None:
    monkeypatch.chdir(publication.root)
    os.chown(publication.root, STRANGER, -1)
    environ = {EXCEPTION: said.format(publication.root)}
    if is_taken:
        assert find_workspace(publication.root, environ).root == publication.root
    else:
        with pytest.raises(ConfigError, match="belongs to"):
            find_workspace(publication.root, environ)


def test_root_by_sudo_works_in_the_caller_s_workspace(publication: Publication) -> None:
    os.chown(publication.root, STRANGER, -1)
    assert find_workspace(publication.root, {"SUDO_UID": str(STRANGER)})
    for other in (str(SELF), "", "x", "-1"):
        with pytest.raises(ConfigError):
            find_workspace(publication.root, {"SUDO_UID": other})


def test_what_belongs_to_root_is_everybody_s() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "newsletter.toml").write_text("")
        with _acting(SELF):
            assert find_workspace(folder, {}).root == folder
        os.chown(folder / "newsletter.toml", SELF, -1)
        with _acting(SELF):
            assert find_workspace(folder, {}).root == folder
        with _acting(STRANGER), pytest.raises(ConfigError, match=f"belongs to user {SELF}"):
            # Only root can have been called by sudo.
            find_workspace(folder, {"SUDO_UID": str(SELF)})


def test_the_command_line_says_whose_it_is_and_what_to_do(publication: Publication) -> None:
    os.chown(publication.root / "newsletter.toml", STRANGER, -1)
    done = publication.run("draft", "check", "2.10")
    assert done.returncode == 2
    assert f"newsletter.toml belongs to user {STRANGER}, not to you" in done.stderr
    publication.environ[EXCEPTION] = str(publication.root)
    assert publication.run("draft", "check", "2.10").returncode == 0
