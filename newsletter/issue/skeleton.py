"""The text of a new draft: every field explained, prose written as >-, and valid as it is."""

import datetime
from dataclasses import dataclass
from typing import Literal

from newsletter.field import fill_fields
from newsletter.issue.model import Issue
from newsletter.issue.numbering import IssueNumber
from newsletter.issue.richtext import parse
from newsletter.issue_name import parse_date, parse_numbers

EXAMPLE_LINK = "https://example.org/"
_HEADLINE = "Write the {} headline here"
_DETAIL = f"Write what happened here, with [links]({EXAMPLE_LINK}) to where it stands."
# The example values of the commented fields.
_SUBJECT, _PREHEADER, _INTRO_TEXT, _NOTE = (
    "Your own subject",
    "Your own preheader",
    "Dear {{ name | reader }}, ...",
    "...",
)
_ALT, _CREDIT = "What the picture shows, for readers who can't see it", f"[Whose picture it is]({EXAMPLE_LINK})"
_SECTION, _EVENT, _PLACE = "The section's title", "What takes place", "Where it takes place"
_TEXT_OF_SECTION, _QUOTE, _BY = "Write the section's text here.", "What somebody said", "Who said it"
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_ANNOUNCEMENT = "Write what you announce here."
_ANNOUNCEMENT_SUBJECT = "Write the subject here"
_CORRECTION = "Write what we wrote, and what is right."
_CORRECTION_SUBJECT = "Correction: write what it is about here"
_CORRECTION_TITLE = "Write what was wrong, in a few words"

_HEAD = """\
# yaml-language-server: $schema=draft.schema.json
#
# One {kind}. Write each text after >- on the next line, indented; then no colon, quote or # in it
# can do harm. Texts may hold *emphasis*, **strong**, [links](https://example.org/), `code`,
# and fields that differ by reader: {{{{ name | reader }}}}. On lines of their own, - or 1. begins a
# list, ### a sub-heading, > a quotation, and ![What it shows](file.jpg "Caption") is a picture.
#
#   newsletter preview {name}          the email, the text and the PDF in the browser, while you write
#   newsletter draft check {name}      every problem in this file

{numbers}date: {date}

"""

_TEXT = """\
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
# Sections follow the items, or stand instead of them. Each has a title and holds one of these or more:
# image, text, figures, quote, items, events, people, button.
# sections:
#   - title: >-
#       {section}
#     events:
#       - date: {date}
#         time: "14:00"
#         title: >-
#           {event}
#         place: >-
#           {place}
#         link: {link}
#   - text: >-
#       {text}
#     quote:
#       text: >-
#         {quote}
#       by: >-
#         {by}

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


_BESIDE = """\
kind: {kind}
{corrects}
# The mail's subject.
subject: >-
  {subject}
{title}
# What an inbox shows after the subject.
# preheader: >-
#   {preheader}
{intro}
sections:
  - text: >-
      {text}
"""

_TITLE = """
# What is shown of this beside its date on the page, the PDF and in the feed of the issue that is corrected.
title: >-
  {title}
"""

_INTRO = """
intro: >-
  A correction to {issue} of {date:%B} {date.day}, {date.year}, which you had from us.
"""


@dataclass(frozen=True, kw_only=True)
class NewIssue:
    """What a new draft begins with. `corrected` is the date of the issue that a correction `corrects`."""

    name: str
    date: datetime.date
    volume: int | None = None
    number: int | None = None
    kind: Literal["issue", "announcement", "correction"] = "issue"
    corrects: str | None = None
    corrected: datetime.date | None = None

    @classmethod
    def from_number(cls, upcoming: IssueNumber, name: str | None = None) -> "NewIssue":
        """Return the issue with this number, named by it unless it has a name of its own."""
        return cls(name=name or upcoming.name, date=upcoming.date, volume=upcoming.volume, number=upcoming.number)


def compose_draft(new: NewIssue) -> str:
    """Return the text of a new draft."""
    given = (("volume", new.volume), ("number", new.number))
    numbers = "".join(f"{key}: {value}\n" for key, value in given if value)
    head = _HEAD.format(kind=new.kind, name=new.name, numbers=numbers, date=new.date)
    if new.kind != "issue":
        return head.rstrip() + "\n" + _compose_beside(new)
    items = "\n".join(_ITEM.format(headline=_HEADLINE.format(ordinal), detail=_DETAIL) for ordinal in _ORDINALS)
    return head + _TEXT.format(
        name=new.name,
        date=new.date,
        section=_SECTION,
        event=_EVENT,
        place=_PLACE,
        text=_TEXT_OF_SECTION,
        quote=_QUOTE,
        by=_BY,
        link=EXAMPLE_LINK,
        items=items,
        subject=_SUBJECT,
        preheader=_PREHEADER,
        intro=_INTRO_TEXT,
        alt=_ALT,
        credit=_CREDIT,
        note=_NOTE,
    )


def _compose_beside(new: NewIssue) -> str:
    """Return the text of an announcement or a correction, below its date."""
    what = _name_corrected(new.corrects or "")
    corrected = new.corrected is not None and _INTRO.format(issue=what, date=new.corrected)
    is_correction = new.kind == "correction"
    return _BESIDE.format(
        kind=new.kind,
        corrects=f'corrects: "{new.corrects}"\n' if is_correction else "",
        subject=_CORRECTION_SUBJECT if is_correction else _ANNOUNCEMENT_SUBJECT,
        title=_TITLE.format(title=_CORRECTION_TITLE) if is_correction else "",
        preheader=_PREHEADER,
        intro=corrected or "",
        text=_CORRECTION if is_correction else _ANNOUNCEMENT,
    )


def _name_corrected(name: str) -> str:
    """Return what readers know the mail that is corrected as: its number if it has one, else what it was."""
    if parse_numbers(name):
        return name
    return "our issue" if parse_date(name) else "our announcement"


def find_unwritten(issue: Issue) -> list[str]:
    """Return the texts that are as `compose_draft` wrote them, the optional ones too."""
    rich = (*(_HEADLINE.format(ordinal) for ordinal in _ORDINALS), _DETAIL, _INTRO_TEXT, _CREDIT, _NOTE)
    sections = {_SECTION, _EVENT, _PLACE, _TEXT_OF_SECTION, _QUOTE, _BY}
    beside = {_ANNOUNCEMENT, _ANNOUNCEMENT_SUBJECT, _CORRECTION, _CORRECTION_SUBJECT, _CORRECTION_TITLE}
    examples = {parse(text)[0].plain() for text in rich} | beside | sections | {_SUBJECT, _PREHEADER, _ALT}
    lines = [fill_fields(line) for line in (issue.subject, issue.preheader) if line]
    return [text for text in (*lines, *issue.lines(), *(text.plain() for text in issue.texts())) if text in examples]
