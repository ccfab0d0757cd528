"""Approvals signed by OpenPGP: a real GnuPG, whose keyring here holds the approvers' keys alone."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from approvers import ISSUE, Approver, make_statement, put, sign
from conftest import Publication

from newsletter.approvals import IssueApprovals, judge_approvals
from newsletter.errors import ConfigError

ADA, EVE = "ada@example.org", "eve@example.org"


@dataclass(frozen=True)
class Keyring:
    """A home with a keyring, whose git signs by OpenPGP as one of its people."""

    home: Path

    def gpg(self, *args: str, stdin: str = "") -> str:
        command = ["gpg", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", *args]
        environment = {**os.environ, "HOME": str(self.home), "GNUPGHOME": str(self.home)}
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=True).stdout

    def make_key(self, address: str, *options: str) -> str:
        self.gpg(*options, "--quick-generate-key", f"Somebody <{address}>", "ed25519", "sign", "1d")
        listed = self.gpg("--with-colons", "--list-keys", address)
        return re.findall(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[0]

    def sign_as(self, publication: Publication, address: str, key: str, program: Path | None = None) -> bytes:
        config = f"[user]\n\tname = X\n\temail = {address}\n\tsigningkey = {key}\n"
        config += f"[gpg]\n\tprogram = {program}\n" if program else ""
        (self.home / ".gitconfig").write_text(config)
        person = _OpenPgpApprover(address, self.home)
        return sign(publication, person, make_statement(publication, ADA)).data


class _OpenPgpApprover(Approver):
    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"GNUPGHOME": str(self.home)}


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    with TemporaryDirectory(prefix="gpg-", ignore_cleanup_errors=True) as folder:  # an agent's socket has a short name
        Path(folder).chmod(0o700)
        yield Keyring(Path(folder))
        subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=True)


def _let_approve(publication: Publication, keyring: Keyring, key: str) -> None:
    (publication.root / "approvers.asc").write_text(keyring.gpg("--armor", "--export"))
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        spaced = " ".join(key[at : at + 4] for at in range(0, 40, 4))
        file.write(
            f'\n[approval]\napprovers = ["{ADA}"]\ngpg_keys = "approvers.asc"\n[approval.gpg]\n"{ADA}" = "{spaced}"\n'
        )


def _judge(publication: Publication) -> IssueApprovals:
    return judge_approvals(publication.workspace, ISSUE, lambda _statement: "")


@pytest.mark.slow
def test_a_key_approves_by_its_fingerprint_until_it_is_revoked(publication: Publication, keyring: Keyring) -> None:
    key, other = keyring.make_key(ADA), keyring.make_key(EVE)
    _let_approve(publication, keyring, key)
    put(publication, ADA, keyring.sign_as(publication, ADA, key))
    (approval,) = _judge(publication).valid
    assert approval.key == key

    note = keyring.sign_as(publication, ADA, key)
    put(publication, ADA, note.replace(b'"3"', b'"4"'))
    assert _judge(publication).approvals[0].void == "it was changed after it was signed"

    put(publication, ADA, keyring.sign_as(publication, ADA, other))
    assert "another key than [approval.gpg] has" in _judge(publication).approvals[0].void

    put(publication, ADA, note)
    revocation = (keyring.home / "openpgp-revocs.d" / f"{key}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
    keyring.gpg("--import", stdin=revocation)
    (publication.root / "approvers.asc").write_text(keyring.gpg("--armor", "--export"))
    assert _judge(publication).approvals[0].void == "the key was revoked"

    (publication.root / "approvers.asc").write_text(keyring.gpg("--armor", "--export", EVE))
    assert "nobody's key in the file" in _judge(publication).approvals[0].void


@pytest.mark.slow
def test_a_key_that_has_run_out_signs_nothing_for_a_moment_before_that(
    publication: Publication, keyring: Keyring
) -> None:
    past = keyring.home / "gpg-of-2020"
    past.write_text('#!/bin/sh\nexec gpg --faked-system-time 20200101T000000 "$@"\n')
    past.chmod(0o755)
    key = keyring.make_key(ADA, "--faked-system-time", "20200101T000000")
    note = keyring.sign_as(publication, ADA, key, program=past)
    _let_approve(publication, keyring, key)
    put(publication, ADA, note)
    assert _judge(publication).approvals[0].void == "the key has expired"


@pytest.mark.slow
def test_keys_that_are_none_are_told(publication: Publication, keyring: Keyring) -> None:
    key = keyring.make_key(ADA)
    _let_approve(publication, keyring, key)
    put(publication, ADA, keyring.sign_as(publication, ADA, key))
    (publication.root / "approvers.asc").write_text("nothing")
    with pytest.raises(ConfigError, match="gpg finds no public keys"):
        _judge(publication)
