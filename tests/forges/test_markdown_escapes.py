"""Text of a draft in a forge's comment: shown as it is, never markup, mention or command."""

import re
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newsletter.forges.markdown_escapes import escape_markdown, quote_markdown
from newsletter.text import escape_controls

_SIGNS = st.text("abc12 \t\n/\\`*_{}[]()<>#+-.!|~:@$&^=;\"'%?,ä世\u202e\x1b", max_size=60)


@given(_SIGNS)
def test_a_reader_sees_the_text_as_it_is(text: str) -> None:
    shown = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(f"- {escape_markdown(text)}|")
    plain = shown.replace("\u200b", "").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    expected = " ".join(escape_controls(text).split())
    assert plain.replace("&amp;", "&") == f"<ul>\n<li>{expected}|</li>\n</ul>\n"


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "#12",
        "!12",
        "&12",
        "~bug",
        "%4",
        "$7",
        '~"two words"',
        "org/name#12",
        "a@example.org",
        ":100:",
        ":+1:",
        "GH-12",
        "see gh-12",
    ],
)
def test_no_mention_or_reference_is_made(text: str) -> None:
    assert not re.search(r"([@#!&~%$:]|gh-)[\w\"+]", escape_markdown(text).replace("\\", "").lower())


def test_no_line_begins_with_a_command_of_the_forge() -> None:
    assert [line[:1] for line in escape_markdown("/close\n/approve").splitlines()] == ["\u200b"]


def test_no_bare_address_becomes_a_link() -> None:
    escaped = escape_markdown("https://example.org www.example.org _www.example.org_")
    assert "://" not in escaped.replace("\\:", "")
    assert "www." not in escaped


@given(_SIGNS.filter(lambda text: bool(text.split())))
def test_code_is_shown_as_it_is(text: str) -> None:
    shown = MarkdownIt("commonmark").render(f"- {quote_markdown(text)}|")
    expected = escape(" ".join(escape_controls(text).split()), quote=False).replace('"', "&quot;")
    assert shown == f"<ul>\n<li><code>{expected}</code>|</li>\n</ul>\n"
