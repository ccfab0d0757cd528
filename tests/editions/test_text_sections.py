"""Sections in the plain text: whatever they hold, in the model's order."""

import pytest
from conftest import Publication

from newsletter.editions import render_text, write_default
from newsletter.errors import TemplateError
from newsletter.issue.blocks import Link, Paragraph, RichText, TextRun
from newsletter.issue.draft import load_issue

SECTIONS = """\
date: 2024-05-01
contents: "no"
sections:
  - title: Economy
    image: {file: 2.10-lead.jpg, alt: A bay, caption: The bay, credit: by us, link: https://example.org/bay}
    text: What [they](https://example.org/they) said.
    items:
      - headline: Rates stay where they were, for the ninth month in a row, and the bank says why
        detail: So said [the bank](https://example.org/bank).
        link: https://www.example.org/rates
        image: {file: 2.10-lead.jpg, alt: A bank}
      - headline: Prices
        detail: Up.
        link: mailto:desk@example.org
  - title: In that number
    figures:
      - {number: $2.9 billion, text: is what it costs., link: https://example.org/costs}
      - {number: 3%, text: is what it was.}
  - title: Upcoming
    events:
      - {date: 2024-05-02, until: 2024-05-03, time: "14:00", title: Islands, place: Tokyo, link: https://example.org/i}
      - {date: 2024-06-02, title: Seas}
  - title: Quoted
    quote: {text: All is well., by: Jane Doe, link: https://example.org/said}
  - quote: {text: So it is., link: https://example.org/so}
  - title: New at the institute
    people:
      - name: Jane Doe
        role: Fellow
        text: She knows islands.
        image: {file: 2.10-lead.jpg, alt: Jane Doe}
        link: https://example.org/jane
      - name: John Doe
  - button: {text: Register, link: https://example.org/register}
  - text: A text without a title.
"""

TEXT = """\
Economy
=======

[Image: A bay] [1]
The bay
Image: by us
[1] https://example.org/bay

What they [2] said.

[2] https://example.org/they

1. Rates stay where they were, for the ninth month in a row, and the
   bank says why
   -----------------------------------------------------------------

   [Image: A bank]

   So said the bank [3].

   [3] https://example.org/bank

   Read at example.org [4]
   [4] https://www.example.org/rates

2. Prices
   ------

   Up.

   Write to desk@example.org [5]
   [5] mailto:desk@example.org

In that number
==============

$2.9 billion [6]
   is what it costs.
   [6] https://example.org/costs

3%
   is what it was.

Upcoming
========

May 2–3, 2024, 14:00
   Islands [7]
   Tokyo
   [7] https://example.org/i

June 2, 2024
   Seas

Quoted
======

> All is well.
> -- Jane Doe [8]
[8] https://example.org/said

> So it is.

Read at example.org [9]
[9] https://example.org/so

New at the institute
====================

[Image: Jane Doe]

Jane Doe [10]
Fellow
   She knows islands.
   [10] https://example.org/jane

John Doe

Register: [11]
[11] https://example.org/register

A text without a title.

------------------------------------------------------------------------
"""


def test_sections_alone(publication: Publication) -> None:
    issue = load_issue(publication.draft("islands", SECTIONS))
    text = render_text(publication.context, issue, write_default)
    assert text[: len(TEXT)] == TEXT
    assert "\nPacific Alliance Digest\nMay 1, 2024\n" in text  # an issue without a number has no label


def test_items_come_first_and_are_counted_through(publication: Publication) -> None:
    items = "items:\n  - {headline: First, detail: The first.}\nsections:"
    issue = load_issue(publication.draft("islands", SECTIONS.replace("sections:", items, 1)))
    text = render_text(publication.context, issue, write_default)
    assert text.startswith("1. First\n\nDETAILS\n-------\n\n1. The first.\n\nEconomy\n=======\n")
    assert "\n2. Rates stay" in text


@pytest.mark.parametrize(
    ("before", "begins"),
    [
        ("", "- Economy\n- In that number\n- Upcoming\n- Quoted\n- New at the institute\n\nEconomy\n======="),
        ("intro: Hello.\n", "Hello.\n\nIN THIS ISSUE\n-------------\n\n- Economy\n- In that number\n"),
    ],
)
def test_many_titles_are_listed_first(publication: Publication, before: str, begins: str) -> None:
    draft = SECTIONS.replace('contents: "no"\n', before)
    issue = load_issue(publication.draft("islands", draft))
    assert render_text(publication.context, issue, write_default).startswith(begins)


def test_a_section_that_is_for_others_is_left_out(publication: Publication) -> None:
    draft = SECTIONS.replace("  - title: Upcoming\n", "  - title: Upcoming\n    only_for: [press]\n")
    issue = load_issue(publication.draft("islands", draft))
    for tags, shown in ((frozenset(), False), (frozenset({"press"}), True)):
        text = render_text(publication.context, issue.seen_by(tags), write_default)
        assert ("Upcoming" in text, "Seas" in text) == (shown, shown)


ITEMS = "".join(f"  - {{headline: {word}, detail: The {word}.}}\n" for word in ("first", "second"))


@pytest.mark.parametrize(
    ("headlines", "begins"),
    [
        ("list", "1. first\n2. second\n\nDETAILS\n-------\n\n1. The first.\n"),
        ("both", "1. first\n2. second\n\nDETAILS\n-------\n\n1. first\n   -----\n\n   The first.\n"),
        ("above", "1. first\n   -----\n\n   The first.\n\n2. second\n"),
    ],
)
def test_headlines_are_listed_or_stand_above_the_details(publication: Publication, headlines: str, begins: str) -> None:
    publication.environ["NEWSLETTER_LAYOUT__HEADLINES"] = headlines
    issue = load_issue(publication.draft("islands", f"date: 2024-05-01\nitems:\n{ITEMS}"))
    assert render_text(publication.context, issue, write_default).startswith(begins)


def test_a_link_to_an_item_names_it_and_one_to_another_issue_is_whole(publication: Publication) -> None:
    issue = load_issue(publication.draft("islands", f"date: 2024-05-01\nitems:\n{ITEMS}"))
    links = tuple(Link(address=(to,), runs=(TextRun(text="this"),)) for to in ("#2", "issue:2.9", "about.html"))
    second = issue.items[1].model_copy(update={"only_for": ("press",)})
    intro = RichText((Paragraph(links),))
    issue = issue.model_copy(update={"intro": intro, "items": (issue.items[0], second)})
    site = "https://example.org/digest/"
    text = render_text(publication.context, issue, write_default)
    assert text.startswith(f"this [1]this [2]this [3]\n\n[1] 2. second\n[2] {site}2.9.html\n[3] {site}about.html\n")
    text = render_text(publication.context, issue.seen_by(frozenset()), write_default)
    assert text.startswith(f"thisthis [1]this [2]\n\n[1] {site}2.9.html\n")  # what is for others has no number


OLD_TEMPLATE = """\
{% for item in issue.items %}
{% for paragraph in item.detail | paragraphs %}
{{ paragraph | wrapped("* ", "  ") }}
{% endfor %}
{% for note in footnotes() %}
[{{ note.number }}] {{ note.href }}
{% endfor %}
{% endfor %}
"""


def test_a_template_that_knows_no_blocks_shows_all_of_an_issue_or_is_refused(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    (publication.root / "templates/email.txt.j2").write_text(OLD_TEMPLATE)

    def render(text: str) -> str:
        issue = load_issue(publication.draft("islands", f"date: 2024-05-01\n{text}"))
        return render_text(publication.context, issue, write_default)

    item = "items:\n  - headline: x\n    detail: "
    link = "[One](https://example.org/one)."
    assert render(f"{item}'{link}'\n") == "* One [1].\n[1] https://example.org/one\n"
    with pytest.raises(TemplateError, match=r"email\.txt\.j2"):
        render(f"{item}|\n      {link}\n\n      - a\n      - b\n")
    with pytest.raises(TemplateError) as refused:
        render(f"{item}'{link}'\nsections:\n  - text: More.\n")
    assert "it does not show sections" in refused.value.problems[0].message
