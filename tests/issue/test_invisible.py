"""Characters that nobody sees and that carry nothing come along with what is pasted: no edition gets them."""

from pathlib import Path

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions import place_beside, render_html, render_pdf, render_text, write_default
from newsletter.issue.draft import load_issue
from newsletter.text import without_invisible

NOTHING = ["\ufeff", "\u200b", "\u180e", "\u2061", "\u2064", "\u206a", "\ufff9", "\ufffb", "\ufffc", "\U0001d173"]


@pytest.mark.parametrize("character", NOTHING, ids=lambda character: f"U+{ord(character):04X}")
def test_what_carries_nothing_is_dropped_from_every_text(tmp_path: Path, character: str) -> None:
    path = tmp_path / "2.1.yaml"
    path.write_text(
        "volume: 2\nnumber: 1\ndate: 2023-01-02\n"
        f"subject: A sub{character}ject\npreheader: >-\n  {character}Before\nheadlines_title: 'Head{character}lines'\n"
        f"items:\n  - headline: >-\n      One{character} and more{character}\n"
        f"    detail: >-\n      A [link](https://exa{character}mple.org/) and **bo{character}ld**\n",
        encoding="utf-8",
    )
    issue = load_issue(path)
    assert issue.subject == ("A subject",)
    assert issue.preheader == ("Before",)
    assert issue.headlines_title == "Headlines"
    assert issue.items[0].headline.plain() == "One and more"
    assert issue.items[0].detail.plain() == "A link and bold"
    assert [link.href for link in issue.items[0].detail.links()] == ["https://example.org/"]


@pytest.mark.parametrize(
    "text",
    [
        "ภาษา\u200bไทย",  # where a line may break, between words that nothing else parts
        "ខ្មែរ\u200bភាសា",
        "東京\u200b特許",
        "می\u200cخواهم",  # a joiner that is not one, without which the word is another
        "👩\u200d🔬",
        "sof\u00adtwa\u00adre",
        "שלום\u200f!",
        "12\u206034",
    ],
)
def test_what_carries_something_stays(text: str) -> None:
    assert without_invisible(text) == text


@given(st.text())
def test_dropping_is_done_once_and_for_all(text: str) -> None:
    once = without_invisible(text)
    assert without_invisible(once) == once
    assert not set(once) & set(NOTHING) - {"\u200b"}


def test_every_edition_can_be_made_of_a_text_with_marks_pasted_along(publication: Publication) -> None:
    draft = publication.root / "drafts" / "2.10.yaml"
    draft.write_text(draft.read_text().replace("Leaders align", "\ufeffLeaders\u200b align"), encoding="utf-8")
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text().replace('title = "Pacific', 'title = "\ufeffPac\u200bific'), encoding="utf-8")
    toml.write_text(toml.read_text().replace("It is compiled", "It\ufeff is compiled"), encoding="utf-8")
    context, issue = publication.context, load_issue(draft)
    assert render_pdf(context, issue).startswith(b"%PDF")
    html, text = render_html(context, issue, write_default, place_beside), render_text(context, issue, write_default)
    for edition in (html, text):
        assert "Leaders align" in edition
        assert "Pacific Alliance Digest" in edition
        assert not set(edition) & {"\ufeff", "\u200b"}
