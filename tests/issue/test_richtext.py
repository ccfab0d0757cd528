"""Inline Markdown as one span stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.field import Field
from newsletter.issue.blocks import Link, Paragraph, RichText, Spans, TextRun
from newsletter.issue.inline_text import parse_headline
from newsletter.issue.richtext import parse


def _one(source: str) -> Spans:
    text, faults = parse(source)
    assert faults == []
    (paragraph,) = text.paragraphs
    return paragraph


def test_styles_links_and_fields() -> None:
    assert _one("Dear **{{ name | reader }}**, *see* [the `x` page](https://example.org/?a=1&b=2).") == (
        TextRun(text="Dear "),
        TextRun(text="reader", strong=True, field="name"),
        TextRun(text=", "),
        TextRun(text="see", emphasis=True),
        TextRun(text=" "),
        Link(
            address=("https://example.org/?a=1&b=2",),
            runs=(TextRun(text="the "), TextRun(text="x", code=True), TextRun(text=" page")),
        ),
        TextRun(text="."),
    )


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("a ~~struck *em*~~ b", [TextRun(text="struck ", strike=True), TextRun(text="em", strike=True, emphasis=True)]),
        ("これは~~「重要」~~です", [TextRun(text="「重要」", strike=True)]),
        ("日本~~語~~。", [TextRun(text="語", strike=True)]),
        ("H~2~O", [TextRun(text="2", script="sub")]),
        ("19^th^ of", [TextRun(text="th", script="super")]),
        ("**m**^2^, 10^-3^", [TextRun(text="2", script="super"), TextRun(text="-3", script="super")]),
        ("[日本語の *本*]{lang=ja}", [TextRun(text="日本語の ", language="ja"),
        TextRun(text="本", emphasis=True, language="ja")]),
        ('[a [b]{lang=zh-Hant} c]{lang="fr"}', [TextRun(text="a ", language="fr"),
        TextRun(text="b", language="zh-Hant"),
         TextRun(text=" c", language="fr")]),
        ("[un [lien](https://example.org/)]{lang=fr}", [TextRun(text="un ", language="fr"),
         TextRun(text="lien", language="fr")]),
    ],
)  # fmt: skip
def test_struck_raised_lowered_and_foreign_words(source: str, runs: list[TextRun]) -> None:
    text, faults = parse(source)
    assert faults == []
    assert [run for run in text.runs() if run.strike or run.script or run.language] == runs


@pytest.mark.parametrize(
    "text",
    ["x^2+y^2=z^2", "~5/~10", "~5 to ~10", "so^_^ nice", "(^_^)", "a^b", "好~~", "a ~~ b ~~ c", "x^2y^2", "^up^",
     "~home~",
     "a ^ b ^ c", "2^10", "array[0]{lang}", "a^2 and b^2"],
)  # fmt: skip
def test_the_same_signs_in_prose_are_text(text: str) -> None:
    assert parse(text) == (RichText((Paragraph((TextRun(text=text),)),)), [])


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        ("Write to me@example.org.", ["mailto:me@example.org"]),
        ("(a.b-c+d@mail.example.org)", ["mailto:a.b-c+d@mail.example.org"]),
        ("mailto:me@example.org", ["mailto:me@example.org"]),
        ("*me@example.org* _you@example.net_", ["mailto:me@example.org", "mailto:you@example.net"]),
        ("e-mail:me@example.org", ["mailto:me@example.org"]),
        ("me@example.org: so", ["mailto:me@example.org"]),
        ("[me@example.org](https://example.org/)", ["https://example.org/"]),
        ("`me@example.org` me@example me@ @example.org a@b.c1 git@example.org:a/b me@example.org/x", []),
        ("https://example.org/?q=me@example.org", ["https://example.org/?q=me@example.org"]),
        ("me\\@example.org", []),
    ],
)
def test_a_bare_mail_address_is_a_link(source: str, addresses: list[str]) -> None:
    text, faults = parse(source)
    assert faults == []
    assert [link.href for link in text.links()] == addresses


def test_a_mail_address_in_a_headline_stays_text() -> None:
    assert parse_headline("Write to me@example.org") == (
        RichText((Paragraph((TextRun(text="Write to me@example.org"),)),)),
        [],
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"\<b>bold\</b> & a < b", "<b>bold</b> & a < b"),
        (r"\*not\* \[a\](b) \{{ name }}", "*not* [a](b) {{ name }}"),
        ("`{{ name }} [a](#)`", "{{ name }} [a](#)"),
        ("AT&amp;T &copy;", "AT&T ©"),
        ("word\\\nnext", "word next"),
        ("\\# no heading\n\\- no list", "# no heading - no list"),
        ("\\![alt](https://example.org/x.png)", "!alt"),
    ],
)
def test_what_is_text_stays_text(source: str, words: str) -> None:
    text, faults = parse(source)
    assert (text.plain(), faults) == (words, [])


@pytest.mark.parametrize(
    ("source", "strong"),
    [
        ("これは**「重要」**です。", ["「重要」"]),
        ("**「重要」**の、**（注）**は", ["「重要」", "（注）"]),
        ("これは**重要。**次に", ["重要。"]),
        ("中文**“引用”**的", ["“引用”"]),
        ("中文**《书名》**里", ["《书名》"]),
        ("한국어**(강조)**는", ["(강조)"]),
        ("日本**`code`**語", ["code"]),
        ("日本**[語](https://example.org/)**の", ["語"]),
        ("a**(b)**c", []),
        ('**"quoted"**word', []),
        ("**plain** word", ["plain"]),
        ("😀**(x)**😀", ["(x)"]),
        ("𠮷**「野」**家", ["「野」"]),
    ],
)
def test_emphasis_beside_full_width_punctuation(source: str, strong: list[str]) -> None:
    text, faults = parse(source)
    assert [run.text for run in text.runs() if run.strong] == strong
    assert bool(faults) == (not strong)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("日本\n語", "日本語"),
        ("日本、\n語", "日本、語"),
        ("日本\nLatin\n語", "日本 Latin 語"),
        ("한국\n말", "한국 말"),
        ("日本\n한국", "日本 한국"),
        ("中文\n“引用”\n中文", "中文“引用”中文"),
        ("“plain”\n“quotes”", "“plain” “quotes”"),
        ("カタカナ\nﾊﾝｶｸ", "カタカナﾊﾝｶｸ"),
        ("注音\nㄅㄆ", "注音ㄅㄆ"),
        ("😀\n😀", "😀 😀"),
        ("**日本**\n[語](https://example.org/)\n`か`", "日本語か"),
        ("{{ name | 読者 }}\n様", "読者様"),
        ("one\n  two\t\n three", "one two three"),
    ],
)
def test_a_line_s_end_is_a_space_where_the_script_has_spaces(source: str, words: str) -> None:
    text, faults = parse(source)
    assert (text.plain(), faults) == (words, [])


def test_addresses_are_ascii_and_whole() -> None:
    (link,) = _one("[a](https://example.org/Zürich?q=%20x&y=[1]#frag)")
    assert isinstance(link, Link)
    assert link.href == "https://example.org/Z%C3%BCrich?q=%20x&y=%5B1%5D#frag"


@pytest.mark.parametrize(
    ("source", "pieces", "href"),
    [
        ("https://example.org/?who={{ email }}", ("?who=", Field("email")), "?who="),
        ("https://example.org/{{ city | a b/c }}#x", (Field("city", "a b/c"), "#x"), "a%20b%2Fc#x"),
        ("https://example.org/{{name}}{{email}}", (Field("name"), Field("email")), ""),
        ("<https://example.org/{{ name }} (a>", (Field("name"), "%20(a"), "%20(a"),
        ("https://example.org/ü{{ name | ü }}ü", ("%C3%BC", Field("name", "ü"), "%C3%BC"), "%C3%BC%C3%BC%C3%BC"),
        ("https://example.org/{{ name | a) }}(b)", (Field("name", "a)"), "(b)"), "a%29(b)"),
        ('https://example.org/#{{ name }} "a title"', ("#", Field("name")), "#"),
    ],
)
def test_a_field_stands_in_an_address_behind_its_host(source: str, pieces: tuple[str | Field, ...], href: str) -> None:
    start = "https://example.org/"
    (link,) = _one(f"[yours]({source})")
    assert isinstance(link, Link)
    whole = (start + pieces[0], *pieces[1:]) if isinstance(pieces[0], str) else (start, *pieces)
    assert link.address == whole
    assert link.href == start + href


def test_a_value_in_an_address_is_percent_encoded() -> None:
    (link,) = _one("[write](mailto:desk@example.org?subject={{ name | me }}&body={{ email }})")
    assert isinstance(link, Link)
    values = {"name": "Ada & Søn", "email": "ada+1@example.org"}
    assert link.to(lambda name, _: values[name]) == (
        "mailto:desk@example.org?subject=Ada%20%26%20S%C3%B8n&body=ada%2B1%40example.org"
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("[a](#)", "link-address"),
        ("[a]()", "link-address"),
        ("[a](javascript:alert(1))", "link-address"),
        ("[a](data:text/html,x)", "link-address"),
        ("[a](https://)", "link-address"),
        ("[a](mailto:)", "link-address"),
        ("[a](https://[bad)", "link-address"),
        ("<javascript:alert(1)>", "link-address"),
        ("[](https://example.org/)", "link-text"),
        ("[a](https://example.org/a b)", "link-broken"),
        ("[a](https://example.org/{{ Name }})", "link-broken"),
        ("[a] (https://example.org/)", "link-broken"),
        ("{{ Name }}", "field"),
        ("{{ name", "field"),
        ("{{ a.b }}", "field"),
        ("{% if x %}{{ '' }}{% endif %}", "field"),
        ("[ ](https://example.org/)", "link-text"),
        ("[&nbsp;](https://example.org/)", "link-text"),
        ("[a](https://example.org/{{Name}})", "link-address"),
        ("[a]({{ name }})", "link-address"),
        ("[a]({{ name }}://example.org/)", "link-address"),
        ("[a](https://{{ name }}/)", "link-address"),
        ("[a](https://{{ name }}.example.org/)", "link-address"),
        ("[a](https://example.org{{ name }}/)", "link-address"),
        ("[a](https://example.org:{{ name }}/)", "link-address"),
        ("[a](https://{{ name }}@example.org/)", "link-address"),
        ("[a](//example.org/{{ name }})", "link-address"),
        ("[a](mailto:{{ email }})", "link-address"),
        ("[a](mailto:a@{{ name }}?subject=x)", "link-address"),
        ("[a](javascript:{{ name }})", "link-address"),
        ("[a](ftp://example.org/{{ name }})", "link-address"),
        ("[a](https:///{{ name }})", "link-address"),
        ("<https://example.org/?{{name}}>", "field"),
        (f"[a](https://example.org/{'x' * 3000})", "link-address"),
        ("form &#12; feed", "control-character"),
        ("return &#13;", "control-character"),
        ("line &#x2028; separator", "control-character"),
        ("private \ue000 use", "control-character"),
        ("bell \a", "control-character"),
        ("esc \x1b[31m", "control-character"),
    ],
)
def test_what_readers_could_not_follow_is_a_fault(source: str, code: str) -> None:
    _, faults = parse(source)
    assert code in [fault.code for fault in faults]
    assert all(fault.next_step for fault in faults)


@pytest.mark.parametrize(("bullet", "is_list"), [("\uf0b7", True), ("\uf0a7", True), ("\x07", False)])
def test_a_bullet_of_words_is_told_as_one(bullet: str, is_list: bool) -> None:
    _, (fault,) = parse(f"{bullet} one")
    assert fault.code == "control-character"
    assert ("write - and a space" in fault.next_step) == is_list


@given(
    st.text(max_size=300)
    | st.text("[](){{}}|abc <>\\`:/?#\ue001\ue002.@m", max_size=60).map("[a](https://b.org/".__add__)
)
def test_any_text_is_read(source: str) -> None:
    text, faults = parse(source)
    for link in text.links():
        assert link.href.isascii() or faults


@pytest.mark.parametrize(
    "text",
    ["E*Trade buys M*A*S*H: 5*3 and 4*2", "2**3 = 8, 3**2 = 9", "a*(b+c)*d*(e+f)*g", "f**k and s**t",
     "__init__ is short", "__name__.py", "¯\\_(ツ)_/¯", "Ünë*drei*vier", "Bürger*innen und Nachbar*innen", "т*е*ст"],
)  # fmt: skip
def test_marks_within_words_and_numbers_are_text(text: str) -> None:
    assert list(parse(text)[0].runs()) == [TextRun(text=text)]
    assert parse(text)[1] == []


@pytest.mark.parametrize(
    ("source", "words"),
    [("日本*語*です", "語"), ("価格**AI**です", "AI"), ("**「引用」**の", "「引用」"), ("第**3**章", "3"),
     ("**한국**은", "한국"), ("*M*A*S*H* is", "M*A*S*H"), ("**ไทย**ภาษา", "ไทย"),
     ("(*see*)", "see"), ("__strong__ words", "strong")],
)  # fmt: skip
def test_emphasis_at_words_ends_and_in_scripts_without_spaces_stays(source: str, words: str) -> None:
    assert [run.text for run in parse(source)[0].runs() if run.strong or run.emphasis] == [words]
    assert parse(source)[1] == []


@pytest.mark.parametrize(
    ("source", "at"),
    [("see https://example.org/…/x", 4), ("see https://example.org/2023/a-long-na…", 4),
     ("[x](https://example.org/…/x)", 2),
     ("see https://example.org/a[1]", 4), ("see https://example.org/a\\_b", 4), ("https://example.org/a|b", 0),
     ("https://example.org/a-\nb", 0), ("https://example.org/?a=\nb", 0), ("https://example.org/\n2023/01/x", 0)],
)  # fmt: skip
def test_an_address_that_may_be_cut_is_a_problem(source: str, at: int) -> None:
    assert [(fault.code, fault.at) for fault in parse(source)[1]] == [("link-address", at)]


@pytest.mark.parametrize(
    ("source", "href"),
    [("https://example.org/?q=a&b=*c*&d=_e_", "https://example.org/?q=a&b=*c*&d=_e_"),
     ("_https://example.org/_", "https://example.org/"), ("*https://example.org/*", "https://example.org/"),
     ("See https://example.org/\nfor more", "https://example.org/"),
     ("https://example.org/a\\\nb", "https://example.org/a"),
     ("[https://example.org/a]", "https://example.org/a"), ("https://example.org/1...2", "https://example.org/1...2")],
)  # fmt: skip
def test_an_address_is_linked_whole(source: str, href: str) -> None:
    text, faults = parse(source)
    assert [link.href for link in text.links()] == [href]
    assert faults == []


@pytest.mark.parametrize(
    "address",
    ["#2", "#120", "issue:2.9", "issue:2023-05-31", "issue:spring-fair", "issue:2.9#3", "/", "/about",
     "/a/b.html?x=1#y",
     "page.html", "reports/2023.pdf", "./page", "../page"],
)  # fmt: skip
def test_a_short_address_is_kept_as_it_is_written(address: str) -> None:
    text, faults = parse(f"see [words]({address})")
    assert faults == []
    assert [link.href for link in text.links()] == [address]


@pytest.mark.parametrize(
    "address",
    ["#", "##", "#0", "#two", "issue:", "//example.org/", "foo", "example.org", "example.org/page.html",
     "www.example.org",
     "/{{ name }}", "issue:{{ name }}", "javascript:alert(1)", "ISSUE", "/a{{b"],
)  # fmt: skip
def test_what_only_looks_like_a_short_address_is_a_fault(address: str) -> None:
    assert [fault.code for fault in parse(f"see [words]({address})")[1]] in (
        ["link-address"],
        ["field", "link-address"],
    )


def test_a_links_words_are_in_one_line_where_they_are_named() -> None:
    (fault,) = parse("[two\nlines](foo)")[1]
    assert "'two lines'" in fault.message
