"""The texts of one issue: its main draft and its translations, which go out as one campaign."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.errors import DraftError
from newsletter.issue.draft import Draft, read_draft, require_issue
from newsletter.issue.model import Issue
from newsletter.issue.translation_visibility import apply_visibility
from newsletter.issue_name import IssueName
from newsletter.translation import describe_language
from newsletter.workspace import Workspace

if TYPE_CHECKING:
    from newsletter.editions import EditionContext


@dataclass(frozen=True, kw_only=True)
class IssueTexts:
    """Texts of an issue: the main draft, and the `translations` by their languages, in the settings' order.

    `context` is what editions in the publication's own language are made with.
    """

    context: "EditionContext"
    main: Draft
    translations: Mapping[str, Draft]

    @property
    def name(self) -> IssueName:
        return self.main.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that there is a draft in, the publication's own first, as an empty one."""
        return ("", *self.translations)

    @property
    def drafts(self) -> Mapping[str, Draft]:
        """Return every draft by its language, the main one first."""
        return {"": self.main, **self.translations}

    @property
    def sha256(self) -> str:
        """Return what is another once any of the drafts has changed, was added or was taken away."""
        return join_hashes({language: draft.sha256 for language, draft in self.drafts.items()})

    def require_issue(self, language: str = "") -> Issue:
        """Return the issue in a language, with the main draft's say on who sees what. Raises DraftError."""
        return self._issues[language] if language in self._issues else self._require(language)

    def require_issues(self) -> dict[str, Issue]:
        """Return the issue in every language. Raises DraftError for the first that has problems."""
        return {language: self.require_issue(language) for language in self.languages}

    def find_context(self, language: str = "") -> "EditionContext":
        """Return what editions in a language are made with."""
        return self._contexts[language]

    @cached_property
    def _issues(self) -> dict[str, Issue]:
        return {}

    @cached_property
    def _contexts(self) -> dict[str, "EditionContext"]:
        return {language: self.context.in_language(language) for language in self.languages}

    def _require(self, language: str) -> Issue:
        main = require_issue(self.main)
        draft = self.drafts[language]
        issue = main if draft is self.main else apply_visibility(main, require_issue(draft), draft.path)
        self._issues[language] = issue
        return issue


def read_issue_texts(workspace: Workspace, context: "EditionContext", main: Draft) -> IssueTexts:
    """Read the translations of a draft.

    Raises DraftError for one that leads out of the publication's folder, and for a draft that is a translation itself.
    """
    if main.language:
        raise DraftError(
            f"{main.path.name} is the translation of {main.name} into {describe_language(main.language)}, and goes out "
            "with it.",
            next_step=f"Name the issue: {main.name}",
        )
    return IssueTexts(context=context, main=main, translations=read_translations(workspace, main))


def read_translations(workspace: Workspace, main: Draft) -> dict[str, Draft]:
    """Read the translations of a draft that lies among the publication's own; another one has none.

    Raises DraftError for one that leads out of the publication's folder.
    """
    if main.path.resolve().parent != workspace.drafts.resolve():
        return {}
    paths = workspace.translations_of(main.name)
    for path in paths.values():
        workspace.refuse_outside(path)
    return {language: read_draft(path, language) for language, path in paths.items()}


def hash_drafts(workspace: Workspace, main: Draft) -> str:
    """Return what is another once a draft or one of its translations has changed, as `join_hashes` has it."""
    translations = read_translations(workspace, main)
    return join_hashes({"": main.sha256, **{language: draft.sha256 for language, draft in translations.items()}})


def join_hashes(by_language: Mapping[str, str]) -> str:
    """Return the drafts' hashes as one text: the main one's, and those of translations after their languages."""
    translations = (f"{language}:{digest}" for language, digest in sorted(by_language.items()) if language)
    return " ".join([by_language[""], *translations])


def list_translations(joined: str) -> list[str]:
    """Return the languages of the translations whose hashes `join_hashes` joined."""
    return [language for language in split_hashes(joined) if language]


def split_hashes(joined: str) -> dict[str, str]:
    """Return by language what `join_hashes` joined."""
    main, *translations = joined.split(" ")
    return {"": main, **{language: digest for language, _, digest in (each.partition(":") for each in translations)}}
