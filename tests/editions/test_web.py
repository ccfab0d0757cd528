"""The web page stands alone, and the site is the same for the same drafts."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import feedparser
import pytest
from conftest import Publication
from visible_text import Page

from newsletter.editions import render_pdf, render_web
from newsletter.editions.site import export_site
from newsletter.issue.draft import load_issue, read_draft

HOSTILE = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: >-
      \\</script>\\<script>alert(1)\\</script> & "quotes" ]]> \\<!--
    detail: >-
      \\<img src=x onerror=alert(1)> [a"b](https://example.org/?a="&b='<c>)
"""


def _page(publication: Publication, name: str = "2.10") -> str:
    issue = load_issue(publication.workspace.find_draft(name))
    return render_web(publication.context, issue, render_pdf(publication.context, issue))


def _tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_page_says_what_it_is_to_people_and_machines(publication: Publication) -> None:
    html = _page(publication)
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert [tags.count(tag) for tag in ("h1", "main", "article", "nav", "footer", "figure")] == [1] * 6
    assert tags.count("header") == 2  # of the page, with what leads elsewhere, and of the issue
    properties = {values.get("property"): values.get("content") for tag, values in page.tags if tag == "meta"}
    assert properties["og:type"] == "article"
    assert properties["og:url"] == "https://example.org/digest/2.10.html"
    assert properties["og:image"] == "https://example.org/digest/2.10-lead.jpg"
    assert properties["og:image:width"] == "1200"
    assert properties["article:published_time"] == "2023-05-31"
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert data
    article = json.loads(data[1])
    assert article["@type"] == "Article"
    assert article["datePublished"] == "2023-05-31"
    assert article["isPartOf"]["isPartOf"]["volumeNumber"] == 2
    assert re.search(r"Download this issue \(PDF, \d+ kB\)", page.text)
    assert "2.10.pdf" in page.links
    assert page.links[0] == "index.html"
    assert 'aria-current="page"><bdi>Vol. 2.10<' in html
    assert "@media print" in html


def test_it_asks_nobody_for_anything(publication: Publication) -> None:
    html = _page(publication)
    page = Page(html)
    fetched = [values.get("src") for _, values in page.tags if values.get("src")]
    assert fetched == ["2.10-lead.jpg"]
    assert not re.search(r"@import|url\(|@font-face", html)
    assert [values.get("type") for tag, values in page.tags if tag == "script"] == ["application/ld+json"]


def test_an_editors_text_is_never_markup(publication: Publication) -> None:
    publication.draft("2.11", HOSTILE)
    html = _page(publication, "2.11")
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not any("onerror" in values for _, values in page.tags)
    assert "</script><script>alert(1)</script>" in page.text
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    assert "<script>alert" not in (site / "index.html").read_text()
    entry = feedparser.parse((site / "feed.xml").read_bytes()).entries[1]
    assert "alert(1)" in entry.title
    assert "<script>" not in entry.content[0].value


def test_export_web_writes_the_page_and_its_picture_alone(publication: Publication) -> None:
    done = publication.run("export", "web", "2.10", "-o", "out")
    assert done.returncode == 0
    assert sorted(path.name for path in (publication.root / "out").iterdir()) == ["2.10-lead.jpg", "2.10.html"]


def test_the_site_has_everything_newest_first(publication: Publication) -> None:
    done = publication.run("export", "site", "-o", "www")
    assert done.returncode == 0
    assert "3 issues made, 0 unchanged" in done.stdout
    site = publication.root / "www"
    names = {"1.4.html", "1.4.pdf", "2.10.html", "2.10.pdf", "2.10-lead.jpg", "3.7.html", "3.7.pdf"}
    assert set(_tree(site)) == names | {"index.html", "feed.xml", "sitemap.xml", ".newsletter-site.json"}
    index = Page((site / "index.html").read_text())
    assert [link for link in index.links if link.endswith(".html")] == ["3.7.html", "2.10.html", "1.4.html"]
    for link in index.links:
        assert "://" in link or link.startswith("mailto:") or (site / link).is_file()
    for name in ("1.4", "2.10", "3.7"):
        assert (site / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    urls = ElementTree.parse(site / "sitemap.xml").getroot()
    assert [url[0].text for url in urls] == [
        "https://example.org/digest/",
        "https://example.org/digest/3.7.html",
        "https://example.org/digest/2.10.html",
        "https://example.org/digest/1.4.html",
    ]


def test_the_feed_is_valid_atom(publication: Publication) -> None:
    assert publication.run("export", "site", "-o", "www").returncode == 0
    feed = feedparser.parse((publication.root / "www/feed.xml").read_bytes())
    assert not feed.bozo
    assert feed.version == "atom10"
    assert feed.feed.id == "https://example.org/digest/"
    assert feed.feed.updated == feed.entries[0].updated == "2024-04-17T04:00:00+00:00"
    assert [entry.id for entry in feed.entries] == [
        f"https://example.org/digest/{name}.html" for name in ("3.7", "2.10", "1.4")
    ]
    for entry in feed.entries:
        assert entry.title
        assert entry.updated_parsed
        assert entry.summary
        assert entry.enclosures[0].type == "application/pdf"
        content = Page(entry.content[0].value)
        # A reader of feeds shows it elsewhere: every address is whole.
        assert content.links
        assert all(re.match(r"https://|mailto:", link) for link in content.links)
        assert all(values["src"].startswith("https://") for tag, values in content.tags if tag == "img")
    root = ElementTree.parse(publication.root / "www/feed.xml").getroot()
    # RFC 4287, 4.1.1 and 4.1.2: what a feed and an entry must have, once each.
    atom = "{http://www.w3.org/2005/Atom}"
    for element in (root, *root.iter(f"{atom}entry")):
        assert all(len(element.findall(f"{atom}{name}")) == 1 for name in ("id", "title", "updated"))


@pytest.mark.slow
def test_the_same_drafts_make_the_same_bytes(publication: Publication) -> None:
    for folder in ("one", "two"):
        assert publication.run("export", "site", "-o", folder).returncode == 0
    assert _tree(publication.root / "one") == _tree(publication.root / "two")


def test_only_what_changed_is_made_again(publication: Publication) -> None:
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    before = {path.name: path.stat().st_mtime_ns for path in site.iterdir()}
    assert "Nothing new, 3 unchanged" in publication.run("export", "site").stdout
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("supply chains, and Micron", "supply chains and Micron"))
    assert "1 issue made, 2 unchanged" in publication.run("export", "site").stdout
    changed = {path.name for path in site.iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert {"2.10.html", "2.10.pdf", "index.html", "feed.xml"} <= changed
    assert not changed & {"1.4.html", "1.4.pdf", "3.7.html", "3.7.pdf", "2.10-lead.jpg"}
    # What was spoilt or lost is mended, whatever the drafts say.
    (site / "1.4.html").write_text("spoilt")
    (site / "3.7.pdf").unlink()
    assert "2 issues made, 1 unchanged" in publication.run("export", "site").stdout
    assert "spoilt" not in (site / "1.4.html").read_text()
    publication.environ["NEWSLETTER_THEME__ACCENT"] = "#204020"
    assert "3 issues made, 0 unchanged" in publication.run("export", "site").stdout


@pytest.mark.slow
def test_what_is_gone_from_the_drafts_is_gone_from_the_site(publication: Publication) -> None:
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    (site / "mine.txt").write_text("not the program's")
    (publication.root / "drafts/2.10.yaml").unlink()
    done = publication.run("export", "site")
    assert "2.10.html is removed" in done.stdout
    assert not list(site.glob("2.10*"))
    assert (site / "mine.txt").is_file()
    # A manifest that someone wrote into removes nothing elsewhere.
    manifest = json.loads((site / ".newsletter-site.json").read_text())
    manifest["1.0"] = {"from": "x", "files": {"../../newsletter.toml": "x"}}
    (site / ".newsletter-site.json").write_text(json.dumps(manifest))
    assert publication.run("export", "site").returncode == 0
    assert (publication.root / "newsletter.toml").is_file()


@pytest.mark.slow
def test_a_strangers_file_is_not_overwritten(publication: Publication) -> None:
    (publication.root / "index.html").write_text("my own page")
    done = publication.run("export", "site", "-o", ".")
    assert done.returncode == 1
    assert "index.html, which this program did not write" in done.stderr
    assert (publication.root / "index.html").read_text() == "my own page"
    assert not (publication.root / "2.10.html").exists()
    assert publication.run("export", "site").returncode == 0
    own = publication.root / "build/site/2.11.html"
    own.write_text("my own page")
    publication.draft("2.11", HOSTILE)
    assert "2.11.html, which this program did not write" in publication.run("export", "site").stderr
    assert own.read_text() == "my own page"


@pytest.mark.slow
def test_a_run_that_was_stopped_anywhere_can_be_run_again(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [read_draft(path) for path in publication.workspace.draft_paths()]
    whole = publication.root / "whole"
    export_site(publication.context, drafts, whole)
    replacing = Path.replace
    for last in range(10):
        left = last

        def stop(path: Path, target: Path) -> Path:
            nonlocal left
            left -= 1
            if left < 0:
                path.with_name(f"{path.name}.kept").hardlink_to(path)  # a process that is killed clears nothing away
                raise KeyboardInterrupt
            return replacing(path, target)

        folder = publication.root / f"stopped{last}"
        monkeypatch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            export_site(publication.context, drafts, folder)
        monkeypatch.undo()
        (kept,) = folder.glob("*.kept")
        half = kept.rename(kept.with_suffix(""))
        export_site(publication.context, drafts, folder)
        half.unlink()  # under a name of its own, it is in no other run's way
        assert _tree(folder) == _tree(whole)


@pytest.mark.slow
def test_an_issue_whose_pdf_no_typeface_can_show_keeps_no_other_off_the_site(publication: Publication) -> None:
    """A browser has typefaces of its own: the page is made without the PDF, and that is said each time."""
    publication.draft("4.1", HOSTILE.replace("volume: 2", "volume: 4").replace("number: 11", "number: 1") + "      ᚠ\n")
    site = publication.root / "build/site"
    for built in ("4 issues made", "1 issue made, 3 unchanged"):
        done = publication.run("export", "site")
        assert done.returncode == 1
        assert "4.1 has a page and no PDF:" in done.stdout
        assert "drafts/4.1.yaml:" in done.stdout
        assert "U+16A0" in done.stdout
        assert built in done.stdout
        assert "ᚠ" in (site / "4.1.html").read_text()
        assert not (site / "4.1.pdf").exists()
        assert (site / "2.10.pdf").exists()
        for name in ("4.1.html", "index.html", "feed.xml"):
            assert "4.1.html" in (site / "index.html").read_text()
            assert "4.1.pdf" not in (site / name).read_text()
    feed = feedparser.parse((site / "feed.xml").read_bytes())
    assert [len(entry.enclosures) for entry in feed.entries] == [1, 0, 1, 1]  # 4.1 is dated before 3.7


@pytest.mark.slow
def test_a_published_issue_keeps_its_pdf_until_there_is_another(publication: Publication) -> None:
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    before = _tree(site)
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("buried", "ᚠ").replace("Dear {{", "ᚠ Dear {{"))
    done = publication.run("export", "site")
    assert done.returncode == 1
    assert "2.10 stays as it was:" in done.stdout
    assert "U+16A0" in done.stdout
    after = _tree(site)
    assert {name: data for name, data in after.items() if "2.10" in name} == {
        name: data for name, data in before.items() if "2.10" in name
    }


def test_a_web_page_needs_no_typeface_of_the_pdf(publication: Publication) -> None:
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("Dear {{", "ᚠ Dear {{"))
    done = publication.run("export", "web", "2.10")
    assert done.returncode == 0
    assert "The page offers no PDF" in done.stdout
    assert "drafts/2.10.yaml" in done.stdout
    page = (publication.root / "build/2.10/2.10.html").read_text()
    assert "ᚠ Dear" in page
    assert "2.10.pdf" not in page


@pytest.mark.slow
def test_a_published_issue_is_never_taken_off_by_a_slip(publication: Publication) -> None:
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    before = _tree(site)
    draft = publication.workspace.find_draft("1.4")
    source = draft.read_text()
    unwritten = "  - headline: Write the first headline here\n    detail: Text\n"
    draft.write_text(source.replace("items:\n", f"items:\n{unwritten}"))
    done = publication.run("export", "site")
    assert done.returncode == 1
    assert "1.4.yaml is published, and has a text that is still to be written" in done.stderr
    draft.write_text(source)
    twin = draft.with_suffix(".yml")
    twin.write_text(source)
    assert "Two drafts say that they are 1.4" in publication.run("export", "site").stderr
    twin.unlink()
    draft.rename(draft.with_name("01.4.yaml"))
    assert "01.4.yaml" in publication.run("export", "site").stderr
    draft.with_name("01.4.yaml").rename(draft.with_name("1.5.yaml"))
    assert "says it is 1.4" in publication.run("export", "site").stderr
    assert _tree(site) == before


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"1.4": {"from": "x", "files": {}}}', "[1, 2]"])
def test_a_spoilt_manifest_means_that_all_is_made_anew(publication: Publication, content: str) -> None:
    assert publication.run("export", "site").returncode == 0
    site = publication.root / "build/site"
    before = _tree(site)
    (site / ".newsletter-site.json").write_text(content)
    done = publication.run("export", "site")
    assert "3 issues made" in done.stdout
    assert _tree(site) == before


def test_what_a_template_includes_from_a_folder_is_part_of_it(publication: Publication) -> None:
    part = publication.root / "templates/sub/part.html"
    part.parent.mkdir(parents=True)
    part.write_text("one")
    (publication.root / "templates/article.html.j2").write_text('{% include "sub/part.html" %}')
    assert publication.run("export", "site").returncode == 0
    part.write_text("two")
    assert "3 issues made" in publication.run("export", "site").stdout
    assert "two" in (publication.root / "build/site/2.10.html").read_text()


@pytest.mark.slow
def test_an_export_never_overwrites_the_picture_that_it_was_made_from(publication: Publication) -> None:
    picture = publication.root / "drafts/2.10-lead.jpg"
    before = picture.read_bytes()
    done = publication.run("export", "html", "2.10", "-o", "drafts")
    assert done.returncode == 1
    assert "the draft's own picture" in done.stderr
    assert picture.read_bytes() == before
    assert not (publication.root / "drafts/2.10.email.html").exists()


@pytest.mark.slow
def test_an_unfinished_draft_is_left_out_and_a_published_one_is_not_lost(publication: Publication) -> None:
    assert publication.run("draft", "new").returncode == 0
    publication.draft("4.9", "volume: 4\nnumber: 9\n")
    done = publication.run("export", "site")
    assert done.returncode == 0
    assert "4.9 is left out: it has problems" in done.stdout
    assert "not all of it is written yet" in done.stdout
    assert "3 issues made" in done.stdout
    draft = publication.workspace.find_draft("2.10")
    draft.write_text(draft.read_text().replace("headline:", "headlin:", 1))
    broken = publication.run("export", "site")
    assert broken.returncode == 1
    assert "drafts/2.10.yaml:" in broken.stderr
    assert (publication.root / "build/site/2.10.html").is_file()


@pytest.mark.slow
def test_a_draft_with_problems_is_left_out_and_a_published_one_stays_as_it_was(publication: Publication) -> None:
    draft = publication.workspace.find_draft("2.10")
    whole = draft.read_text()
    spoilt = whole.replace("Dear {{", "TODO: lorem ipsum. Dear {{")
    draft.write_text(spoilt)
    done = publication.run("export", "site")
    assert done.returncode == 0, done.stderr
    assert "2.10 is left out: it has problems (newsletter draft check 2.10)" in done.stdout
    page = publication.root / "build/site/2.10.html"
    assert not page.exists()
    draft.write_text(whole)
    assert publication.run("export", "site").returncode == 0
    before = page.read_bytes()
    draft.write_text(spoilt)
    held = publication.run("export", "site")
    assert held.returncode == 1
    assert "2.10 stays as it was published" in held.stdout
    assert "'TODO' looks like a mark" in held.stdout + held.stderr
    assert page.read_bytes() == before
    (publication.root / "drafts/2.10.sent.toml").write_text("")  # its readers have the address
    assert publication.run("export", "site").returncode == 0
    assert "TODO" in page.read_text()


@pytest.mark.slow
def test_only_what_was_sent_when_asked(publication: Publication) -> None:
    done = publication.run("export", "site", "--sent-only")
    assert done.returncode == 1
    assert "no issue to publish" in done.stderr
    (publication.root / "drafts/1.4.sent.toml").write_text("")
    done = publication.run("export", "site", "--sent-only")
    assert "1 issue made" in done.stdout
    assert not (publication.root / "build/site/2.10.html").exists()


def test_without_a_website_there_is_no_feed(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("website =", "# website ="))
    done = publication.run("export", "site")
    assert done.returncode == 0
    assert "Without a feed and a sitemap" in done.stdout
    site = publication.root / "build/site"
    assert not (site / "feed.xml").exists()
    assert "feed.xml" not in (site / "index.html").read_text() + (site / "2.10.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("args", [["site", "2.10"], ["site", "--check"], ["html", "--sent-only"]])
def test_options_that_do_not_go_together_are_said(publication: Publication, args: list[str]) -> None:
    done = publication.run("export", *args)
    assert done.returncode == 2
    assert "export site" in done.stderr
