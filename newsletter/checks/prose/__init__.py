"""Checks of a draft's words, each switched on or off by its name in the table [prose] of newsletter.toml.

Each is a small function over one `CheckedProse`, listed in `PROSE_CHECKS`. What they find are notes, which keep no
issue from being sent; only a mark for what is still to be written is a problem.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from newsletter.checks.draft_report import Finding
from newsletter.checks.leftovers import find_unfinished_marks
from newsletter.checks.prose.acronyms import find_unexplained_acronyms
from newsletter.checks.prose.alt_texts import find_poor_alt_texts
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.checks.prose.link_words import find_empty_link_words
from newsletter.checks.prose.proselint_notes import find_proselint_notes
from newsletter.checks.prose.reading_level import find_hard_reading
from newsletter.checks.prose.repeated_words import find_repeated_words
from newsletter.checks.prose.sentences import find_long_sentences
from newsletter.checks.prose.spelling import find_misspellings
from newsletter.checks.prose.word_list import list_word_lists
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.text import format_count
from newsletter.workspace import Workspace

MOST_NOTES = 20  # of one check; who has more will mend these first, or switch it off


@dataclass(frozen=True)
class ProseCheck:
    """A check by its name in [prose]; one that `finds_problems` is made of drafts that have problems, too."""

    name: str
    find: Callable[[CheckedProse], Iterator[Finding]]
    finds_problems: bool = False


PROSE_CHECKS = (
    ProseCheck("unfinished", lambda prose: find_unfinished_marks(prose.source), finds_problems=True),
    ProseCheck("spelling", find_misspellings),
    ProseCheck("repeated_words", find_repeated_words),
    ProseCheck("link_words", find_empty_link_words),
    ProseCheck("alt_texts", find_poor_alt_texts),
    ProseCheck("long_sentences", find_long_sentences),
    ProseCheck("acronyms", find_unexplained_acronyms),
    ProseCheck("reading_level", find_hard_reading),
    ProseCheck("proselint", find_proselint_notes),
)


def check_prose(workspace: Workspace, source: DraftSource, issue: Issue | None) -> Iterator[Finding]:
    """Make each check of a draft's prose that the workspace's settings switch on.

    Raises ConfigError for a configuration that can't be read.
    """
    prose = CheckedProse.read(workspace, source, issue)
    yield from _check_word_list(prose, workspace)
    yield from make_prose_checks(prose)


def make_prose_checks(prose: CheckedProse) -> Iterator[Finding]:
    """Make each check that is switched on; of a draft without an issue, those alone that find problems."""
    for check in PROSE_CHECKS:
        if getattr(prose.settings, check.name) and (prose.issue or check.finds_problems):
            found = check.find(prose)
            yield from found if check.finds_problems else _limit(found)


def find_prose_problems(workspace: Workspace, source: DraftSource, issue: Issue | None) -> Iterator[Finding]:
    """Make the checks alone that find problems."""
    prose = CheckedProse.read(workspace, source, issue)
    for check in PROSE_CHECKS:
        if check.finds_problems and getattr(prose.settings, check.name):
            yield from check.find(prose)


def _limit(found: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the first notes of a check; the last of them says how many more there are."""
    notes = list(found)
    yield from notes[: MOST_NOTES - 1]
    for last in notes[MOST_NOTES - 1 : MOST_NOTES]:
        more = len(notes) - MOST_NOTES
        message = f"{last.problem.message}; {format_count(more, 'more note')} of this kind not shown"
        yield replace(last, problem=replace(last.problem, message=message)) if more else last


def _check_word_list(prose: CheckedProse, workspace: Workspace) -> Iterator[Finding]:
    """Find a word list that can't be read, and one that a setting names and that is not there."""
    if prose.words.problem:
        yield Finding(prose.words.problem, note=True)
    is_there = any(path.exists() for path in list_word_lists(workspace))
    if "words" in prose.settings.model_fields_set and not is_there:
        yield prose.note_setting(
            "words",
            code="word-list",
            message=f"there is no word list {prose.settings.words}",
            next_step="Write one, a word in each line, or take the setting out.",
        )
