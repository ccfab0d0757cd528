"""What is different in a draft: since a git revision word by word, or beside the issue before it in one sentence."""

from newsletter.editions.translated_drafts import read_workspace_draft
from newsletter.issue.draft import Draft
from newsletter.review.earlier_drafts import compare_extent, find_issue_before, read_earlier
from newsletter.review.issue_change import IssueChange, IssueComparison
from newsletter.review.issue_changes import describe_changes
from newsletter.text import format_count
from newsletter.workspace import Workspace


def compare_draft(workspace: Workspace, draft: Draft, revision: str | None) -> IssueComparison | None:
    """Return what is different in a valid draft since the revision, or without one, beside the issue before it.

    Without a revision a translation, and the first issue, are compared with nothing. Raises DecisionNeeded when git
    can't tell.
    """
    if draft.issue is None:
        return None
    if revision is None:
        return None if draft.language else _compare_with_issue_before(workspace, draft)
    earlier = read_earlier(draft.path, draft.language, revision)
    if earlier.draft is None:
        return IssueComparison(summary=f"It was not there at {revision}: all of it is new.")
    if earlier.draft.issue is None:
        problems = format_count(len(earlier.draft.problems), "problem")
        return IssueComparison(
            summary=f"At {revision} it was no valid draft ({problems}), so what has changed can't be told."
        )
    changes = (
        *describe_changes(earlier.draft.issue, draft.issue),
        *(IssueChange(place=f"The file {name}", what="is another one") for name in earlier.other_files),
    )
    counted = format_count(len(changes), "change") if changes else "Nothing has changed"
    return IssueComparison(summary=f"{counted} since {revision}.", changes=changes)


def _compare_with_issue_before(workspace: Workspace, draft: Draft) -> IssueComparison | None:
    path = find_issue_before(workspace, draft.path)
    before = read_workspace_draft(workspace, path) if path else None
    if path is None or before is None or before.issue is None or draft.issue is None:
        return None
    different = compare_extent(before.issue, draft.issue)
    return IssueComparison(summary=f"Beside {path.stem}, the issue before: {different or 'as long as that'}.")
