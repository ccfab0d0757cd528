"""Inline Markdown as one span stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issue.richtext import Link, Run, parse


def _one(source: str) -> tuple[Run | Link, ...]:
    text, faults = parse(source)
    assert faults == []
    (paragraph,) = text.paragraphs
    return paragraph


def test_styles_links_and_fields() -> None:
    assert _one("Dear **{{ name | reader }}**, *see* [the `x` page](https://example.org/?a=1&b=2).") == (
        Run(text="Dear "),
        Run(text="reader", strong=True, field="name"),
        Run(text=", "),
        Run(text="see", emphasis=True),
        Run(text=" "),
        Link(
            href="https://example.org/?a=1&b=2",
            runs=(Run(text="the "), Run(text="x", code=True), Run(text=" page")),
        ),
        Run(text="."),
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<b>bold</b> & <script>", "<b>bold</b> & <script>"),
        (r"\*not\* \[a\](b) \{{ name }}", "*not* [a](b) {{ name }}"),
        ("`{{ name }} [a](#)`", "{{ name }} [a](#)"),
        ("AT&amp;T &copy;", "AT&T ©"),
        ("word\\\nnext", "word next"),
        ("# no heading\n- no list", "# no heading - no list"),
        ("![alt](https://example.org/x.png)", "!alt"),
    ],
)
def test_what_is_text_stays_text(source: str, words: str) -> None:
    text, faults = parse(source)
    assert (text.plain(), faults) == (words, [])


def test_addresses_are_ascii_and_whole() -> None:
    (link,) = _one("[a](https://example.org/Zürich?q=%20x&y=[1]#frag)")
    assert isinstance(link, Link)
    assert link.href == "https://example.org/Z%C3%BCrich?q=%20x&y=%5B1%5D#frag"


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("[a](#)", "link-address"),
        ("[a]()", "link-address"),
        ("[a](javascript:alert(1))", "link-address"),
        ("[a](data:text/html,x)", "link-address"),
        ("[a](/relative)", "link-address"),
        ("[a](https://)", "link-address"),
        ("[a](mailto:)", "link-address"),
        ("[a](https://[bad)", "link-address"),
        ("<javascript:alert(1)>", "link-address"),
        ("[](https://example.org/)", "link-text"),
        ("[a](https://example.org/a b)", "link-broken"),
        ("[a](https://example.org/{{ name }})", "link-broken"),
        ("[a] (https://example.org/)", "link-broken"),
        ("{{ Name }}", "field"),
        ("{{ name", "field"),
        ("{{ a.b }}", "field"),
        ("{% if x %}{{ '' }}{% endif %}", "field"),
        ("[ ](https://example.org/)", "link-text"),
        ("[&nbsp;](https://example.org/)", "link-text"),
        ("[a](https://example.org/{{name}})", "link-address"),
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


@given(st.text(max_size=300))
def test_any_text_is_read(source: str) -> None:
    text, faults = parse(source)
    for link in text.links():
        assert link.href.isascii() or faults
