"""Web pages and the HTML of mails as Markdown: what a reader sees is kept, what a layout or a mailing adds is not."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.back_issues.html.html_to_markdown import convert_page, html_to_markdown
from newsletter.back_issues.html.page_tree import MOST_NESTED
from newsletter.back_issues.page_text.inline_markdown import write_inline
from newsletter.back_issues.page_text.page_blocks import Run, Style
from newsletter.back_issues.page_text.page_links import resolve_address
from newsletter.back_issues.page_text.page_spaces import collapse_spaces
from newsletter.issue.richtext import parse

LAYOUT = '<table role="presentation" width="100%"><tr><td style="font-size:0">{}</td></tr></table>'


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h1>One</h1><h2>Two</h2><p>Words<h4>Four", "# One\n\n## Two\n\nWords\n\n#### Four"),
        (LAYOUT.format(LAYOUT.format("<p>One</p>") + LAYOUT.format("Two<br>lines")), "One\n\nTwo\\\nlines"),
        ("<p>a\n   b&nbsp;&nbsp;c</p>", "a b c"),
        ("<p>一行\n二行</p>", "一行二行"),
        ("one<br><br>two<br>", "one\n\ntwo"),
        ("<p><b>bold</b> <i>light</i><b> both </b><s>gone</s></p>", "**bold** *light* **both** ~~gone~~"),
        ('<p><span style="font-weight:700">bold</span> <b style="font-weight:normal">not</b></p>', "**bold** not"),
        ("<p>10<sup>3</sup> H<sub>2</sub>O <sup>far off</sup></p>", "10^3^ H~2~O far off"),
        ("<p>Use <code>a_b*c</code> &amp; snake_case, 2 * 3, *x*</p>", "Use `a_b*c` & snake_case, 2 * 3, \\*x\\*"),
        ("<p># no</p><p>- no</p><p>1. no</p><p>&gt; no</p>", "\\# no\n\n\\- no\n\n1\\. no\n\n\\> no"),
        ("<p>[sic] [the country] [Name] &lt;b&gt;</p>", "[sic] [the country] \\[Name\\] \\<b>"),
        ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "- a\n- b\n  - c\n- d"),
        ("<ol><li><p>a</p><p>b</p></li><li>c</ol>", "1. a\n\n   b\n2. c"),
        ("<ul><li>1<ul><li>2<ul><li>3</ul></ul></ul>", "- 1\n  - 2\n  - 3"),
        ("<p>• one<br>• two<br>three</p>", "- one\n- two\\\n  three"),
        ("<p>All:<br>1. one<br>2) two<br>three</p>", "All:\n\n1. one\n2. two\\\n   three"),
        ("<p>1. one</p><p>2.&nbsp; <b>two</b></p><p>three</p>", "1. one\n2. **two**\n\nthree"),
        ("<p>1. no</p><p>3. no</p>", "1\\. no\n\n3\\. no"),
        ("<p>2. no<br>3. no</p>", "2\\. no\\\n3\\. no"),
        ("<table><tr><td>•</td><td>one</td></tr><tr><td>•</td><td>two</td></tr></table>", "- one\n- two"),
        ("<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n>\n> b\n\nc"),
        ("<pre>\na\n  b</pre>", "```\na\n  b\n```"),
        ("<p>a</p><hr><p>b</p><hr>", "a\n\n---\n\nb"),
        ("<table><tr><th>A<th>B|<tr><td>1<td><p>x</p><p>y</p></table>", "| A | B\\| |\n| --- | --- |\n| 1 | x y |"),
        ("<h2>x</h2><dl><dt>term<dd>what it is</dl>", "## x\n\n**term**\n\nwhat it is"),
        ("<p><ruby>港<rp>(</rp><rt>みなと</rt></ruby></p>", "港（みなと）"),
        ("<p>a<q>b</q></p>", "a“b”"),
        ("x</body></html>tail<p>more", "xtail\n\nmore"),
    ],
)
def test_structure(html: str, markdown: str) -> None:
    assert html_to_markdown(html).strip() == markdown


@pytest.mark.parametrize(
    "html",
    [
        "<nav>gone</nav>",
        "<script>gone()</script>",
        "<style>gone{}</style>",
        "<!-- gone -->",
        "<form>gone</form>",
        "<!--[if mso]><p>gone</p><![endif]-->",
        "<noscript>gone</noscript>",
        "<title>gone</title>",
        '<div style="display:none;max-height:0">gone</div>',
        "<p hidden>gone</p>",
        '<p style="visibility: hidden">gone</p>',
        '<div style="max-height:0px; overflow:hidden">gone</div>',
        '<span class="sr-only">gone</span>',
        "<style>.pre{display:none}</style><div class=pre>gone</div>",
        '<p style="opacity:0">gone</p>',
        '<img src="https://t.example.org/open.gif" width="1" height="1" alt="">',
        '<img src="https://t.example.org/spacer.gif" width="600" height="2">',
        '<p>Trouble viewing this? <a href="https://example.org/v">View it in your browser</a></p>',
        '<p><a href="https://example.org/u">Unsubscribe</a> | <a href="/p">Manage preferences</a></p>',
        "<p>You are receiving this email because you signed up.</p>",
        "<p>© 2024 Example. All rights reserved.</p>",
        '<a href="https://www.facebook.com/sharer/sharer.php?u=x">Share</a>',
        "<p>| · |</p>",
        '<section id="comments"><h2>2 Comments</h2><ol><li>gone</ol></section>',
        '<div class="sharedaddy sd-block"><h3>Share this:</h3></div>',
        '<nav class="post-navigation">gone</nav>',
        '<div class="entry cookie-notice"><p>gone</p></div>',
        "<footer>gone</footer>",
        '<a href="https://twitter.com/example"><img src="https://example.org/t.png" alt="Twitter" width=32></a>',
        "<p>&zwnj;&nbsp;&#847;&zwnj;&nbsp;</p>",
        '<div role="navigation">gone</div>',
    ],
)
def test_what_readers_do_not_read_goes(html: str) -> None:
    assert html_to_markdown(f"<p>before</p>{html}<p>after</p>") == "before\n\nafter\n"


def test_sentences_about_unsubscribing_stay() -> None:
    html = "<p>Gmail now wants an <b>unsubscribe</b> header in every mail, and readers like it.</p>"

    assert "unsubscribe" in html_to_markdown(html)


def test_style_sheets_hide_what_no_later_rule_shows() -> None:
    html = "<style>.a{display:none} .b.a{display:block} @media print{p{display:none}}</style>"

    assert html_to_markdown(f"{html}<p class=a>hidden</p><p class='a b'>shown</p>") == "shown\n"


def test_a_page_is_its_main_element() -> None:
    html = "<header><p>Site</p></header><div>Menu</div><main><p>Words</p><footer>Notes</footer></main>"

    assert html_to_markdown(html) == "Words\n\nNotes\n"


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("/a?b=c", "https://example.org/a?b=c"),
        ("b.html", "https://example.org/dir/b.html"),
        ("#x", ""),
        ("javascript:alert(1)", ""),
        ("http://[::bad", ""),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("https://www.google.com/url?q=https://example.net/a%20b&sa=D", "https://example.net/a b"),
        ("https://a.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.net%2Fx", "https://example.net/x"),
        ("https://urldefense.com/v3/__https://example.net/x__;!!abc", "https://example.net/x"),
        ("https://click.example.com/track/click?u=https%3A%2F%2Fexample.net%2F&id=1", "https://example.net/"),
        ("https://x.list-manage.com/track/click?u=0123&id=4", "https://x.list-manage.com/track/click?u=0123&id=4"),
        ("https://example.net/search?q=https://example.org/", "https://example.net/search?q=https://example.org/"),
    ],
)
def test_addresses_are_whole_and_past_those_who_count(href: str, expected: str) -> None:
    assert resolve_address(href, "https://example.org/dir/page.html") == expected


def test_links_are_kept_whatever_they_look_like() -> None:
    html = """<base href="https://example.org/d/"><table><tr><td bgcolor="#333"><a href="x"
        style="display:block;color:#fff"><b>Register</b> now</a></table><a href="y"><h2>Title</h2><p>Text</p></a>
        <a href="https://example.org/a_(b)">z</a> <a href="/q (1)">w</a> Wow!<a href="v">v</a>"""

    assert html_to_markdown(html) == (
        "[**Register** now](https://example.org/d/x)\n\n## [Title](https://example.org/d/y)\n\n"
        "[Text](https://example.org/d/y)\n\n"
        "[z](https://example.org/a_(b)) [w](https://example.org/q%20(1)) Wow\\![v](https://example.org/d/v)\n"
    )


def test_pictures_with_captions_and_links() -> None:
    html = """<figure><a href="https://example.org/c"><img src="/a.png" alt="A &quot;chart&quot;"></a>
        <figcaption>In <a href="/src">numbers</a>: "all"</figcaption></figure><p>Words <img class="emoji" alt="🎉"
        src="/e.png"> go on<img src="data:image/png;base64,iVBORw0KGgo=" alt="embedded"></p>"""

    page = convert_page(f'<base href="https://example.org/">{html}'.encode())

    assert page.markdown == (
        '![A "chart"](https://example.org/a.png "In [numbers](https://example.org/src): \\"all\\"")\n\n'
        '[A "chart"](https://example.org/c)\n\nWords 🎉 go on\n\n![embedded](picture-1.png)\n'
    )
    assert [picture.name for picture in page.pictures] == ["picture-1.png"]


@pytest.mark.parametrize(
    "html",
    [
        '<p>Words<sup id="r1"><a href="#n1">[1]</a></sup>.</p><h2>Next</h2><p>x</p><hr><ol><li id="n1"><p>Note '
        '<a href="#r1">↩</a></p></li></ol>',
        '<p>Words<a href="#_ftn1" name="_ftnref1">[1]</a>.</p><h2>Next</h2><p>x</p><div><p><a href="#_ftnref1" '
        'name="_ftn1">[1]</a> Note</p></div>',
    ],
)
def test_footnotes_end_the_section_of_their_marks(html: str) -> None:
    assert html_to_markdown(html) == "Words[^1].\n\n[^1]: Note\n\n## Next\n\nx\n"


def test_lists_of_word_in_mails() -> None:
    html = (
        '<p style="mso-list:l0 level1 lfo1"><![if !supportLists]><span style="mso-list:Ignore">·<i>&nbsp;</i></span>'
        '<![endif]>One</p><p style="mso-list:l0 level2 lfo1">Within</p><p style="mso-list:l0 level1 lfo1">Two</p>'
    )

    assert html_to_markdown(html) == "- One\n  - Within\n- Two\n"


@pytest.mark.parametrize(
    ("encoding", "declared", "text"),
    [
        ("cp1252", '<meta charset="iso-8859-1">', "“Zürich” – 5 €"),
        ("cp1252", "", "“Zürich” – 5 €"),
        ("iso2022_jp", '<meta http-equiv="Content-Type" content="text/html; charset=ISO-2022-JP">', "港町だより"),
        ("cp932", "<meta charset=Shift_JIS>", "港町だより①"),
        ("utf-8-sig", "<meta charset=windows-1252>", "港町 Zürich"),
        ("utf-8", '<meta charset="iso-8859-1">', "港町 Zürich"),
        ("utf-16", "", "港町 Zürich"),
        ("utf-8", '<meta charset="idna">', "Zürich"),
    ],
)
def test_charsets(encoding: str, declared: str, text: str) -> None:
    assert convert_page(f"{declared}<p>{text}</p>".encode(encoding)).markdown == f"{text}\n"


def test_a_title_a_date_and_what_was_left_out_are_told() -> None:
    html = """<title>Site - Issue 4</title><meta property="og:title" content="Issue 4"><meta name="date"
        content="2024-05-01T10:00"><p>Words <a href="https://a.list-manage.com/track/click?u=1">here</a></p>
        <p><a href="https://example.org/">View in browser</a></p><p><a href="other.html">lost</a></p>"""

    page = convert_page(html.encode())

    assert (page.title, str(page.date)) == ("Issue 4", "2024-05-01")
    assert page.markdown == "Words [here](https://a.list-manage.com/track/click?u=1)\n\nlost\n"
    assert [note.split(":")[0] for note in page.notes] == [
        "Left out, as the mail's or website's own",
        "1 link leads through a.list-manage.com, which counts clicks and may stop",
        "1 link leads nowhere outside the page. Their words were kept",
    ]


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Issue 4 – The Institute</title><h1>Issue 4</h1>", "Issue 4"),
        ("<title>第4号|研究所</title><h1>第4号</h1>", "第4号"),
        ("<title>Issue 4 – and what it took</title><h1>The Institute</h1>", "Issue 4 – and what it took"),
        ("<title>Issue 4, The Institute</title><h1>Issue 4</h1>", "Issue 4, The Institute"),
    ],
)
def test_a_title_has_no_website_behind_it(html: str, title: str) -> None:
    assert convert_page(f"{html}<p>Words".encode()).title == title


def test_a_heading_may_be_named_as_a_part_of_websites_is() -> None:
    assert html_to_markdown('<h2 id="comments">Comments</h2><p class="respond">Here.</p>') == "## Comments\n\nHere.\n"


def test_endless_nesting_is_one_line() -> None:
    assert html_to_markdown("<div>" * (MOST_NESTED - 1) + "deep") == "deep\n"
    with pytest.raises(UnreadableFile, match="elements within each other"):
        html_to_markdown("<b>" * (MOST_NESTED + 1) + "deep")


def test_time_grows_with_the_tags_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Counter[str]()
    from newsletter.back_issues.html import page_tree

    walk = page_tree.iterate_nodes
    monkeypatch.setattr(
        page_tree, "iterate_nodes", lambda root: ((steps.update(["n"]), each)[1] for each in walk(root))
    )
    counts = []
    for size in (100, 1000):
        steps.clear()
        html_to_markdown("<ol>" + "<li><b>x</b> <a href='https://example.org/'>y</a>" * size + "</ol>")
        counts.append(steps["n"])

    assert counts[1] < counts[0] * 11


@pytest.mark.slow
def test_a_hundred_thousand_tags() -> None:
    markdown = html_to_markdown("<p><b>x</b> <a href='https://example.org/'>y</a><i>z</i></p>" * 12_500)

    assert markdown.count("**x**") == 12_500


_SIGNS = [
    *"*_`[]()<>~^|#+-=.!&;{}\\:\"'@/ \n1a日%$",
    "word ",
    "http://example.org/a_b",
    "www.example.org",
    "[^1]",
    "1. ",
]
_SIGNS += ["x@example.org", "&amp;", "Name", "{{ name }}", "e-mail"]
_TEXTS = st.lists(st.sampled_from(_SIGNS), min_size=1, max_size=14).map("".join)
_STYLES = st.builds(
    Style,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", "^", "~"]),
    st.sampled_from([False, False, True]),
    st.sampled_from(["", "", "https://example.org/x"]),
)
_RUNS = st.lists(st.builds(Run, _TEXTS, st.one_of(st.just(Style()), _STYLES), st.just("")), min_size=1, max_size=4)


@given(_RUNS)
def test_words_are_read_back_as_they_were(runs: list[Run]) -> None:
    """A merge tag is told by its name, and a link of signs alone by its words; all else has no fault."""
    runs = collapse_spaces(runs)

    text, faults = parse(write_inline(runs))

    assert re.sub(r"\s", "", text.plain()) == re.sub(r"\s", "", "".join(run.text for run in runs))
    assert {fault.code for fault in faults} <= {"merge-tag", "link-address", "link-text"}


_TAGS = [
    "p",
    "div",
    "b",
    "i",
    "a href='https://example.org/'",
    "ul",
    "li",
    "ol",
    "table",
    "tr",
    "td",
    "th",
    "h2",
    "sup",
    "pre",
    "blockquote",
    "br",
    "span style='x:y;;'",
    "code",
    "figure",
    "figcaption",
    "img src=x alt=y",
    "svg",
    "select",
    "q",
    "a href='#n' id=r",
    "a href='#r' id=n",
    "style",
    "!--",
    "![CDATA[",
]
_SOUP = st.lists(
    st.one_of(
        st.sampled_from(_TAGS).map(lambda tag: f"<{tag}>"),
        st.sampled_from(_TAGS).map(lambda tag: f"</{tag.split()[0]}>"),
        st.sampled_from(["word", "• ", "&nbsp;", "&#0;", "<", "-->", "1.", " ", "\n\n", "|"]),
    ),
    max_size=40,
).map("".join)


@given(_SOUP)
def test_soup_is_read_without_an_error(html: str) -> None:
    html_to_markdown(html)


_SHOWN = [
    "p",
    "div",
    "b",
    "i",
    "ul",
    "li",
    "ol",
    "table",
    "tr",
    "td",
    "th",
    "h2",
    "blockquote",
    "span",
    "code",
    "a",
    "br",
]
_PLAIN_SOUP = st.lists(
    st.one_of(
        st.sampled_from(_SHOWN).map(lambda tag: f"<{tag}>"),
        st.sampled_from(_SHOWN).map(lambda tag: f"</{tag}>"),
        st.integers(0, 99).map(lambda number: f"word{number} "),
    ),
    max_size=30,
).map("".join)


@given(_PLAIN_SOUP)
def test_soup_keeps_every_word_once(html: str) -> None:
    words = Counter(re.findall(r"word\d+", html))

    assert Counter(re.findall(r"word\d+", html_to_markdown(html))) == words
