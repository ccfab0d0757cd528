"""The plain text is worth reading in itself."""

import re

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from newsletter.editions import render_text, write_default
from newsletter.editions.plaintext_wrapping import WIDTH, wrap
from newsletter.issue.draft import load_issue

DRAFT = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - headline: >-
      A **bold** headline
    detail: >-
      {}
"""


def _detail(publication: Publication, detail: str) -> str:
    issue = load_issue(publication.draft("2.1", DRAFT.format(detail)))
    text = render_text(publication.context, issue, write_default)
    return text[text.index("DETAILS") : text.index("-" * WIDTH)]


def test_text_is_wrapped_and_addresses_are_whole(publication: Publication) -> None:
    for name in ("2.10", "3.7", "1.4"):
        text = render_text(publication.context, load_issue(publication.workspace.find_draft(name)), write_default)
        assert all(len(line) <= WIDTH for line in text.splitlines() if "://" not in line)
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_it_reads_in_order(publication: Publication) -> None:
    text = render_text(publication.context, load_issue(publication.workspace.find_draft("2.10")), write_default)
    parts = [
        "Dear reader, the second half of May",
        "\nHEADLINES\n---------\n\n1. Leaders align",
        "[Image: A drawing of a ferry",
        "Image: drawn for the Example Institute [1]\n[1] https://example.org/pictures/bay\n",
        "\nDETAILS\n-------\n\n1. A day before",
        "met in Hiroshima [2]",
        "\n   [2] https://example.org/2023/05/leaders\n",
        "\n2. On May 21",
        "\nPacific Alliance Digest\nVol. 2.10 - May 31, 2023\nIn your browser: https://example.org/digest/2.10.html\n",
        "As PDF:          https://example.org/digest/2.10.pdf\n",
        "Unsubscribe: mailto:leave@example.org?subject=unsubscribe\n",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


INTRO = "intro: >-\n  The week belonged to *Hiroshima*.\n"
TITLE = "headlines_title: This week\n"
PICTURE = "image:\n  file: 2.10-lead.jpg\n  alt: A bay\n  credit: the [Institute](https://example.org/)\n"


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ("", "1. A *bold* headline"),
        (PICTURE, "1. A *bold* headline"),
        (INTRO, "The week belonged to _Hiroshima_."),
        (PICTURE + INTRO, "The week belonged to _Hiroshima_."),
        (TITLE, "THIS WEEK"),
        (TITLE + INTRO, "The week belonged to _Hiroshima_."),
    ],
    ids=["headlines", "picture", "intro", "picture and intro", "title", "title and intro"],
)
def test_the_text_begins_with_the_news(publication: Publication, more: str, first: str) -> None:
    """Geary, K-9 and servers with IMAP's PREVIEW (RFC 8970) show the first words in the list of mails."""
    issue = load_issue(publication.draft("2.1", DRAFT.replace("items:", more + "items:").format("Text")))
    lines = render_text(publication.context, issue, write_default).splitlines()
    assert lines[0] == first
    assert lines.index("Pacific Alliance Digest") > lines.index("DETAILS")
    assert ("THIS WEEK" in lines) == (TITLE in more)


@pytest.mark.parametrize(
    ("language", "date"),
    [("en", "January 2, 2023"), ("en-GB", "2 January 2023"), ("de", "2. Januar 2023"), ("ja", "2023年1月2日"),
     ("xx", "2023-01-02")],
)  # fmt: skip
def test_the_date_is_written_in_the_publications_language(publication: Publication, language: str, date: str) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    issue = load_issue(publication.draft("2.1", DRAFT.format("Text")))
    assert f"{publication.context.label(issue)} - {date}\n" in render_text(publication.context, issue, write_default)


def test_a_line_never_begins_with_a_footnotes_number(publication: Publication) -> None:
    link = "[word](https://example.org/)"
    for filler in range(40):
        text = _detail(publication, f"{'x' * filler} {' '.join([link] * 12)}")
        assert not re.search(r"^ +\[\d+\] (?!https)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("link", "then"),
    [
        ("[言葉](https://example.org/)", "が、"),
        ("[言葉](https://example.org/)", ""),
        ("**「[言葉](https://example.org/)」**", "と"),
        ("[`言葉`](https://example.org/)", "」"),
        ("[word ](https://example.org/)", " "),
        ("[말](https://example.org/)", "은"),
        ("日本<https://example.org/>", "の"),
    ],
)
def test_a_footnote_s_number_never_begins_a_line_in_a_script_without_spaces(
    publication: Publication, link: str, then: str
) -> None:
    draft = publication.draft("2.1", DRAFT.format("Text"))
    for filler in range(0, 40, 3):
        detail = f"{'日' * (filler // 2)}{'x' * (filler % 2)}{(link + then) * 12}"
        draft.write_text(DRAFT.format(detail))
        text = render_text(publication.context, load_issue(draft), write_default)
        text = text[text.index("DETAILS") : text.index("-" * WIDTH)]
        assert len(re.findall(r"\[\d+\] https", text)) == 12
        assert not re.search(r"^ +\[\d+\](?! https)", text, re.MULTILINE), text


def test_a_line_s_end_within_chinese_and_japanese_is_no_gap(publication: Publication) -> None:
    publication.draft(
        "2.1",
        DRAFT.format(
            "日本の\n      **宇宙**\n      開発と、\n      「はやぶさ」。中文\n      “引用”\n      很好 and\n"
            "      English\n      日本\n      한국어\n      단어 \U00020000\n      \U00020001 😀\n      😀"
        ),
    )
    issue = load_issue(publication.root / "drafts/2.1.yaml")
    assert issue.items[0].detail.plain() == (
        "日本の宇宙開発と、「はやぶさ」。中文“引用”很好 and English 日本 한국어 단어 \U00020000\U00020001 😀 😀"
    )


def test_a_no_break_space_holds_and_two_codes_are_two(publication: Publication) -> None:
    text = _detail(publication, "x " * 33 + "10&nbsp;km `a` `b`")
    assert "10\u00a0km" in text
    assert "`a` `b`" in text


def test_a_right_to_left_dateline_is_not_torn_apart(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "ar"
    text = render_text(publication.context, load_issue(publication.draft("2.1", DRAFT.format("x"))), write_default)
    assert re.search("\u2068السنة 2، العدد 1\u2069 - \u2068[^\u2069]*2023\u2069", text)


def test_an_address_within_japanese_is_whole_and_the_rest_wrapped(publication: Publication) -> None:
    address = "https://example.org/" + "a" * 30
    text = _detail(publication, f"{'日本政府は、' * 20}<{address}>{'発表しました。' * 20}")
    lines = text.splitlines()
    assert any(address in line for line in lines)
    assert all(wcswidth(line) <= WIDTH for line in lines)


def test_marks_are_nested_as_the_emphasis_is(publication: Publication) -> None:
    text = _detail(
        publication, "***both* strong** and *soft **and strong** again* `code` **a [b](https://e.org/) c** d"
    )
    assert "*_both_ strong* and _soft *and strong* again_ `code` *a b [1] c* d" in text


def test_japanese_is_broken_where_japanese_may_be(publication: Publication) -> None:
    sentence = (
        "日本政府は、宇宙開発に関する新しい方針を発表しました。「はやぶさ」のような成功をめざす、と述べています。"
    )
    text = _detail(publication, sentence * 4)
    lines = [line[3:] for line in text.splitlines()[2:] if line.strip()]
    assert len(lines) > 4
    assert all(wcswidth(f"   {line}") <= WIDTH for line in lines)
    assert all(wcswidth(line) > WIDTH - 12 for line in lines[:-1])
    assert not any(line[0] in "、。」" or line[-1] == "「" for line in lines)
    assert "".join(lines) == sentence * 4


_WORD = st.one_of(
    st.text("abcdefg,.", min_size=1, max_size=30),
    st.text("日本語文章宇宙、。「」", min_size=1, max_size=60),
    st.text("אבגד", min_size=1, max_size=20),
    st.text("abc/-", max_size=60).map(lambda path: f"https://example.org/{path}"),
    st.text("ab", min_size=80, max_size=200),
)


@given(words=st.lists(_WORD, min_size=1, max_size=20), first=st.sampled_from(["", "* ", "10. "]))
def test_wrapping_loses_nothing(words: list[str], first: str) -> None:
    lines = wrap(" ".join(words), first, " " * len(first)).split("\n")
    assert lines[0].startswith(first)
    assert all(line.startswith(" " * len(first)) for line in lines[1:])
    bare = [line[len(first) :] for line in lines]
    assert "".join(bare).replace(" ", "") == "".join(words)
    for line in lines:
        # Only what can't be broken is wider: one word, or one address.
        assert wcswidth(line) <= WIDTH or " " not in line[len(first) :]
    for word in words:
        assert "://" not in word or any(word in line for line in lines)
