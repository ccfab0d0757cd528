"""The website in several languages: pages, lists and feeds that lead to each other, for people and search engines."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Publication

from newsletter.actions.export import export_site
from newsletter.drafting.new_translation import compose_translation
from newsletter.editions.site import Site
from newsletter.errors import ConfigError
from newsletter.issue.draft_source import DraftSource
from newsletter.publication import OpenPublication

_LANGUAGES = """
[languages.ja]
title = "太平洋ダイジェスト"
[languages.ar]
title = "موجز المحيط"
[languages.de]
"""
_ADDRESS = "https://digest.example.org"
_ISSUE = """\
volume: 2
number: {number}
date: 2024-0{month}-02
items:
  - headline: {headline}
    detail: >-
      {detail} [the other](issue:2.{other}).
"""


def _write(publication: Publication, name: str, headline: str, detail: str = "See") -> Path:
    number = int(name.split(".")[1])
    other = {20: 21, 21: 20}[number]
    text = _ISSUE.format(number=number, month=number - 19, headline=headline, detail=detail, other=other)
    return publication.draft(name, text)


@pytest.fixture
def multilingual(publication: Publication) -> Publication:
    """Return a publication with two issues, one in English, Japanese and Arabic, and one in English and Japanese."""
    path = publication.root / "newsletter.toml"
    text = re.sub(r"(?m)^website = .*\n", "", path.read_text(encoding="utf-8"))
    text = text.replace("[publication]\n", f'[publication]\nwebsite = "{_ADDRESS}/"\n', 1)
    path.write_text(text + _LANGUAGES, encoding="utf-8")
    for draft in (publication.root / "drafts").glob("*.yaml"):
        draft.unlink()
    for name, headline in {
        "2.20": "Rain", "2.20.ja": "雨", "2.20.ar": "مطر", "2.21": "Sun", "2.21.ja": "太陽",
    }.items():  # fmt: skip
        _write(publication, name, headline)
    return publication


def _export(publication: Publication) -> tuple[Site, Path]:
    folder = publication.root / "site"
    with OpenPublication(publication.workspace) as opened:
        return export_site(opened, folder), folder


def _list_alternates(page: str) -> dict[str, str]:
    return dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', page))


def test_the_site_is_there_in_every_language(multilingual: Publication) -> None:
    site, folder = _export(multilingual)
    assert sorted(site.built) == ["2.20", "2.20.ar", "2.20.ja", "2.21", "2.21.ja"]
    names = {path.name for path in folder.iterdir()} - {".newsletter-site.json"}
    assert {name for name in names if not name.endswith((".pdf", ".png"))} == {
        "2.20.html", "2.20.ja.html", "2.20.ar.html", "2.21.html", "2.21.ja.html", "index.html", "index.ja.html",
        "index.ar.html", "feed.xml", "feed.ja.xml", "feed.ar.xml", "sitemap.xml",
    }  # fmt: skip
    pages = {name: (folder / name).read_text(encoding="utf-8") for name in names if name.endswith(".html")}

    # Each page leads to all of its languages, itself too, and each of these says the same.
    whole = {
        "en": f"{_ADDRESS}/2.20.html", "x-default": f"{_ADDRESS}/2.20.html", "ja": f"{_ADDRESS}/2.20.ja.html",
        "ar": f"{_ADDRESS}/2.20.ar.html",
    }  # fmt: skip
    assert [_list_alternates(pages[name]) for name in ("2.20.html", "2.20.ja.html", "2.20.ar.html")] == [whole] * 3
    assert set(_list_alternates(pages["2.21.html"])) == {"en", "x-default", "ja"}
    assert _list_alternates(pages["index.ar.html"]) == _list_alternates(pages["index.html"]) == {
        "en": f"{_ADDRESS}/", "x-default": f"{_ADDRESS}/", "ja": f"{_ADDRESS}/index.ja.html",
        "ar": f"{_ADDRESS}/index.ar.html",
    }  # fmt: skip
    for page in pages.values():
        assert set(re.findall(r'href="([^":#]+\.(?:html|pdf|xml))"', page)) <= names

    japanese = pages["2.20.ja.html"]
    assert '<html lang="ja" dir="ltr">' in japanese
    assert '<html lang="ar" dir="rtl">' in pages["2.20.ar.html"]
    assert '<a href="index.ja.html">太平洋ダイジェスト</a>' in japanese
    assert f'href="{_ADDRESS}/feed.ja.xml"' in japanese
    assert '<span lang="ja" dir="ltr" aria-current="true">日本語</span>' in japanese
    assert '<a href="2.20.ar.html" hreflang="ar" lang="ar" dir="rtl" rel="alternate">العربية</a>' in japanese
    assert re.findall(r'og:locale(?::alternate)?" content="(\w+)"', japanese) == ["ja", "en", "ar"]
    assert f'<link rel="canonical" href="{_ADDRESS}/2.20.ja.html">' in japanese

    # Links to another issue lead to it in the same language where it is there in that.
    assert 'href="2.21.ja.html"' in japanese
    assert 'href="2.21.html"' in pages["2.20.ar.html"]
    assert 'href="2.21.html"' in pages["2.20.html"]

    (metadata,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', japanese)
    described = json.loads(metadata)
    assert (described["inLanguage"], described["url"]) == ("ja", f"{_ADDRESS}/2.20.ja.html")
    assert described["translationOfWork"]["url"] == f"{_ADDRESS}/2.20.html"
    (metadata,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', pages["2.20.html"])
    assert [each["inLanguage"] for each in json.loads(metadata)["workTranslation"]] == ["ja", "ar"]

    assert re.findall(r'<h3><a href="([^"]+)">([^<]+)', pages["index.ja.html"]) == [
        ("2.21.ja.html", "太陽"), ("2.20.ja.html", "雨"),
    ]  # fmt: skip
    assert [name for name, _ in re.findall(r'<h3><a href="([^"]+)">([^<]+)', pages["index.ar.html"])] == [
        "2.20.ar.html"
    ]
    assert '<bdi dir="rtl">PDF' in pages["index.ar.html"]  # else what stands behind the Latin letters is before them
    _require_feeds(folder)
    _require_sitemap(folder, whole)
    _require_pdfs(folder)


def _require_feeds(folder: Path) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.fromstring((folder / "feed.ja.xml").read_bytes())  # our own
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "ja"
    assert feed.findtext(f"{atom}title") == "太平洋ダイジェスト"
    assert feed.findtext(f"{atom}id") == f"{_ADDRESS}/index.ja.html"
    assert [link.get("href") for link in feed.findall(f"{atom}link")] == [
        f"{_ADDRESS}/feed.ja.xml", f"{_ADDRESS}/index.ja.html",
    ]  # fmt: skip
    entries = [entry.findtext(f"{atom}id") for entry in feed.findall(f"{atom}entry")]
    assert entries == [f"{_ADDRESS}/2.21.ja.html", f"{_ADDRESS}/2.20.ja.html"]
    own = ElementTree.fromstring((folder / "feed.xml").read_bytes())  # our own
    assert own.findtext(f"{atom}id") == f"{_ADDRESS}/"
    assert len(own.findall(f"{atom}entry")) == 2


def _require_sitemap(folder: Path, alternates: dict[str, str]) -> None:
    site, html = "{http://www.sitemaps.org/schemas/sitemap/0.9}", "{http://www.w3.org/1999/xhtml}"
    urls = ElementTree.fromstring((folder / "sitemap.xml").read_bytes()).findall(f"{site}url")  # our own
    found = {
        url.findtext(f"{site}loc"): {link.get("hreflang"): link.get("href") for link in url.findall(f"{html}link")}
        for url in urls
    }
    assert len(found) == 8
    assert [found[address] for address in alternates.values()] == [alternates] * 4


def _require_pdfs(folder: Path) -> None:
    import pypdf

    languages = {}
    for path in folder.glob("2.20*.pdf"):
        languages[path.name] = pypdf.PdfReader(path).trailer["/Root"].get("/Lang")
    assert languages == {"2.20.pdf": "en", "2.20.ja.pdf": "ja", "2.20.ar.pdf": "ar"}


def test_a_translation_that_is_not_whole_is_left_out_and_nothing_leads_to_it(multilingual: Publication) -> None:
    path = _write(multilingual, "2.20.ja", "TK – Rain")
    _write(multilingual, "2.21", "TK – Sun")
    site, folder = _export(multilingual)
    left = {"2.20.ja": "not all of it is written yet", "2.21": "it has problems", "2.21.ja": "2.21 is left out"}
    assert site.left_out == left
    page = (folder / "2.20.html").read_text(encoding="utf-8")
    assert set(_list_alternates(page)) == {"en", "x-default", "ar"}
    assert not (folder / "index.ja.html").exists()
    # Once it is whole, the pages in other languages are made again, and lead to it.
    path.write_text(path.read_text(encoding="utf-8").replace("TK – Rain", "雨"), encoding="utf-8")
    site, _ = _export(multilingual)
    assert sorted(site.built) == ["2.20", "2.20.ar", "2.20.ja"]
    page = (folder / "2.20.html").read_text(encoding="utf-8")
    assert set(_list_alternates(page)) == {"en", "x-default", "ar", "ja"}
    site, _ = _export(multilingual)
    assert (site.built, sorted(site.kept)) == ([], ["2.20", "2.20.ar", "2.20.ja"])
    # One that goes is taken away, with what leads to it.
    path.unlink()
    site, _ = _export(multilingual)
    assert {"2.20.ja.html", "2.20.ja.pdf", "index.ja.html", "feed.ja.xml"} <= set(site.removed)
    assert "2.20.ja" not in (folder / "2.20.html").read_text(encoding="utf-8")


def test_a_publication_in_one_language_has_no_switch(publication: Publication) -> None:
    publication.draft("2.10.ja", "title: of no language that is declared")
    _site, folder = _export(publication)
    for name in ("2.10.html", "index.html"):
        page = (folder / name).read_text(encoding="utf-8")
        assert "hreflang" not in page
        assert "languages" not in page
    assert (
        "xhtml" not in (folder / "sitemap.xml").read_text(encoding="utf-8") if (folder / "sitemap.xml").exists() else 1
    )


def test_a_correction_marks_the_issue_in_each_language(multilingual: Publication) -> None:
    text = "kind: correction\ncorrects: '2.20'\ndate: 2024-01-05\nsubject: {}\nsections: [{{text: {}}}]\n"
    multilingual.draft("2.20-correction", text.format("A wrong number", "It was ten."))
    multilingual.draft("2.20-correction.ja", text.format("数字の誤り", "十でした。"))
    _site, folder = _export(multilingual)
    japanese, arabic = ((folder / f"2.20.{tag}.html").read_text(encoding="utf-8") for tag in ("ja", "ar"))
    assert 'href="2.20-correction.ja.html"' in japanese
    assert "数字の誤り" in japanese
    assert "A wrong number" not in japanese
    assert 'href="2.20-correction.html"' in arabic
    assert "A wrong number" in arabic


def test_a_translation_that_was_begun_after_its_issue_was_sent_is_not_published(
    multilingual: Publication,
) -> None:
    (multilingual.root / "drafts/2.21.yaml").unlink()
    (multilingual.root / "drafts/2.21.ja.yaml").unlink()
    (multilingual.root / "drafts/2.20.ar.yaml").unlink()
    (multilingual.root / "drafts/2.20.sent.toml").touch()
    main, draft = (multilingual.root / f"drafts/{name}.yaml" for name in ("2.20", "2.20.ja"))
    main.write_text(main.read_text().replace("[the other](issue:2.21)", "more"))
    draft.write_text(compose_translation(DraftSource(main, main.read_text())).replace("TK – Rain", "雨"))
    site, folder = _export(multilingual)
    assert site.left_out == {"2.20.ja": "not all of it is written yet"}
    assert not list(folder.glob("*ja*"))
    assert 'hreflang="ja"' not in (folder / "2.20.html").read_text()


def test_a_note_of_a_language_that_can_t_be_used_is_told_where_it_stands(multilingual: Publication) -> None:
    path = multilingual.root / "newsletter.toml"
    path.write_text(path.read_text().replace("[languages.ja]\n", '[languages.ja]\nabout = "<b>x</b>"\n'))
    with pytest.raises(ConfigError) as refused:
        _ = multilingual.context.in_language("ja").about
    problem = refused.value.problems[0]
    assert problem.message.startswith("[languages.ja] about: ")
    assert path.read_text().splitlines()[problem.line - 1] == 'about = "<b>x</b>"'
