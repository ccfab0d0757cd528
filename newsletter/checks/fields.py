"""The check of a draft's fields: those without a default leave a hole on the web page and in the PDF."""

from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.errors import Problem
from newsletter.field import FIELD
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue


def find_fields_without_default(source: DraftSource, issue: Issue) -> Iterator[Finding]:
    """Find fields that leave a hole on the web page and in the PDF, which are no single reader's."""
    for name in dict.fromkeys(field.name for field in issue.fields() if not field.default):
        yield Finding(
            locate_field(
                source,
                name,
                code="field",
                message=f"{{{{ {name} }}}} has no default, so that nothing stands there on the web page and in the PDF",
                next_step=f"Write it as {{{{ {name} | reader }}}}, with a word for whoever has no value.",
            ),
            note=True,
        )


def locate_field(source: DraftSource, name: str, *, code: str, message: str, next_step: str) -> Problem:
    """Return a problem at the first field of that name which has no default; in backticks it is no field."""
    for text in source.texts():
        alike = 0
        for match in FIELD.finditer(text.text):
            if match[1] == name and not match[2]:
                if text.text[: match.start()].count("`") % 2 == 0:
                    words = match[0]
                    return source.at_words(
                        words, within=text, nth=alike, code=code, message=message, next_step=next_step
                    )
                alike += 1
    return source.at_key(code=code, message=message, next_step=next_step)
