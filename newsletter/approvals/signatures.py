"""Signatures of approvals, verified by git (git-verify-tag(1)) with keys that the publication's settings name.

Nobody's keyring, trust and settings play a part: keys come from the files that [approval] names alone. git is asked
first, for the moment at which the approval says that it was signed; then ssh-keygen is asked about that one approver,
now. So a key that has run out counts no longer, whatever moment its owner writes into an approval.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.address import EmailAddress, subscriber_key
from newsletter.approvals.statement import SignedStatement
from newsletter.config.approval_settings import ApprovalSettings
from newsletter.errors import ConfigError
from newsletter.git import ScratchRepository, open_scratch_repository
from newsletter.ownership import require_own
from newsletter.workspace import Workspace

_PATIENCE_S = 20
_MOST_OCTETS = 1_000_000  # of a file with keys
_SSH_KEY = re.compile(r'^Good "git" signature (?:for .+ )?with \S+ key (SHA256:\S+)$', re.MULTILINE)
_GPG_STATUS = re.compile(r"^\[GNUPG:\] ([A-Z_]+) ?(.*)$", re.MULTILINE)
_GPG_FAULTS = {
    "EXPKEYSIG": "the key has expired",
    "EXPSIG": "the signature has expired",
    "REVKEYSIG": "the key was revoked",
    "BADSIG": "it was changed after it was signed",
    "NO_PUBKEY": "nobody's key in the file [approval] gpg_keys made the signature",
}


class BadSignature(Exception):
    """A signature that does not prove an approver's agreement, with the reason."""


@dataclass(frozen=True)
class SignatureChecker:
    """A checker of signatures, with the keys as they were when it was opened."""

    settings: ApprovalSettings
    folder: Path
    repository: ScratchRepository
    tools: Mapping[str, str]

    def verify(self, signed: SignedStatement, approver: EmailAddress) -> str:
        """Return the fingerprint of the key with which the approver signed. Raises BadSignature and ConfigError."""
        return self._verify_ssh(signed, approver) if signed.is_ssh else self._verify_gpg(signed, approver)

    def _verify_ssh(self, signed: SignedStatement, approver: EmailAddress) -> str:
        if not self.settings.allowed_signers:
            raise BadSignature("it is signed by SSH, and [approval] names no allowed_signers")
        keygen = self._require_tool("ssh-keygen", "OpenSSH's client")
        said, is_good = self._verify_tag(signed)
        key = _SSH_KEY.search(said)
        if not is_good or not key:
            raise BadSignature(
                "it was changed after it was signed"
                if "incorrect signature" in said
                else f"its key was not {approver}'s in [approval] allowed_signers when it was signed"
            )
        signature = self.folder / "signature"
        signature.write_bytes(signed.signature)
        signers = str(self.folder / "allowed_signers")
        # As [approval] writes the address: patterns in the file are matched by it, small and capital letters apart.
        words = ["-Y", "verify", "-f", signers, "-I", approver, "-n", "git", "-s", str(signature)]
        done = _run([keygen, *words], self.folder, signed.payload)
        if done.returncode:
            raise BadSignature(f"its key is not {approver}'s in [approval] allowed_signers, or is no longer")
        return key[1]

    def _verify_gpg(self, signed: SignedStatement, approver: EmailAddress) -> str:
        wanted = {subscriber_key(address): key for address, key in self.settings.gpg.items()}
        own = wanted.get(subscriber_key(approver))
        if own is None:
            raise BadSignature(f"it is signed by OpenPGP, and [approval.gpg] has no key of {approver}")
        self._require_tool("gpg", "GnuPG")
        said, is_good = self._verify_tag(signed)
        status = dict(_GPG_STATUS.findall(said))
        for word, fault in _GPG_FAULTS.items():
            if word in status:
                raise BadSignature(fault)
        # The last word is the primary key, where a subkey signed (GnuPG's doc/DETAILS, VALIDSIG).
        valid = status.get("VALIDSIG", "").split()
        if not is_good or "GOODSIG" not in status or not valid:
            raise BadSignature("its signature can't be verified")
        if own not in (valid[0], valid[-1]):
            raise BadSignature(f"it is signed by another key than [approval.gpg] has for {approver}")
        return own

    def _verify_tag(self, signed: SignedStatement) -> tuple[str, bool]:
        """Return what git says of the signature, and whether it is content with it."""
        written = self.repository.run(
            "hash-object", "-t", "tag", "-w", "--stdin", folder=self.folder, stdin=signed.data
        )
        if written.returncode:
            raise BadSignature("git can't read it as a tag")
        name = written.stdout.decode().strip()
        done = self.repository.run("verify-tag", "--raw", name, folder=self.folder, patience_s=_PATIENCE_S)
        return (done.stdout + done.stderr).decode(errors="replace"), not done.returncode

    def _require_tool(self, name: str, package: str) -> str:
        if name not in self.tools:
            raise ConfigError(
                f"{name} is not installed here, and approvals are signed with it.", next_step=f"Install {package}."
            )
        return self.tools[name]


@contextmanager
def open_signature_checker(workspace: Workspace) -> Iterator[SignatureChecker]:
    """Yield a checker of signatures, with the publication's files of keys.

    Raises ConfigError for files that can't be read, and NoAnswer without a git that can verify.
    """
    settings = workspace.config.approval
    tools = {name: path for name in ("ssh-keygen", "gpg") if (path := find_program(name))}
    with TemporaryDirectory(prefix="newsletter-keys-") as name:
        folder = Path(name)
        if settings.allowed_signers:
            (folder / "allowed_signers").write_bytes(_read_keys(workspace, settings.allowed_signers, "allowed_signers"))
        if settings.gpg_keys and "gpg" in tools:
            _fill_keyring(folder, tools["gpg"], _read_keys(workspace, settings.gpg_keys, "gpg_keys"))
        programs = {
            "gpg.ssh.allowedSignersFile": str(folder / "allowed_signers"),
            "gpg.ssh.program": tools.get("ssh-keygen", os.devnull),
            "gpg.program": tools.get("gpg", os.devnull),
            "gpg.x509.program": os.devnull,
        }
        with open_scratch_repository(programs, {"GNUPGHOME": str(folder)}) as repository:
            yield SignatureChecker(settings, folder, repository, tools)


def find_program(name: str) -> str | None:
    """Return where a program is in PATH, by absolute folders alone: what "." means, a repository may decide."""
    for folder in os.get_exec_path():
        path = Path(folder) / name
        if path.is_absolute() and path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None


def _read_keys(workspace: Workspace, name: str, setting: str) -> bytes:
    """Return a file of keys, the publication's own or else the workspace's. Raises ConfigError."""
    path = next((path for path in (workspace.folder / name, workspace.root / name) if path.exists()), None)
    path = path or workspace.folder / name
    require_own(workspace.root, [path], workspace.environ)
    try:
        if not path.is_file():  # nor a named pipe, which would never end
            raise FileNotFoundError
        with path.open("rb") as file:
            data = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} can't be read, which [approval] {setting} names.",
            next_step="Put the approvers' public keys there, or name the file that has them.",
        ) from error
    if len(data) > _MOST_OCTETS:
        raise ConfigError(f"{path} is too large for a file of keys.", next_step="Keep the approvers' keys alone in it.")
    return data


def _fill_keyring(folder: Path, gpg: str, keys: bytes) -> None:
    """Put public keys into a keyring of this folder's own; revocations among them are heeded."""
    folder.chmod(0o700)
    done = _run([gpg, "--homedir", str(folder), "--batch", "--no-autostart", "--import"], folder, keys)
    if done.returncode and b"imported: " not in done.stderr:
        raise ConfigError(
            "gpg finds no public keys in the file that [approval] gpg_keys names.",
            next_step="Write them there: gpg --armor --export ada@example.org > approvers.asc",
        )


def _run(command: list[str], folder: Path, stdin: bytes) -> "subprocess.CompletedProcess[bytes]":
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(folder)}
    try:
        return subprocess.run(  # noqa: S603  # no shell, and the program by its whole path
            command, cwd=folder, env=environment, input=stdin, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BadSignature(f"{Path(command[0]).name} did not answer within {_PATIENCE_S} seconds") from error
