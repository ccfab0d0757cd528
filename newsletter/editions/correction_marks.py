"""Marks of corrections: what the page, the PDF and the feed of an issue that was corrected say about it."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from newsletter.issue.draft import read_draft
from newsletter.issue.model import Issue
from newsletter.issue.skeleton import find_unwritten
from newsletter.workspace import Workspace

_CORRECTS = re.compile(rb"^[\"']?corrects\b", re.MULTILINE)
Corrections = Mapping[str, Sequence[Issue]]  # by the name of the issue that they correct, in the order of their dates
NO_CORRECTIONS: Corrections = {}


@dataclass(frozen=True, kw_only=True)
class CorrectionMark:
    """Note on an issue that it was corrected: when, and what about.

    `page` is the correction's page in the same folder, `address` its address on the web, None without a website.
    """

    day: datetime.date
    date: str
    words: str
    page: str
    address: str | None


def group_corrections(issues: Iterable[Issue]) -> Corrections:
    """Return the corrections among these issues, by the issue that each corrects."""
    corrections: dict[str, list[Issue]] = {}
    for issue in sorted(issues, key=lambda issue: (issue.date, issue.name)):
        if issue.corrects:
            corrections.setdefault(issue.corrects, []).append(issue)
    return corrections


def list_corrections(corrections: Corrections, issue: Issue) -> list[Issue]:
    """Return an issue's corrections in the order of their dates, each in the issue's language where it is there."""
    chosen: dict[str, Issue] = {}
    for each in corrections.get(issue.name, ()):
        if each.language == issue.language or (not each.language and each.name not in chosen):
            chosen[each.name] = each
    return list(chosen.values())


def find_corrections(workspace: Workspace) -> Corrections:
    """Return the corrections in drafts/ that are written to their end, in each language of theirs."""
    found = []
    for path in (*workspace.draft_paths(), *workspace.translation_paths()):
        if path.is_file() and workspace.holds(path):
            state = path.stat()
            found.append(_read_correction(path, workspace.language_of(path), state.st_mtime_ns, state.st_size))
    return group_corrections(issue for issue in found if issue)


@lru_cache(maxsize=2000)
def _read_correction(path: Path, language: str, _changed: int, _size: int) -> Issue | None:
    """Return the correction in a draft, None for any other; only what has the word at all is read as a draft."""
    try:
        if not _CORRECTS.search(path.read_bytes()):
            return None
    except OSError:
        return None
    issue = read_draft(path, language).issue
    return issue if issue and issue.corrects and not find_unwritten(issue) else None
