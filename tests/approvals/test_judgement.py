"""Which approvals count: real keys, real git, and every way in which a file is not an approver's agreement."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from approvers import ISSUE, Approver, let_approve, make_approvers, make_statement, put, sign
from conftest import Publication
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.approvals import IssueApprovals, Statement, judge_approvals
from newsletter.approvals.approval_files import find_approvals_folder
from newsletter.errors import ConfigError
from newsletter.issue_name import IssueName
from newsletter.text import escape_controls


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Approver]:
    return make_approvers(tmp_path_factory.mktemp("people"))


@pytest.fixture
def ada(people: list[Approver]) -> Approver:
    return people[0]


@pytest.fixture
def bob(people: list[Approver]) -> Approver:
    return people[1]


@pytest.fixture
def eve(people: list[Approver]) -> Approver:
    return people[2]


def judge(publication: Publication, issue: str = ISSUE) -> IssueApprovals:
    """Judge the approvals with statements of whatever editions taken for those of now."""
    return judge_approvals(publication.workspace, IssueName(issue), lambda _statement: "")


def why(publication: Publication, approver: Approver) -> str:
    (found,) = [each for each in judge(publication).approvals if each.approver == approver.address]
    assert not judge(publication).is_approved
    return found.void


def test_an_approvers_signature_counts(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob])
    assert not judge(publication).is_approved
    note = sign(publication, ada)
    put(publication, ada.address, note.data)
    found = judge(publication)
    assert found.is_approved
    (approval,) = found.valid
    assert approval.approver == ada.address
    assert approval.at == note.at
    assert approval.key.startswith("SHA256:")
    assert found.awaited == (bob.address,)


def test_two_have_to_approve_where_two_are_asked_for(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob], count=2)
    put(publication, ada.address, sign(publication, ada).data)
    assert not judge(publication).is_approved
    put(publication, bob.address, sign(publication, bob).data)
    assert judge(publication).is_approved


def test_no_approval_counts_where_nobody_may_approve(publication: Publication, ada: Approver) -> None:
    put(publication, ada.address, sign(publication, ada).data)
    assert not judge(publication).is_approved


def test_what_the_statement_is_held_against_may_void_it(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    put(publication, ada.address, sign(publication, ada).data)
    heard: list[Statement] = []

    def compare(statement: Statement) -> str:
        heard.append(statement)
        return "the PDF changed"

    found = judge_approvals(publication.workspace, ISSUE, compare)
    assert not found.is_approved
    assert found.approvals[0].void == "the PDF changed"
    assert heard == [make_statement(publication, ada.address)]


def test_an_approval_counts_with_the_line_ends_that_git_checks_it_out_with(
    publication: Publication, ada: Approver
) -> None:
    let_approve(publication, [ada])
    put(publication, ada.address, sign(publication, ada).data.replace(b"\n", b"\r\n"))
    assert judge(publication).is_approved


# Notes of something else


def test_an_approval_of_another_issue_is_void(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    put(publication, ada.address, sign(publication, ada, make_statement(publication, ada.address, "2.9")).data)
    assert why(publication, ada) == "it is of another issue"


def test_an_approval_of_another_publication_is_void(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    statement = replace(make_statement(publication, ada.address), publication="other.example.org")
    put(publication, ada.address, sign(publication, ada, statement).data)
    assert why(publication, ada) == "it is of another publication"


def test_one_persons_note_is_not_anothers(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob], count=2)
    put(publication, ada.address, sign(publication, ada).data)
    put(publication, bob.address, sign(publication, ada).data)
    assert why(publication, bob) == "it is of another person"


def test_nobody_signs_in_anothers_name(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob])
    put(publication, bob.address, sign(publication, ada, make_statement(publication, bob.address)).data)
    assert "its key is not bob@example.org's" in why(publication, bob)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'html = "aa', b'html = "ab'), (b'"3"', b'"4"'), (b"tagger ada", b"tagger ava"), (b"+0000", b"+0100")],
)
def test_what_was_changed_after_it_was_signed_is_void(
    publication: Publication, ada: Approver, old: bytes, new: bytes
) -> None:
    let_approve(publication, [ada])
    data = sign(publication, ada).data
    assert data.count(old) == 1
    put(publication, ada.address, data.replace(old, new))
    assert why(publication, ada) == "it was changed after it was signed"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), octet=st.integers(0, 255))
def test_an_approval_with_any_octet_changed_never_counts(
    publication: Publication, ada: Approver, place: float, octet: int
) -> None:
    if not (publication.root / "approvers").exists():
        let_approve(publication, [ada])
        put(publication, "kept@example.org", sign(publication, ada).data)
    data = bytearray((find_approvals_folder(publication.workspace, ISSUE) / "kept@example.org.tag").read_bytes())
    at = int(place * data.index(b"-----BEGIN"))  # of the signature's own text some bits say nothing
    changed = data[at] != octet
    data[at] = octet
    put(publication, ada.address, bytes(data))
    assert judge(publication).is_approved is not changed


# Keys


def test_a_key_that_is_nobodys_is_void(publication: Publication, ada: Approver, eve: Approver) -> None:
    let_approve(publication, [ada])
    put(publication, ada.address, sign(publication, eve, make_statement(publication, ada.address)).data)
    assert "its key was not ada@example.org's" in why(publication, ada)


def test_a_key_that_was_taken_out_counts_no_longer(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob])
    put(publication, ada.address, sign(publication, ada).data)
    assert judge(publication).is_approved
    (publication.root / "approvers").write_text(f"{bob.address} {bob.public_key}\n")
    assert "ada@example.org's" in why(publication, ada)


@pytest.mark.parametrize("option", ['valid-before="20260101"', 'valid-after="21000101"', 'namespaces="file,email"'])
def test_a_key_counts_in_its_time_and_for_git_alone(publication: Publication, ada: Approver, option: str) -> None:
    let_approve(publication, [ada], lines=[f"{ada.address} {option} {ada.public_key}"])
    put(publication, ada.address, sign(publication, ada).data)
    assert "ada@example.org's" in why(publication, ada)


def test_a_key_that_has_run_out_signs_nothing_for_a_moment_before_that(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada], lines=[f'{ada.address} valid-before="20240101" {ada.public_key}'])
    backdated = _sign_backdated(sign(publication, ada).payload, ada)
    assert b"> 1685620800 " in backdated
    put(publication, ada.address, backdated)
    assert why(publication, ada) == "its key is not ada@example.org's in [approval] allowed_signers, or is no longer"


def _sign_backdated(payload: bytes, approver: Approver) -> bytes:
    """Return what an approval says with a moment of 2023 in it, as whoever has the key can sign it at any time."""
    old = re.sub(rb"> [0-9]+ ", b"> 1685620800 ", payload, count=1)
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(approver.key)]
    return old + subprocess.run(command, input=old, capture_output=True, check=True).stdout


def test_one_persons_two_keys_are_one_approval(
    publication: Publication, ada: Approver, bob: Approver, eve: Approver
) -> None:
    let_approve(
        publication,
        [ada, bob],
        count=2,
        lines=[f"{ada.address} {ada.public_key}", f"{ada.address} {eve.public_key}", f"{bob.address} {bob.public_key}"],
    )
    statement = make_statement(publication, ada.address)
    put(publication, ada.address, sign(publication, ada, statement).data)
    put(publication, "ADA@example.org", sign(publication, eve, statement).data)
    put(publication, "another@example.org", sign(publication, eve, statement).data)
    assert len(judge(publication).valid) == 1


def test_one_key_is_one_person_whatever_names_it_has(publication: Publication, ada: Approver, bob: Approver) -> None:
    let_approve(publication, [ada, bob], count=2, lines=[f"{ada.address},{bob.address} {ada.public_key}"])
    for name in (ada.address, bob.address):
        put(publication, name, sign(publication, ada, make_statement(publication, name)).data)
    assert why(publication, bob) == "it is signed by the key that has approved for ada@example.org"


def test_an_approver_named_twice_is_one(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada, replace(ada, address="ADA@Example.org")], count=2)
    with pytest.raises(ConfigError) as refusal:
        judge(publication)
    assert refusal.value.problems[0].message == "[approval] 2 people have to approve, and 1 may"


# Files


def test_an_approval_is_not_read_through_a_link(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    path = put(publication, ada.address, sign(publication, ada).data)
    kept = path.rename(publication.root / "elsewhere")
    path.symlink_to(kept)
    assert why(publication, ada) == "it is a link"
    path.unlink()
    shutil.move(kept, path)
    assert judge(publication).is_approved
    folder = path.parent.rename(publication.root / "others")
    path.parent.symlink_to(folder)
    assert why(publication, ada) == "2.10.approvals is a link"


def test_a_pipe_or_a_huge_file_keeps_nobody_waiting(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    path = put(publication, ada.address, b"x" * 100_000)
    assert why(publication, ada) == "it is too large"
    path.unlink()
    os.mkfifo(path)
    assert why(publication, ada) == "it is no plain file"


def test_only_the_approvers_own_approvals_are_looked_at(
    publication: Publication, ada: Approver, eve: Approver, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_approve(publication, [ada])
    forged = sign(publication, eve, make_statement(publication, ada.address)).data
    for number in range(200):
        put(publication, f"someone{number}@example.org", forged)
    put(publication, ada.address, sign(publication, ada).data)
    started: list[object] = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **how: (started.append(args), run(*args, **how))[1])
    assert len(judge(publication).approvals) == 1
    assert len(started) < 8, "no program is started for approvals that are no approver's"


def test_two_signatures_are_none(publication: Publication, ada: Approver, eve: Approver) -> None:
    """git takes the last signature of a text for the one that counts, and everything before it for what was signed."""
    let_approve(publication, [ada])
    first = sign(publication, eve).data
    second = sign(publication, ada).data
    put(publication, ada.address, first + second)
    assert why(publication, ada) == "it has not exactly one signature"


def test_what_is_no_approval_is_void_and_says_nothing_to_a_terminal(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    data = sign(publication, ada).data
    for text in (
        b"",
        b"\x1b]0;owned\x07",
        data.replace(b"tagger ada", b"tagger \x1b[2Jada"),
        data.replace(b"format = 1", b'format = 1\nnote = "\x1b[2J"'),
        data.replace(b"Approval of", b"\x1b[2JApproval of"),
        data.replace(b"tag newsletter-approval", b"tag v1.0"),
        data.replace(b"SSH SIGNATURE", b"SIGNED MESSAGE"),
    ):
        put(publication, ada.address, text)
        said = why(publication, ada)
        assert said
        assert escape_controls(said) == said


# Programs


def test_no_program_that_the_repository_names_is_run(publication: Publication, ada: Approver, tmp_path: Path) -> None:
    let_approve(publication, [ada])
    trap, sprung = tmp_path / "trap", tmp_path / "sprung"
    trap.write_text(f'#!/bin/sh\ntouch "{sprung}"\nexit 1\n')
    trap.chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=publication.root, check=True)
    for name in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.ssh.defaultKeyCommand", "core.editor",
                 "core.fsmonitor", "alias.verify-tag", "alias.tag"):  # fmt: skip
        subprocess.run(
            ["git", "config", name, f"!{trap}" if "alias" in name else trap], cwd=publication.root, check=True
        )
    hooks = publication.root / ".git/hooks"
    for hook in ("reference-transaction", "post-index-change"):
        shutil.copy(trap, hooks / hook)
    put(publication, ada.address, sign(publication, ada).data)
    assert judge(publication).is_approved
    assert not sprung.exists()


def test_a_repository_chooses_the_key_but_a_program_in_the_users_own_settings_signs(
    publication: Publication, ada: Approver, bob: Approver, tmp_path: Path
) -> None:
    let_approve(publication, [ada])
    subprocess.run(["git", "init", "--quiet"], cwd=publication.root, check=True)
    subprocess.run(["git", "config", "user.signingkey", ada.key], cwd=publication.root, check=True)
    wrapper, sprung = tmp_path / "wrapper", tmp_path / "sprung"
    wrapper.write_text(f'#!/bin/sh\ntouch "{sprung}"\nexec ssh-keygen "$@"\n')
    wrapper.chmod(0o755)
    config = bob.home / ".gitconfig"
    before = config.read_text()
    config.write_text(f'{before}[gpg "ssh"]\n\tprogram = {wrapper}\n')
    try:
        put(publication, ada.address, sign(publication, bob, make_statement(publication, ada.address)).data)
    finally:
        config.write_text(before)
    assert sprung.exists()
    assert judge(publication).is_approved


def test_a_file_of_keys_that_is_missing_is_told(publication: Publication, ada: Approver) -> None:
    let_approve(publication, [ada])
    put(publication, ada.address, sign(publication, ada).data)
    (publication.root / "approvers").unlink()
    with pytest.raises(ConfigError, match="approvers can't be read"):
        judge(publication)
