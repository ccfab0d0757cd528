"""The documentation site: what `make docs` brings together before mkdocs builds it, and the links it follows after."""

import sys
from pathlib import Path

import click
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import docs_site
import site_links

from newsletter.cli import cli

PAGES = docs_site.find_pages()


@pytest.mark.parametrize(
    ("page", "written", "fitting"),
    [
        ("docs/editors/writing.md", "[see](preview.md#a-place)", "[see](preview.md#a-place)"),
        ("docs/index.md", "[`make`](../README.md#quick-start)", "[`make`](index.md#quick-start)"),
        ("docs/editors/list.md", "[all](../index.md)", "[all](../all-pages.md)"),
        ("README.md", "![a](docs/images/editions.png)", "![a](images/editions.png)"),
        ("README.md", "[b](docs/editors/list.md)", "[b](editors/list.md)"),
        ("README.md", "[![a](docs/images/a.png)](docs/images/a.png)", "[![a](images/a.png)](images/a.png)"),
        ("README.md", "[![a](docs/images/a.png)](https://example.org/)", "[![a](images/a.png)](https://example.org/)"),
        ("README.md", "[decisions](docs/decisions)", "[decisions](decisions/README.md)"),
        ("docs/architecture.md", "[`newsletter/tls.py`](../newsletter/tls.py)", "`newsletter/tls.py`"),
        ("docs/architecture.md", "[lost](../newsletter/lost.py)", "[lost](../newsletter/lost.py)"),
        ("docs/editors/blocks.md", "`[text](chart.png)` and [x](https://example.org/)", "`[text](chart.png)` and [x](https://example.org/)"),
        ("docs/editors/blocks.md", "```yaml\n![bars](chart.png)\n```", "```yaml\n![bars](chart.png)\n```"),
    ],
)  # fmt: skip
def test_links_between_files_become_links_between_pages(page: str, written: str, fitting: str) -> None:
    assert docs_site.fit_links(written, page, PAGES) == fitting


def test_every_page_has_a_place_in_the_navigation() -> None:
    navigation, missing = docs_site.read_navigation(PAGES)
    assert missing == []
    assert [title for entry in navigation for title in entry][:4] == [
        "Home", "For editors", "For operators", "For developers",
    ]  # fmt: skip
    assert all(place in repr(navigation) for page, place in PAGES.items() if page.startswith("docs/"))


def test_a_page_that_the_index_lacks_is_told() -> None:
    navigation, missing = docs_site.read_navigation({**PAGES, "docs/editors/new.md": "editors/new.md"})
    assert missing == ["docs/editors/new.md"]
    assert "editors/new.md" not in repr(navigation)


@pytest.mark.slow
def test_every_command_has_a_page() -> None:
    pages = docs_site.describe_commands()
    assert set(pages) == {f"reference/commands/{name}.md" for name in ("index", *cli.list_commands(click.Context(cli)))}


def test_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">b</a><a href="#top">top</a><a href="https://example.org/">out</a>'
        '<a href="b.html#gone">lost</a><a href="c.html">lost</a><a href="../other.html">out of it</a>'
        '<img src="https://example.org/a.png" alt=""><script src="https://example.org/a.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="here">B</p><link rel="stylesheet" href="https://example.org/a.css">')
    (tmp_path.parent / "other.html").write_text("<p>not of the site</p>")
    assert sorted(site_links.find_faults(tmp_path)) == [
        "a.html links ../other.html, which is no file of the site",
        "a.html links b.html#gone, where no such place is",
        "a.html links c.html, which is no file of the site",
        "a.html loads https://example.org/a.js from another host",
        "a.html loads https://example.org/a.png from another host",
        "b.html loads https://example.org/a.css from another host",
    ]
