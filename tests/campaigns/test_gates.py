"""What [send] require asks: checked, committed in a real git repository, and tested."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from messages import parsed
from preview_server import previewing
from smtp_server import Server
from translated import translate, write_draft

from newsletter.campaigns.gates import Clearance, pass_gates
from newsletter.campaigns.issue_fingerprints import hash_rendering
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.config.settings import Requirement
from newsletter.errors import DecisionNeeded, Problem
from newsletter.issue.draft import read_draft, require_issue
from newsletter.ledger.campaigns import find_campaign
from newsletter.ledger.issue_tests import list_tested_texts, record_test
from newsletter.scaffold import eject
from newsletter.store import Store, open_store

pytestmark = pytest.mark.slow

ALL: tuple[Requirement, ...] = ("clean-checks", "committed", "tested")
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ed", "GIT_AUTHOR_EMAIL": "ed@example.org",
    "GIT_COMMITTER_NAME": "Ed", "GIT_COMMITTER_EMAIL": "ed@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip
Git = Callable[..., str]
Ask = Callable[..., Clearance]


@pytest.fixture
def git(publication: Publication) -> Git:
    """Return the publication as a repository in which everything is committed."""

    def run(*args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=publication.root, env={**os.environ, **IDENTITY}, text=True, capture_output=True,
            check=True,
        )  # fmt: skip
        return done.stdout.strip()

    (publication.root / ".gitignore").write_text("*.csv\n.newsletter/\nbuild/\n*.bak\n")
    eject(publication.root / "templates", [])
    run("init", "--quiet")
    run("add", "--all")
    run("commit", "--quiet", "--message", "Begin")
    return run


@pytest.fixture
def store(publication: Publication) -> Iterator[Store]:
    database = publication.workspace.database
    assert isinstance(database, Path)
    with closing(open_store(database)) as opened:
        yield opened


@pytest.fixture
def ask(publication: Publication, store: Store) -> Ask:
    """Ask for approval of an issue as it stands on disk."""

    def approved(*require: Requirement, name: str = "2.10") -> Clearance:
        workspace = publication.workspace
        draft = read_draft(workspace.find_draft(name))
        return pass_gates(require, workspace, store, read_issue_texts(workspace, publication.context, draft))

    return approved


def _missing(ask: Callable[[], object]) -> tuple[Problem, ...]:
    with pytest.raises(DecisionNeeded) as refusal:
        ask()
    return refusal.value.problems


def _messages(problems: tuple[Problem, ...]) -> dict[str, str]:
    return {Path(problem.path).name: problem.message for problem in problems}


def _sha(publication: Publication, name: str = "2.10") -> str:
    issue = require_issue(read_draft(publication.workspace.find_draft(name)))
    return hash_rendering(publication.context, issue)


def test_all_is_well_with_what_is_clean_committed_and_tested(
    publication: Publication, git: Git, store: Store, ask: Ask
) -> None:
    record_test(store, "2.10", _sha(publication))
    assert ask(*ALL) == Clearance(commit_id=git("rev-parse", "HEAD"), text_sha256=_sha(publication))


def test_who_asks_for_nothing_gets_everything(publication: Publication, ask: Ask) -> None:
    assert ask() == Clearance(commit_id=None, text_sha256=_sha(publication))


def test_everything_that_is_missing_is_told_at_once_each_with_its_next_step(
    publication: Publication, git: Git, ask: Ask
) -> None:
    template = publication.root / "templates/email.mjml.j2"
    template.write_text(
        template.read_text().replace("</mj-head>", "<mj-style>.grid { display: grid; }</mj-style></mj-head>")
    )
    problems = _missing(lambda: ask(*ALL))
    assert {"committed", "tested"} < {problem.code for problem in problems}
    (grid,) = [problem for problem in problems if problem.code.startswith("css-display")]
    assert Path(grid.path) == template
    assert grid.line > 0
    assert all(problem.next_step for problem in problems)


def test_only_what_is_required_is_asked(publication: Publication, git: Git, ask: Ask) -> None:
    with (publication.root / "newsletter.toml").open("a") as file:
        file.write("\n# later\n")
    assert {problem.code for problem in _missing(lambda: ask("tested"))} == {"tested"}
    assert {problem.code for problem in _missing(lambda: ask("committed"))} == {"committed"}
    ask("clean-checks")


# committed


@pytest.mark.parametrize("name", ["2.10.yaml", "2.10-lead.jpg"])
def test_what_was_saved_since_it_was_read_is_not_what_is_sent(
    publication: Publication, git: Git, store: Store, name: str
) -> None:
    draft = read_draft(publication.root / "drafts/2.10.yaml")
    texts = read_issue_texts(publication.workspace, publication.context, draft)
    path = publication.root / "drafts" / name
    path.write_bytes(path.read_bytes() + b"\n")
    git("commit", "--quiet", "--all", "--message", "Another")
    (problem,) = _missing(lambda: pass_gates(["committed"], publication.workspace, store, texts))
    assert problem.message == "this was saved again just now"


@pytest.mark.parametrize("name", ["drafts/2.10.yaml", "drafts/2.10-lead.jpg", "templates/email.css", "newsletter.toml"])
def test_whatever_the_mail_is_made_of_has_to_be_as_it_was_committed(
    publication: Publication, git: Git, ask: Ask, name: str
) -> None:
    path = publication.root / name
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    (problem,) = _missing(lambda: ask("committed"))
    assert Path(problem.path) == path
    assert problem.message == "this is changed since the last commit"
    assert f"git add {name}" in problem.next_step
    git("add", "--all")
    assert len(_missing(lambda: ask("committed"))) == 1, "what is only staged is not committed"
    path.write_bytes(before)
    assert ask("committed").commit_id == git("rev-parse", "HEAD"), "whatever the index says"
    path.write_bytes(before + b"\n")
    git("commit", "--quiet", "--all", "--message", "More")
    assert ask("committed").commit_id == git("rev-parse", "HEAD")


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_can_not_be_hidden_from_git(publication: Publication, git: Git, ask: Ask, bit: str) -> None:
    git("update-index", bit, "drafts/2.10.yaml")
    publication.draft("2.10", (publication.root / "drafts/2.10.yaml").read_text() + "# quietly\n")
    assert git("status", "--porcelain") == ""
    assert _messages(_missing(lambda: ask("committed"))) == {"2.10.yaml": "this is changed since the last commit"}


def test_a_new_draft_is_not_committed_until_it_is(publication: Publication, git: Git, ask: Ask) -> None:
    text = (publication.root / "drafts/2.10.yaml").read_text()
    publication.draft("2.11", text.replace("number: 10", "number: 11"))
    assert _messages(_missing(lambda: ask("committed", name="2.11"))) == {"2.11.yaml": "this is not committed yet"}
    git("add", "--all")
    assert _messages(_missing(lambda: ask("committed", name="2.11"))) == {"2.11.yaml": "this is not committed yet"}
    git("commit", "--quiet", "--message", "2.11")
    assert ask("committed", name="2.11").commit_id


def test_what_git_ignores_is_not_committed(publication: Publication, git: Git, ask: Ask) -> None:
    (publication.root / ".gitignore").write_text("/drafts/2.11.yaml\n*.csv\n.newsletter/\n")
    text = (publication.root / "drafts/2.10.yaml").read_text()
    publication.draft("2.11", text.replace("number: 10", "number: 11"))
    assert _messages(_missing(lambda: ask("committed", name="2.11"))) == {"2.11.yaml": "this is not committed yet"}


def test_a_template_that_came_or_went_is_a_change(publication: Publication, git: Git, ask: Ask) -> None:
    (publication.root / "templates/part.mjml.j2").write_text("")
    (publication.root / "templates/edition.typ").unlink()
    (publication.root / "templates/email.css.bak").write_text("an editor's own")
    assert _messages(_missing(lambda: ask("committed"))) == {
        "part.mjml.j2": "this is not committed yet",
        "edition.typ": "this is deleted, and still in git",
    }


def test_what_the_mail_is_not_made_of_may_be_as_it_likes(publication: Publication, git: Git, ask: Ask) -> None:
    publication.readers(3)
    publication.draft("3.7", "half written")
    (publication.root / "drafts/2.10.sent.toml").write_text('campaign = "x"\n')
    (publication.root / "notes.txt").write_text("later")
    ask("committed")


def test_names_are_names_whatever_signs_are_in_them(publication: Publication, git: Git, ask: Ask) -> None:
    (publication.root / "templates/*.css").write_text("")
    part = publication.root / "templates/a [part] é\n.j2"
    part.write_text("")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Odd ones")
    ask("committed")
    part.write_text("changed")
    (problem,) = _missing(lambda: ask("committed"))
    assert Path(problem.path) == part
    assert "git add 'templates/a [part] é\n.j2'" in problem.next_step


def test_a_link_is_what_it_leads_to(publication: Publication, git: Git, ask: Ask, tmp_path: Path) -> None:
    template = publication.root / "templates/email.txt.j2"
    elsewhere = tmp_path / "email.txt.j2"
    shutil.move(template, elsewhere)
    template.symlink_to(elsewhere)
    git("add", "--all")
    git("commit", "--quiet", "--message", "A link")
    (problem,) = _missing(lambda: ask("committed"))
    assert "outside of the git repository" in problem.message


def test_a_publication_may_be_a_folder_of_a_larger_repository(publication: Publication, ask: Ask) -> None:
    (publication.root.parent / "unrelated.txt").write_text("x")
    for args in (["init", "-q"], ["add", "digest/drafts", "digest/newsletter.toml"], ["commit", "-qm", "Begin"]):
        subprocess.run(["git", *args], cwd=publication.root.parent, env={**os.environ, **IDENTITY}, check=True)
    assert ask("committed").commit_id


def test_asking_from_within_a_hook_asks_about_the_publication(
    publication: Publication, git: Git, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path / "other"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    commit = ask("committed").commit_id
    monkeypatch.undo()
    assert commit == git("rev-parse", "HEAD")


def test_asking_runs_no_hook_and_leaves_the_index_alone(publication: Publication, git: Git, ask: Ask) -> None:
    trace = publication.root / "ran"
    for hook in ("post-index-change", "fsmonitor-watchman"):
        path = publication.root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {trace}\n")
        path.chmod(0o755)
    git("config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")
    index = publication.root / ".git/index"
    lock = publication.root / ".git/index.lock"
    lock.touch()  # somebody's commit is under way
    before = index.read_bytes()
    ask("committed")
    assert index.read_bytes() == before
    assert lock.exists()
    assert not trace.exists()


def test_without_a_repository_a_commit_or_git_itself_there_are_words(
    publication: Publication, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (problem,) = _missing(lambda: ask("committed"))
    assert problem.message == "the publication is not kept in git"
    assert "git init" in problem.next_step
    subprocess.run(["git", "init", "--quiet"], cwd=publication.root, check=True)
    (problem,) = _missing(lambda: ask("committed"))
    assert problem.message == "nothing has been committed yet"
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = _missing(lambda: ask("committed"))
    assert problem.message == "git is not installed here"
    assert "newsletter.toml" in problem.next_step


# tested


def test_a_test_of_another_text_is_none(publication: Publication, store: Store, ask: Ask) -> None:
    assert "no test of it was sent" in _missing(lambda: ask("tested"))[0].message
    record_test(store, "2.10", _sha(publication))
    ask("tested")
    draft = publication.root / "drafts/2.10.yaml"
    before = draft.read_text()
    draft.write_text(before.replace("Leaders align", "LEADERS ALIGN"))
    (problem,) = _missing(lambda: ask("tested"))
    assert re.search(r"has changed since the last test on 20\d\d-\d\d-\d\d", problem.message)
    assert "newsletter send 2.10 --test testers" in problem.next_step
    draft.write_text(before)
    ask("tested")


def test_a_test_of_another_issue_is_none(publication: Publication, store: Store, ask: Ask) -> None:
    record_test(store, "3.7", _sha(publication))
    assert _missing(lambda: ask("tested"))


def test_the_texts_name_changes_with_whatever_readers_would_see(publication: Publication, git: Git) -> None:
    names = [_sha(publication)]
    draft = publication.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text() + "# a remark\n")
    assert _sha(publication) == names[0], "nobody sees a remark in the draft"
    draft.write_text(draft.read_text().replace("    detail: >-\n", "    only_for: [board]\n    detail: >-\n", 1))
    assert _sha(publication) == names[0], "who sees an item is not what it says"
    draft.write_text(draft.read_text().replace("Leaders align", "Leaders aligned"))
    names.append(_sha(publication))
    css = publication.root / "templates/email.css"
    css.write_text(css.read_text() + "\np { color: #123456; }\n")
    names.append(_sha(publication))
    publication.environ["NEWSLETTER_SENDER__REPLY_TO"] = "other@example.org"
    names.append(_sha(publication))
    assert len(set(names)) == len(names)


def test_the_texts_name_is_the_same_in_every_process(publication: Publication) -> None:
    code = (
        "import sys; from pathlib import Path; from newsletter.workspace import Workspace;"
        "from newsletter.editions import EditionContext; from newsletter.issue.draft import load_issue;"
        "from newsletter.campaigns.issue_fingerprints import hash_rendering as name;"
        "there = Workspace(Path.cwd(), {});"
        "print(name(EditionContext.from_workspace(there), load_issue(there.find_draft('2.10'))))"
    )
    told = [
        subprocess.run(
            [*publication.command()[:1], "-c", code], cwd=publication.root, text=True, capture_output=True, check=True,
            env={**publication.environment(), "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told == [_sha(publication)] * 2


def test_the_previews_button_is_a_test(publication: Publication, server: Server, store: Store, ask: Ask) -> None:
    publication.through(server)
    server.refuse["gone@example.org"] = "550 5.1.1 No such mailbox"
    with previewing(publication, "2.10") as preview:
        for address, accepted in (("gone@example.org", b"false"), ("me@example.org", b"true")):
            assert not list_tested_texts(store, "2.10")
            order = f'{{"address": "{address}"}}'.encode()
            status, _, body = preview.ask("/2.10/test", "POST", order, {"X-Preview-Token": preview.token()})
            assert (status, b'"accepted":' + accepted in body) == (200, True), body
    assert list(list_tested_texts(store, "2.10")) == [_sha(publication)]
    ask("tested")


def test_a_test_goes_out_though_it_can_not_be_noted(publication: Publication, server: Server) -> None:
    publication.through(server)
    (publication.root / ".newsletter").write_text("a file where the folder should be")
    with previewing(publication, "2.10") as preview:
        status, _, body = preview.ask(
            "/2.10/test", "POST", b'{"address": "me@example.org"}', {"X-Preview-Token": preview.token()}
        )
    assert status == 200
    assert b"accepted (250" in body
    assert b"It is not noted that this text was tested: The state" in body
    assert b"/.newsletter can't be made: File exists" in body
    assert len(server.stored) == 1


# The command line.


def test_a_test_from_the_command_line_counts(publication: Publication, server: Server, store: Store, ask: Ask) -> None:
    publication.through(server)
    server.refuse["gone@example.org"] = "550 5.1.1 No such mailbox"
    publication.run("send", "2.10", "--test", "gone@example.org")
    assert not list_tested_texts(store, "2.10")
    publication.run("send", "2.10", "--test", "gone@example.org", "--test", "me@example.org")
    ask("tested")


def test_each_translation_has_to_be_committed_and_tested(
    publication: Publication, git: Git, server: Server, store: Store, ask: Ask
) -> None:
    translate(publication, "ja", "ar")
    problems = _missing(lambda: ask("committed", "tested", name="3.8"))
    unsaved = {problem.path.name for problem in problems if problem.code == "committed"}
    assert unsaved >= {"3.8.yaml", "3.8.ja.yaml", "3.8.ar.yaml", "newsletter.toml"}
    untested = [problem.message for problem in problems if problem.code == "tested"]
    assert untested == [f"no test of it{what} was sent" for what in ("", " in Japanese", " in Arabic")]
    git("add", "--all")
    git("commit", "--quiet", "--message", "In three languages")
    publication.through(server)
    done = publication.run("send", "3.8", "--test", "me@example.org", "--language", "JA")
    assert done.returncode == 0
    assert "[TEST] 3.8 in Japanese to me@example.org: accepted" in done.stdout
    ((_, mail),) = server.stored
    assert parsed(mail)["Content-Language"] == "ja"
    messages = [problem.message for problem in _missing(lambda: ask("committed", "tested", name="3.8"))]
    assert [message.partition(" has changed")[0] for message in messages] == ["the mail", "the mail in Arabic"]
    assert publication.run("send", "3.8", "--test", "me@example.org").returncode == 0
    assert [parsed(data)["Content-Language"] for _, data in server.stored] == ["ja", "en", "ja", "ar"]
    approved = ask("committed", "tested", name="3.8")
    assert [part.partition(":")[0] for part in approved.text_sha256.split(" ")[1:]] == ["ar", "ja"]
    write_draft(publication, "ja", ("別の見出し", "別の本文。", "別。"))
    problems = _missing(lambda: ask("committed", "tested", name="3.8"))
    assert {(problem.path.name, problem.code) for problem in problems} == {
        ("3.8.ja.yaml", "committed"), ("3.8.ja.yaml", "tested")
    }  # fmt: skip
    refused = publication.run("send", "3.8", "--language", "ja")
    assert (refused.returncode, "an issue is sent in all its languages" in refused.stderr) == (2, True)


def test_send_asks_for_all_of_it_before_anything_is_frozen(
    publication: Publication, server: Server, store: Store, git: Git
) -> None:
    publication.through(server)
    publication.environ["NEWSLETTER_SEND__REQUIRE"] = "clean-checks, committed, tested"
    draft = publication.root / "drafts/2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "LEADERS ALIGN"))
    for more in ([], ["--at", "tomorrow 09:00"]):
        refused = publication.run("send", "2.10", "--yes", *more)
        assert refused.returncode == 1
        assert "2.10 may not leave yet" in refused.stderr
        assert "drafts/2.10.yaml: this is changed since the last commit" in refused.stderr
        assert "no test of it was sent" in refused.stderr
        assert find_campaign(store, "2.10") is None
    git("commit", "--quiet", "--all", "--message", "LEADERS")
    publication.run("send", "2.10", "--test", "me@example.org")
    done = publication.run("send", "2.10", "--yes")
    assert done.returncode == 0, done.stderr
    campaign = find_campaign(store, "2.10")
    assert campaign is not None
    assert (campaign.commit_id, campaign.text_sha256) == (git("rev-parse", "HEAD"), _sha(publication))


def test_what_may_be_required_is_known(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text().replace("[send]\n", '[send]\nrequire = ["commited"]\n'))
    refused = publication.run("send", "2.10", "--yes")
    assert refused.returncode == 2
    assert "require" in refused.stderr
    assert "committed" in refused.stderr
