"""Runners for tests: clones of a bare remote with an approved issue, in which `newsletter send --ci` is a process."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import forked
import pyrage
from conftest import Publication, copy_sample
from smtp_server import Server

from newsletter.actions.approve import find_issue_approvals
from newsletter.approvals.approval_files import find_approval_file
from newsletter.approvals.statement import EMPTY_TREE, TAG, Statement
from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.editions.fingerprints import list_renderer_versions
from newsletter.publication import OpenPublication

ADA = "ada@example.org"
IGNORED = ".newsletter/\nbuild/\n*.csv\n"
_SETTINGS = f"""
[ci]
state = "STATE"

[approval]
approvers = ["{ADA}"]
allowed_signers = "approvers"
"""
_CHILD = Path(__file__).parent / "runner_child.py"
_PLAN = {"hold_s": 10.0, "renew_s": 1.0, "slice": 4, "lease_s": 0.5}


def git(folder: Path, *args: str, given: str = "", home: Path | None = None) -> str:
    """Run git as Ada does; return what it prints."""
    environ = {**os.environ, "HOME": str(home or folder), "GIT_CONFIG_NOSYSTEM": "1",
               **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
                  for what, value in (("NAME", "Ada"), ("EMAIL", ADA))}}  # fmt: skip
    done = subprocess.run(["git", *args], cwd=folder, env=environ, input=given, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Forge:
    """A bare remote with a publication, and the clones of it that runners have."""

    folder: Path
    identity: str = field(default_factory=lambda: str(pyrage.x25519.Identity.generate()))
    environ: dict[str, str] = field(default_factory=dict)
    readers: int = 10

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def through(self, server: Server) -> None:
        self.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }

    def clone(self, name: str) -> Publication:
        """Return a runner's own clone, with the list that its secrets would bring, and nothing else."""
        root = self.folder / name
        if not root.exists():
            git(self.folder, "clone", "--quiet", "--depth=1", f"file://{self.remote}", str(root))
        found = Publication(root, {**self.environ, "NEWSLETTER_CI__AGE_IDENTITY": self.identity, "HOME": str(root)})
        found.readers(self.readers)
        return found

    def start(self, runner: Publication, *args: str, **plan: object) -> forked.Run:
        """Start a runner's job."""
        command = [json.dumps({**_PLAN, **plan}), "send", "--ci", *args]
        return forked.start(command, cwd=runner.root, env=_without_forge(runner.environment()), program=_CHILD)

    def run(self, runner: Publication, *args: str, **plan: object) -> "subprocess.CompletedProcess[str]":
        """Run a runner's job to its end."""
        with self.start(runner, *args, **plan) as job:
            out, err = job.communicate(timeout=120)
            return subprocess.CompletedProcess(args, job.wait(), out, err)

    def read(self, path: str, branch: str = "main") -> str:
        """Return a file of a branch of the remote."""
        return git(self.remote, "show", f"{branch}:{path}")

    def has(self, path: str, branch: str = "main") -> bool:
        return path in git(self.remote, "ls-tree", "-r", "--name-only", branch).split("\n")


def make_forge(folder: Path, state: str = "branch") -> Forge:
    """Make the remote, with the sample's issues of which the last, 2.10, is approved and unsent."""
    forge = Forge(folder)
    forge.home.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(forge.home / "key")], check=True)
    work = copy_sample(folder / "editor")
    key = " ".join((forge.home / "key.pub").read_text().split()[:2])
    (work.root / "approvers").write_text(f"{ADA} {key}\n")
    (work.root / ".gitignore").write_text(IGNORED)
    path = work.root / "newsletter.toml"
    settings = path.read_text().replace("[send]", '[send]\nrequire = ["clean-checks", "committed", "approved"]')
    path.write_text(settings + _SETTINGS.replace("STATE", state))
    for draft in (work.root / "drafts").glob("*.yaml"):
        if draft.stem != "2.10":
            draft.unlink()
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(forge.remote))
    git(work.root, "init", "--quiet", "--initial-branch=main")
    git(work.root, "remote", "add", "origin", f"file://{forge.remote}")
    approve(work, forge.home)
    commit(work, "Begin")
    return forge


def commit(work: Publication, message: str) -> None:
    """Commit and push all that the editor has."""
    git(work.root, "add", "--all")
    git(work.root, "commit", "--quiet", "--message", message)
    git(work.root, "push", "--quiet", "origin", "HEAD:main")


def approve(work: Publication, home: Path, name: str = "2.10") -> None:
    """Write Ada's approval beside the draft, signed as git signs a tag."""
    with OpenPublication(work.workspace) as publication:
        draft = publication.draft(name)
        texts = read_issue_texts(publication.workspace, publication.edition_context, draft)
        statement = Statement(
            publication=publication.config.subscriber_list.id,
            issue=texts.name,
            approver=publication.config.approval.approvers[0],
            editions=fingerprint_texts(texts),
            versions=list_renderer_versions(),
        )
        scratch = home / "scratch"
        if not scratch.exists():
            git(home, "init", "--quiet", str(scratch))
        git(scratch, "hash-object", "-t", "tree", "-w", "--stdin")
        signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={home / 'key.pub'}")
        words = ("tag", "--sign", "--force", "--cleanup=verbatim", "--file=-", TAG, EMPTY_TREE)
        git(scratch, *signing, *words, given=statement.text, home=home)
        note = find_approval_file(publication.workspace, texts.name, publication.config.approval.approvers[0])
        note.parent.mkdir(exist_ok=True)
        done = subprocess.run(["git", "cat-file", "tag", TAG], cwd=scratch, capture_output=True, check=True)
        note.write_bytes(done.stdout)
        assert find_issue_approvals(publication, draft).is_approved


def copy_forge(forge: Forge, folder: Path) -> Forge:
    """Return a forge of its own for one test: to approve an issue takes seconds."""
    shutil.copytree(forge.folder, folder)
    copied = Forge(folder, identity=forge.identity)
    git(folder / "editor", "remote", "set-url", "origin", f"file://{copied.remote}")
    return copied


def _without_forge(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what a real runner, in which the tests may run, says of its branch and job."""
    return {name: value for name, value in environ.items() if not name.startswith(("GITHUB_REF", "GITHUB_RUN", "CI_"))}
