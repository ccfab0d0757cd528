"""Links that earlier issues had already."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from newsletter.editions import EditionContext
from newsletter.issue.draft import Draft, read_draft
from newsletter.link_check.issue_links import IssueLink, list_links
from newsletter.link_check.page_key import make_page_key
from newsletter.workspace import Workspace

_STANDING = 2  # earlier issues with the same link: it is a standing one, such as that to an archive
_PLAIN = re.compile(r"[A-Za-z0-9._~/-]+")


@dataclass(frozen=True, slots=True)
class EarlierUse:
    """An earlier issue with the same link: its name, and the item with its headline where it was in one."""

    issue: str
    item: int | None
    headline: str = ""


def find_earlier_uses(
    workspace: Workspace, context: EditionContext, draft: Draft, links: Collection[IssueLink]
) -> Mapping[str, EarlierUse]:
    """Return the latest earlier use of links by their keys, without those that stand in many issues.

    Only drafts whose text has a part of such a link are read, since reading all of them would take seconds.
    """
    wanted = {make_page_key(link.address): _find_needle(link.address) for link in links}
    wanted = {key: needle for key, needle in wanted.items() if "/" in key or "?" in key}  # front pages are no articles
    found: dict[str, list[EarlierUse]] = {}
    for path in reversed(_list_earlier(workspace, draft)):
        text = _read_text(path)
        near = {key for key, needle in wanted.items() if needle in text}
        issue = read_draft(path).issue if near else None
        if issue is None:
            continue
        for link in list_links(context, issue):
            key = make_page_key(link.address)
            uses = found.setdefault(key, [])
            if key in near and not any(use.issue == path.stem for use in uses):
                headline = issue.all_items[link.item - 1].headline.plain() if link.item else ""
                uses.append(EarlierUse(path.stem, link.item, headline))
    return {key: uses[0] for key, uses in found.items() if 1 <= len(uses) <= _STANDING}


def _list_earlier(workspace: Workspace, draft: Draft) -> list[Path]:
    """Return the drafts before this one by date, the oldest first; a translation is where its issue is."""
    paths = workspace.draft_paths()
    names = [path.stem for path in paths]
    is_known = draft.path in paths or (draft.language and draft.name in names)
    before = paths[: names.index(draft.name)] if is_known else paths
    return [path for path in before if path.is_file() and workspace.holds(path)]


def _find_needle(address: str) -> str:
    """Return the longest part of an address that every spelling of it has."""
    _, _, rest = address.partition("://")
    return max(_PLAIN.findall(rest.removeprefix("www.").rstrip("/")), key=len, default="")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
