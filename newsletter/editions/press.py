"""What every edition of an issue is made with: the publication, its templates, and the shared words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from newsletter.config import Config
from newsletter.errors import ConfigError, Problem
from newsletter.issue.model import Issue
from newsletter.issue.richtext import RichText, parse

# Given a field's name and its default, what stands in its place: the default, a slot, a reader's value.
FieldWriter = Callable[[str, str], str]


def default_fields(_name: str, default: str) -> str:
    """For editions that no single reader gets: the PDF, and files for the web."""
    return default


@dataclass(frozen=True)
class Press:
    """A publication's configuration, and where its templates and typefaces are looked for."""

    config: Config
    template_path: tuple[Path, ...]
    fonts: Path

    @cached_property
    def about(self) -> RichText:
        """The standing note. Raises ConfigError for what is wrong in it."""
        text, faults = parse(self.config.publication.about)
        if faults:
            raise ConfigError(
                "The publication's standing note can't be used.",
                problems=[
                    Problem(
                        path="newsletter.toml",
                        code=fault.code,
                        next_step=fault.next_step,
                        message=f"[publication] about: {fault.message}",
                    )
                    for fault in faults
                ],
            )
        return text

    def subject(self, issue: Issue) -> str:
        title = self.config.publication.title
        return issue.subject or f"{title} {issue.label}: {issue.items[0].headline.plain()}"

    def preheader(self, issue: Issue) -> str:
        others = [item.headline.plain() for item in issue.items[1:]]
        return issue.preheader or " · ".join(others) or issue.items[0].headline.plain()

    def words(self, issue: Issue) -> dict[str, Any]:
        """The names that every template knows."""
        return {
            "publication": self.config.publication,
            "sender": self.config.sender,
            "about": self.about,
            "issue": issue,
            "date": f"{issue.date:%B} {issue.date.day}, {issue.date.year}",
            "subject": self.subject(issue),
            "preheader": self.preheader(issue),
            "unsubscribe": self.config.reader_list.unsubscribe_link,
        }
