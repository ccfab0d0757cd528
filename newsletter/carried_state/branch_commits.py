"""Commits of the state branch, as this program writes and reads them: a manifest, and the files that it names."""

import os
from collections.abc import Mapping

from newsletter.carried_state.local_state import find_database
from newsletter.carried_state.manifest import NAME, Manifest, read_manifest
from newsletter.carried_state.sealing import VARIABLE, NotOurs, Seal
from newsletter.carried_state.state_branch import BRANCH, StateBranch
from newsletter.carried_state.state_files import StateImage, read_state
from newsletter.errors import ConfigError, DeliveryError
from newsletter.workspace import Workspace

_README = """\
The state of a newsletter, encrypted by age: what was sent to whom, and who must not be mailed. The program moves this
branch forward by itself (see docs/operators/ci.md). Do not edit it, merge it or move it back.
"""


def push_state(
    branch: StateBranch,
    manifest: Manifest,
    blobs: Mapping[str, str],
    new: Mapping[str, bytes],
    seal: Seal,
    onto: str | None,
    message: str,
) -> tuple[str, dict[str, str]]:
    """Push a commit with the manifest and its files on top of another; return it with git's names of its files.

    `blobs` are those of the files that are there already. Raises NotOnTop and DeliveryError.
    """
    named = {file.name: blobs[file.name] for file in manifest.files if file.name not in new}
    named |= {name: branch.write_file(data) for name, data in new.items()}
    named |= {NAME: branch.write_file(manifest.write(seal)), "README.md": branch.write_file(_README.encode())}
    commit = branch.commit(named, onto, message)
    branch.push(commit, onto)
    return commit, named


def read_branch_manifest(branch: StateBranch, blobs: Mapping[str, str], seal: Seal) -> Manifest:
    """Return the manifest among a commit's files. Raises DeliveryError for one that can't be believed."""
    if NAME not in blobs:
        raise _make_unreadable_error(NotOurs("it has no state.json"))
    try:
        return read_manifest(branch.read_file(blobs[NAME]), seal)
    except NotOurs as error:
        raise _make_unreadable_error(error) from error


def read_branch_state(branch: StateBranch, blobs: Mapping[str, str], manifest: Manifest, seal: Seal) -> StateImage:
    """Return the state that a manifest and a commit's files make. Raises DeliveryError."""
    contents = {file.name: branch.read_file(blobs[file.name]) for file in manifest.files if file.name in blobs}
    try:
        return read_state(manifest.files, contents, seal)
    except NotOurs as error:
        raise _make_unreadable_error(error) from error


def make_seal(workspace: Workspace) -> Seal:
    """Return what encrypts the workspace's state. Raises ConfigError without an identity, and in PostgreSQL."""
    find_database(workspace)
    settings = workspace.config.ci
    if settings.age_identity is None:
        raise ConfigError(
            f"The state is encrypted, and {VARIABLE} is not set.",
            next_step="newsletter keys age FILE makes an identity. Keep a copy of the file in a safe place, and put "
            "what is in it into the runner's secrets.",
        )
    return Seal(settings.age_identity, settings.recipients)


def make_branch(workspace: Workspace) -> StateBranch:
    """Return the branch of the workspace's repository. Its commits are by the newsletter's sender."""
    sender = workspace.config.sender.from_
    return StateBranch(folder=workspace.root, name=sender.name or sender.address, address=sender.address)


def find_run() -> str:
    """Return where a person sees the job that this runs in; empty where no forge's variables say so."""
    environ = os.environ
    if job := environ.get("CI_JOB_URL"):  # GitLab
        return job
    parts = [environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def _make_unreadable_error(error: NotOurs) -> DeliveryError:
    return DeliveryError(
        f"The state on the branch {BRANCH} can't be used: {error}.",
        next_step=f"See that {VARIABLE} is the identity by which it was written, and who has pushed to the branch.",
    )
