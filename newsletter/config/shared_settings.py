"""Settings that the publications of one workspace share: each one's own stand over those of the workspace's file.

A publication in `publications/NAME/` has a newsletter.toml of its own, and what that leaves out is taken from the
newsletter.toml of the workspace, table by table and key by key. What makes it another publication is its own alone.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG_NAME = "newsletter.toml"
PUBLICATIONS = "publications"
STATE_FOLDER = ".newsletter"

# Never taken from the workspace's file: another publication's title, list or token would be mailed, or mailed to.
OWN_KEYS = frozenset(
    {
        ("publication", "title"),
        ("publication", "id"),
        ("list", "id"),
        ("list", "unsubscribe"),
        ("list", "file"),
        ("list", "query"),
        ("list", "url"),
        ("signup", "mail"),
    }
)
# A place in the DNS of a list, in a path of the web, in a lock and in a folder: all of them take such a name.
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 40
NAME_RULE = f"small letters from a to z, digits, and hyphens between them, at most {_LONGEST}"
# Paths of the service, and words that commands use.
_TAKEN = frozenset({"all", "confirm", "healthz", "p", "publications", "subscribe", "u"})


def is_publication_name(name: str) -> bool:
    """Return whether a publication, its folder and its part of the website may be named so."""
    return bool(_NAME.fullmatch(name)) and len(name) <= _LONGEST and name not in _TAKEN


def find_shared_file(path: Path) -> Path | None:
    """Return the workspace's newsletter.toml whose settings a publication's file stands over; None for any other file.

    A folder with a state of its own is a workspace of its own, wherever it lies.
    """
    folder = path.parent
    if folder.parent.name != PUBLICATIONS or (folder / STATE_FOLDER).exists():
        return None
    shared = folder.parent.parent / CONFIG_NAME
    return shared if shared.is_file() else None


def put_over(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return a publication's tables: its own over those that the workspace's file shares.

    Words are shared by publications in one language alone. A further language is that of a publication which declares
    it, and then has what the workspace's file says of it, save the title.
    """
    merged: dict[str, Any] = {**shared, **own}
    for table, values in shared.items():
        mine = own.get(table, {})
        if isinstance(values, dict) and isinstance(mine, dict):
            kept = {key: value for key, value in values.items() if (table, key) not in OWN_KEYS}
            merged[table] = {**kept, **mine}
    if _read_language(own) not in ("", _read_language(shared)):
        _replace(merged, own, "words")
    _replace(merged, own, "languages")
    for tag, values in merged.get("languages", {}).items() if isinstance(merged.get("languages"), dict) else ():
        lent = shared.get("languages", {}).get(tag, {}) if isinstance(shared.get("languages"), dict) else {}
        if isinstance(values, dict) and isinstance(lent, dict):
            merged["languages"][tag] = {key: value for key, value in lent.items() if key != "title"} | values
    return merged


def extend_addresses(tables: dict[str, Any], own: Mapping[str, Any], name: str) -> None:
    """Put a publication's name behind each web address that is not its `own`, since there each has pages of its own.

    A variable gives the address that is shared: one's own stays.
    """
    for table, key, end in (("publication", "website", "/"), ("service", "url", "")):
        values, mine = tables.get(table), own.get(table)
        if isinstance(mine, dict) and key in mine:
            tables[table][key] = mine[key]
            continue
        if isinstance(values, dict) and isinstance(address := values.get(key), str) and address:
            values[key] = f"{address.rstrip('/')}/{name}{end}"


def find_service_address(path: Path, environ: Mapping[str, str]) -> str:
    """Return where readers reach a publication whose settings may not be valid; "" where that can't be told."""
    shared_file = find_shared_file(path)
    own, shared = _read_tables(path), _read_tables(shared_file) if shared_file else {}
    tables = put_over(own, shared)
    if address := environ.get("NEWSLETTER_SERVICE__URL"):
        tables["service"] = {"url": address}
    if shared_file:
        extend_addresses(tables, own, path.parent.name)
    address = find_value(tables, "service", "url")
    return address if isinstance(address, str) else ""


def declares_publication(path: Path, environ: Mapping[str, str]) -> bool:
    """Return whether a newsletter.toml, or the environment, gives a title, without which there is no publication.

    A file that can't be read counts, so that what is wrong in it is said.
    """
    return "NEWSLETTER_PUBLICATION__TITLE" in environ or read_identity(path).get("title") != ""


def read_identity(path: Path) -> dict[str, str]:
    """Return a publication's own title, id and list id as its file has them, "" where it has none.

    Nothing is validated; a file that can't be read gives nothing at all.
    """
    if not (tables := _read_tables(path)):
        return {}
    places = {"title": ("publication", "title"), "id": ("publication", "id"), "list": ("list", "id")}
    return {name: str(find_value(tables, table, key)) for name, (table, key) in places.items()}


def find_value(tables: Mapping[str, Any], table: str, key: str) -> Any:
    """Return a value of tables that nobody has validated; "" where there is none."""
    values = tables.get(table)
    return values.get(key, "") if isinstance(values, dict) else ""


def _read_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a file; none where it can't be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def _replace(merged: dict[str, Any], own: Mapping[str, Any], table: str) -> None:
    merged.pop(table, None)
    if table in own:
        values = own[table]
        merged[table] = dict(values) if isinstance(values, dict) else values


def _read_language(tables: Mapping[str, Any]) -> str:
    return str(find_value(tables, "publication", "language")).lower()
