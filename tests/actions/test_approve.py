"""Approval as editors meet it: `newsletter approve`, and what a send, the outbox and the lists make of it."""

import json
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from approvers import Approver, let_approve, make_approvers
from conftest import Publication
from scheduling import HOUR, MINUTE, in_outbox, put_in
from smtp_server import Server
from translated import translate

from newsletter.actions.approve import ApprovalProposal, approve
from newsletter.actions.run_outbox import open_handing_outbox
from newsletter.actions.status import list_approvals
from newsletter.campaigns.gates import pass_gates
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.errors import DecisionNeeded
from newsletter.publication import OpenPublication
from newsletter.schedule.scheduler import ScheduleResult
from newsletter.store import open_store


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Approver]:
    return make_approvers(tmp_path_factory.mktemp("people"))


def by(publication: Publication, person: Approver) -> Publication:
    """Return the publication as this person works in it."""
    return Publication(publication.root, publication.environ | person.environment)


def require_approval(publication: Publication, people: list[Approver], *, count: int = 1) -> None:
    let_approve(publication, people, count=count)
    path = publication.root / "newsletter.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[send]\n", '[send]\nrequire = ["approved"]\n'), encoding="utf-8")


def change(path: Path, old: str = "Leaders align", new: str = "Leaders agree") -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_gate_opens_by_an_approval_of_what_there_is(
    publication: Publication, people: list[Approver], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, *_ = people
    require_approval(publication, [ada])
    for name, value in ada.environment.items():
        monkeypatch.setenv(name, value)
    opened = OpenPublication(publication.workspace)
    shown: list[ApprovalProposal] = []
    done = approve(opened, opened.draft("2.10"), confirm=lambda proposal: not shown.append(proposal))
    assert done
    assert done.is_approved
    assert set(shown[0].editions["en"]) == {"html", "text", "pdf", "web", "readers", "mail"}
    assert shown[0].findings["en"].problems == ()
    with closing(opened.store) as store:
        texts = read_issue_texts(opened.workspace, opened.edition_context, opened.draft("2.10"))
        assert pass_gates(["approved"], opened.workspace, store, texts).text_sha256
        change(publication.root / "drafts/2.10.yaml")
        texts = read_issue_texts(opened.workspace, opened.edition_context, opened.draft("2.10"))
        with pytest.raises(DecisionNeeded) as refusal:
            pass_gates(["approved"], opened.workspace, store, texts)
    assert [problem.code for problem in refusal.value.problems] == ["approved", "approved"]


@pytest.mark.slow
def test_an_issue_leaves_once_it_is_approved_and_no_other_text_does(
    publication: Publication, server: Server, people: list[Approver]
) -> None:
    ada, bob, _ = people
    publication.through(server)
    require_approval(publication, [ada, bob], count=2)
    refused = publication.run("send", "2.10", "--yes")
    assert refused.returncode == 1
    assert "2 approvals are missing, by ada@example.org and bob@example.org" in refused.stderr
    asked = by(publication, ada).run("approve", "2.10", stdin="y\n")
    assert asked.returncode == 0, asked.stderr
    assert "Approve 2.10 as ada@example.org? [y/N]" in asked.stdout
    assert "2.10: 1 of 2 approvals, waiting for bob@example.org" in asked.stdout
    assert "git add drafts/2.10.approvals && git commit" in asked.stdout
    assert "1 approval is missing, by bob@example.org" in publication.run("send", "2.10", "--yes").stderr
    by(publication, bob).run("approve", "2.10", "--yes")

    change(publication.root / "drafts/2.10.yaml")
    refused = publication.run("send", "2.10", "--yes")
    assert (
        "the approval of ada@example.org is void: since then the HTML email, the text email, the PDF and the web page"
    )
    assert "is void: since then the HTML email, the text email, the PDF and the web page changed" in refused.stderr
    assert server.stored == []
    assert json.loads(publication.run("outbox", "list", "--json").stdout) == []

    change(publication.root / "drafts/2.10.yaml", "Leaders agree", "Leaders align")
    sent = publication.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert len(server.stored) == 25
    shown = publication.run("status", "2.10").stdout
    assert "2.10: 2 of 2 approvals" in shown


@pytest.mark.slow
def test_who_says_no_or_is_nobody_signs_nothing(publication: Publication, people: list[Approver]) -> None:
    ada, bob, eve = people
    let_approve(publication, [ada, bob])
    assert by(publication, ada).run("approve", "2.10", stdin="n\n").returncode == 1
    stranger = by(publication, eve).run("approve", "2.10", "--yes")
    assert stranger.returncode == 1
    assert "eve@example.org is not among the approvers (ada@example.org, bob@example.org)." in stranger.stderr
    other = by(publication, ada).run("approve", "2.10", "--as", bob.address, "--yes")
    assert other.returncode == 2
    assert "its key is not bob@example.org's" in other.stderr
    nobody = replace(publication, environ={"HOME": str(publication.root), "GIT_CONFIG_NOSYSTEM": "1"})
    assert "git does not know who you are." in nobody.run("approve", "2.10", "--yes").stderr
    without = nobody.run("approve", "2.10", "--as", ada.address, "--yes")
    assert "git could not sign" in without.stderr
    assert "git config --global user.signingkey" in without.stderr
    assert not (publication.root / "drafts/2.10.approvals").exists()


@pytest.mark.slow
def test_an_approver_is_found_by_a_key_whatever_address_git_has(
    publication: Publication, people: list[Approver]
) -> None:
    ada, *_ = people
    let_approve(publication, [ada])
    person = by(publication, ada)
    person.environ |= {"GIT_COMMITTER_EMAIL": "ada@laptop.example", "GIT_COMMITTER_NAME": "Ada \x1b[2JLovelace"}
    done = person.run("approve", "2.10", "--as", "ADA@example.org", "--yes")
    assert done.returncode == 0, done.stderr
    assert "2.10: 1 of 1 approvals" in publication.run("status", "2.10").stdout


@pytest.mark.slow
def test_an_approval_is_taken_back(publication: Publication, people: list[Approver]) -> None:
    ada, *_ = people
    require_approval(publication, [ada])
    person = by(publication, ada)
    person.run("approve", "2.10", "--yes")
    done = person.run("approve", "2.10", "--withdraw")
    assert "drafts/2.10.approvals/ada@example.org.tag is removed" in done.stdout
    assert "1 approval is missing" in publication.run("send", "2.10", "--yes").stderr
    again = person.run("approve", "2.10", "--withdraw")
    assert "There is no approval of 2.10 by ada@example.org." in again.stderr


@pytest.mark.slow
def test_lists_say_who_has_approved_what(publication: Publication, people: list[Approver]) -> None:
    ada, bob, _ = people
    let_approve(publication, [ada, bob])
    by(publication, ada).run("approve", "2.10", "--yes")
    listed = [line.split("\t") for line in publication.run("draft", "list").stdout.splitlines()]
    assert [(row[0], row[3]) for row in listed][1:] == [("1.4", "0 of 1"), ("2.10", "1 of 1"), ("3.7", "0 of 1")]
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    assert status["state"] == "draft"
    (given,) = status["approvals"].pop("given")
    assert status["approvals"] == {"approved": True, "required": 1, "approvers": [ada.address, bob.address]}
    assert given["void"] is None
    assert given["key"].startswith("SHA256:")
    change(publication.root / "drafts/2.10.yaml", "volume: 2", "volume: two")
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    assert "the editions can't be made as they are now" in status["approvals"]["given"][0]["void"]


@pytest.mark.slow
def test_what_is_approved_is_every_language(publication: Publication, people: list[Approver]) -> None:
    ada, *_ = people
    require_approval(publication, [ada])
    translate(publication, "ja")
    done = by(publication, ada).run("approve", "3.8", "--yes")
    assert "3.8: 1 of 1 approvals" in done.stdout, done.stderr
    japanese = publication.root / "drafts/3.8.ja.yaml"
    text = japanese.read_text(encoding="utf-8")
    change(japanese, "リマ", "東京")
    shown = publication.run("status", "3.8").stdout
    assert "the HTML email in ja" in shown
    assert "in en" not in shown.replace("the web page in en", ""), "the page names its translations, and no more"
    japanese.unlink()
    assert "the translation into ja" in publication.run("status", "3.8").stdout
    japanese.write_text(text, encoding="utf-8")
    assert "1 of 1 approvals" in publication.run("status", "3.8").stdout


@pytest.mark.slow
def test_the_versions_that_rendered_are_told_where_they_differ(
    publication: Publication, people: list[Approver], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, *_ = people
    let_approve(publication, [ada])
    by(publication, ada).run("approve", "2.10", "--yes")
    fingerprints = "newsletter.editions.fingerprints"
    now = {"python": "3.99", "typst": "9"}
    monkeypatch.setattr(f"{fingerprints}.list_renderer_versions", lambda: now)
    opened = OpenPublication(publication.workspace)
    assert list_approvals(opened)["2.10"].is_approved, "the bytes count, and not what made them"  # type: ignore[index]
    change(publication.root / "drafts/2.10.yaml")
    (found,) = list_approvals(OpenPublication(publication.workspace))["2.10"].approvals  # type: ignore[index]
    assert "it was made with python 3." in found.void
    assert "(here 3.99)" in found.void


@pytest.mark.slow
def test_what_waits_in_the_outbox_leaves_only_while_it_is_approved(
    publication: Publication, server: Server, people: list[Approver]
) -> None:
    ada, *_ = people
    publication.through(server)
    require_approval(publication, [ada])
    person = by(publication, ada)
    assert publication.run("send", "2.10", "--yes", "--at", "in 1 hour").returncode == 1
    person.run("approve", "2.10", "--yes")
    database = publication.workspace.database
    assert isinstance(database, Path)
    now = datetime.now(UTC)
    with closing(open_store(database)) as store:
        put_in(publication, store, now - MINUTE, now + HOUR)
    note = publication.root / "drafts/2.10.approvals/ada@example.org.tag"
    kept = note.read_bytes()
    person.run("approve", "2.10", "--withdraw")
    done = publication.run("outbox", "run")
    assert "2.10 may not leave: what is in the outbox is not approved." in done.stdout + done.stderr
    assert server.stored == []
    assert "2.10" in in_outbox(publication)
    note.write_bytes(kept)
    change(publication.root / "drafts/2.10.yaml")  # what was frozen is approved, and what was written since is not sent
    assert publication.run("outbox", "run").returncode == 0
    assert len(server.stored) == 25


@pytest.mark.slow
def test_a_send_that_began_goes_on_with_what_was_approved(
    publication: Publication, server: Server, people: list[Approver]
) -> None:
    ada, *_ = people
    publication.through(server)
    require_approval(publication, [ada])
    by(publication, ada).run("approve", "2.10", "--yes")
    assert publication.run("send", "2.10", "--yes", "--tag", "board").returncode == 0
    first = len(server.stored)
    assert 0 < first < 25
    change(publication.root / "drafts/2.10.yaml")
    # Everyone else would get a text that nobody has approved.
    refused = publication.run("send", "2.10", "--yes", "--with-changes")
    assert "1 approval is missing" in refused.stderr
    assert publication.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert len(server.stored) == 25


@pytest.mark.slow
def test_it_says_what_others_do_not_have(publication: Publication, people: list[Approver]) -> None:
    ada, *_ = people
    let_approve(publication, [ada])
    subprocess.run(["git", "init", "--quiet"], cwd=publication.root, check=True)
    person = by(publication, ada)
    for words in (["add", "--all"], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run(["git", *words], cwd=publication.root, env=person.environment(), check=True)
    change(publication.root / "drafts/2.10.yaml")
    asked = person.run("approve", "2.10", stdin="n\n")
    assert "this is changed since the last commit" in asked.stdout
    assert "Others don't have this as it is here" in asked.stdout


@pytest.mark.slow
def test_an_approval_on_a_branch_holds_after_a_squash_merge_on_another_machine(
    publication: Publication, server: Server, people: list[Approver], tmp_path: Path
) -> None:
    ada, bob, _ = people
    require_approval(publication, [ada])
    path = publication.root / "newsletter.toml"
    change(path, 'require = ["approved"]', 'require = ["committed", "approved"]')
    (publication.root / ".gitignore").write_text("*.csv\n.newsletter/\nbuild/\n")
    author = by(publication, bob)
    remote = tmp_path / "remote.git"

    def git(person: Publication, *words: str) -> None:
        subprocess.run(["git", *words], cwd=person.root, env=person.environment(), check=True, capture_output=True)

    git(author, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(author, "init", "--quiet", "--initial-branch=main")
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "-m", "Begin")
    git(author, "push", "--quiet", str(remote), "main")
    git(author, "switch", "--quiet", "--create", "issue")
    change(publication.root / "drafts/2.10.yaml")
    git(author, "commit", "--quiet", "--all", "-m", "Write 2.10")
    git(author, "push", "--quiet", str(remote), "issue")

    git(author, "clone", "--quiet", "--branch=issue", str(remote), str(tmp_path / "ada's folder"))
    approver = by(Publication(tmp_path / "ada's folder"), ada)
    done = approver.run("approve", "2.10", "--yes")
    assert "2.10: 1 of 1 approvals" in done.stdout, done.stderr
    assert "the last commit" not in done.stdout
    git(approver, "add", "drafts/2.10.approvals")
    git(approver, "commit", "--quiet", "-m", "Approve 2.10")
    git(approver, "push", "--quiet", "origin", "issue")

    git(author, "switch", "--quiet", "main")
    git(author, "fetch", "--quiet", str(remote), "issue")
    git(author, "merge", "--quiet", "--squash", "FETCH_HEAD")
    git(author, "commit", "--quiet", "-m", "2.10")
    git(author, "push", "--quiet", str(remote), "main")

    git(author, "clone", "--quiet", str(remote), str(tmp_path / "runner"))
    runner = Publication(tmp_path / "runner", {"HOME": str(tmp_path), "TZ": "Asia/Tokyo"})
    runner.through(server)
    (runner.root / "subscribers.csv").write_bytes((publication.root / "subscribers.csv").read_bytes())
    sent = runner.run("send", "2.10", "--yes")
    assert sent.returncode == 0, sent.stderr
    assert len(server.stored) == 25
    assert b"Leaders agree" in server.stored[0][1] or "Leaders agree" in sent.stdout


@pytest.mark.slow
def test_what_left_before_anybody_was_asked_waits_for_nobody(
    publication: Publication, server: Server, people: list[Approver]
) -> None:
    ada, *_ = people
    publication.through(server)
    assert publication.run("send", "2.10", "--yes").returncode == 0
    let_approve(publication, [ada])
    shown = publication.run("status", "2.10")
    assert shown.returncode == 0
    assert "approvals" not in shown.stdout
    (status,) = json.loads(publication.run("status", "2.10", "--json").stdout)
    assert "approvals" not in status


@pytest.mark.slow
def test_workers_are_handed_only_what_is_approved(publication: Publication, people: list[Approver]) -> None:
    ada, *_ = people
    require_approval(publication, [ada])
    person = by(publication, ada)
    person.run("approve", "2.10", "--yes")
    now = datetime.now(UTC)
    database = publication.workspace.database
    assert isinstance(database, Path)
    told: list[tuple[ScheduleResult, str]] = []
    with closing(open_store(database)) as store:
        put_in(publication, store, now - MINUTE, now + HOUR)
        person.run("approve", "2.10", "--withdraw")
        opened = OpenPublication(publication.workspace, store=store)
        outbox = open_handing_outbox(
            opened, lambda _, result, error: told.append((result, error.message if error else ""))
        )
        assert not outbox.look()
        assert in_outbox(publication) == {"2.10": "due"}
    assert told == [(ScheduleResult.LATER, "2.10 may not leave: what is in the outbox is not approved.")]
