"""Every edition of an issue says the same, each in its own way."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.editions import beside, default_fields, render_html, render_pdf, render_text
from newsletter.editions.export import export
from newsletter.errors import ConfigError, DraftError, TemplateError
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue

SAMPLES = ["2.10", "3.7", "1.4"]


class _Page(HTMLParser):
    """The words a reader sees, and the links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self._hidden += tag in ("style", "title")
        if tag == "a" and values.get("href"):
            self.links.append(values["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return _flat("".join(self.words))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _letters(text: str) -> str:
    """Without spaces, footnote marks, emphasis marks and hyphens, which each edition sets in its own way."""
    return re.sub(r"\[\d+\]|[\s*_`\u00ad\u200b-]", "", text)


def _pdf_text(pdf: bytes, folder: Path) -> str:
    path = folder / "x.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True).stdout


def _pdf_links(pdf: bytes, folder: Path) -> set[str]:
    path = folder / "l.pdf"
    path.write_bytes(pdf)
    plain = subprocess.run(
        ["qpdf", "--qdf", "--object-streams=disable", path, "-"], check=True, capture_output=True
    ).stdout
    return {uri.decode() for uri in re.findall(rb"/URI \(([^)]*)\)", plain)}


def _said(issue: Issue) -> list[str]:
    return [paragraph for text in issue.texts() for paragraph in text.plain().split("\n\n")]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_editions_agree(publication: Publication, name: str, tmp_path: Path) -> None:
    press = publication.press
    issue = load_issue(publication.workspace.find_draft(name))
    page = _Page(render_html(press, issue, default_fields, beside))
    text = render_text(press, issue, default_fields)
    pdf = render_pdf(press, issue)
    for edition in (page.text, text, re.sub(r"Page \d+ of \d+", "", _pdf_text(pdf, tmp_path))):
        letters = _letters(edition)
        for words in [*_said(issue), *press.about.plain().split("\n\n"), issue.headlines_title]:
            assert _letters(words).casefold() in letters.casefold(), words
        assert issue.label in edition
        assert "digest@example.org" in edition
    addresses = [link.href for words in (*issue.texts(), press.about) for link in words.links()]
    assert addresses
    for address in addresses:
        assert address in page.links
        assert re.search(rf"\] {re.escape(address)}$", text, re.MULTILINE)
        assert address in _pdf_links(pdf, tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_pdf_is_sound_tagged_and_the_same_each_time(publication: Publication, name: str, tmp_path: Path) -> None:
    issue = load_issue(publication.workspace.find_draft(name))
    pdf = render_pdf(publication.press, issue)
    assert pdf == render_pdf(publication.press, issue)
    path = tmp_path / "issue.pdf"
    path.write_bytes(pdf)
    check = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    info = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert f"Title:           Pacific Alliance Digest Vol. {name}" in info
    assert "Author:          Pacific Alliance Digest" in info
    assert re.search(rf"Keywords: .*Vol\. {re.escape(name)}", info)
    assert "Tagged:          yes" in info
    plain = subprocess.run(["qpdf", "--qdf", path, "-"], capture_output=True, check=True).stdout
    assert b"<pdfuaid:part>1</pdfuaid:part>" in plain
    assert b"<pdfaid:part>2</pdfaid:part>" in plain
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in plain
    assert b"/Outlines" in plain
    assert b"/Lang (en)" in plain


def test_the_html_keeps_what_mail_clients_need(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    html = render_html(publication.press, issue, default_fields, lambda picture: f"cid:{picture.stem}")
    assert html.startswith("<!DOCTYPE html>")
    assert "<!--[if mso | IE]>" in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media only screen and (min-width:480px)" in html
    assert "!important" in html
    assert "a:hover" in html
    page = _Page(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert "ol" in tags
    assert "ul" in tags
    (image,) = [values for tag, values in page.tags if tag == "img"]
    assert image["src"] == "cid:lead"
    assert image["width"] == "600"
    assert image["alt"] == issue.image.alt if issue.image else None
    assert all(values.get("role") == "presentation" for tag, values in page.tags if tag == "table")
    assert page.tags[0][1]["lang"] == "en"
    assert page.tags[0][1]["dir"] == "ltr"
    ids = {values.get("id") for _, values in page.tags}
    inside = [link for link in page.links if link.startswith("#")]
    assert len(inside) == len(issue.items)
    assert {link[1:] for link in inside} <= ids
    assert "mailto:leave@example.org?subject=unsubscribe" in page.links
    assert "100 Harbor Street" in page.text
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "fonts.googleapis" not in html


def test_text_is_wrapped_and_addresses_are_whole(publication: Publication) -> None:
    for name in SAMPLES:
        text = render_text(publication.press, load_issue(publication.workspace.find_draft(name)), default_fields)
        assert all(len(line) <= 72 for line in text.splitlines() if "://" not in line)
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)


HOSTILE = """\
volume: 2
number: 1
date: 2023-01-02
items:
  - headline: >-
      <script>alert(1)</script> & "quotes" #set text(red) \\\\{{ x }} {%% x %%}
    detail: >-
      #panic("no") = Heading $x^2$ <b onclick=x>b</b> [a"b<c>](https://example.org/?a=1&b="><x>'%s')
"""


def test_an_editors_text_is_never_markup(publication: Publication, tmp_path: Path) -> None:
    path = publication.draft("2.1", HOSTILE.replace("\\\\", "\\").replace("%%", "%").replace("%s", "x"))
    issue = load_issue(path)
    html = render_html(publication.press, issue, default_fields, beside)
    page = _Page(html)
    assert not any(tag in ("script", "b", "x", "c") for tag, _ in page.tags)
    assert not any("onclick" in values for _, values in page.tags)
    assert '<script>alert(1)</script> & "quotes" #set text(red) {{ x }} {% x %}' in page.text
    pdf = _pdf_text(render_pdf(publication.press, issue), tmp_path)
    assert _letters('#panic("no") = Heading $x^2$ <b onclick=x>b</b>') in _letters(pdf)
    assert "<script>alert(1)</script>" in render_text(publication.press, issue, default_fields)


def test_a_character_without_a_glyph_is_named_with_its_place(publication: Publication) -> None:
    path = publication.draft("2.1", HOSTILE.replace("#panic", "日本 #panic").replace("%%", "%").replace("%s", "x"))
    with pytest.raises(DraftError) as caught:
        render_pdf(publication.press, load_issue(path))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column) == ("glyph", 8, 7)
    assert "U+65E5" in problem.message
    assert "fonts/" in problem.next_step


def _restyle(publication: Publication, name: str, old: str, new: str) -> None:
    from conftest import ROOT

    folder = publication.root / "templates"
    folder.mkdir(exist_ok=True)
    for path in (ROOT / "templates").iterdir():
        shutil.copyfile(path, folder / path.name)
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("email.mjml.j2", "{{ subject }}", "{{ subjekt }}", "subjekt"),
        ("email.mjml.j2", "{{ subject }}", "{{ subject", "unexpected"),
        ("email.mjml.j2", "<mj-head>", "<mj-haed>", "mj-haed"),
        ("email.mjml.j2", "</mj-head>", "", "mj-"),
        ("email.mjml.j2", '{% include "email.css" %}', '{% include "none.css" %}', "none.css"),
        ("email.mjml.j2", "{{ publication.title }}", "{{ publication.titel }}", "titel"),
        ("email.mjml.j2", "{{ publication.title }}", "{{ 1 / 0 }}", "division"),
        ("email.txt.j2", "address) | wrapped", "address) | wraped", "wraped"),
        ("edition.typ", "#let hair = rgb", "#let hair = rbg", "rbg"),
        ("edition.typ", "data.label", "data.labl", "labl"),
        ("edition.typ", "#let ink", '#import "@preview/cetz:0.2.0"\n#let ink', "network"),
        ("edition.typ", "#let ink", '#read("/etc/passwd")\n#let ink', "passwd"),
    ],
)
def test_a_broken_template_is_answered_with_its_line(
    publication: Publication, name: str, old: str, new: str, words: str
) -> None:
    _restyle(publication, name, old, new)
    issue = load_issue(publication.workspace.find_draft("2.10"))
    with pytest.raises(TemplateError) as caught:
        export(publication.press, issue, ("html", "text", "pdf"), publication.root / "out")
    assert not (publication.root / "out").exists()
    said = " ".join([caught.value.message, *(problem.message for problem in caught.value.problems)])
    assert words in said
    for problem in caught.value.problems:
        assert problem.path == publication.root / "templates" / name
        text = (publication.root / "templates" / name).read_text().splitlines()
        assert problem.line == 0 or problem.line <= len(text)
    if new and "include" not in new:
        assert [new.splitlines()[0] in text[problem.line - 1] for problem in caught.value.problems] == [True]


def test_a_workspace_can_restyle_one_template(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    (folder / "email.txt.j2").write_text("{{ publication.title }}: {{ issue.items | length }}\n")
    issue = load_issue(publication.workspace.find_draft("2.10"))
    assert render_text(publication.press, issue, default_fields) == "Pacific Alliance Digest: 5\n"
    assert "<h1" in render_html(publication.press, issue, default_fields, beside)


def test_a_broken_standing_note_is_the_configurations(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__ABOUT"] = "[x](#)"
    with pytest.raises(ConfigError) as caught:
        render_text(publication.press, load_issue(publication.workspace.find_draft("1.4")), default_fields)
    assert caught.value.problems[0].code == "link-address"


def test_a_right_to_left_publication_says_so(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "ar"
    html = render_html(publication.press, load_issue(publication.workspace.find_draft("1.4")), default_fields, beside)
    assert re.search(r'<html[^>]*lang="ar"[^>]*dir="rtl"|<html[^>]*dir="rtl"[^>]*lang="ar"', html)
