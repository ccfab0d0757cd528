"""Another publication in a workspace that is there: its folder, with settings that stand over the workspace's."""

import json
import os
import tomllib
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any

from newsletter.config.example import ABOUT, DOMAIN
from newsletter.config.shared_settings import NAME_RULE, PUBLICATIONS, find_value, is_publication_name
from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.scaffold import write_first_files
from newsletter.workspace import CONFIG_NAME

_EXAMPLE_LIST = "subscribers.example.csv"
_CONFIG = """\
# A publication of this workspace. What is left out here, such as the mail server and the look, is taken from
# ../../newsletter.toml; what is written here stands over it.

[publication]
title = {title}
about = {about}

[sender]
from = {sender}

[list]
id = {list_id}
unsubscribe = {unsubscribe}
"""


def make_publication(root: Path, name: str, title: str) -> list[Path]:
    """Make the folder of another publication in the workspace in `root`; return its files, newsletter.toml first.

    Nothing else in the workspace changes. Never overwrites: raises DecisionNeeded; and ConfigError where the
    workspace's newsletter.toml can't be read.
    """
    folder = root / PUBLICATIONS / name
    if not title.strip() or not title.isprintable():
        raise DecisionNeeded("A title is one line of text.", next_step="Give one: --title 'My Newsletter'")
    if not is_publication_name(name):
        raise DecisionNeeded(
            f"{name!r} can't name a publication.",
            next_step=f"Write {NAME_RULE}: spring-fair",
        )
    if os.path.lexists(folder / CONFIG_NAME):
        raise DecisionNeeded(f"{folder / CONFIG_NAME} is there already.", next_step="Name the publication otherwise.")
    config = _write_config(_read_tables(root / CONFIG_NAME), name, title)
    made = write_first_files(folder, {})
    # Last, since it is what makes the folder a publication.
    (folder / CONFIG_NAME).write_text(config, encoding="utf-8")
    return [folder / CONFIG_NAME, *made]


def _read_tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} can't be read: {error}.", next_step="Mend it first.") from error


def _write_config(shared: dict[str, Any], name: str, title: str) -> str:
    """Return a short newsletter.toml: the workspace's addresses with the publication's own name and list."""
    address = parseaddr(_find_text(shared, "sender", "from"))[1] or f"digest@{DOMAIN}"
    domain = _find_text(shared, "list", "id").partition(".")[2] or address.rpartition("@")[2]
    leaving = (
        _find_text(shared, "list", "unsubscribe") or f"mailto:leave@{domain}?subject=unsubscribe%20{{{{ token }}}}"
    )
    shown = title.replace('"', "").replace("\\", "").strip() or "Newsletter"
    values = {
        "title": title,
        "about": ABOUT,
        "sender": formataddr((shown, address)) if shown.isascii() else f'"{shown}" <{address}>',
        "list_id": f"{name}.{domain if '.' in domain else DOMAIN}",
        "unsubscribe": leaving,
    }
    written = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return _CONFIG.format(**written)


def _find_text(tables: dict[str, Any], table: str, key: str) -> str:
    value = find_value(tables, table, key)
    return value if isinstance(value, str) else ""
