"""A draft as it was at a git revision, and the issue before it: what a review compares it with."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import DecisionNeeded
from newsletter.git import NoAnswer, ask_git
from newsletter.issue.draft import Draft, parse_draft
from newsletter.issue.extent import measure_extent
from newsletter.issue.model import Issue
from newsletter.text import format_count, format_size, quote_text
from newsletter.workspace import Workspace

_MOST_BYTES = 50_000_000


@dataclass(frozen=True, kw_only=True)
class EarlierDraft:
    """A draft at a revision: None where it was not there yet. `other_files` are files beside it that differ by now."""

    draft: Draft | None
    other_files: tuple[str, ...] = ()


def read_earlier(path: Path, language: str, revision: str) -> EarlierDraft:
    """Read the draft at `path` as it was at a revision, by the name that it had there, with the files beside it.

    Raises DecisionNeeded when git can't tell.
    """
    folder = path.parent.resolve()
    try:
        top = Path(os.fsdecode(ask_git(folder, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
        found = ask_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        commit = found.decode().strip()
        name = _find_former_name(top, commit, folder / path.name)
        return EarlierDraft(draft=None) if name is None else _read(top, commit, name, path, language)
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


def _read(top: Path, commit: str, name: str, path: Path, language: str) -> EarlierDraft:
    source = _show(top, commit, name).decode("utf-8-sig", "replace")
    former = Path(name)
    with tempfile.TemporaryDirectory() as place:
        other = []
        # Its pictures were beside it: without them it would be no valid issue.
        listed = ask_git(top, "ls-tree", "-z", "--name-only", "--full-tree", commit, "--", f"{former.parent}/")
        for beside in (Path(os.fsdecode(each)) for each in listed.split(b"\0") if each):
            if beside != former and beside.name in source:
                data, now = _show(top, commit, beside.as_posix()), path.parent / beside.name
                (Path(place) / beside.name).write_bytes(data)
                if now.is_file() and not now.is_symlink() and now.read_bytes() != data:
                    other.append(beside.name)
        draft = parse_draft(Path(place) / former.name, source, language)
    return EarlierDraft(draft=draft, other_files=tuple(other))


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
