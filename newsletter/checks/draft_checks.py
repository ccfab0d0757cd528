"""Checks of a draft: problems, and notes on what may be meant as it is."""

from collections.abc import Iterator
from pathlib import Path

from newsletter.checks.draft_report import DraftReport, Finding
from newsletter.checks.fields import find_fields_without_default
from newsletter.checks.inbox_line import check_inbox_line
from newsletter.checks.leftovers import find_damaged_letters, find_example_texts
from newsletter.checks.link_targets import check_link_targets
from newsletter.checks.pictures import check_picture_sizes, check_picture_weight
from newsletter.checks.prose import check_prose, find_prose_problems
from newsletter.checks.publication_checks import check_editions, find_example_settings, find_untranslated_words
from newsletter.checks.series import check_corrected_issue, check_dates, check_name, check_numbers, find_equal_headlines
from newsletter.editions import EditionContext
from newsletter.errors import Problem
from newsletter.issue.draft import Draft
from newsletter.issue.draft_source import DraftSource
from newsletter.workspace import Workspace


def check_draft(workspace: Workspace, draft: Draft) -> DraftReport:
    """Return what is wrong with the draft, among its publication's others too, and what should be looked at.

    Raises ConfigError for a configuration that can't be read.
    """
    found = [
        *map(Finding, draft.problems),
        *_check_own_texts(workspace, draft),
        *_check_among_others(workspace, draft),
        *check_prose(workspace, DraftSource(draft.path, draft.source), draft.issue),
    ]
    found.sort(key=lambda each: (each.problem.path != draft.path, each.problem.line, each.problem.column))
    return DraftReport(tuple(dict.fromkeys(found)), _measure_pictures(workspace, draft))


def _measure_pictures(workspace: Workspace, draft: Draft) -> int:
    """Return what the email's pictures weigh together, in bytes."""
    if draft.issue is None or not draft.issue.images():
        return 0
    return sum(len(picture.data) for picture in EditionContext.from_workspace(workspace).pictures(draft.issue))


def find_own_problems(workspace: Workspace, draft: Draft) -> tuple[Problem, ...]:
    """Return the problems of the draft's own words, and none that another draft, a setting or a typeface may cause."""
    source = DraftSource(draft.path, draft.source)
    found = [
        *map(Finding, draft.problems),
        *_check_own_texts(workspace, draft),
        *find_prose_problems(workspace, source, draft.issue),
    ]
    return tuple(dict.fromkeys(each.problem for each in found if not each.note))


def _check_own_texts(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context = DraftSource(draft.path, draft.source), EditionContext.from_workspace(workspace)
    yield from find_damaged_letters(source)
    if draft.issue is not None:
        yield from find_example_texts(source, draft.issue)
        yield from find_equal_headlines(source, draft.issue, _list_readable(workspace))
        yield from find_fields_without_default(source, draft.issue)
        yield from check_picture_sizes(source, context, draft.issue)
        yield from check_picture_weight(source, context, draft.issue)


def _check_among_others(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context, paths = (
        DraftSource(draft.path, draft.source),
        EditionContext.from_workspace(workspace),
        _list_readable(workspace),
    )
    yield from check_dates(source, draft, paths)
    yield from check_numbers(source, draft, paths)
    if not workspace.sending_has_begun(draft.path.stem):
        yield from check_name(source, draft, paths, context.config.publication.numbering)
    yield from check_corrected_issue(source, draft, paths)
    yield from find_example_settings(context)
    yield from find_untranslated_words(context)
    if draft.issue is None:
        return
    yield from check_link_targets(source, context, draft.issue, [path.stem for path in paths])
    made = list(check_editions(context, draft.issue))
    yield from made
    if all(each.note for each in made):
        yield from check_inbox_line(source, context, draft.issue)


def _list_readable(workspace: Workspace) -> list[Path]:
    """Return the publication's drafts. One's trouble is its own, and is told when that one is checked."""
    return [path for path in workspace.draft_paths() if path.is_file() and workspace.holds(path)]
