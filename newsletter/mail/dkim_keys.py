"""Keys for DKIM signatures: reading them from files and the environment, and generating them."""

import re
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from newsletter.config import Config, find_setting
from newsletter.errors import ConfigError, Problem
from newsletter.git import NoAnswer, ask_git
from newsletter.mail.dkim_signature import DkimKey, load_dkim_key
from newsletter.text import format_count

DkimAlgorithm = Literal["rsa", "ed25519"]
_VARIABLE = "NEWSLETTER_DKIM__KEY"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_BITS = 2048  # RFC 8301, section 3.2: what a signer should use


def read_dkim_keys(config: Config, root: Path, config_path: Path) -> list[DkimKey]:
    """Read the key of each selector that [dkim] names; files are below `root`. Raises ConfigError.

    `config_path` is the newsletter.toml that names them, for what is wrong in it.
    """
    selectors = config.dkim.selector
    sources = _read_sources(config, root, config_path)
    pems = [(where, pem) for where, text in sources for pem in _find_blocks(where, text, config_path)]
    if len(pems) != len(selectors):
        raise _explain_fault(
            config_path,
            f"{format_count(len(selectors), 'selector')} and {format_count(len(pems), 'key')}",
            f"Each key has a selector of its own: name the files in key_file in the same order, or set {_VARIABLE}.",
        )
    return [
        _load_key(selector, where, pem, config_path) for selector, (where, pem) in zip(selectors, pems, strict=True)
    ]


def generate_dkim_key(kind: DkimAlgorithm) -> tuple[bytes, str]:
    """Generate a private key as PEM, and the DNS record of its public key (RFC 6376, section 3.6.1; RFC 8463, 4.2)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    if kind == "ed25519":
        short = Ed25519PrivateKey.generate()
        pem = short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = short.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        key = generate_private_key(public_exponent=65537, key_size=_BITS)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k={kind}; p={b64encode(public).decode()}"


def _read_sources(config: Config, root: Path, config_path: Path) -> Iterator[tuple[str, str]]:
    """Yield the place and text of each source of keys: the files in their order, then the environment."""
    for name in config.dkim.key_file:
        path = root / name
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise _explain_fault(
                config_path, f"{name} can't be read: {error.strerror}", "Put the key there, or mend the name."
            ) from error
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            raise _explain_fault(
                config_path, f"every user of this machine can read {name}", f"Keep it to yourself: chmod 600 {path}"
            )
        if _is_tracked(path):
            raise _explain_fault(
                config_path,
                f"{name} is in git, so everyone with a copy of the publication can sign as you",
                "Make a new key (newsletter dkim key), change the DNS record, and take this one out: git rm --cached.",
            )
        yield name, text
    if config.dkim.key:
        # Some environments allow no line breaks in a variable.
        yield _VARIABLE, config.dkim.key.get_secret_value().replace("\\n", "\n")


def _find_blocks(where: str, text: str, config_path: Path) -> list[bytes]:
    found = [block[0].encode("ascii", "replace") for block in _PEM.finditer(text)]
    if not found:
        raise _explain_fault(
            config_path, f"{where} holds no private key", "A key begins with -----BEGIN PRIVATE KEY-----."
        )
    return found


def _load_key(selector: str, where: str, pem: bytes, config_path: Path) -> DkimKey:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = load_dkim_key(selector, pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is locked by a password
        raise _explain_fault(
            config_path,
            f"{where} holds a key that can't be used",
            "Give an RSA or Ed25519 key as PEM, without a password.",
        ) from error
    if key is None:
        raise _explain_fault(
            config_path, f"{where} holds a key that no receiver takes", f"Make one: newsletter dkim key ({_BITS} bits)."
        )
    return key


def _is_tracked(path: Path) -> bool:
    """Return whether the file is in a git repository's index; False where git has no answer."""
    path = path.resolve()
    try:
        ask_git(path.parent, "ls-files", "--error-unmatch", "--", path.name)
    except NoAnswer:
        return False
    return True


def _explain_fault(config_path: Path, message: str, next_step: str) -> ConfigError:
    path, line = find_setting(config_path, "dkim", "key_file")
    problem = Problem(path=path, line=line, code="dkim", message=f"[dkim]: {message}", next_step=next_step)
    return ConfigError("Messages can't be signed.", problems=[problem])
