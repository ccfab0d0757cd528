"""The gates of [send] require, which an issue passes before it leaves: checked, committed, tested, approved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.campaigns.git_commits import Repository
from newsletter.campaigns.issue_approvals import explain_missing, find_approvals
from newsletter.campaigns.issue_fingerprints import hash_renderings
from newsletter.campaigns.issue_texts import IssueTexts, join_hashes
from newsletter.config.settings import Requirement
from newsletter.errors import DecisionNeeded, Problem
from newsletter.git import NoAnswer
from newsletter.issue.draft import Draft, read_draft
from newsletter.issue.model import Issue
from newsletter.ledger.issue_tests import list_tested_texts
from newsletter.store import Store
from newsletter.text import join_words
from newsletter.translation import describe_language
from newsletter.workspace import CONFIG_NAME, Workspace

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """The hash of the text that may leave, and the commit that it is in, when that was asked for."""

    text_sha256: str
    commit_id: str | None = None


def pass_gates(require: Sequence[Requirement], workspace: Workspace, store: Store, texts: IssueTexts) -> Clearance:
    """Return the clearance of an issue, its translations included, by what is required of it.

    Raises DraftError for a draft with problems, ConfigError where approvals can't be verified, and DecisionNeeded with
    everything that is missing besides.
    """
    issues = texts.require_issues()
    missing: list[Problem] = []
    commit = None
    hashes = hash_renderings(texts)
    if "clean-checks" in require:
        for language, issue in issues.items():
            missing += _find_check_problems(workspace, texts.find_context(language), texts.drafts[language], issue)
    if "committed" in require:
        try:
            repository = Repository.around(workspace.root)
            missing += find_uncommitted(repository, workspace, texts)
            commit = repository.commit
        except NoAnswer as error:
            root = workspace.root
            missing.append(Problem(path=root, code="committed", message=error.message, next_step=error.next_step))
    if "tested" in require:
        missing += _find_untested(store, issues, hashes)
    if "approved" in require:
        missing += explain_missing(texts.main.path, find_approvals(workspace, texts, hashes))
    if missing:
        gates = join_words(list(dict.fromkeys(require)))
        raise DecisionNeeded(
            f"{texts.name} may not leave yet: [send] require in {CONFIG_NAME} asks for {gates}.",
            problems=list(dict.fromkeys(missing)),
        )
    return Clearance(commit_id=commit, text_sha256=join_hashes(hashes))


def _find_check_problems(
    workspace: Workspace, context: "EditionContext", draft: Draft, issue: Issue
) -> Sequence[Problem]:
    from newsletter.checks import check_rendered
    from newsletter.checks.draft_checks import check_file

    return [*check_file(workspace, draft).problems, *check_rendered(context, issue).problems]


def find_uncommitted(repository: Repository, workspace: Workspace, texts: IssueTexts) -> Iterator[Problem]:
    """Yield a problem for each file of an issue that is not in git as it is. Raises NoAnswer."""
    from newsletter.editions.html import TEMPLATE as HTML
    from newsletter.editions.plaintext import TEMPLATE as TEXT
    from newsletter.editions.template_engine import list_templates

    context, templates = texts.context, workspace.own_template_folders
    restyled = {path for name in (HTML, TEXT) for path in list_templates(name, context.template_path)}
    own = sorted(path for path in restyled if any(path.is_relative_to(folder) for folder in templates))
    drafts = texts.drafts.values()
    pictures = [picture for draft in drafts if draft.issue for picture in draft.issue.pictures]
    logo = [context.logo_path] if context.logo_path else []
    files = [*(draft.path.absolute() for draft in drafts), *workspace.config_paths, *own, *pictures, *logo]
    yield from repository.find_uncommitted(list(dict.fromkeys(files)), templates)
    for draft in drafts:
        if read_draft(draft.path, draft.language).sha256 != draft.sha256:
            yield Problem(
                path=draft.path, code="committed", message="this was saved again just now", next_step="Try again."
            )


def _find_untested(store: Store, issues: Mapping[str, Issue], hashes: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each language whose mail was not tested as it is now."""
    name = issues[""].name
    tested = list_tested_texts(store, name)
    last = next(reversed(tested.values()), "")[:10]
    for language, issue in issues.items():
        if hashes[language] in tested:
            continue
        what = f" in {describe_language(language)}" if language else ""
        since = f"the mail{what} has changed since the last test on {last}" if last else f"no test of it{what} was sent"
        alone = f" --language {language}" if language else ""
        yield Problem(
            path=issue.path,
            code="tested",
            message=since,
            next_step=f"Send one, and read it: newsletter send {name} --test testers{alone} (or from the preview)",
        )
