"""An issue that was corrected says so, with the date, on its page, in its PDF and in the feed."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Publication
from smtp_server import Server

from newsletter.editions.edition_context import place_beside
from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pdf
from newsletter.editions.plaintext import render_text
from newsletter.editions.web import render_web
from newsletter.errors import DraftError
from newsletter.field import write_default
from newsletter.issue.draft import load_issue
from newsletter.web.public.archive import Archive, ArchiveFile

_ATOM = "{http://www.w3.org/2005/Atom}"
_CORRECTION = """\
date: {date}
kind: correction
corrects: "2.10"
title: The R&D meeting is on {day}
subject: "Correction: the meeting is on {day}"
items: [{{headline: The meeting is on {day}, detail: We wrote that it is on Thursday.}}]
"""


def _correct(publication: Publication, name: str = "2.10-correction", date: str = "2023-06-03") -> Path:
    return publication.draft(name, _CORRECTION.format(date=date, day="Friday"))


def _change(publication: Publication) -> None:
    path = publication.root / "drafts" / "2.10.yaml"
    path.write_text(path.read_text().replace("Leaders align", "Leaders disagree"))


def _printed(publication: Publication, folder: Path) -> str:
    pdf = folder / "issue.pdf"
    pdf.write_bytes(render_pdf(publication.context, load_issue(publication.root / "drafts" / "2.10.yaml")))
    done = subprocess.run(["pdftotext", "-l", "1", pdf, "-"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("columns", ["1", "2"])
def test_the_marks_are_in_the_editions_that_are_read_later(
    publication: Publication, tmp_path: Path, columns: str
) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = columns
    issue = load_issue(publication.root / "drafts" / "2.10.yaml")
    before = [edition(publication.context, issue, *more) for edition, more in _MAILED]
    assert "Corrected" not in render_web(publication.context, issue, None)
    _correct(publication, "2.10-correction-2", "2023-07-01")
    _correct(publication)
    web = render_web(publication.context, issue, None)
    marks = re.findall(r'<p class="correction">(.*?)</p>', web)
    assert [re.sub("<[^>]*>", "", mark) for mark in marks] == [
        "Corrected on June 3, 2023: The R&amp;D meeting is on Friday",
        "Corrected on July 1, 2023: The R&amp;D meeting is on Friday",
    ]
    assert 'href="2.10-correction.html"' in marks[0]
    assert '"dateModified": "2023-07-01"' in web
    printed = _printed(publication, tmp_path)
    assert "Corrected on June 3, 2023: The R&D meeting is on Friday" in printed
    assert printed.index("Corrected on July 1, 2023") < printed.index("HEADLINES")
    # What was mailed stays as it was mailed.
    assert [edition(publication.context, issue, *more) for edition, more in _MAILED] == before
    other = load_issue(publication.root / "drafts" / "3.7.yaml")
    assert "Corrected" not in render_web(publication.context, other, None)


_MAILED = ((render_html, (write_default, place_beside)), (render_text, (write_default,)))


def test_a_correction_that_is_still_to_be_written_marks_nothing(publication: Publication) -> None:
    assert publication.run("draft", "new", "--correction", "2.10").returncode == 0
    issue = load_issue(publication.root / "drafts" / "2.10.yaml")
    assert "Corrected" not in render_web(publication.context, issue, None)


@pytest.mark.slow
def test_the_site_has_the_mark_from_when_the_correction_is_published(publication: Publication) -> None:
    site = publication.root / "build" / "site"
    assert publication.run("export", "site").returncode == 0
    plain = (site / "2.10.html").read_text()
    assert "Corrected" not in plain
    path = _correct(publication)
    done = publication.run("export", "site")
    assert "2 issues made, 2 unchanged" in done.stdout
    assert 'href="2.10-correction.html">The R&amp;D meeting' in (site / "2.10.html").read_text()
    assert (site / "2.10-correction.pdf").is_file()
    feed = ElementTree.parse(site / "feed.xml").getroot()
    entries = {entry.findtext(f"{_ATOM}id").rpartition("/")[2]: entry for entry in feed.iter(f"{_ATOM}entry")}
    entry = entries["2.10.html"]
    assert entry.findtext(f"{_ATOM}published").startswith("2023-05-31")
    assert entry.findtext(f"{_ATOM}updated").startswith("2023-06-03")
    assert 'href="https://example.org/digest/2.10-correction.html"' in entry.findtext(f"{_ATOM}content")
    assert (
        "<loc>https://example.org/digest/2.10.html</loc>\n    <lastmod>2023-06-03" in (site / "sitemap.xml").read_text()
    )
    assert "Nothing new" in publication.run("export", "site").stdout
    path.unlink()
    assert publication.run("export", "site").returncode == 0
    assert (site / "2.10.html").read_text() == plain


@pytest.mark.slow
def test_a_sent_issue_s_changed_text_is_published_with_a_mark_alone(digest: Publication, server: Server) -> None:
    assert digest.run("send", "2.10", "--yes").returncode == 0
    assert server.stored
    site = digest.root / "build" / "site"
    assert digest.run("export", "site").returncode == 0
    page = (site / "2.10.html").read_text()
    _change(digest)
    for options in ((), ("--sent-only",)):
        refused = digest.run("export", "site", *options)
        assert refused.returncode == 1
        assert "2.10 has been sent, and its draft has changed since" in refused.stderr
        assert "newsletter draft new --correction 2.10" in refused.stderr
    assert (site / "2.10.html").read_text() == page
    _correct(digest)
    assert digest.run("export", "site", "--sent-only").returncode == 1  # its readers have not been told
    assert digest.run("send", "2.10-correction", "--yes").returncode == 0
    assert digest.run("export", "site", "--sent-only").returncode == 0
    corrected = (site / "2.10.html").read_text()
    assert "Leaders disagree" in corrected
    assert "Corrected on" in corrected


@pytest.mark.slow
def test_another_machine_knows_by_the_record_what_was_sent(digest: Publication) -> None:
    assert digest.run("send", "2.10", "--yes").returncode == 0
    for path in (digest.root / ".newsletter").iterdir():
        path.unlink()
    assert digest.run("export", "site").returncode == 0
    _change(digest)
    assert "2.10 has been sent, and its draft" in digest.run("export", "site").stderr


@pytest.mark.slow
def test_a_sent_correction_that_was_changed_is_told_of_too(digest: Publication) -> None:
    path = _correct(digest)
    for name in ("2.10", "2.10-correction"):
        assert digest.run("send", name, "--yes").returncode == 0
    path.write_text(path.read_text().replace("Thursday", "Monday"))
    refused = digest.run("export", "site")
    assert "2.10-correction has been sent, and its draft has changed" in refused.stderr
    assert "newsletter draft new --correction 2.10\n" in refused.stderr


@pytest.mark.slow
def test_the_service_s_archive_stays_as_it_was_until_there_is_a_correction(
    digest: Publication, caplog: pytest.LogCaptureFixture
) -> None:
    assert digest.run("send", "2.10", "--yes").returncode == 0
    from newsletter.publication import OpenPublication

    with OpenPublication(digest.workspace) as opened:
        archive = Archive(digest.workspace, opened.store)
        archive.renew(digest.workspace)
        before = archive.find("2.10.html")
        assert isinstance(before, ArchiveFile)
        _change(digest)
        archive.renew(digest.workspace)
        assert archive.find("2.10.html") == before
        assert "2.10 has been sent, and its draft has changed since" in caplog.text
        _correct(digest)
        assert digest.run("send", "2.10-correction", "--yes").returncode == 0
        archive.renew(digest.workspace)
        after = archive.find("2.10.html")
        assert isinstance(after, ArchiveFile)
        assert b"Corrected on" in after.data


@pytest.mark.slow
def test_a_changed_issue_is_not_published_where_its_correction_is_left_out(digest: Publication) -> None:
    assert digest.run("send", "2.10", "--yes").returncode == 0
    _change(digest)
    path = _correct(digest)
    path.write_text(path.read_text().replace("We wrote", "TODO We wrote"))
    refused = digest.run("export", "site")
    assert refused.returncode == 1
    assert "2.10 has been sent, and its draft has changed since" in refused.stderr
    with pytest.raises(DraftError, match=r"2\.10 has been sent"):
        _export(digest)


def _export(publication: Publication) -> None:
    from newsletter.actions.export import export_site
    from newsletter.publication import OpenPublication

    with OpenPublication(publication.workspace) as opened:
        export_site(opened)
