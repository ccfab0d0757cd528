"""The summary for a forge's comment: what is in it, and how it stays within the forge's limit."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from newsletter.checks.draft_report import Finding
from newsletter.errors import Problem
from newsletter.review.edition_pictures import TakenPictures
from newsletter.review.issue_change import IssueChange, IssueComparison
from newsletter.review.issue_review import IssueReview
from newsletter.review.reviewed_draft import ReviewedDraft
from newsletter.review.summary import render_summary
from newsletter.review.word_diff import diff_words


def _make_review(messages: list[str], comparison: IssueComparison | None = None) -> IssueReview:
    findings = tuple(
        Finding(
            Problem(path=Path("/w/drafts/2.11.yaml"), line=line, code="some", message=message, next_step="Mend it.")
        )
        for line, message in enumerate(messages, start=1)
    )
    draft = ReviewedDraft(
        name="2.11", path=Path("/w/drafts/2.11.yaml"), language="en", findings=findings, rendered=None
    )
    return IssueReview(
        name="2.11",
        publication="Digest",
        root=Path("/w"),
        drafts=(draft,),
        pictures=TakenPictures(pictures={}),
        comparisons={"2.11": comparison} if comparison else {},
    )


@given(st.integers(0, 60), st.integers(1, 400), st.integers(600, 4000))
def test_it_is_never_too_long_and_counts_what_it_leaves_out(number: int, length: int, longest: int) -> None:
    summary = render_summary([_make_review([f"{n}: {'*' * length}" for n in range(number)])], longest)
    assert len(summary) <= longest
    left_out = re.search(r"^Left out here: (?:\d+ other parts?, )?(\d+) problem", summary, re.MULTILINE)
    assert summary.count("\n- `") + len(re.findall(r"\A- `", summary)) + (int(left_out[1]) if left_out else 0) == number


_WORDS = st.lists(
    st.sampled_from(["ports", "open", "3", '"so"', "(now)", "a_b", "*x*", "<b>", "@all", "[a](b)", "`c`", "—"])
)


@given(_WORDS, _WORDS)
def test_changed_words_are_marked_whatever_signs_they_have(before: list[str], after: list[str]) -> None:
    old, new = " ".join(before), ",".join(after)
    change = IssueChange(part="It", what="The words", words=diff_words(old, new))
    shown = MarkdownIt("commonmark").render(
        render_summary([_make_review([], IssueComparison(summary="1 change.", changes=(change,)))])
    )
    item = LexborHTMLParser(shown).css_first("li li")
    assert item is not None
    for gone, kept in (("ins", old), ("del", new)):
        left = LexborHTMLParser(str(item.html))
        for node in left.css(gone):
            node.decompose()
        words = left.text().replace("\u200b", "").removeprefix("The words").lstrip(":").rstrip(".")
        assert "".join(words.split()) == "".join(kept.split())


def test_what_is_wrong_in_many_places_is_said_once() -> None:
    summary = render_summary([_make_review(["it is wrong"] * 30)])
    assert summary.count("it is wrong") == 1
    assert "`drafts/2.11.yaml:20` and 10 places more: it is wrong. Mend it." in summary


def test_of_several_issues_each_has_a_part() -> None:
    assert render_summary([_make_review(["a"]), _make_review(["b"])]).count("## 2.11\n\n**1 problem.**") == 2
