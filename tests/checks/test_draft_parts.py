"""`draft check` looks at every part of an issue: at each picture and what all weigh, at links, at sections' lines."""

from pathlib import Path

import pytest
from conftest import Publication
from PIL import Image

from newsletter.checks import check_rendered
from newsletter.checks.draft_checks import check_draft
from newsletter.checks.draft_report import DraftReport
from newsletter.checks.link_targets import check_link_targets
from newsletter.checks.size import HEAVY_AT, REFUSED_AT, measure_encoded
from newsletter.cli.findings import show_email_report, show_verdict
from newsletter.issue.blocks import Link, Paragraph, PictureBlock, RichText, TextRun
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.draft_source import DraftSource

DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: Some news
    detail: Some more of it.
"""


def _report(publication: Publication, text: str) -> DraftReport:
    return check_draft(publication.workspace, read_draft(publication.draft("2.11", text)))


def _notes(report: DraftReport) -> list[tuple[str, int, int]]:
    assert not report.problems
    return [(note.code, note.line, note.column) for note in report.notes]


def _paint(path: Path, width: int, height: int) -> None:
    Image.new("RGB", (width, height), "#406080").save(path)


def _paint_noise(path: Path, width: int, height: int) -> None:
    Image.effect_noise((width, height), 100).convert("RGB").save(path)


PARTS = {
    "item": ("    image: {file: small.jpg, alt: A bay}\n", 536, (7, 19)),
    "section": ("sections:\n  - image: {file: small.jpg, alt: A bay}\n", 536, (8, 19)),
    "person": ("sections:\n  - people:\n    - {name: Jane, image: {file: small.jpg, alt: Jane}}\n", 96, (9, 34)),
}


@pytest.mark.parametrize(("part", "column", "place"), PARTS.values(), ids=PARTS)
def test_each_picture_is_measured_against_its_own_place(
    publication: Publication, part: str, column: int, place: tuple[int, int]
) -> None:
    path = publication.root / "drafts" / "small.jpg"
    _paint(path, column, column)
    assert _notes(_report(publication, DRAFT + part)) == []
    _paint(path, column - 1, column - 1)
    report = _report(publication, DRAFT + part)
    assert _notes(report) == [("picture", *place)]
    assert f"is {column - 1} pixels wide, and stands smaller" in report.notes[0].message


def test_heavy_pictures_are_noted(publication: Publication) -> None:
    _paint_noise(publication.root / "drafts" / "noise.png", 1072, 400)
    report = _report(publication, f"{DRAFT}sections:\n  - image: {{file: noise.png, alt: Noise}}\n")
    assert report.picture_weight > HEAVY_AT
    assert _notes(report) == [("weight", 8, 19)]
    assert "phones load slowly" in report.notes[0].message


@pytest.mark.slow
def test_pictures_that_servers_refuse_are_a_problem_unless_they_are_linked(publication: Publication) -> None:
    names = [f"n{number}.png" for number in range(4)]
    for name in names:
        _paint_noise(publication.root / "drafts" / name, 1072, 1000)
    text = f"{DRAFT}sections:\n" + "".join(f"  - image: {{file: {name}, alt: Noise}}\n" for name in names)
    report = _report(publication, text)
    assert measure_encoded(report.picture_weight) > REFUSED_AT
    assert [problem.code for problem in report.problems] == ["weight"]
    publication.environ["NEWSLETTER_EMAIL__IMAGES"] = "link"
    assert [note.code for note in _report(publication, text).notes] == ["weight"]


def test_links_of_every_kind_are_counted(publication: Publication, capsys: pytest.CaptureFixture[str]) -> None:
    picture = "{file: 2.10-lead.jpg, alt: The harbor, link: https://example.org/%s}"
    text = (
        f"date: 2024-05-02\nkind: announcement\nsubject: The spring fair\nimage: {picture % 'lead'}\n"
        f"items:\n  - headline: A fair\n    detail: See [this](https://example.org/1).\n    image: {picture % 'item'}\n"
        "    link: https://example.org/2\n"
        f"sections:\n  - people: [{{name: Ada, link: https://example.org/3, image: {picture % 'ada'}}}]\n"
        "    button: {text: Go, link: https://example.org/4}\n"
    )
    draft = read_draft(publication.draft("spring-fair", text))
    show_verdict(draft, check_draft(publication.workspace, draft))
    assert "(1 item, 7 links, 1 picture of" in " ".join(capsys.readouterr().out.split())


def test_a_picture_s_link_is_followed(publication: Publication) -> None:
    picture = "{file: 2.10-lead.jpg, alt: The harbor, link: 'issue:9.9'}"
    items = f"items:\n  - headline: A fair\n    detail: It is on Friday.\n    image: {picture}\n"
    text = f"date: 2024-05-02\nkind: announcement\nsubject: The spring fair\n{items}"
    draft = read_draft(publication.draft("spring-fair", text))
    found = check_draft(publication.workspace, draft).problems
    assert [(problem.code, problem.line) for problem in found] == [("link-target", 7)]


def test_the_weight_is_shown(publication: Publication, capsys: pytest.CaptureFixture[str]) -> None:
    draft = read_draft(publication.workspace.find_draft("2.10"))
    assert draft.issue
    show_verdict(draft, check_draft(publication.workspace, draft))
    report = check_rendered(publication.context, draft.issue)
    show_email_report(publication.context.config, draft.issue, report)
    assert report.picture_weight == len(publication.context.pictures(draft.issue)[0].data)
    shown = " ".join(capsys.readouterr().out.split())
    assert "no problems (5 items, 15 links, 1 picture of 51.8 kB)" in shown
    assert (
        f"(Gmail cuts off at 102 kB), {(report.size + report.picture_weight) / 1000:.1f} kB with its pictures" in shown
    )


@pytest.mark.parametrize(
    ("alt", "told"),
    [("2.10-lead.jpg", True), ("IMG_4711", True), ("2.10-lead", True), ("Screenshot 2024-05-02", True),
     ("A bay", False), ("P. Smith", False), ("The image img.jpg of a bay", False)],
)  # fmt: skip
def test_a_file_s_name_describes_no_picture(publication: Publication, alt: str, told: bool) -> None:
    text = f"{DRAFT}sections:\n  - image:\n      file: 2.10-lead.jpg\n      alt: >-\n        {alt}\n"
    assert _notes(_report(publication, text)) == ([("alt", 10, 12)] if told else [])


def test_a_mark_is_found_in_a_section_s_lines(publication: Publication) -> None:
    lines = ("number: XX%", "text: TODO", "by: TK", "place: TBD", "name: TODO", "role: TODO", "title: TODO")
    text = f"""{DRAFT}sections:
  - figures:
    - {lines[0]}
      {lines[1]}
    quote:
      text: Well said
      {lines[2]}
    events:
    - date: 2023-07-01
      title: Summer
      {lines[3]}
    people:
    - {lines[4]}
      {lines[5]}
    {lines[6]}
"""
    found = _report(publication, text).findings
    assert [(each.problem.code, each.problem.line, each.note) for each in found] == [
        ("unfinished", 9, False), ("unfinished", 10, False), ("unfinished", 13, False), ("unfinished", 17, True),
        ("unfinished", 19, False), ("unfinished", 20, False), ("unfinished", 21, False),
    ]  # fmt: skip


TWICE = "sections:\n  - only_for: [{}]\n    items:\n      - headline: {}\n        detail: x\n"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [("press", "press, staff", True), ("press", "staff", False)],
)
def test_a_headline_is_twice_for_those_who_get_both_sections(
    publication: Publication, first: str, second: str, told: bool
) -> None:
    again = "  - only_for: [{}]\n    items:\n      - {{headline: Other news, only_for: [{}], detail: x}}\n"
    text = DRAFT + TWICE.format(first, "Other news") + again.format(second, "press, staff")
    found = [(problem.code, problem.line) for problem in _report(publication, text).problems]
    assert found == ([("headline-twice", 14)] if told else [])


def test_the_second_headline_is_found_where_sections_stand_before_items(publication: Publication) -> None:
    sections = TWICE.format("press", "Some news")
    text = DRAFT.replace("items:\n", f"{sections}items:\n", 1)
    (problem,) = _report(publication, text).problems
    assert (problem.code, problem.line) == ("headline-twice", 7)


def _links(publication: Publication, *addresses: str) -> list[tuple[str, str]]:
    issue = load_issue(publication.draft("2.11", DRAFT))
    links = tuple(Link(address=(address,), runs=(TextRun(text="words"),)) for address in addresses)
    detail = RichText((Paragraph(links),))
    issue = issue.model_copy(update={"items": (issue.items[0].model_copy(update={"detail": detail}),)})
    found = check_link_targets(DraftSource(issue.path, DRAFT), publication.context, issue, ["2.9", "2.10", "2.11"])
    return [(each.problem.message, each.problem.next_step) for each in found]


def test_a_link_to_an_item_or_an_issue_has_to_lead_to_one(publication: Publication) -> None:
    assert (
        _links(publication, "issue:2.9", "issue:2.10#item-2", "/about", "#1", "https://example.org/", "mailto:a@b")
        == []
    )
    ((message, _),) = _links(publication, "#2")
    assert message == "the link #2 leads to an item that is not there: the issue has 1 item"
    ((message, step),) = _links(publication, "issue:2.12")
    assert message == "the link leads to issue '2.12', and there is no draft of that name"
    assert step.startswith("Did you mean issue:2.1")


def test_a_link_that_leads_nowhere_is_told_at_its_place(publication: Publication) -> None:
    text = DRAFT.replace("Some more of it.", "See [it](issue:2.10), [that](issue:2.12) and [one](#1).")
    found = _report(publication, f"{text}    link: issue:1.9\n").problems
    assert [(problem.code, problem.line, problem.column) for problem in found] == [
        ("link-target", 6, 42), ("link-target", 7, 11),
    ]  # fmt: skip


def test_links_within_the_website_need_one(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text("".join(line for line in config.read_text().splitlines(True) if not line.startswith("website")))
    found = _links(publication, "issue:2.9", "/about", "page.html", "issue:2.9", "HTTPS://example.org/")
    assert [message for message, _ in found] == [
        "the link 'issue:2.9' leads to another issue, and the publication has no web address",
        "the link '/about' leads to a page of the publication's website, and the publication has no web address",
        "the link 'page.html' leads to a page of the publication's website, and the publication has no web address",
    ]


def test_pictures_within_texts_are_among_those_that_are_checked(publication: Publication) -> None:
    _paint(publication.root / "drafts" / "small.jpg", 20, 20)
    draft = read_draft(publication.draft("2.11", DRAFT))
    assert draft.issue
    detail = RichText((PictureBlock(file="small.jpg", alt="small.jpg"),))
    item = draft.issue.items[0].model_copy(update={"detail": detail})
    draft = type(draft)(draft.path, draft.source, draft.issue.model_copy(update={"items": (item,)}), (), draft.date)
    assert sorted(note.code for note in check_draft(publication.workspace, draft).notes) == ["alt", "picture"]
