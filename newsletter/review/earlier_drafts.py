"""A draft as it was at a git revision, and the issue before it: what a review compares it with."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from newsletter.errors import DecisionNeeded
from newsletter.git import NoAnswer, ask_git, find_commit, find_top
from newsletter.issue.draft import Draft, parse_draft
from newsletter.issue.extent import measure_extent
from newsletter.issue.model import Issue
from newsletter.text import format_count, format_size, quote_text
from newsletter.workspace import Workspace

_MOST_BYTES = 50_000_000


@dataclass(frozen=True, kw_only=True)
class EarlierFiles:
    """A draft at a revision: its file's name and contents then, and those of the files beside it that it named."""

    name: str
    source: bytes
    beside: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class RevisionFiles:
    """Drafts at a git revision by the names that their files have now; those that were not there are left out.

    `commit` is the revision's commit and `date` its day, as people name them.
    """

    revision: str
    commit: str
    date: str
    drafts: Mapping[str, EarlierFiles]

    @property
    def name(self) -> str:
        """The revision in words: `main (1a2b3c4 of 2026-11-30)`."""
        return f"{self.revision} ({self.commit} of {self.date})"


def fetch_revision(paths: Iterable[Path], revision: str) -> RevisionFiles:
    """Fetch drafts of one folder as they were at a revision, by the names that they had there; nothing is parsed.

    Raises DecisionNeeded when git can't tell.
    """
    known = list(paths)
    fetched = [(path.name, _fetch(path, revision)) for path in known]
    drafts = {name: files for name, files in fetched if files}
    commit, date = _describe_commit(known[0].parent.resolve(), revision) if known else ("", "")
    return RevisionFiles(revision=revision, commit=commit, date=date, drafts=drafts)


def _describe_commit(folder: Path, revision: str) -> tuple[str, str]:
    """Return a revision's commit, shortened, and its day."""
    shown = ("show", "--no-patch", "--no-show-signature", "--format=%h %cs")
    answer = ask_git(folder, *shown, "--end-of-options", f"{revision}^{{commit}}")
    commit, _, date = answer.decode().strip().partition(" ")
    return commit, date


def _fetch(path: Path, revision: str) -> EarlierFiles | None:
    folder = path.parent.resolve()
    try:
        top, commit = find_top(folder), find_commit(folder, revision)
        name = _find_former_name(top, commit, folder / path.name)
        return None if name is None else _fetch_files(top, commit, Path(name))
    except NoAnswer as error:
        raise DecisionNeeded(
            f"git can't tell what {path.name} was at {quote_text(revision)}: {error.message}.",
            next_step=error.next_step,
        ) from error


def _find_former_name(top: Path, commit: str, path: Path) -> str | None:
    """Return the draft's path at the commit, from the top; None where it is new. A renamed one is known by its text."""
    name = path.relative_to(top).as_posix()
    if ask_git(top, "ls-tree", "-z", "--full-tree", commit, "--", name):
        return name
    plainly = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=all")
    listed = ask_git(top, "diff", "--name-status", "-z", "--find-renames", *plainly, commit, "--").split(b"\0")
    renamed = [
        os.fsdecode(listed[place + 1])
        for place, word in enumerate(listed)
        if word.startswith(b"R") and listed[place + 2 : place + 3] == [os.fsencode(name)]
    ]
    return renamed[0] if renamed else None


def _fetch_files(top: Path, commit: str, draft: Path) -> EarlierFiles:
    source = _show(top, commit, draft.as_posix())
    listed = ask_git(top, "ls-tree", "-z", "--name-only", "--full-tree", commit, "--", f"{draft.parent}/")
    others = (Path(os.fsdecode(each)) for each in listed.split(b"\0") if each)
    # Its pictures were beside it: without them it would be no valid issue.
    beside = {
        other.name: _show(top, commit, other.as_posix())
        for other in others
        if other != draft and os.fsencode(other.name) in source
    }
    return EarlierFiles(name=draft.name, source=source, beside=beside)


def parse_earlier(files: EarlierFiles, language: str) -> Draft:
    """Parse and validate a draft as it was at a revision."""
    with TemporaryDirectory() as folder:
        for name, data in files.beside.items():
            Path(folder, name).write_bytes(data)
        return parse_draft(Path(folder, files.name), files.source.decode("utf-8-sig", "replace"), language)


def list_other_files(files: EarlierFiles, path: Path) -> list[str]:
    """Return the names of files beside a draft, now at `path`, that hold something else than at the revision."""
    now = {name: path.parent / name for name in files.beside}
    there = {name: place for name, place in now.items() if place.is_file() and not place.is_symlink()}
    return [name for name, place in there.items() if place.read_bytes() != files.beside[name]]


def _show(top: Path, commit: str, name: str) -> bytes:
    """Return a file's contents at the commit. Raises NoAnswer, also for one that is longer than any picture."""
    size = int(ask_git(top, "cat-file", "-s", f"{commit}:{name}"))
    if size > _MOST_BYTES:
        raise NoAnswer(f"{name} had {format_size(size)} then", "Compare with another revision.")
    return ask_git(top, "cat-file", "blob", f"{commit}:{name}")


def find_issue_before(workspace: Workspace, path: Path) -> Path | None:
    """Return the draft before this one in the publication's order; None for the first."""
    drafts = workspace.draft_paths()
    place = drafts.index(path) if path in drafts else len(drafts)
    return drafts[place - 1] if place else None


def compare_extent(before: Issue, after: Issue) -> str:
    """Return how an issue differs from another by what it consists of, as the end of a sentence; "" for not at all."""
    old, new = measure_extent(before), measure_extent(after)
    parts = [
        _count(len(after.all_items), len(before.all_items), "item"),
        _count(new.words, old.words, "word"),
        _count(len(after.sections), len(before.sections), "section"),
        _count(len(after.images()), len(before.images()), "picture"),
    ]
    return ", ".join(part for part in parts if part)


def _count(now: int, then: int, noun: str) -> str:
    return f"{format_count(now, noun)} instead of {then:,}" if now != then else ""
