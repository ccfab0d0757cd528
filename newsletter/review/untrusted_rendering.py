"""Rendering of a stranger's draft for a review, as in the pull request of a fork: bounded, with nothing to take away.

A copy of the draft, its pictures and the harmless settings is rendered in a process of its own, by the templates that
come with the program. See newsletter/confined_process.py for what that process may do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ConfigDict, TypeAdapter

from newsletter.checks.draft_report import Finding
from newsletter.config import Config, load_config
from newsletter.confined_process import run_confined
from newsletter.editions.template_engine import sandbox_templates
from newsletter.errors import DecisionNeeded, NewsletterError, Problem
from newsletter.limited_process import LimitReached, run_limited
from newsletter.review.changed_drafts import find_changed_drafts
from newsletter.review.comparison import compare_drafts
from newsletter.review.draft_rendering import render_drafts
from newsletter.review.earlier_drafts import RevisionFiles, fetch_revision
from newsletter.review.issue_change import IssueComparison
from newsletter.review.reviewed_draft import ReviewedDraft
from newsletter.review.untrusted_copy import TooMuch, copy_workspace
from newsletter.workspace import Workspace

_SECONDS = 60  # of computing for an issue in all its languages
_SEARCH_SECONDS = 30
_LOOK = "Look at the change itself before anything of it is rendered on a machine of yours."
# What is read of newsletter.toml: words, colours and choices among what the program has. Nothing of it names a file, a
# program or an address that is asked. A list's address is a place for unsubscribe links alone.
_READ_SETTINGS = {
    "publication": ("*",),
    "languages": ("*",),
    "sender": ("from", "reply_to", "postal_address"),
    "theme": (
        "look", "paper", "desk", "masthead", "masthead_text", "text", "link", "accent", "rule", "font", "heading_font",
        "width",
    ),
    "service": ("url",),
    "list": ("id", "unsubscribe", "default_language", "fallback_language"),
    "signup": ("open", "consent"),
    "email": ("*",),
    "layout": ("*",),
    "words": ("*",),
    "typography": ("*",),
    "prose": (
        "unfinished", "spelling", "repeated_words", "link_words", "alt_texts", "long_sentences", "acronyms",
        "reading_level", "proselint",
    ),
    "pdf": ("*",),
}  # fmt: skip


class UntrustedWorkspace(Workspace):
    """A workspace of which only harmless settings are read, and none of the environment."""

    @cached_property
    def config(self) -> Config:
        """Read the harmless settings, once. Raises ConfigError for what is wrong in them."""
        return load_config(self.config_path, {}, _READ_SETTINGS)

    @classmethod
    def of(cls, workspace: Workspace) -> "UntrustedWorkspace":
        """Return the workspace without this process's environment, in which secrets are."""
        return cls(workspace.root, {}, workspace.publication)


@dataclass(frozen=True, kw_only=True)
class UntrustedRendering:
    """A stranger's issue as it was rendered: the publication's title, and its drafts as `render_drafts` gives them.

    `comparisons` say by the names of their editions what is different in them.
    """

    publication: str
    drafts: tuple[ReviewedDraft, ...]
    comparisons: Mapping[str, IssueComparison] = field(default_factory=dict)


# What comes from the process, as JSON: data, of which nothing can become code as it could with pickle.
_Answer = tuple[str, tuple[ReviewedDraft, ...], dict[str, IssueComparison]]
_ANSWER: TypeAdapter[_Answer] = TypeAdapter(
    _Answer, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


def find_untrusted_drafts(workspace: Workspace, name: str | None, changed_since: str | None) -> list[Path]:
    """Return the draft that a name means, the newest for None, or each that differs from a git revision.

    Raises DraftError, ConfigError, and DecisionNeeded when git can't tell, or looking takes too long.
    """
    untrusted = UntrustedWorkspace.of(workspace)
    try:
        return run_limited(_find_drafts, untrusted, name, changed_since, seconds=_SEARCH_SECONDS)
    except LimitReached as error:
        raise DecisionNeeded(f"The drafts can't be looked through: {error}.", next_step=_LOOK) from error


def _find_drafts(workspace: Workspace, name: str | None, changed_since: str | None) -> list[Path]:
    return [workspace.find_draft(name)] if changed_since is None else find_changed_drafts(workspace, changed_since)


def render_untrusted(workspace: Workspace, path: Path, revision: str | None = None) -> UntrustedRendering:
    """Read, check and render the draft at `path` and its translations, and compare them as `compare_drafts` does.

    What went beyond a limit, and what can't be rendered for it, is a finding. Of the workspace only drafts, pictures,
    a word list and harmless settings are read: no link is followed, no template, hook or typeface of its own is used.
    Raises DecisionNeeded when git can't tell what was at the revision.
    """
    with TemporaryDirectory(prefix="newsletter-review-") as folder:
        root = Path(folder).resolve()
        try:
            copy_workspace(workspace, root)
            copied = root / path.absolute().relative_to(workspace.root)
            if not copied.is_file():
                return _make_failure(path, _explain(path, ValueError("it is a link, or no plain file")))
            since = revision and run_limited(
                _fetch_earlier, UntrustedWorkspace.of(workspace), path, revision, seconds=_SEARCH_SECONDS
            )
            answer = run_confined(
                _render, root, workspace.publication, copied, since, readable=[root], seconds=_SECONDS
            )
        except (LimitReached, TooMuch, ValueError) as error:
            return _make_failure(path, _explain(path, error))
        title, drafts, comparisons = _ANSWER.validate_json(answer)
        if any(Path(name).name != name for draft in drafts for name in _list_names(draft)):
            return _make_failure(path, _explain(path, ValueError("a file of it would be written elsewhere")))
        return UntrustedRendering(
            publication=title,
            drafts=tuple(_put_back(draft, root, workspace.root) for draft in drafts),
            comparisons=comparisons,
        )


def _list_names(draft: ReviewedDraft) -> list[str]:
    files = draft.rendered.files.values() if draft.rendered else ()
    return [draft.name, *(name for made in files for name in made)]


def _fetch_earlier(workspace: Workspace, path: Path, revision: str) -> RevisionFiles:
    return fetch_revision([path, *workspace.translations_of(path.stem).values()], revision)


def _render(root: Path, publication: str, path: Path, since: RevisionFiles | None) -> bytes:
    """Render a copied draft, within the process for it."""
    workspace = UntrustedWorkspace(root, {}, publication)
    try:
        workspace.refuse_outside(path)
        with sandbox_templates():
            drafts = render_drafts(workspace, path)
        rendering = UntrustedRendering(
            publication=workspace.config.publication.title,
            drafts=drafts,
            comparisons=compare_drafts(workspace, drafts, since),
        )
    except NewsletterError as error:
        problems = error.problems or (
            Problem(path=path, code="untrusted", message=error.message, next_step=error.next_step),
        )
        rendering = _make_failure(path, problems)
    return _ANSWER.dump_json((rendering.publication, rendering.drafts, dict(rendering.comparisons)))


def _explain(path: Path, error: Exception) -> tuple[Problem, ...]:
    return (
        Problem(
            path=path,
            code="untrusted",
            message=f"this can't be rendered as a stranger's draft: {error}",
            next_step=_LOOK,
        ),
    )


def _make_failure(path: Path, problems: Iterable[Problem]) -> UntrustedRendering:
    found = tuple(map(Finding, problems))
    draft = ReviewedDraft(name=path.stem, path=path, language="und", findings=found, rendered=None)
    return UntrustedRendering(publication="", drafts=(draft,))


def _put_back(draft: ReviewedDraft, copied: Path, root: Path) -> ReviewedDraft:
    """Return a draft with the places of its files in the workspace, in place of those in the copy."""

    def place(path: Path | str) -> Path | str:
        return root / Path(path).relative_to(copied) if Path(path).is_relative_to(copied) else path

    def mend(text: str) -> str:
        return text.replace(str(copied), str(root))

    findings = (
        replace(
            each,
            problem=replace(
                each.problem,
                path=place(each.problem.path),
                message=mend(each.problem.message),
                next_step=mend(each.problem.next_step),
            ),
        )
        for each in draft.findings
    )
    return replace(draft, path=Path(place(draft.path)), findings=tuple(findings))
