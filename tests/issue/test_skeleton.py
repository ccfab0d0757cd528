"""A new draft teaches by itself: what it has in comments is a draft without them, and nothing of it is sent."""

import datetime
import re

import pytest
from conftest import Publication

from newsletter.checks.draft_checks import check_draft
from newsletter.issue.draft import read_draft
from newsletter.issue.numbering import IssueNumber
from newsletter.issue.skeleton import NewIssue, compose_draft, find_unwritten

_COMMENTED = re.compile(r"(?m)^# ([a-z_]+:.*|  .*)$")


def test_what_stands_in_comments_is_a_draft_of_examples(publication: Publication) -> None:
    text = compose_draft(NewIssue.from_number(IssueNumber(2, 11, datetime.date(2023, 6, 14))))
    head, mark, fields = text.partition("\nvolume:")
    whole = head + mark + _COMMENTED.sub(r"\1", fields)
    (publication.root / "drafts/2.11-lead.jpg").write_bytes((publication.root / "drafts/2.10-lead.jpg").read_bytes())
    draft = read_draft(publication.draft("2.11", whole))
    assert draft.issue, draft.problems
    keys = {key for key in type(draft.issue).model_fields if re.search(rf"(?m)^{key}:", whole)}
    assert keys >= {"subject", "preheader", "headlines_title", "intro", "image", "items", "sections", "note"}
    left = set(find_unwritten(draft.issue))
    shown = {*draft.issue.lines(), *(each.plain() for each in draft.issue.texts())}
    assert shown - left == {"Headlines"}  # which may stay as it is
    assert {problem.code for problem in check_draft(publication.workspace, draft).problems} == {"example"}


def test_a_link_of_the_example_is_noted_where_it_stands_by_itself(publication: Publication) -> None:
    text = "date: 2023-06-14\nitems:\n  - headline: News\n    detail: More.\n    link: https://example.org/\n"
    draft = read_draft(publication.draft("fair", f"kind: announcement\n{text}"))
    notes = check_draft(publication.workspace, draft).notes
    assert [(note.line, note.column) for note in notes if note.code == "example"] == [(6, 11)]


@pytest.mark.parametrize(
    ("corrects", "words"),
    [
        ("2.10", "A correction to 2.10 of May 2, 2024,"),
        ("2024-05-02", "A correction to our issue of May 2, 2024,"),
        ("spring-fair", "A correction to our announcement of May 2, 2024,"),
    ],
)
def test_a_correction_names_what_it_corrects_as_readers_know_it(corrects: str, words: str) -> None:
    day = datetime.date(2024, 5, 2)
    new = NewIssue(name=f"{corrects}-correction", date=day, kind="correction", corrects=corrects, corrected=day)
    assert words in compose_draft(new)
