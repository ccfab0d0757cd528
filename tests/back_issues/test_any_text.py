"""Any text at all becomes a draft that can be read, or is refused in words; none of its words are lost."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from newsletter.back_issues.conversion import convert_html
from newsletter.back_issues.converted_text import ConvertedText
from newsletter.back_issues.drafts.composition import compose_back_issue
from newsletter.back_issues.markdown.source_lines import mark_plain_text
from newsletter.back_issues.structuring.structure import SourceContext, structure
from newsletter.issue.draft import read_draft

_WORDS = st.lists(
    st.text("abcXYZ äß 日本 0123 .,;:!?'\"", min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=5
).map(" ".join)
_MARKS = st.sampled_from(
    [
        "*", "**", "_",
        "__", "`", "``", "~~", "~", "^", "[", "]", "(", ")", "](https://example.org/a)", "![", "[^1]",
        "[x][y]", "<b>", "</b>", "<br>", "<a href='https://example.org/'>", "</a>", "<!-- x -->", "&amp;", "&",
        "<", ">", "{{ name }}", "*|X|*", "{% x %}", "{{< y >}}", "\\", "|", "#", "$",
        "https://example.org/_x_", "me@example.org",
        "•", "①", "«NAME»", "==", "\x1b[1m", "\u200b", "\ufeff", "\ue001", "…", "—",
    ]
)  # fmt: skip
_LINE = st.lists(st.one_of(_WORDS, _MARKS), min_size=1, max_size=6).map("".join)
_START = st.sampled_from(
    [
        "", "", "", "- ", "* ", "+ ", "• ", "1. ", "2) ", "(1) ", "  - ", "    ", "\t", "> ", "> - ", "# ", "## ",
        "### ", "#### ", "| ", "```", "~~~", "---", "===", "Headlines:", "Details:", "Vol. 2.10 ", "[^1]: ",
        "[y]: ", "![a](b.jpg) ",
        "<div>", "<table><tr><td>", "- [ ] ", "+++", "title: ", "– ", "o  ", "17. ", "© ",
    ]
)  # fmt: skip
_TEXT = st.lists(st.one_of(st.builds("{}{}".format, _START, _LINE), st.just("")), min_size=1, max_size=14).map(
    "\n".join
)
_SETTINGS = settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def _require_a_draft(text: str, folder: Path) -> None:
    issue = structure(ConvertedText(text), SourceContext(convert_html=convert_html))
    if not (issue.items or issue.sections):
        return
    path = folder / "x-y.yaml"
    path.write_text(compose_back_issue(issue, date(2023, 6, 1)), encoding="utf-8")
    draft = read_draft(path)
    # What a number in the text names, this file is not named by.
    assert [problem for problem in draft.problems if problem.code != "file-name"] == []


@settings(_SETTINGS, max_examples=15)
@given(text=_TEXT)
@example(text="[y]: \u200b`*`0 0")
def test_any_markdown_becomes_a_draft_without_problems(text: str, tmp_path: Path) -> None:
    _require_a_draft(text, tmp_path)


@pytest.mark.slow
@settings(_SETTINGS, max_examples=1500)
@given(text=_TEXT)
def test_much_more_markdown_becomes_drafts_without_problems(text: str, tmp_path: Path) -> None:
    _require_a_draft(text, tmp_path)


@settings(_SETTINGS, max_examples=15)
@given(text=_TEXT)
def test_plain_text_keeps_every_word(text: str, tmp_path: Path) -> None:
    _require_a_draft(mark_plain_text(text), tmp_path)
    words = re.findall(r"[a-zA-Zäß]{3,}", re.sub(r"\S*(?:example|\x1b\S*)\S*", "", text))
    issue = structure(ConvertedText(mark_plain_text(text)), SourceContext())
    kept = compose_back_issue(issue, date(2023, 6, 1)) if issue.items or issue.sections or issue.comments else text
    squeezed = re.sub(r"[\s#\\]", "", kept)
    for word in words:
        assert word in squeezed or word.casefold() in ("headlines", "details", "vol")
