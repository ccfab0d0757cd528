"""What an editor should know about a draft before it is sent: problems, and notes on what may be meant."""

from collections.abc import Iterator
from pathlib import Path

from newsletter.checks.fields import fields_without_default
from newsletter.checks.inbox_line import inbox_line
from newsletter.checks.leftovers import damaged_letters, example_texts, unfinished_marks
from newsletter.checks.picture import picture_size
from newsletter.checks.publication import editions_can_be_made, example_settings
from newsletter.checks.report import DraftReport, Finding
from newsletter.checks.series import dates_in_order, equal_headlines, number_left_out
from newsletter.checks.source import Source
from newsletter.editions import EditionContext
from newsletter.errors import Problem
from newsletter.issue.draft import Draft
from newsletter.workspace import Workspace


def check_draft(workspace: Workspace, draft: Draft) -> DraftReport:
    """Return what is wrong with the draft, among its publication's others too, and what should be looked at.

    Raises ConfigError for a configuration that can't be read.
    """
    found = [*map(Finding, draft.problems), *_in_draft(workspace, draft), *_in_publication(workspace, draft)]
    found.sort(key=lambda each: (each.problem.path != draft.path, each.problem.line, each.problem.column))
    return DraftReport(tuple(dict.fromkeys(found)))


def own_problems(workspace: Workspace, draft: Draft) -> tuple[Problem, ...]:
    """Return the problems of the draft's own words, and none that another draft, a setting or a typeface may cause."""
    found = [*map(Finding, draft.problems), *_in_draft(workspace, draft)]
    return tuple(dict.fromkeys(each.problem for each in found if not each.note))


def _in_draft(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context = Source(draft.path, draft.source), EditionContext.from_workspace(workspace)
    yield from unfinished_marks(source)
    yield from damaged_letters(source)
    if draft.issue is not None:
        yield from example_texts(source, draft.issue)
        yield from equal_headlines(source, draft.issue, _readable(workspace))
        yield from fields_without_default(source, draft.issue)
        yield from picture_size(source, context, draft.issue)


def _in_publication(workspace: Workspace, draft: Draft) -> Iterator[Finding]:
    source, context, paths = (
        Source(draft.path, draft.source),
        EditionContext.from_workspace(workspace),
        _readable(workspace),
    )
    yield from dates_in_order(source, draft, paths)
    yield from number_left_out(source, draft, paths)
    yield from example_settings(context)
    if draft.issue is None:
        return
    made = list(editions_can_be_made(context, draft.issue))
    yield from made
    if not made:
        yield from inbox_line(source, context, draft.issue)


def _readable(workspace: Workspace) -> list[Path]:
    """Return the publication's drafts. One's trouble is its own, and is told when that one is checked."""
    return [path for path in workspace.draft_paths() if path.is_file() and workspace.holds(path)]
