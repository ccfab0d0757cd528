"""Each edition in each language says nothing in English of its own."""

import re
from collections.abc import Callable, Mapping
from html import unescape
from pathlib import Path
from subprocess import run

import pytest
from conftest import Publication
from leftover_english import LANGUAGES, find_english, read_words

from newsletter.checks.publication_checks import find_untranslated_words
from newsletter.editions import place_beside, render_html, render_pdf, render_text, render_web, write_default
from newsletter.editions.feed import build_feed
from newsletter.editions.web import Download, Page, render_index
from newsletter.issue.draft import load_issue
from newsletter.translation import list_words
from newsletter.web.public.unsubscribe_pages import PageState, UnsubscribePages

# All that the editions have words for; its own are in no language.
DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
subject: Qua
contents: yes
intro: Quei quao.
image: {file: 2.10-lead.jpg, alt: Quaxi, credit: "[Quocu](https://qux.example.net/)"}
items:
  - headline: Quiri
    detail: |
      Quoro.

      | Quamo | Quino | Quapo |
      |---|---|---|
      | quaquaquaquaquaquaquaquaqua | quiquiquiquiquiquiquiquiqui | quoquoquoquoquoquoquoquoquoquo |
    link: https://qux.example.net/a
sections:
  - title: Quasi
    image: {file: 2.10-lead.jpg, alt: Quexo, caption: Quolo, credit: Quati}
    quote: {text: Quozi., link: https://qux.example.net/b}
    items:
      - {headline: Quedi, detail: Quodi., link: "mailto:qua@qux.example.net"}
  - title: Quiti
    events: [{date: 2023-06-20, time: "14:00", title: Quoti, place: Quari}]
  - title: Quovi
    button: {text: Quebi, link: https://qux.example.net/c}
"""
CORRECTION = """\
kind: correction
corrects: "2.11"
date: 2023-06-16
title: Quafi
items:
  - {headline: Quefi, detail: Quofi.}
"""


def _quux(publication: Publication, language: str) -> Publication:
    """Return the sample with the settings that readers see in words of no language."""
    toml = publication.root / "newsletter.toml"
    text = re.sub(r'(?s)about = """.*?"""', 'about = "Queta."', toml.read_text(encoding="utf-8"))
    text = text.replace("Pacific Alliance Digest", "Quux").replace(
        "Example Institute, 100 Harbor Street, Springfield", "Quix"
    )
    text = text.replace('language = "en"', f'language = "{language}"').replace(
        'headlines = "list"', 'headlines = "both"'
    )
    toml.write_text(
        text.replace("digest@example.org", "qua@qux.example.net").replace(
            "https://example.org/digest/", "https://qux.example.net/"
        )
    )
    publication.environ |= {"NEWSLETTER_SERVICE__URL": "https://qux.example.net", "NEWSLETTER_LIST__SOURCE": "store"}
    publication.draft("2.11", DRAFT)
    publication.draft("fix", CORRECTION)
    return publication


def _render_html(publication: Publication) -> Mapping[str, str]:
    """Return the words of every edition but the PDF, and of all pages for readers."""
    context = publication.context
    issue, fix = (load_issue(publication.root / "drafts" / f"{name}.yaml") for name in ("2.11", "fix"))
    label, date = context.label(issue), context.template_values(issue)["date"]
    page = Page(
        context.typeset(issue), label, context.title(issue), date, Download("2.11.pdf", 83_000, context.translator)
    )
    pages = UnsubscribePages(publication.workspace)
    return {
        "email": read_words(render_html(context, issue, write_default, place_beside)),
        "text": re.sub(r"(mailto|https):\S+", "", render_text(context, issue, write_default)),
        "page": read_words(render_web(context, issue, b"%PDF" * 500_000)),
        "feed": read_words(unescape(build_feed(context, [page]).decode())),
        "index": read_words(render_index(context, [page])),
        "no issues": read_words(render_index(context, [])),
        "correction": context.label(fix),
        **{f"leave: {state}": read_words(pages[state].decode()) for state in PageState},
    }


def test_the_look_for_english_finds_it(publication: Publication) -> None:
    found = {name: find_english(text) for name, text in _render_html(_quux(publication, "en")).items()}
    assert all(found.values())
    assert {"details", "headlines", "in this issue", "image", "read at", "write to", "write to us", "unsubscribe",
            "view in your browser", "download as pdf", "this issue went to", "vol", "preferences",
            "was this forwarded to you", "subscribe"} <= found["email"]  # fmt: skip
    assert {"breadcrumb", "download this issue (pdf", "corrected on"} <= found["page"]
    assert {"all issues", "follow by feed (atom"} <= found["index"]
    assert "correction to" in found["correction"]


@pytest.mark.parametrize(
    "language",
    [pytest.param(each, marks=() if each in ("ar", "de", "ja", "pl") else pytest.mark.slow) for each in LANGUAGES],
)
def test_an_edition_says_nothing_in_english(publication: Publication, language: str) -> None:
    for name, text in _render_html(_quux(publication, language)).items():
        assert find_english(text, language) == set(), name


_FEW = ("de", "ar")  # more of them take long


@pytest.mark.parametrize(
    "language",
    [*_FEW, *(pytest.param(each, marks=pytest.mark.slow) for each in LANGUAGES if each not in _FEW)],
)
def test_a_pdf_says_nothing_in_english(publication: Publication, language: str, tmp_path: Path) -> None:
    context = _quux(publication, language).context
    issue = load_issue(publication.root / "drafts/2.11.yaml")
    (tmp_path / "a.pdf").write_bytes(render_pdf(context, issue))
    text = run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, check=True, text=True).stdout
    assert "Quiri" in text
    assert find_english(text, language) == set()


@pytest.mark.parametrize(
    ("language", "word", "part"),
    [
        ("de", "Lebensmittelüberwachung", "Lebensmittel"), ("en", "counterrevolutionary", "counter"),
        ("es", "desproporcionadamente", "despropor"), ("fr", "anticonstitutionnellement", "anticonsti"),
        ("it", "precipitevolmente", "preci"), ("nl", "verantwoordelijkheid", "verant"),
        ("pl", "odpowiedzialnością", "odpowie"), ("pt-PT", "responsabilidade", "respon"),
        ("tr", "sorumluluklarımızdan", "sorum"), ("uk", "відповідальність", "відповід"), ("sw", "ushirikiano", ""),
    ],
)  # fmt: skip
def test_the_pdf_is_hyphenated_by_its_language(
    publication: Publication, language: str, word: str, part: str, tmp_path: Path
) -> None:
    publication.environ |= {"NEWSLETTER_PUBLICATION__LANGUAGE": language, "NEWSLETTER_PDF__COLUMNS": "2"}
    words = " ".join(f"{'q' * length} {word}" for length in range(1, 30) for _ in range(2))
    issue = load_issue(publication.draft("2.11", DRAFT.replace("Quei quao.", words)))
    (tmp_path / "a.pdf").write_bytes(render_pdf(publication.context, issue))
    text = run(["pdftotext", "-raw", tmp_path / "a.pdf", "-"], capture_output=True, check=True, text=True).stdout
    begun = set(re.findall(r"(\w+)[-\u2010\u00ad]\n", text))
    assert {piece for piece in begun if word.startswith(piece)} >= ({part} if part else set())
    assert bool(part) or not any(word.startswith(piece) for piece in begun)


def test_a_label_is_as_a_newspaper_of_the_language_has_it(publication: Publication) -> None:
    labels = {}
    for language in ("en", "de", "fr", "ja", "zh-TW", "ar"):
        publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
        labels[language] = publication.context.label(load_issue(publication.draft("2.11", DRAFT)))
    assert labels == {
        "en": "Vol. 2.11", "de": "Ausgabe 11 · Jahrgang 2", "fr": "Vol. 2, n°\u202f11", "ja": "第2巻第11号",
        "zh-TW": "第2卷第11期", "ar": "السنة 2، العدد 11",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headlines", "words"), [("", "SCHLAGZEILEN"), ("headlines_title: Was war\n", "WAS WAR")], ids=["default", "own"]
)
def test_a_draft_s_own_title_of_the_headlines_stays(publication: Publication, headlines: str, words: str) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "de"
    issue = load_issue(publication.draft("2.11", headlines + DRAFT))
    assert f"\n{words}\n" in render_text(publication.context, issue, write_default)
    assert words in render_html(publication.context, issue, write_default, place_beside).upper()


def test_capitals_are_turkish_in_turkish(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "tr"
    issue = load_issue(publication.draft("2.11", f"headlines_title: bildiri ılık\n{DRAFT}"))
    assert "\nBİLDİRİ ILIK\n" in render_text(publication.context, issue, write_default)


def _append(publication: Publication, text: str) -> None:
    path = publication.root / "newsletter.toml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "de", "sw"])
def test_the_publication_s_own_words_come_first_and_are_escaped(publication: Publication, language: str) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    _append(publication, '\n[words]\n"Details" = "Q & <b>"\n"Vol. {volume}.{number}" = "{number}/{volume}"\n')
    issue = load_issue(publication.draft("2.11", DRAFT))
    html = render_html(publication.context, issue, write_default, place_beside)
    assert "Q &amp; &lt;b&gt;</h2>" in html
    assert "11/2" in html
    assert "\nQ & <B>\n" in render_text(publication.context, issue, write_default)


@pytest.mark.parametrize("render", [render_html, render_web], ids=["email", "page"])
def test_what_fills_a_text_is_escaped_once(publication: Publication, render: Callable[..., str]) -> None:
    draft = DRAFT.replace("https://qux.example.net/b", "https://qux.example.net/b?a&b").replace("Quati", "A & B < C")
    issue = load_issue(publication.draft("2.11", draft))
    html = render(publication.context, issue, *((write_default, place_beside) if render is render_html else (None,)))
    assert "A &amp; B &lt; C" in html
    assert 'href="https://qux.example.net/b?a&amp;b"' in html
    assert "&amp;amp;" not in html


def test_a_language_without_a_catalogue_is_noted(publication: Publication) -> None:
    context = publication.context
    assert list(find_untranslated_words(context)) == []
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "sw"
    (finding,) = find_untranslated_words(publication.context)
    assert finding.note
    assert (finding.problem.line, finding.problem.code) == (5, "untranslated")
    assert "'Corrected on {date}:', 'Details', " in finding.problem.message
    every = "\n".join(f'"""{form}""" = "x {form}"'.replace('"""', '"') for forms in list_words() for form in forms)
    _append(publication, f"\n[words]\n{every}\n")
    assert list(find_untranslated_words(publication.context)) == []
    assert publication.context.translator.words_language == "sw"


def test_english_words_in_a_right_to_left_publication_keep_their_direction(publication: Publication) -> None:
    issue = load_issue(publication.draft("2.11", DRAFT))
    for language, direction in (("fa", "ltr"), ("ar", "rtl"), ("he", "rtl")):
        publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
        html = render_html(publication.context, issue, write_default, place_beside)
        assert f'<span dir="{direction}">' in html
        assert f'<span dir="{ {"ltr": "rtl", "rtl": "ltr"}[direction] }">' not in html
        assert (".quoted { letter-spacing: normal; }" in html) == (language != "he")
        pages = UnsubscribePages(publication.workspace)
        assert (
            f'<html lang="{language if direction == "rtl" else "en"}" dir="{direction}">'.encode()
            in pages[PageState.ASK]
        )


@pytest.mark.parametrize(("language", "mark"), [("ar", "\u200f"), ("he", "\u200f"), ("en", "")])
def test_a_line_of_nothing_but_isolates_says_its_direction(publication: Publication, language: str, mark: str) -> None:
    """Evolution 3.46 sets the issue's number and its date in the wrong order otherwise, and the links above them."""
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    issue = load_issue(publication.draft("2.11", DRAFT))
    html = render_html(publication.context, issue, write_default, place_beside)
    lines = re.findall(r'<p class="(?:aside|dateline)"[^>]*>\s*(.)', html)
    assert len(lines) == 2
    assert all((line == "\u200f") == bool(mark) for line in lines)
