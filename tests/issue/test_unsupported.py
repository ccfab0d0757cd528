"""Marks that are no Markdown here are problems at their places; honest prose with the same signs is none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.issue import unsupported
from newsletter.issue.draft import read_draft
from newsletter.issue.inline_text import parse_headline, parse_line, parse_paragraphs
from newsletter.issue.richtext import parse
from newsletter.validation import Fault

# Each mark with where it stands, counted from 0.
MARKS = [
    ("+ one", 0), ("• one", 0), ("•one", 0), ("◦ one", 0), ("- [ ] to do", 0), ("- [x] done", 0), ("# One", 0),
    ("## One", 0), ("###### One", 0), ("##One", 0), ("Words\n## One", 6), ("One\n===", 4), ("|a|b|", 0),
    ("a | b\n--- | --- | ---", 6),
    ("| a | b |\n| --- | --- |\n| 1 | 2 | 3 |", 34), ("```\ncode", 0), ("Words\n~~~\ncode\n~~", 6),
    ("````\ncode\n```", 0),
    ("![](chart.png)", 0), ("See ![a chart](images/chart.png).", 4), ("![a](https://example.org/a.png)", 5),
    ("![a][b]", 0), ("![](C:\\chart.png)", 0), ("un~~struck~~able", 2), ("[x]{.note}", 3),
    ("[x](https://example.org/){lang=ja}", 25), ("[x]{lang=日本語}", 3),
    ("see [the words(https://example.org/a), too", 4), ("[the words (https://example.org/a)", 0),
    ("see [two\nwords(mailto:a@example.org)", 4), ("[words(/about) x", 0),
    ("a ==bright== word", 2), ("[words][1]", 0),
    ("[words][]", 0), ("see [the words][report]", 4), ("[1]: https://example.org/", 0), ("[[Other page]]", 0),
    ("a note[^1]", 6), ("[^1]: The note.", 0), ("a note[^long-name].", 6), ("<b>bold</b>", 0), ("a<br>b", 1),
    ("a<br/>b", 1), ("a <br /> b", 2), ('<a href="https://example.org/">x</a>', 0), ("<P>x", 0), ("x</p>", 1),
    ("a <!-- note --> b", 2), ("<img src=x>", 0), ('<span style="color:red">x', 0), ("<!DOCTYPE html>", 0),
    ("<script>alert(1)</script>", 0), ("<u>x</u>", 0), ("<iframe src='x'></iframe>", 0), ("Dear *|FNAME|*,", 5),
    ("Dear %%name%%,", 5), ("Dear %FIRSTNAME%,", 5), ("{% if x %}", 0), ("<% x %>", 0), ("Dear ${name},", 5),
    ("*|IF:X|*", 0), ("a **bold word", 2), ("a bold** word", 6), ("** bold **", 0), ("**a\n\nb**", 0),
    ("a __bold word", 2), ("a word__ here", 6), ("***all", 0), ('**"quoted"**word', 0), ("a `code", 2),
    ("- [ ] one\n- [x] two", 0), ("- one\n-\n- two", 6),
    ("- one\n  - two\n    - three\n    - four", 18), ("> > > thrice", 4),
    ("– one\n– two", 0), ("— One\n— Two", 0), ("+ 5 more\n+ 6 more", 0), ("· one\n· two", 0), ("o One\no Two", 0),
    ("§ one\n§ two", 0), ("✓ one\n✓ two", 0), ("✅ one\n✅ two", 0), ("→ one\n→ two", 0), ("✔️ one\n✔️ two", 0),
    ("a. one\nb. two", 0), ("a) one\nb) two", 0), ("(1) one\n(2) two", 0), ("i. one\nii. two", 0),
    ("Words:\n(a) x\n(b) y", 7),
    ("・一つ\n・二つ", 0), ("●一つ\n●二つ", 0), ("①一つ\n②二つ", 0), ("１．一つ\n２．二つ", 0), ("(一)甲\n(二)乙", 0),
    ("一、甲\n二、乙", 0), ("o\tOne", 0), ("·\tone", 0), ("§\tone", 0), ("a.\tone", 0), ("–\tone", 0), ("1.\tone", 0),
    ("-\tone", 0),
    ("Year\tSum\n2023\t5", 0), ("Words\na\tb\tc\nd\te\tf", 6), ("Dear {FirstName},", 5), ("Dear {first_name},", 5),
    ("Dear {$name},", 5), ("{subscriber:firstname}", 0), ("Dear <<First Name>>,", 5), ("Dear «FirstName»,", 5),
    ("Dear «First Name»,", 5), ("Dear [First Name],", 5), ("Dear [FIRSTNAME],", 5), ("Dear %recipient.name%,", 5),
    ("a<o:p></o:p>", 1), ("an _emphasis without end", 3), ("[words]https://example.org/", 0), ("[b]bold[/b]", 0),
    ("[url=https://example.org/]x[/url]", 0), ("== Heading ==", 0), ("=== x ===", 0),
    ("**bold**word", 0), ("un**cred**ible", 2), ("word**bold** x", 4),
    ("(words)[https://example.org/]", 0), ("[words] (https://example.org/)", 6),
    ("[words]\n(https://example.org/)", 6), ("[words](https://example.org/a b)", 6),
    ("[協定]（https://example.org/）", 3), ("［協定］(https://example.org/)", 3),
    ("[協定]（https://example.org/)。", 3),
]  # fmt: skip

# What a text may hold, and a headline or a subject may not.
BLOCK_MARKS = [
    ("- one\n- two", 0), ("* one\n* two", 0), ("1. one\n2. two", 0), ("1) one\n2) two", 0), ("First:\n- one", 7),
    ("First:\n1. one", 7), ("### One", 0), ("> said so", 0), (">said so", 0), ("> > twice", 0), ("Words\n> said so", 6),
    ("| a | b |\n| --- | --- |\n| 1 | 2 |", 0), ("a | b\n--- | ---\n1 | 2", 6), ("---", 0), ("***", 0), ("___", 0),
    ("- - -", 0), ("One\n---", 4), ("One\n* * *\nTwo", 4), ("```\ncode\n```", 0), ("~~~\ncode\n~~~", 0),
    ("```python\nx = 1\n```", 0), ("- one\nand more\n- two", 0), ("Words\n- one\n- two", 6),
    ("First:\n  - one\n  - two", 9), ("- one\n\n- two", 0),
]  # fmt: skip

# What people write who mean the signs.
HONEST = [
    "[see the report (https://example.org/a)] and more", "an [aside (https://example.org/a) and (https://example.org/b)]",
    "5 * 3 * 2", "2**10 is 1024", "a - b", "the army - which had lost - withdrew", "He said - no.", "-5 degrees",
    "between 1. and 2. place", "Version 1. 2 came", "on May\n1. The law came", "1945. The war ended.",
    "In May\n17. of them", "3. Oktober ist Feiertag", "No. 1) or 2)", "#1 in the world", "ranked #1, #2",
    "# 1 of all",
    "C# and F#", "#hashtag first", "a < b and c > d", "a<b", "x <y> z", "> 50% of all", ">50%", "> $5 million",
    "5 > 3", "<3", "-> here", "<= 5", "=> so", "a <- b", "1 << 4", "=", "==", "a == b", "a === b", "x = y",
    "snake_case_name", "__init__ is short", "file_name_", "_emphasis_ and *emphasis*", "Name: ______", "~5 people",
    "~5 to ~10", "about ~ 5", "好~~", "a ~ b ~ c", "$5 and $10", "US$ 5", "{a, b}", "50% of 20%", "100%", "5 %",
    "% of x%", "a | b", "a|b|c", "p | q || r", "|x| is absolute", "Tokyo • Seoul • Taipei", "a · b", "see [1]",
    "see [1, 2]", "[1][2] say so", "[sic]", "[Editor]: hello", "array[0][1]", "[a] and [b]", "(see below)[sic]",
    "he [the man] [sic] said", "!", "Wow!", "Wow! [Read on](https://example.org/)", "AT&T", "R&D", "&c.", "Q&A",
    "a & b", "Terms*", "*Terms may change", "price* and cost*", "free*", "rock `n` roll", "don`t", "Hawai`i",
    "It's 'so' \"called\"", "— dialogue", "– dash", "…and so on", "+5%", "a + b", "+ 5 more", "C++", "a/b", "\\o/",
    "10:30", "re: this", "note: that", "[x]", "{x}", "me@example.org", "example.org", "file:///x", "ftp.example.org",
    "3 x 4", "3 × 4", "@name", "a_b", "_", "*", "**bold**", "***both***", "**bold** and *soft*", "a*b*c", "`**code**`",
    "`<b>`", "` - x`", "\\- one", "1\\. one", "\\# One", "\\> one", "\\<b>", "a \\~~b~~", "\\*\\*a", "\\[x][1]",
    "\\![a](https://example.org/)", "\\|a|b|", "\\`code", "x \\*|FNAME|*", "I <3 you", "<name>", "<your name here>",
    "if a <b then c", "(c) 2023", "日本は#1です", "価格は＊です", "「引用」と〜〜",
    "第1. 章", "■ 見出し", "○○大学", "Ça va - oui", "«— Non»",
    "word --- word", "word -- word", "a ---b", "--help", "-v", "---b", "1 - 2 - 3", "§ 1. and § 2.", "i) first",
    "a. first", "E*Trade buys M*A*S*H: 5*3 and 4*2", "2**3 = 8, 3**2 = 9", "a*(b+c)*d*(e+f)*g", "f**k and s**t",
    "f*** off",
    "__init__.py calls __main__", "¯\\_(ツ)_/¯", "Rated ***** by all", "4.0%** in 2024", "(***p<0.001, **p<0.01)",
    "He came\n- as always - too late", "- No, dijo el ministro.", "- The Editors",
    "- 3.5% was it",
    "1. FC Köln won", "1. Mai ist Feiertag", "* Prices may change", "the reasons:\nthat", "for\n(1) one and\n(2) two",
    "A. Smith and\nB. Jones", "o livro e\no carro", "— Non, dit-il, et\nil partit\n— sans un mot", "(2) is wrong",
    "« Non »", "«Der Name»", "«Ihr Name» war", "<<Bonjour>>", "a tab\there", "[1]https://example.org/", "{x_1}",
    "[B] and [I]",
    "[name withheld]", "{name", "@_name", "50%.20%", "the *best wine", "if a == b == c", "[Name]",
    "© 2023 A\n© 2022 B", "§ 5 BGB sagt\n§ 6 BGB", "i. e. so\ni. e. else", "Bewohner*innen und Bürger*innen", "4*hotel",
    "==> this way; a == b", "Rock `n' Roll",
]  # fmt: skip

DRAFT = """\
volume: 2
number: 1
date: 2023-01-02
{lines}
items:
  - headline: >-
      One
    detail: >-
      Text
"""


@pytest.mark.parametrize(("source", "at"), MARKS)
def test_a_mark_that_is_none_here_is_a_problem_at_its_place(source: str, at: int) -> None:
    _, faults = parse(source)
    assert faults, source
    assert faults[0].at == at
    assert all(fault.next_step for fault in faults)


@pytest.mark.parametrize(("source", "at"), BLOCK_MARKS)
@pytest.mark.parametrize("read", [parse_headline, parse_line], ids=["headline", "line"])
def test_a_block_is_a_problem_in_a_headline_and_a_line(
    read: Callable[[str], tuple[object, list[Fault]]], source: str, at: int
) -> None:
    assert parse(source)[1] == []
    faults = read(source)[1]
    assert faults[0].at == at
    assert all(fault.next_step == "Write the words alone; a backslash before a mark keeps it: \\*." for fault in faults)


def test_a_caption_holds_styles_and_links_and_no_block() -> None:
    text, faults = parse_paragraphs("By *us*, [the institute](https://example.org/), me@example.org")
    assert faults == []
    assert [link.href for link in text.links()] == ["https://example.org/", "mailto:me@example.org"]
    for source, at in BLOCK_MARKS:
        assert [fault.at for fault in parse_paragraphs(source)[1]][:1] == [at], source


@pytest.mark.parametrize("source", HONEST)
def test_honest_prose_is_none(source: str) -> None:
    assert parse(source)[1] == []
    assert parse(f"Before it {source}")[1] == []


_WORDS = st.lists(
    st.sampled_from([text for text in HONEST if "`" not in text and "\n" not in text and text[:2] not in ("- ", "* ")]),
    max_size=4,
)


@given(before=_WORDS, after=_WORDS, marked=st.sampled_from(MARKS))
def test_a_mark_is_found_beside_any_prose(before: list[str], after: list[str], marked: tuple[str, int]) -> None:
    source, at = marked
    texts = [*before, source, *after]
    start = sum(len(text) + 2 for text in before)
    _, faults = parse("\n\n".join(texts))
    assert start + at in [fault.at for fault in faults]
    assert all(start <= (fault.at or 0) < start + len(source) for fault in faults)


FIELDS = {
    "subject": "subject: {}",
    "preheader": "preheader: {}",
    "headlines_title": "headlines_title: {}",
    "intro": "intro: {}",
    "note": "note: {}",
    "alt": "image:\n  file: lead.jpg\n  alt: {}",
    "credit": "image:\n  file: lead.jpg\n  alt: x\n  credit: {}",
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "mark",
    ["- [ ] one", "1.\tone", "## One", "|a|b|", "===", "![](x.png)", "==x==", "[x][1]", "[^1]", "<b>x", "<br>",
     "• one", "*|FNAME|*", "%%name%%", "**x"],
)  # fmt: skip
def test_every_text_is_looked_at(tmp_path: Path, field: str, mark: str) -> None:
    (tmp_path / "lead.jpg").write_bytes((ROOT / "drafts/2.10-lead.jpg").read_bytes())
    path = tmp_path / "2.1.yaml"
    path.write_text(DRAFT.format(lines=FIELDS[field].format(f">-\n      Words\n\n      {mark}")))
    line = path.read_text().splitlines().index(f"      {mark}") + 1
    assert [(problem.line, problem.column) for problem in read_draft(path).problems][:1] == [(line, 7)]


@pytest.mark.parametrize("mark", ["- [x] one", "## One", "**x", "<br>", "![](x.png)", "–\tone", "[^1]", "==x=="])
def test_headlines_and_details_are_looked_at(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "2.1.yaml"
    for word in ("One", "Text"):
        text = DRAFT.format(lines="# none").replace(f"      {word}", f"      {mark}")
        path.write_text(text)
        line = text.splitlines().index(f"      {mark}") + 1
        assert [(problem.line, problem.column) for problem in read_draft(path).problems][:1] == [(line, 7)]


@pytest.mark.parametrize(
    ("source", "at"),
    [("a **b** c", 2), ("*a* c", 0), ("a ~~b~~", 2), ("m^2^", 1), ("H~2~O", 1), ("[a]{lang=ja}", 0), ("a _b_", 2),
    ("a `b`", 2), ("see [x](https://example.org/)", 4),
     ("<https://example.org/>", 0)],
)  # fmt: skip
def test_a_line_shown_as_it_is_takes_no_style_and_no_link(source: str, at: int) -> None:
    _, faults = parse_line(source)
    assert [fault.at for fault in faults] == [at]


def test_a_line_s_escapes_and_entities_are_read() -> None:
    assert parse_line(r"AT&amp;T \*free\* https://example.org/ 1\. \\") == (
        ("AT&T *free* https://example.org/ 1. \\",),
        [],
    )


@pytest.mark.parametrize("target", ["chart.png", "images/chart.png", "../x.jpg", "/x.jpg", "https://example.org/x.png"])
def test_a_picture_in_a_sentence_is_sent_to_a_line_of_its_own(target: str) -> None:
    (fault,) = parse(f"See ![a chart]({target}).")[1]
    assert "line of its own" in fault.next_step


def test_the_samples_and_examples_are_clean() -> None:
    drafts = [*ROOT.glob("drafts/*.yaml"), *ROOT.glob("examples/**/drafts/*.yaml")]
    assert len(drafts) >= 3
    for path in drafts:
        assert read_draft(path).problems == ()


@pytest.mark.parametrize("source", ["<b>x</b>", "# One", "> said so", "~~x~~", "[x][1]", "**x", "- [ ] one"])
def test_what_can_t_stand_in_a_line_is_not_advised_there(source: str) -> None:
    for fault in parse_line(source)[1]:
        assert fault.next_step == "Write the words alone; a backslash before a mark keeps it: \\*."


def test_a_heading_in_a_headline_is_not_sent_to_a_headline() -> None:
    assert "headline:" not in parse_headline("# One")[1][0].next_step


def test_a_field_of_another_program_is_told_once_in_a_line() -> None:
    assert [fault.code for fault in parse_line("*|FNAME|*, hello")[1]] == ["merge-tag"]


def test_a_link_of_a_wiki_is_called_so() -> None:
    assert "wiki" in parse("[[Other page]]")[1][0].message


@pytest.mark.parametrize("rule", unsupported._RULES, ids=lambda rule: rule.code)
@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_words_without_any_of_the_signs_match_no_rule(rule: unsupported._Rule, data: st.DataObject) -> None:
    match = rule.pattern.search(data.draw(st.from_regex(rule.pattern)))
    assert match
    assert unsupported._SIGNS.search(match.string)
    for each in rule.pattern.finditer(unsupported._SIGNS.sub("", match.string)):
        assert unsupported._SIGNS.search(each[0])
