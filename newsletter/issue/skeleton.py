"""A new draft's text: every field explained, prose written as >-, ready to be shown at once."""

from newsletter.issue.model import Issue
from newsletter.issue.numbering import Slot
from newsletter.issue.richtext import parse

_HEADLINE = "Write the {} headline here"
_DETAIL = "Write what happened here, with [links](https://example.org/) to where it stands."
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

volume: {slot.volume}
number: {slot.number}
date: {slot.date}

# The mail's subject. Left out, it is the first headline. Phones show 40 letters of it: news first.
# subject: >-
#   Your own subject

# What an inbox shows after the subject. Left out, it is the headlines that the subject doesn't say.
# preheader: >-
#   Your own preheader

# What stands above the list of headlines.
# headlines_title: >-
#   Headlines

# A paragraph before the headlines.
# intro: >-
#   Dear {{{{ name | reader }}}}, ...

# The lead image: put the file next to this draft.
# image:
#   file: {name}-lead.jpg
#   alt: >-
#     What the picture shows, for readers who can't see it
#   credit: >-
#     [Whose picture it is](https://example.org/)

# A headline and its detail stand together. A blank line in a detail starts a paragraph.
items:
{items}
# A closing paragraph, above the publication's standing one.
# note: >-
#   ...
"""

_ITEM = """\
  - headline: >-
      {headline}
    detail: >-
      {detail}
"""


def new_draft(slot: Slot) -> str:
    """The text of a new draft."""
    items = "\n".join(_ITEM.format(headline=_HEADLINE.format(ordinal), detail=_DETAIL) for ordinal in _ORDINALS)
    return _TEXT.format(slot=slot, name=f"{slot.volume}.{slot.number}", items=items)


def unwritten(issue: Issue) -> list[str]:
    """Headlines and details that still say what `new_draft` put there."""
    placeholders = {_HEADLINE.format(ordinal) for ordinal in _ORDINALS} | {parse(_DETAIL)[0].plain()}
    texts = (text.plain() for item in issue.items for text in (item.headline, item.detail))
    return [text for text in texts if text in placeholders]
