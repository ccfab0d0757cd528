"""`newsletter draft check --links`: what it prints in each format, and its exit status."""

import json
from collections.abc import Iterator

import pytest
from conftest import Publication, Run
from linked_draft import silence_note, write_draft
from page_server import PageServer, page, redirect

from newsletter import Publication as OpenedPublication


@pytest.fixture
def pages() -> Iterator[PageServer]:
    with PageServer({"/fine": page(), "/moved": redirect("/fine", 301)}) as started:
        yield started


@pytest.fixture
def linked(digest: Publication, pages: PageServer) -> Publication:
    silence_note(digest)
    write_draft(digest, map(pages.address, ["/fine", "/missing", "/moved"]))
    return digest


def test_findings_are_printed_with_places_and_counts(linked: Publication, run: Run, pages: PageServer) -> None:
    result = run("draft", "check", "2.11", "--links")
    assert result.exit_code == 1
    assert "drafts/2.11.yaml:10:15: this link leads nowhere: 127.0.0.1 does not have the page" in result.output
    assert "drafts/2.11.yaml:13:15: note: this page has moved for good  [link-moved]" in result.output
    assert f"Write its new address: {pages.address('/fine')}" in result.output
    assert "drafts/2.11.yaml: 3 pages linked: 1 fine, 1 dead, 1 moved\n" in result.output
    asked = len(pages.requests)
    again = run("draft", "check", "2.11", "--links")
    assert "3 pages linked: 1 fine, 1 dead, 1 moved (0 asked now, 3 lately)" in again.output
    assert len(pages.requests) == asked


def test_notes_alone_are_no_failure(linked: Publication, run: Run, pages: PageServer) -> None:
    write_draft(linked, map(pages.address, ["/fine", "/moved"]))
    assert run("draft", "check", "2.11", "--links").exit_code == 0


def test_nobody_is_asked_without_the_option(linked: Publication, run: Run, pages: PageServer) -> None:
    assert run("draft", "check", "2.11").exit_code == 0
    assert not pages.requests


def test_scripts_get_the_findings_too(linked: Publication, run: Run) -> None:
    result = run("draft", "check", "2.11", "--links", "--format", "json")
    found = [(each["kind"], each["code"], each["line"]) for each in json.loads(result.stdout)]
    assert [each for each in found if each[1].startswith("link-")] == [
        ("problem", "link-dead", 10),
        ("note", "link-moved", 13),
    ]
    annotated = run("draft", "check", "2.11", "--links", "--format", "github").output
    assert "::error file=drafts/2.11.yaml,line=10,col=15,title=link-dead::" in annotated
    assert "::notice file=drafts/2.11.yaml,line=13,col=15,title=link-moved::" in annotated


def test_a_draft_with_problems_says_that_links_come_later(linked: Publication, run: Run, pages: PageServer) -> None:
    write_draft(linked, [pages.address("/fine")], more="colour: red\n")
    result = run("draft", "check", "2.11", "--links")
    assert "drafts/2.11.yaml: its links are looked at once it has no problems." in result.output
    assert not pages.requests


def test_python_gets_the_same_report(linked: Publication) -> None:
    with OpenedPublication.open(linked.root, linked.environ) as publication:
        report = publication.check_links("2.11")
    assert [problem.code for problem in (*report.problems, *report.notes)] == ["link-dead", "link-moved"]
    assert report.asked == 3
