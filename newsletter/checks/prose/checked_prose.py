"""The prose of a draft, with what its checks go by, and the notes that they make."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.passages import ProsePassage, read_passages
from newsletter.checks.prose.word_list import WordList, join_word_lists, list_word_lists
from newsletter.config import find_setting
from newsletter.config.check_settings import ProseSettings
from newsletter.errors import Problem
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.workspace import Workspace


@dataclass(frozen=True)
class CheckedProse:
    """A draft's words in the publication's `language`; `issue` is None where the draft has problems."""

    source: DraftSource
    issue: Issue | None
    language: str
    settings: ProseSettings
    words: WordList = WordList()  # noqa: RUF009  # frozen
    config_path: Path = Path("newsletter.toml")

    @classmethod
    def read(cls, workspace: Workspace, source: DraftSource, issue: Issue | None) -> "CheckedProse":
        """Return a draft's prose by the workspace's settings and its word list."""
        config = workspace.config
        words = join_word_lists(list_word_lists(workspace))
        language = (issue.language if issue else "") or config.publication.language
        return cls(source, issue, language, config.prose, words, workspace.config_path)

    @cached_property
    def passages(self) -> tuple[ProsePassage, ...]:
        """Return every passage that readers see, in the file's order."""
        return tuple(read_passages(self.source, self.language))

    def passages_in(self, language: str) -> Iterator[tuple[ProsePassage, str]]:
        """Yield the passages in a language such as `en`, each with its words, those of the word list made opaque."""
        for passage in self.passages:
            if passage.primary_language == language:
                yield passage, self.words.cover(passage.text)

    def note(self, passage: ProsePassage, at: int, *, code: str, message: str, next_step: str) -> Finding:
        """Return a note at the character `at` of a passage."""
        return Finding(
            self.source.at_place(passage.place(at), code=code, message=message, next_step=next_step), note=True
        )

    def note_setting(self, key: str, *, code: str, message: str, next_step: str) -> Finding:
        """Return a note where newsletter.toml has a key of [prose]."""
        path, line = find_setting(self.config_path, "prose", key)
        return Finding(Problem(path=path, line=line, code=code, message=message, next_step=next_step), note=True)


def tell_count(finding: Finding, number: int) -> Finding:
    """Return a finding that says how often the issue has what it is about, where that is more than once."""
    if number == 1:
        return finding
    message = f"{finding.problem.message} ({number} times in this issue)"
    return replace(finding, problem=replace(finding.problem, message=message))
