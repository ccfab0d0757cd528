"""Approvers for tests, each with a home of their own in which git signs with their key."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import Publication

from newsletter.approvals.approval_files import find_approval_file
from newsletter.approvals.signing import sign_statement
from newsletter.approvals.statement import SignedStatement, Statement
from newsletter.issue_name import IssueName

ISSUE = IssueName("2.10")
# Of no edition: for what is about signatures alone.
EDITIONS = {"en": {"html": "a" * 64, "mail": "b" * 64}}
_NAMES = ("ada", "bob", "eve")


@dataclass(frozen=True)
class Approver:
    """A person with a home, whose git signs by SSH."""

    address: str
    home: Path

    @property
    def key(self) -> Path:
        return self.home / "key"

    @property
    def public_key(self) -> str:
        """Return the key's type and its public half, as allowed_signers has them."""
        return " ".join((self.home / "key.pub").read_text().split()[:2])

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"}


def make_approver(folder: Path, address: str) -> Approver:
    """Make a person's home with an SSH key, and have git sign with it."""
    home = folder / address.partition("@")[0]
    home.mkdir()
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(home / "key")]
    subprocess.run(words, check=True)
    (home / ".gitconfig").write_text(
        f"[user]\n\tname = {address}\n\temail = {address}\n\tsigningkey = {home / 'key.pub'}\n[gpg]\n\tformat = ssh\n"
    )
    return Approver(address, home)


def make_approvers(folder: Path) -> list[Approver]:
    """Make Ada, Bob and Eve."""
    return [make_approver(folder, f"{name}@example.org") for name in _NAMES]


def let_approve(
    publication: Publication, approvers: Sequence[Approver], *, count: int = 1, lines: Sequence[str] | None = None
) -> None:
    """Have the publication know these people as its approvers; `lines` are allowed_signers, their keys if left out."""
    if lines is None:
        lines = [f"{approver.address} {approver.public_key}" for approver in approvers]
    (publication.root / "approvers").write_text("".join(f"{line}\n" for line in lines))
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        names = ", ".join(f'"{approver.address}"' for approver in approvers)
        file.write(f'\n[approval]\napprovers = [{names}]\ncount = {count}\nallowed_signers = "approvers"\n')


def make_statement(
    publication: Publication, approver: str, issue: str = ISSUE, editions: Mapping[str, Mapping[str, str]] = EDITIONS
) -> Statement:
    """Return what an approver would sign."""
    return Statement(
        publication=publication.workspace.config.subscriber_list.id,
        issue=IssueName(issue),
        approver=approver,  # type: ignore[arg-type]  # an address as it is written
        editions=editions,
        versions={"python": "3"},
    )


def sign(publication: Publication, approver: Approver, statement: Statement | None = None) -> SignedStatement:
    """Return a statement, the usual one if none is given, as this person signs it."""
    before = dict(os.environ)
    os.environ.update(approver.environment)
    try:
        return sign_statement(publication.root, statement or make_statement(publication, approver.address))
    finally:
        os.environ.clear()
        os.environ.update(before)


def put(publication: Publication, approver: str, data: bytes, issue: str = ISSUE) -> Path:
    """Write an approval as this approver's, whatever it is."""
    path = find_approval_file(publication.workspace, IssueName(issue), approver)  # type: ignore[arg-type]  # as above
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path
