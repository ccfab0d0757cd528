"""Comparison of a draft: with a git revision word by word, or with the issue before it in one sentence."""

from collections.abc import Iterator, Sequence

from newsletter.editions import EditionContext
from newsletter.editions.translated_drafts import read_workspace_draft
from newsletter.issue.draft import Draft
from newsletter.issue.model import Issue
from newsletter.review.earlier_drafts import (
    EarlierFiles,
    RevisionFiles,
    compare_extent,
    find_issue_before,
    list_other_files,
    parse_earlier,
)
from newsletter.review.issue_change import IssueChange, IssueComparison
from newsletter.review.issue_changes import describe_changes
from newsletter.review.reviewed_draft import ReviewedDraft
from newsletter.review.word_diff import diff_words, shorten_kept
from newsletter.text import format_count
from newsletter.workspace import Workspace


def compare_drafts(
    workspace: Workspace, drafts: Sequence[ReviewedDraft], since: RevisionFiles | None
) -> dict[str, IssueComparison]:
    """Return what is different in the valid drafts, by the names of their editions: since a revision, if one is given.

    Else it is what is different beside the issue before, and translations, and the first issue, have nothing.
    """
    compared = {
        draft.name: _compare(workspace, read_workspace_draft(workspace, draft.path), since)
        for draft in drafts
        if draft.rendered
    }
    return {name: comparison for name, comparison in compared.items() if comparison}


def _compare(workspace: Workspace, draft: Draft, since: RevisionFiles | None) -> IssueComparison | None:
    if since is None:
        return None if draft.language else _compare_with_issue_before(workspace, draft)
    files = since.drafts.get(draft.path.name)
    if files is None:
        return IssueComparison(summary=f"It was not there at {since.name}: all of it is new.")
    return _compare_with_earlier(workspace, draft, files, since.name)


def _compare_with_earlier(
    workspace: Workspace, draft: Draft, files: EarlierFiles, revision: str
) -> IssueComparison | None:
    earlier = parse_earlier(files, draft.language)
    if draft.issue is None:
        return None
    if earlier.issue is None:
        problems = format_count(len(earlier.problems), "problem")
        return IssueComparison(
            summary=f"At {revision} it was no valid draft ({problems}), so what has changed can't be told."
        )
    changes = (
        *_compare_inbox_lines(workspace, draft, earlier.issue, draft.issue),
        *describe_changes(earlier.issue, draft.issue),
        *(IssueChange(part=name, what="The file is another one") for name in list_other_files(files, draft.path)),
    )
    counted = format_count(len(changes), "change") if changes else "Nothing has changed"
    return IssueComparison(summary=f"{counted} since {revision}.", changes=changes)


def _compare_inbox_lines(workspace: Workspace, draft: Draft, before: Issue, after: Issue) -> Iterator[IssueChange]:
    """Yield what else an inbox shows, where the draft names no subject or preheader and both follow from the text."""
    context = EditionContext.from_workspace(workspace).in_language(draft.language)
    old, new = (context.typeset(issue).seen_by(frozenset()) for issue in (before, after))
    for name, write in (("subject", context.subject), ("preheader", context.preheader)):
        if getattr(before, name) is None and getattr(after, name) is None and write(old) != write(new):
            words = shorten_kept(diff_words(write(old), write(new)))
            yield IssueChange(part="In the inbox", what=f"The {name}", words=words)


def _compare_with_issue_before(workspace: Workspace, draft: Draft) -> IssueComparison | None:
    path = find_issue_before(workspace, draft.path)
    before = read_workspace_draft(workspace, path) if path else None
    if path is None or before is None or before.issue is None or draft.issue is None:
        return None
    different = compare_extent(before.issue, draft.issue)
    return IssueComparison(summary=f"Beside {path.stem}, the issue before: {different or 'as long as that'}.")
