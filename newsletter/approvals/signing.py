"""The signing of an approval, by git with the approver's own key and program, as `git tag -s` does it for them."""

from pathlib import Path

from newsletter.address import EmailAddress, local_part_of
from newsletter.approvals.statement import (
    EMPTY_TREE,
    TAG,
    SignedStatement,
    Statement,
    Unreadable,
    read_signed_statement,
)
from newsletter.errors import ConfigError
from newsletter.git import NoAnswer, open_signing_repository, read_own_settings
from newsletter.text import escape_controls

_PATIENCE_S = 600  # for a passphrase to be typed, or a key to be touched
_DATA = ("user.name", "user.email", "user.signingkey", "gpg.format")
_PROGRAMS = ("gpg.program", "gpg.openpgp.program", "gpg.ssh.program", "gpg.ssh.defaultkeycommand")
_SET_UP = (
    "Have git sign with a key of yours, such as the one that you push with:\n"
    "git config --global gpg.format ssh\n"
    "git config --global user.signingkey ~/.ssh/id_ed25519.pub"
)


def find_identity(folder: Path) -> str:
    """Return the address that git has for the user in a folder; empty without one. Raises ConfigError."""
    try:
        return read_own_settings(folder, ("user.email",), ()).get("user.email", "")
    except NoAnswer as error:
        raise ConfigError(f"git is needed to approve: {error.message}.", next_step=error.next_step) from error


def sign_statement(folder: Path, statement: Statement) -> SignedStatement:
    """Return a statement signed by the user, by what git's settings in `folder` name as their key.

    The repository's own settings may choose a key and its form, and no program to run: those are the user's or the
    system's alone. Raises ConfigError with git's words when it can't sign.
    """
    try:
        settings = {**_make_identity(statement.approver), **read_own_settings(folder, _DATA, _PROGRAMS)}
        with open_signing_repository(settings) as repository:
            repository.run("hash-object", "-t", "tree", "-w", "--stdin", folder=folder)
            words = ["tag", "--sign", "--cleanup=verbatim", "--file=-", TAG, EMPTY_TREE]
            message = statement.text.encode()
            signed = repository.run(*words, folder=folder, stdin=message, patience_s=_PATIENCE_S)
            if signed.returncode:
                said = signed.stderr.decode(errors="replace").strip()
                raise ConfigError(f"git could not sign: {escape_controls(said)}", next_step=_SET_UP)
            return read_signed_statement(repository.run("cat-file", "tag", TAG, folder=folder).stdout)
    except NoAnswer as error:
        raise ConfigError(f"git could not sign: {error.message}.", next_step=error.next_step) from error
    except Unreadable as error:
        raise ConfigError("git signed in a form that is neither SSH's nor OpenPGP's.", next_step=_SET_UP) from error


def _make_identity(approver: EmailAddress) -> dict[str, str]:
    """Return who git says has signed, where its settings do not."""
    return {"user.name": local_part_of(approver), "user.email": approver}
