"""Approval of an issue by [send] require: it is checked, committed in git, and was tested."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from newsletter.campaigns.git_commits import Repository
from newsletter.config.settings import Requirement
from newsletter.errors import DecisionNeeded, Problem
from newsletter.git import NoAnswer
from newsletter.issue.draft import Draft, read_draft, require_issue
from newsletter.issue.model import Issue
from newsletter.ledger.issue_tests import list_tested_texts
from newsletter.store import Store
from newsletter.workspace import CONFIG_NAME, Workspace

if TYPE_CHECKING:
    from newsletter.editions import EditionContext

# In place of what differs by campaign, so that the same text is the same each time it is rendered.
_NO_CAMPAIGN = "0" * 16
_NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """The hash of the text that may leave, and the commit that it is in, when that was asked for."""

    text_sha256: str
    commit_id: str | None = None


def approve(
    require: Sequence[Requirement], workspace: Workspace, store: Store, context: "EditionContext", draft: Draft
) -> Approval:
    """Return the approval of a draft by what is required of it.

    Raises DraftError for a draft with problems, and DecisionNeeded with everything that is missing besides.
    """
    issue = require_issue(draft)
    missing: list[Problem] = []
    commit = None
    text = hash_rendering(context, issue)
    if "clean-checks" in require:
        missing += _find_check_problems(workspace, context, draft, issue)
    if "committed" in require:
        try:
            repository = Repository.around(workspace.root)
            missing += _find_uncommitted(repository, workspace, context, draft)
            commit = repository.commit
        except NoAnswer as error:
            root = workspace.root
            missing.append(Problem(path=root, code="committed", message=error.message, next_step=error.next_step))
    if "tested" in require:
        missing += _find_untested(store, issue, text)
    if missing:
        raise DecisionNeeded(
            f"{issue.name} may not leave yet: [send] require in {CONFIG_NAME} asks for {_join_words(require)}.",
            problems=missing,
        )
    return Approval(commit_id=commit, text_sha256=text)


def hash_rendering(context: "EditionContext", issue: Issue) -> str:
    """Return a hash of the issue's mail: all its items, for any tags, with everything but campaign and date.

    Raises what rendering raises.
    """
    # What renders takes long to import, and sending on from frozen texts needs none of it.
    from newsletter.mail.compiler import compile_message

    return sha256(compile_message(context, issue, _NO_CAMPAIGN, _NO_DATE).to_bytes()).hexdigest()


def _find_check_problems(
    workspace: Workspace, context: "EditionContext", draft: Draft, issue: Issue
) -> Sequence[Problem]:
    from newsletter.checks import check_rendered
    from newsletter.checks.draft_checks import check_draft

    return [*check_draft(workspace, draft).problems, *check_rendered(context, issue).problems]


def _find_uncommitted(
    repository: Repository, workspace: Workspace, context: "EditionContext", draft: Draft
) -> Iterator[Problem]:
    from newsletter.editions.html import TEMPLATE as HTML
    from newsletter.editions.plaintext import TEMPLATE as TEXT
    from newsletter.editions.template_engine import list_templates

    templates = workspace.own_template_folders
    restyled = {path for name in (HTML, TEXT) for path in list_templates(name, context.template_path)}
    own = sorted(path for path in restyled if any(path.is_relative_to(folder) for folder in templates))
    pictures = [*(draft.issue.pictures if draft.issue else ()), *([context.logo_path] if context.logo_path else [])]
    files = [draft.path.absolute(), *workspace.config_paths, *own, *pictures]
    yield from repository.find_uncommitted(files, templates)
    if read_draft(draft.path).sha256 != draft.sha256:
        yield Problem(
            path=draft.path, code="committed", message="this was saved again just now", next_step="Try again."
        )


def _find_untested(store: Store, issue: Issue, text: str) -> Iterator[Problem]:
    tested = list_tested_texts(store, issue.name)
    if text not in tested:
        last = next(reversed(tested.values()), None)
        since = f"the mail has changed since the last test on {last[:10]}" if last else "no test of it was sent"
        yield Problem(
            path=issue.path,
            code="tested",
            message=since,
            next_step=f"Send one, and read it: newsletter send {issue.name} --test testers (or from the preview)",
        )


def _join_words(require: Sequence[str]) -> str:
    *most, last = dict.fromkeys(require)
    return f"{', '.join(most)} and {last}" if most else last
