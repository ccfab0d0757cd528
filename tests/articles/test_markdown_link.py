"""Whatever signs are in a title, a draft reads the link and the item back as the same words."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.articles import Article
from newsletter.articles.article import clean_words
from newsletter.articles.markdown_link import compose_detail, encode_address, escape_words, write_link
from newsletter.drafting import NewItem, add_item
from newsletter.issue.draft import read_draft
from newsletter.issue.richtext import parse

_ADDRESS = "https://example.org/a_b_(c)?q=1&x=%C3%A4#part"
_SIGNS = st.text(
    st.sampled_from(list("ab 1.-*_`[](){}<>|\\~^=#+!&;:'\"%@/日\u0301\u202e\x1b\n\ue000")), min_size=1, max_size=30
)
_TITLES = (
    (st.text(min_size=1, max_size=60) | _SIGNS).map(clean_words).filter(lambda title: any(map(str.isalnum, title)))
)


@pytest.mark.parametrize(
    "title",
    [
        "Plain words", "A [draft] (again)", "snake_case and *stars*", "{{ name | reader }}",
        "a ](https://evil.example) b",
        "*|FNAME|*", "<script>alert(1)</script>", "AT&amp;T", "1. First", "- dash", "# one", "> said", "[^1]", "==x==",
        "yes: no", "![x](y.png)", "https://example.org is back", "back\\slash", "``` code", "| a | b |", "TODO",
        "100%%X%%",
        "x^2^", "[words]{lang=ja}", "a@example.org wrote", "…and then", "“Quoted”", "no", "---",
    ],
)  # fmt: skip
def test_a_link_is_read_back(title: str) -> None:
    text, faults = parse(write_link(title, _ADDRESS))
    assert faults == []
    assert text.plain() == title
    (link,) = text.links()
    assert link.href == encode_address(_ADDRESS) == "https://example.org/a%5Fb%5F%28c%29?q=1&x=%C3%A4#part"


def test_plain_titles_have_no_backslashes() -> None:
    title = "U.S.-Japan talks: what's next (and why)? #3, “yes” & no!"
    assert write_link(title, "https://example.org/") == f"[{title}](https://example.org/)"
    assert escape_words(title) == title


@given(_TITLES)
def test_any_title_is_read_back(title: str) -> None:
    for written in (write_link(title, _ADDRESS), escape_words(title)):
        text, faults = parse(written)
        assert faults == []
        assert text.plain() == title
    assert list(parse(escape_words(title))[0].links()) == []


@settings(max_examples=25)
@given(title=_TITLES, outlet=_TITLES, author=_TITLES)
def test_any_article_is_an_item_that_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, title: str, outlet: str, author: str
) -> None:
    article = Article(title=title, outlet=outlet, authors=(author,), date=datetime.date(2023, 6, 1), address=_ADDRESS)
    detail = compose_detail(article, "June 1, 2023")
    item = NewItem(headline=escape_words(title), detail=detail, link=encode_address(_ADDRESS))
    before = "volume: 1\nnumber: 1\ndate: 2023-06-01\n# kept\nitems:\n  - headline: One\n    detail: It is.\n"
    after = add_item(before, item)
    path = tmp_path_factory.getbasetemp() / "1.1.yaml"
    path.write_text(after, encoding="utf-8")
    draft = read_draft(path)
    assert draft.problems == ()
    assert draft.issue is not None
    assert after.startswith(before)
    assert len(draft.issue.items) == 2
    assert draft.issue.items[1].headline.plain() == title
    assert draft.issue.items[1].detail.plain() == (
        f"TK: what it says, and why it matters. ({author}, {outlet}, June 1, 2023)"
    )
