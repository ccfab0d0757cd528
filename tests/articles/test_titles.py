"""Titles without the outlet's name, and the outlet's name out of titles."""

import pytest

from newsletter.articles.titles import choose_title, clean_title, guess_outlet


@pytest.mark.parametrize(
    ("titles", "title"),
    [
        (["Boats | The Harbor Times"], "Boats"),
        (["Boats - Harbor Times"], "Boats"),
        (["Boats – harbortimes.example"], "Boats"),
        (["The Harbor Times | Boats"], "Boats"),
        (["Boats | World | The Harbor Times", "Boats"], "Boats"),
        (["Boats - an elegy"], "Boats - an elegy"),
        (["U.S.-Japan talks: what next?"], "U.S.-Japan talks: what next?"),
        (["The Harbor Times", "Boats"], "Boats"),
        (["Untitled document", "Home", "Boats"], "Boats"),
        (["BOATS ARE BACK IN TOWN", "Boats Are Back in Town"], "Boats Are Back in Town"),
        (["THE NATO BOATS ARE BACK IN KOBE"], "The NATO boats are back in Kobe"),
        (["NATO"], "NATO"),
        (["港の協定｜Harbor Times"], "港の協定"),
        (["", "   ", "The Harbor Times"], ""),
    ],
)
def test_the_best_title_is_chosen(titles: list[str], title: str) -> None:
    body = "On Monday the boats are back, and NATO is glad that they are back in Kobe. Back in Kobe, yes."
    assert choose_title(titles, ["The Harbor Times", "harbortimes.example"], body) == title


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Ports &amp;amp; promises", "Ports &amp; promises"),
        ("It&#8217;s back", "It’s back"),
        ("Review: <em>The Boat</em>", "Review: The Boat"),
        ("Use <script> in pages", "Use <script> in pages"),
        ("a\nb\t c\u202e\x1b[31m d\u200b\ue000\x1b]8;;https://evil.example\x07", "a b c d"),
        ("x " * 100_000, ("x " * 150).strip() + "…"),
    ],
)
def test_a_title_is_one_line_of_words(written: str, title: str) -> None:
    assert clean_title(written) == title


@pytest.mark.parametrize(
    ("page_title", "titles", "outlet"),
    [
        ("Boats - The Harbor Times", ["Boats"], "The Harbor Times"),
        ("Boats | World | The Harbor Times", ["Boats"], "The Harbor Times"),
        ("The Harbor Times | Boats", ["Boats"], "The Harbor Times"),
        ("Boats are back – Notes from the Pier", [], None),  # "from" may be a sentence's
        ("Boats are back | Harbor Notes", [], "Harbor Notes"),
        ("Boats - an elegy", [], None),
        ("Boats", ["Boats"], None),
    ],
)
def test_the_outlet_is_behind_the_title(page_title: str, titles: list[str], outlet: str | None) -> None:
    assert guess_outlet(page_title, titles) == outlet
