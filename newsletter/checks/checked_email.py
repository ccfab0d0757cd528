"""An email as the checks see it: the features it uses, the files it was made from, and the clients that read it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from newsletter.checks.conditional_comments import blank_out
from newsletter.checks.css import Origin, read_sheet
from newsletter.checks.mail_clients import check_known
from newsletter.checks.markup import FeatureUses, read_markup
from newsletter.errors import Problem

_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class AcceptedProblem:
    """A problem that somebody has accepted, with the reason."""

    problem: Problem
    reason: str


@dataclass(frozen=True)
class TemplateSource:
    """A template file that the email was made from."""

    path: Path
    text: str

    @cached_property
    def seen(self) -> FeatureUses:
        """Read the features that the file uses, once."""
        text = _without_jinja(self.text)
        if self.path.name.removesuffix(".j2").endswith(".css"):
            found = tuple(read_sheet(text, Origin(), inlined=True))
            return FeatureUses(found, found)
        return read_markup(text)


@dataclass(frozen=True)
class CheckedEmail:
    """An email's HTML, its templates, and the mail clients that it is checked for."""

    html: str
    sources: tuple[TemplateSource, ...]
    clients: tuple[str, ...]
    image_kinds: frozenset[str]
    draft: Path | None = None

    @classmethod
    def read(
        cls,
        html: str,
        sources: Sequence[Path],
        clients: Sequence[str],
        image_kinds: Collection[str] = (),
        draft: Path | None = None,
    ) -> "CheckedEmail":
        """Read the template files. Raises ConfigError for a client that is not known."""
        check_known(clients)
        return cls(
            html,
            tuple(
                TemplateSource(path, path.read_text(encoding="utf-8", errors="replace"))
                for path in dict.fromkeys(sources)
            ),
            tuple(dict.fromkeys(clients)),
            frozenset(kind.lower() for kind in image_kinds),
            draft,
        )

    @cached_property
    def seen(self) -> FeatureUses:
        return read_markup(self.html)

    @property
    def place(self) -> Path | str:
        """Return the file to name for what stands in no single line."""
        return self.sources[0].path if self.sources else "email"


def _without_jinja(text: str) -> str:
    """Blank out Jinja's tags, without moving the text. A value before a unit becomes a number: `{{ width }}px`."""
    return _JINJA.sub(lambda match: _replace_tag(match[0], text[match.end() : match.end() + 1]), text)


def _replace_tag(tag: str, following: str) -> str:
    space = blank_out(tag)
    return space[:-1] + "1" if tag.startswith("{{") and re.match("[a-z%]", following) else space
