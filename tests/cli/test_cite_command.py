"""The command `newsletter cite`, and the method of the Python API that does the same."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import ROOT, Publication
from page_server import PageServer, page, redirect

import newsletter
from newsletter.cli import cli

_LINK = "[Ferry ministers sign harbor accord](https://www.harbortimes.example/2023/06/01/world/ferry-accord.html)"


@pytest.fixture
def saved(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Publication:
    for name in ("news", "japanese", "nothing"):
        shutil.copyfile(ROOT / f"tests/articles/pages/{name}.html", publication.root / f"{name}.html")
    monkeypatch.chdir(publication.root)
    return publication


def test_facts_are_printed_one_a_line(saved: Publication) -> None:
    done = CliRunner().invoke(cli, ["cite", "news.html", "japanese.html"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "Title: Ferry ministers sign harbor accord", "Outlet: The Harbor Times", "Authors: Jane Doe, John Roe",
        "Date: 2023-06-01", f"Link: {_LINK}", "",
        "Title: 港の協定、日米の閣僚が署名", "Outlet: みなと新聞", "Authors: 山田太郎, 佐藤花子", "Date: 2023-06-01",
        "Link: the file does not say where the page is from",
    ]  # fmt: skip


def test_an_item_without_an_address_asks_for_it(saved: Publication) -> None:
    done = CliRunner().invoke(cli, ["cite", "japanese.html", "--into", "3.7"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1].endswith(
        "added as an item. Write its text in the place of TK. "
        "Give the page's address below it, as link: https://example.org/page"
    )


def test_addresses_are_asked_and_each_has_its_answer(saved: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_LINKS__ALLOW", "127.0.0.1")
    text = (saved.root / "news.html").read_bytes()
    with PageServer({"/a": page(text), "/short": redirect("/a?utm_source=x"), "/busy": page("", 429)}) as server:
        done = CliRunner().invoke(cli, ["cite", server.address("/short"), server.address("/busy")])
        link = f"[Ferry ministers sign harbor accord]({server.address('/a')})"
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "Title: Ferry ministers sign harbor accord", "Outlet: The Harbor Times", "Authors: Jane Doe, John Roe",
        "Date: 2023-06-01", f"Link: {link}",
    ]  # fmt: skip
    told, step = done.stderr.splitlines()
    assert told == f"{server.address('/busy')}: The site has been asked too often (429)."
    assert step.startswith("Try again later")


def test_a_source_that_fails_is_told_with_its_place_and_keeps_none_back(saved: Publication) -> None:
    done = CliRunner().invoke(cli, ["cite", "nothing.html", "gone.html", "no-such.html", "news.html"])
    assert done.exit_code == 1
    assert _LINK in done.stdout
    assert done.stderr.splitlines() == [
        "nothing.html: The page has no title.",
        "See in a browser whether it is the right page, and write the link yourself: [words](https://example.org/page)",
        "gone.html: There is no such file.",
        "no-such.html: There is no such file.",
        "Name a page's address, beginning with https://, or the file of a page that you have saved.",
    ]


def test_scripts_get_json(saved: Publication) -> None:
    done = CliRunner().invoke(cli, ["cite", "news.html", "nothing.html", "--json", "--into", "3.7"])
    assert done.exit_code == 1
    news, nothing = json.loads(done.stdout)
    assert news == {
        "source": "news.html", "title": "Ferry ministers sign harbor accord", "outlet": "The Harbor Times",
        "authors": ["Jane Doe", "John Roe"], "date": "2023-06-01", "language": "en-US", "markdown": _LINK,
        "address": "https://www.harbortimes.example/2023/06/01/world/ferry-accord.html",
        "draft": str(saved.root / "drafts/3.7.yaml"), "line": news["line"], "added": True,
    }  # fmt: skip
    assert nothing["error"] == "The page has no title."
    assert nothing["next_step"]


def test_an_item_is_added_and_found_unfinished_until_it_is_written(saved: Publication) -> None:
    before = (saved.root / "drafts/2.10.yaml").read_text(encoding="utf-8").splitlines()
    done = CliRunner().invoke(cli, ["cite", "news.html", "--into", "2.10"])
    assert done.exit_code == 0, done.output
    after = (saved.root / "drafts/2.10.yaml").read_text(encoding="utf-8").splitlines()
    line = next(
        number for number, text in enumerate(after, start=1) if number > len(before) or text != before[number - 1]
    )
    line += after[line - 1] == ""
    assert f"drafts/2.10.yaml:{line}: added as an item. Write its text in the place of TK." in done.stdout
    assert after[line - 1] == "  - headline: >-"
    checked = CliRunner().invoke(cli, ["draft", "check", "2.10"])
    assert checked.exit_code == 1
    assert f"drafts/2.10.yaml:{line + 3}:7: 'TK' looks like a mark for what is still to be written" in checked.output
    again = CliRunner().invoke(cli, ["cite", "news.html", "--into", "2.10"])
    assert again.exit_code == 0
    assert "has a link to this page already, so nothing was added." in again.stdout
    assert (saved.root / "drafts/2.10.yaml").read_text(encoding="utf-8").splitlines() == after


def test_a_hostile_title_and_file_name_are_printed_harmless(saved: Publication) -> None:
    name = "\x1b[2Jpage.html"
    Path(name).write_text("<h1>Boats \x1b[2J\u202eback {{ x }} ](y)</h1>", encoding="utf-8")
    done = CliRunner().invoke(cli, ["cite", name, "\x1b]0;x\x07.html"])
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert "Title: Boats back {{ x }} ](y)" in done.stdout


def test_without_the_library_it_is_said_what_to_install(saved: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with newsletter.Publication.open(saved.root) as opened, pytest.raises(newsletter.UnreadableArticle) as raised:
        opened.cite("news.html", into="2.10")
    assert raised.value.message == "Citing needs the library trafilatura, which is not installed."
    assert raised.value.next_step == 'Install it: pip install "newsletter-press[cite]"'


def test_the_python_api_cites(saved: Publication) -> None:
    with newsletter.Publication.open(saved.root) as opened:
        citation = opened.cite(saved.root / "news.html", into=opened.issue("3.7"))
        assert citation.markdown == _LINK
        assert (citation.added, citation.draft) == (True, saved.root / "drafts/3.7.yaml")
        assert citation.article.authors == ("Jane Doe", "John Roe")
        with pytest.raises(newsletter.UnreadableArticle, match="There is no such file"):
            opened.cite("gone.html")
