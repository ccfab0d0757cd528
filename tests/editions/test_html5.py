"""The web pages are valid HTML by the W3C's own checker, npm's vnu-jar, which asks nobody for anything."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from browser import NODE_MODULES, needed
from conftest import Publication
from PIL import Image

from newsletter.editions import place_beside, render_html, render_web, write_default
from newsletter.issue.draft import load_issue

HOSTILE = """\
volume: 2
number: 11
date: 2023-06-14
image:
  file: 2.10-lead.jpg
  alt: "Quotes \\" and <tags> & more"
intro: >-
  One paragraph.

  And another, with `code`, ***both***, &amp; and <https://example.org/?a=1&b=2>.
items:
  - headline: >-
      \\</script>\\<script>alert(1)\\</script> & "quotes" ]]> \\<!-- --> **strong**
    detail: >-
      \\<img src=x onerror=alert(1)> [a"b](<https://example.org/a b?a="&b='{c}>)

      日本語 שלום
note: >-
  A note.
"""


def _problems(*paths: object) -> list[str]:
    jar = NODE_MODULES / "vnu-jar/build/dist/vnu.jar"
    needed("java", shutil.which("java") is not None)
    needed("vnu-jar (make tests/node/node_modules)", jar.is_file())
    # A compiler and a collector for a program that runs for a second: half the time. That compiler needs more stack.
    java = ["java", "-Xss2m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    done = subprocess.run([*java, "-jar", jar, "--format", "json", *paths], capture_output=True, text=True, check=False)
    messages = json.loads(done.stderr)["messages"]
    return [f"{message['url'].split('/')[-1]}:{message.get('lastLine')}: {message['message']}" for message in messages]


@pytest.mark.slow
def test_every_page_of_the_site_is_valid(publication: Publication) -> None:
    publication.draft("2.11", HOSTILE)
    (publication.root / "templates").mkdir()
    Image.new("RGB", (300, 100)).save(publication.root / "templates/logo.png")
    publication.environ["NEWSLETTER_THEME__LOGO"] = "logo.png"
    assert publication.run("export", "site", "-o", "www").returncode == 0
    pages = sorted((publication.root / "www").glob("*.html"))
    assert len(pages) == 5
    assert _problems(*pages) == []


@pytest.mark.slow
def test_every_block_is_valid(publication: Publication, everything: Path) -> None:
    pages = []
    for look, headlines in (("digest", "list"), ("briefing", "above")):
        publication.environ |= {"NEWSLETTER_THEME__LOOK": look, "NEWSLETTER_LAYOUT__HEADLINES": headlines}
        pages.append(publication.root / f"{look}.html")
        pages[-1].write_text(render_web(publication.context, load_issue(everything), None))
    assert _problems(*pages) == []


@pytest.mark.slow
def test_a_page_in_another_language_and_without_a_website_is_valid(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("website =", "# website ="))
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = "ar"
    assert publication.run("export", "site", "-o", "www").returncode == 0
    # The samples are English, and the checker notices.
    found = [said for said in _problems(*sorted((publication.root / "www").glob("*.html"))) if "language" not in said]
    assert [said for said in found if "Arabic" not in said and "rtl" not in said] == []


@pytest.mark.slow
def test_the_checker_finds_what_is_wrong(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("1.4"))
    path = publication.root / "broken.html"
    path.write_text(
        render_html(publication.context, issue, write_default, place_beside).replace("<h1", "<h1 colour=red", 1)
    )
    assert any("colour" in said for said in _problems(path))
