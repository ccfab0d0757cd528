"""The text of a new draft: every field explained, prose written as >-, and valid as it is."""

from newsletter.field import fill_fields
from newsletter.issue.model import Issue
from newsletter.issue.numbering import IssueNumber
from newsletter.issue.richtext import parse

EXAMPLE_LINK = "https://example.org/"
_HEADLINE = "Write the {} headline here"
_DETAIL = f"Write what happened here, with [links]({EXAMPLE_LINK}) to where it stands."
# The example values of the commented fields.
_SUBJECT, _PREHEADER, _INTRO, _NOTE = "Your own subject", "Your own preheader", "Dear {{ name | reader }}, ...", "..."
_ALT, _CREDIT = "What the picture shows, for readers who can't see it", f"[Whose picture it is]({EXAMPLE_LINK})"
_ORDINALS = ("first", "second", "third", "fourth", "fifth")

_TEXT = """\
# yaml-language-server: $schema=draft.schema.json
#
# One issue. Write each text after >- on the next line, indented; then no colon, quote or # in it
# can do harm. Texts may hold *emphasis*, **strong**, [links](https://example.org/), `code`,
# and fields that differ by reader: {{{{ name | reader }}}}.
#
#   newsletter preview {name}          the email, the text and the PDF in the browser, while you write
#   newsletter draft check {name}      every problem in this file

volume: {upcoming.volume}
number: {upcoming.number}
date: {upcoming.date}

# The mail's subject. Left out, it is the first headline. Phones show 40 letters of it: news first.
# subject: >-
#   {subject}

# What an inbox shows after the subject. Left out, it is the headlines that the subject doesn't say.
# preheader: >-
#   {preheader}

# What stands above the list of headlines.
# headlines_title: >-
#   Headlines

# A paragraph before the headlines.
# intro: >-
#   {intro}

# The lead image: put the file next to this draft.
# image:
#   file: {name}-lead.jpg
#   alt: >-
#     {alt}
#   credit: >-
#     {credit}

# A headline and its detail stand together. A blank line in a detail starts a paragraph.
items:
{items}
# A closing paragraph, above the publication's standing one.
# note: >-
#   {note}
"""

_ITEM = """\
  - headline: >-
      {headline}
    detail: >-
      {detail}
"""


def compose_draft(upcoming: IssueNumber) -> str:
    """Return the text of a new draft."""
    items = "\n".join(_ITEM.format(headline=_HEADLINE.format(ordinal), detail=_DETAIL) for ordinal in _ORDINALS)
    return _TEXT.format(
        upcoming=upcoming,
        name=f"{upcoming.volume}.{upcoming.number}",
        items=items,
        subject=_SUBJECT,
        preheader=_PREHEADER,
        intro=_INTRO,
        alt=_ALT,
        credit=_CREDIT,
        note=_NOTE,
    )


def find_unwritten(issue: Issue) -> list[str]:
    """Return the texts that are as `compose_draft` wrote them, the optional ones too."""
    rich = (*(_HEADLINE.format(ordinal) for ordinal in _ORDINALS), _DETAIL, _INTRO, _CREDIT, _NOTE)
    examples = {parse(text)[0].plain() for text in rich} | {_SUBJECT, _PREHEADER, _ALT}
    lines = [fill_fields(line) for line in (issue.subject, issue.preheader) if line]
    alt = [issue.image.alt] if issue.image else []
    return [text for text in (*lines, *alt, *(text.plain() for text in issue.texts())) if text in examples]
