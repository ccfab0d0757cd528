"""Secret keys of a publication: subscribers' links are signed with them, and the erased are known by them.

They are kept outside of git, in `.newsletter/keys.toml`, or in the environment (NEWSLETTER_KEYS__TOKENS, newest first,
with commas, and NEWSLETTER_KEYS__FORGOTTEN).
"""

import os
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hmac import digest
from pathlib import Path
from secrets import token_urlsafe

from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.files import make_private_folder, prepare_replacement
from newsletter.workspace import STATE_FOLDER, Workspace

KEYS_NAME = "keys.toml"
_LEAST = 32  # characters: what `token_urlsafe` makes of 24 bytes
_HEAD = """\
# The publication's secrets: keep them to yourself and out of git, and keep a copy in a safe place.
# tokens: readers' links are signed with the first, and read with each. forgotten: never change it, or an old list
# brings back people who asked to be erased.
"""
_MAKE = (
    "If it never had any, make them: newsletter keys new\n"
    "If it had, put back your copy of .newsletter/keys.toml, or take the file from the machine that sends or serves: "
    "with others, the links in readers' mails lead nowhere.\n"
    "With the keys belongs who must not be mailed. There: newsletter subscribers export FILE --suppressed; "
    "here: newsletter subscribers suppress --from FILE"
)


@dataclass(frozen=True)
class SecretKeys:
    """Keys of a publication. `tokens` sign and read what links and return paths carry, the newest first."""

    tokens: tuple[str, ...] = field(repr=False)
    forgotten: str = field(repr=False)

    def digest(self, reader: str) -> str:
        """Return the hash that is left of a person who was erased; without the key it leads nobody to them."""
        return digest(self.forgotten.encode(), reader.encode("utf-8", "surrogatepass"), "sha256").hex()

    @property
    def fingerprint(self) -> str:
        """The hash by which two machines see whether they know the erased by the same key."""
        return self.digest("the key itself")[:16]

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Return a purpose's own keys, one made from each of the tokens' keys, the newest first."""
        return self._keys_by_purpose.setdefault(
            purpose, tuple(digest(key.encode(), purpose.encode(), "sha256") for key in self.tokens)
        )

    @cached_property
    def _keys_by_purpose(self) -> dict[str, tuple[bytes, ...]]:
        return {}


def find_secret_keys(workspace: Workspace) -> SecretKeys | None:
    """Return the publication's keys, or None when it has none yet. Raises ConfigError for keys that can't be used."""
    chosen = workspace.config.keys
    if chosen.tokens or chosen.forgotten:
        if not (chosen.tokens and chosen.forgotten):
            raise ConfigError(
                "Only one of NEWSLETTER_KEYS__TOKENS and NEWSLETTER_KEYS__FORGOTTEN is set.",
                next_step="Set both, as they are in .newsletter/keys.toml; or neither, where that file is.",
            )
        listed = chosen.tokens.get_secret_value().replace(",", " ").split()
        return _check_keys(listed, chosen.forgotten.get_secret_value(), "The environment")
    path = _path(workspace)
    try:
        mode = path.stat().st_mode
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            raise ConfigError(
                f"{path} is a link to {path.readlink()}, which is not there.", next_step="Put the keys there again."
            ) from error
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is not TOML"
        raise ConfigError(f"{path} can't be read: {why}.", next_step="Put back your copy of it.") from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(
            f"Every user of this machine can read {path}.", next_step=f"Keep it to yourself: chmod 600 {path}"
        )
    tokens, erased = found.get("tokens"), found.get("forgotten")
    if not isinstance(tokens, list) or not all(isinstance(key, str) for key in tokens) or not isinstance(erased, str):
        raise ConfigError(f'{path} needs tokens = ["..."] and forgotten = "...".', next_step="Put back your copy.")
    return _check_keys(tokens, erased, str(path))


def require_secret_keys(workspace: Workspace) -> SecretKeys:
    """Return the publication's keys. Raises ConfigError when there are none, and for keys that can't be used."""
    keys = find_secret_keys(workspace)
    if keys is None:
        raise ConfigError("There are no keys here, which readers' links are signed with.", next_step=_MAKE)
    return keys


def create_secret_keys(root: Path) -> Path:
    """Make keys for the workspace in `root`; return their file. Raises DecisionNeeded when there are some."""
    path = root / STATE_FOLDER / KEYS_NAME
    if os.path.lexists(path) and not path.is_symlink():
        raise DecisionNeeded(
            f"{path} is there already.", next_step="For a new one beside the old: newsletter keys rotate"
        )
    _write(path, [token_urlsafe()], token_urlsafe())
    return path


def rotate_secret_keys(workspace: Workspace) -> Path:
    """Put a new key before those there are: it signs from now on, and they still read. Returns the file.

    Raises DecisionNeeded when the keys come from the environment, and ConfigError when there are none.
    """
    path = _path(workspace)
    if workspace.config.keys.tokens or workspace.config.keys.forgotten:
        raise DecisionNeeded(
            "The keys are in the environment, which this program can't change.",
            next_step="Put a new one before the others in NEWSLETTER_KEYS__TOKENS, with a comma behind it.",
        )
    keys = require_secret_keys(workspace)
    _write(path, [token_urlsafe(), *keys.tokens], keys.forgotten)
    return path


def _path(workspace: Workspace) -> Path:
    return workspace.state_folder / KEYS_NAME


def _check_keys(tokens: Sequence[str], forgotten: str, where: str) -> SecretKeys:
    if not tokens or any(len(key) < _LEAST for key in (*tokens, forgotten)):
        raise ConfigError(
            f"{where} holds a key shorter than {_LEAST} characters, or none.",
            next_step="`newsletter keys new` makes good ones.",
        )
    return SecretKeys(tuple(tokens), forgotten)


def _write(path: Path, tokens: Sequence[str], forgotten: str) -> None:
    """Write the keys, also where the path is a link by which machines share one file. Raises ConfigError.

    The owner stays, since root may change the keys of a service that runs as somebody else.
    """
    lines = "".join(f'    "{key}",\n' for key in tokens)
    try:
        make_private_folder(path.parent)
        text = f'{_HEAD}tokens = [\n{lines}]\nforgotten = "{forgotten}"\n'
        with prepare_replacement(path, [text], must_keep_owner=True) as put:
            put()
    except OSError as error:
        raise ConfigError(
            f"{path.resolve()} can't be written: {error.strerror}. The keys are as they were.",
            next_step="See that the folder is yours to write, and has room. Then run the same command again.",
        ) from error
