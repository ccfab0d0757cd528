"""The email's HTML keeps what mail clients need, and an editor's text is never markup in it."""

import os
import re
from pathlib import Path

import pytest
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from visible_text import Page, letters, pdf_text

from newsletter.config.theme import READABLE, Theme, contrast
from newsletter.editions import place_beside, render_html, render_pdf, render_text, write_default
from newsletter.errors import ConfigError
from newsletter.issue.draft import load_issue

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
GOLDEN = Path(__file__).parent / "golden"


def _html(publication: Publication, name: str = "2.10") -> str:
    issue = load_issue(publication.workspace.find_draft(name))
    return render_html(publication.context, issue, write_default, lambda picture: f"cid:{picture.stem}")


@pytest.mark.parametrize("name", ["2.10", "1.4"])
def test_the_final_html_is_the_one_that_was_looked_at(publication: Publication, name: str) -> None:
    """`make golden` writes it anew: read the difference, and look at the screenshots, before you commit it."""
    lines = re.sub(r"(>)\s*(<)", r"\1\n\2", _html(publication, name))
    golden = GOLDEN / f"{name}.email.html"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(lines, encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8")


def test_what_clients_need_survives_the_inlining(publication: Publication) -> None:
    html = _html(publication)
    sheet = "\n".join(re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))
    assert html.startswith("<!DOCTYPE html>")
    # Outlook's own tables, and the list that it would set too far to the left.
    assert html.count("<!--[if mso | IE]>") >= 8
    closed = re.findall(r"<!--\[if mso \| IE\]>(.*?)<!\[endif\]-->", html, re.DOTALL)
    assert html.count("<!--[if mso | IE]>") == len(closed)
    assert re.search(r"<!--\[if mso\]><style[^>]*>ol \{[^}]*\}</style><!\[endif\]-->", html)
    assert 'width="600"' in "".join(closed)
    for rule in (
        "@media only screen and (min-width:480px)",
        "@media only screen and (max-width: 479px)",
        "@media (prefers-color-scheme: dark)",
        "[data-ogsc] .paper p",
        "[data-ogsb] .paper",
        "a:hover",
        "a[x-apple-data-detectors]",
    ):
        assert rule in sheet
    night = sheet[sheet.index("@media (prefers-color-scheme: dark)") :]
    assert night.count("!important") >= 12
    # Rules under @media and for Outlook's dark mode are not written into tags, where they would always hold.
    for style in re.findall(r'style="([^"]*)"', html):
        assert "!important" not in style
        assert Theme().dark.text not in style


def test_the_html_is_made_for_every_reader(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    page = Page(_html(publication))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert tags.count("ol") == 2
    assert tags.count("li") == 2 * len(issue.items)
    assert tags.count("title") == 1
    (image,) = [values for tag, values in page.tags if tag == "img"]
    assert issue.image is not None
    assert (image["src"], image["alt"]) == ("cid:2.10-lead", issue.image.alt)
    # Without a height, which a client that blocks pictures would keep free.
    assert image["width"] == "600"
    assert "height" not in image
    assert all(values.get("role") == "presentation" for tag, values in page.tags if tag == "table")
    assert page.tags[0][1]["lang"] == "en"
    assert page.tags[0][1]["dir"] == "ltr"
    inside = [link for link in page.links if link.startswith("#")]
    anchors = [values for tag, values in page.tags if tag == "a" and values.get("id")]
    assert [f"#{values['id']}" for values in anchors] == inside
    # Gmail and classic Outlook jump to an empty anchor's name, and to nothing else.
    assert all(values["name"] == values["id"] for values in anchors)
    assert len(inside) == len(issue.items)
    assert "mailto:leave@example.org?subject=unsubscribe" in page.links
    assert "https://example.org/digest/2.10.html" in page.links
    assert "https://example.org/digest/2.10.pdf" in page.links
    assert "100 Harbor Street" in page.text


def test_links_keep_their_addresses_and_nothing_is_fetched(publication: Publication) -> None:
    address = "https://example.org/a?b=1&c=%20x&utm=no#part'(1)"
    path = publication.draft("2.1", HOSTILE + f"      and [this](<{address}>)\n")
    html = render_html(publication.context, load_issue(path), write_default, place_beside)
    assert address in Page(html).links
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "fonts.googleapis" not in html
    assert not re.search(r"<(?:link|script|iframe)\b|@import|url\(", html)


def test_without_a_website_there_is_no_line_that_leads_to_it(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("website =", "# website ="))
    html = _html(publication)
    assert "in your browser" not in html
    assert ".pdf" not in html


def test_no_text_of_the_mail_follows_the_preheader_in_an_inbox(publication: Publication) -> None:
    path = publication.draft("2.1", HOSTILE.replace("items:", "preheader: Short and good\nitems:"))
    html = render_html(publication.context, load_issue(path), write_default, place_beside)
    body = html[html.index("<body") :]
    seen = re.sub(r"<!--.*?-->|<[^>]*>", "", body, flags=re.DOTALL).strip()
    assert seen.startswith("Short and good\u034f")
    assert re.match(r"Short and good[\u034f\u00a0]{200,}", seen)


def test_the_preheader_is_hidden_without_a_colour_of_its_own(publication: Publication) -> None:
    """White letters of one pixel cost 0.7 of SpamAssassin's 5 points (HTML_FONT_LOW_CONTRAST)."""
    path = publication.draft("2.1", HOSTILE.replace("items:", "preheader: Short and good\nitems:"))
    html = render_html(publication.context, load_issue(path), write_default, place_beside)
    found = re.search(r'<div dir="ltr" style="([^"]*)">Short and good', html)
    assert found
    style = dict(rule.replace(" ", "").split(":") for rule in found[1].split(";"))
    assert style == {"display": "none", "max-height": "0", "overflow": "hidden"}


def test_what_thunderbird_shows_is_in_the_tags(publication: Publication) -> None:
    """It rewrites links within the mail, so that selectors miss them, and breaks the line at an anchor before <p>."""
    html = _html(publication)
    headlines = re.findall(r'<li[^>]*><a href="#item-\d+" style="([^"]*)">', html)
    assert len(headlines) == 5
    assert all("text-decoration:underline" in style and f"color:{Theme().link}" in style for style in headlines)
    assert len(re.findall(r'<li[^>]*>\s*<p[^>]*><a id="item-\d+" name="item-\d+"[^>]*></a>\w', html)) == 5


def test_ios_makes_no_links_of_dates(publication: Publication) -> None:
    metas = {
        values.get("name"): values.get("content") for tag, values in Page(_html(publication)).tags if tag == "meta"
    }
    assert metas["format-detection"] == "telephone=no, date=no, address=no, email=no, url=no"


HOSTILE = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - headline: >-
      \\<script>alert(1)\\</script> & "quotes" #set text(red) \\{{ x }} \\{% x %}
    detail: >-
      #panic("no") = Heading $x^2$ \\<b onclick=x>b\\</b> [a"b<c>](https://example.org/?a=1&b="><x>'x')
"""


def test_an_editors_text_is_never_markup(publication: Publication, tmp_path: Path) -> None:
    issue = load_issue(publication.draft("2.1", HOSTILE))
    page = Page(render_html(publication.context, issue, write_default, place_beside))
    assert not any(tag in ("script", "b", "x", "c") for tag, _ in page.tags)
    assert not any("onclick" in values for _, values in page.tags)
    assert '<script>alert(1)</script> & "quotes" #set text(red) {{ x }} {% x %}' in page.text
    pdf = pdf_text(render_pdf(publication.context, issue), tmp_path)
    assert letters('#panic("no") = Heading $x^2$ <b onclick=x>b</b>') in letters(pdf)
    assert "<script>alert(1)</script>" in render_text(publication.context, issue, write_default)


def test_a_right_to_left_publication_says_so(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "ar"
    html = _html(publication, "1.4")
    assert re.search(r'<html[^>]*lang="ar"[^>]*dir="rtl"|<html[^>]*dir="rtl"[^>]*lang="ar"', html)
    assert "padding-right: 30px" in html or "padding-right:30px" in html
    assert "ol { margin: 0 30px 0 0 !important; }" in html  # Word's lists
    assert "direction:ltr" not in html.replace(" ", "")


def test_a_broken_standing_note_is_the_configurations(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__ABOUT"] = "[x](#)"
    with pytest.raises(ConfigError) as caught:
        render_text(publication.context, load_issue(publication.workspace.find_draft("1.4")), write_default)
    assert caught.value.problems[0].code == "link-address"


def test_a_picture_in_the_standing_note_is_refused(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__ABOUT"] = "Words.\n\n![A ferry](2.10-lead.jpg)\n"
    with pytest.raises(ConfigError) as caught:
        _html(publication, "1.4")
    assert caught.value.problems[0].code == "picture"


def test_a_theme_reaches_every_part_of_the_email(publication: Publication) -> None:
    publication.environ |= {
        "NEWSLETTER_THEME__MASTHEAD": "#204020",
        "NEWSLETTER_THEME__LINK": "#7A1F5C",
        "NEWSLETTER_THEME__FONT": "Atkinson Hyperlegible, Verdana, sans-serif",
        "NEWSLETTER_THEME__WIDTH": "540",
        "NEWSLETTER_THEME__LOGO": "logo.png",
    }
    (publication.root / "templates").mkdir()
    Image.new("RGBA", (900, 300), "#80808080").save(publication.root / "templates/logo.png")
    html = _html(publication)
    assert "#204020" in html
    assert html.count("#7a1f5c") > 10
    assert "'Atkinson Hyperlegible', Verdana, sans-serif" in html
    assert "max-width:540px" in html
    images = [values for tag, values in Page(html).tags if tag == "img"]
    assert [(image["src"], image["width"]) for image in images] == [("cid:logo", "200"), ("cid:2.10-lead", "540")]
    assert not any("height" in image for image in images)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LINK", "#9cc6f5", "hard to read: 1.7 to 1"),
        ("TEXT", "grey", "'grey' is not a colour"),
        ("PAPER", "#000", "hard to read"),
        ("FONT", "Arial; } body { display: none", "can't be a typeface's name"),
        ("LOGO", "../logo.png", "can't be the logo"),
        ("LOGO", "logo.svg", "mail clients show no SVG"),
        ("WIDTH", "wide", "not a whole number"),
        ("WIDTH", "2000", "800 at most"),
    ],
)
def test_a_theme_that_nobody_could_read_is_refused(publication: Publication, name: str, value: str, words: str) -> None:
    publication.environ[f"NEWSLETTER_THEME__{name}"] = value
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    said = " ".join(f"{problem.path} {problem.message} {problem.next_step}" for problem in caught.value.problems)
    assert f"NEWSLETTER_THEME__{name}" in said or name == "PAPER"
    assert words in said


@given(masthead=COLOURS, link=COLOURS, accent=COLOURS, text=COLOURS, paper=COLOURS, desk=COLOURS)
def test_whatever_a_theme_allows_is_readable_in_both_modes(**colours: str) -> None:
    for chosen in (colours, {name: colours[name] for name in ("masthead", "link", "accent", "text")}):
        try:
            theme = Theme.model_validate(chosen)
        except ValidationError:
            continue
        dark = theme.dark
        for name in ("text", "link", "accent", "quiet"):
            assert contrast(theme.on_paper(name), "#ffffff") >= READABLE
        for text, ground in (
            (dark.text, dark.paper),
            (dark.link, dark.paper),
            (dark.link, dark.desk),
            (dark.accent, dark.paper),
            (dark.quiet, dark.desk),
            (dark.masthead_text, dark.masthead),
            (dark.dateline, dark.masthead),
            (theme.accent, theme.desk),
            (theme.quiet, theme.desk),
            (theme.dateline, theme.masthead),
        ):
            assert contrast(text, ground) >= READABLE


def test_a_logo_that_is_not_there_is_the_configurations(publication: Publication) -> None:
    publication.environ["NEWSLETTER_THEME__LOGO"] = "logo.png"
    with pytest.raises(ConfigError) as caught:
        _html(publication)
    assert "[theme] logo: there is no picture 'logo.png' in templates/" in caught.value.problems[0].message
    del publication.environ["NEWSLETTER_THEME__LOGO"]
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("# logo = ", "logo = "))
    with pytest.raises(ConfigError) as caught:
        _html(publication)
    (problem,) = caught.value.problems
    assert config.read_text().splitlines()[problem.line - 1].startswith('logo = "logo.png"')


def test_pictures_are_linked_only_where_there_is_a_website(publication: Publication) -> None:
    publication.environ["NEWSLETTER_EMAIL__IMAGES"] = "link"
    assert publication.workspace.config.email.images == "link"
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("website =", "# website ="))
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    assert "no web address" in caught.value.problems[0].message
