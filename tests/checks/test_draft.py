"""`draft check` tells what would be seen too late: among the issues, in the words, in the picture, in the settings."""

import json
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from PIL import Image

from newsletter.checks import series
from newsletter.checks.draft_checks import check_draft
from newsletter.checks.draft_report import DraftReport
from newsletter.issue.draft import read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.numbering import IssueNumber
from newsletter.issue.skeleton import NewIssue, compose_draft
from newsletter.scaffold import make_workspace
from newsletter.workspace import Workspace

DRAFT = """\
volume: 2
number: 11
date: 2023-06-14
items:
  - headline: Some news
    detail: >-
      First line of it,
      {}
"""


MARKED_FOR_LATER = (
    "TODO", "TKTK", "tktk", "TK", "XXX", "FIXME", "Lorem", "TBC", "XX%", "$XX", "[insert", "[name of", "??%"
)  # fmt: skip


def _report(publication: Publication, text: str, name: str = "2.11") -> DraftReport:
    return check_draft(publication.workspace, read_draft(publication.draft(name, text)))


def _found(publication: Publication, text: str, name: str = "2.11") -> list[tuple[str, str, int, int]]:
    findings = _report(publication, text, name).findings
    return [
        ("note" if each.note else "problem", each.problem.code, each.problem.line, each.problem.column)
        for each in findings
    ]


def test_the_samples_are_clean(publication: Publication) -> None:
    for path in publication.workspace.draft_paths():
        assert check_draft(publication.workspace, read_draft(path)) == DraftReport()
    here = Workspace(ROOT, {})
    for path in here.draft_paths():
        assert check_draft(here, read_draft(path)) == DraftReport()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("and TODO more", "problem"),
        ("and TK more", "problem"),
        ("and XXX more", "problem"),
        ("(TKTK)", "problem"),
        ("FIXME: more", "problem"),
        ("about XX% of it", "problem"),
        ("about $XX million", "problem"),
        ("[insert date here]", "problem"),
        ("[name of minister] said", "problem"),
        ("and tktk more", "problem"),
        ("about ??% of it", "problem"),
        ("really??? A 20% rise, in the XX century", None),
        ("[name of the witness withheld]", None),
        ("[insert coin](https://example.net/x)", None),
        ("Lorem ipsum dolor", "problem"),
        ("the date is TBC", "note"),
        ("at TK Maxx", "note"),
        ("for TK 500 crore", "note"),
        ("LO TODO CAMBIA", "note"),
        ("after Super Bowl XXX, and", "note"),
        ("about the `TODO` group", None),
        ("a TODO-list, at https://example.org/TODO", None),
        ("todos and an xxx and TKO", None),
    ],
)
def test_a_mark_of_what_is_still_to_be_written_is_told(publication: Publication, words: str, kind: str | None) -> None:
    text = DRAFT.format(words)
    mark = next((mark for mark in MARKED_FOR_LATER if mark in words), "")
    expected = [(kind, "unfinished", 8, 7 + words.index(mark))] if kind else []
    assert _found(publication, text) == expected


@pytest.mark.parametrize("key", ["subject", "preheader", "headlines_title", "intro", "note"])
def test_a_mark_is_found_in_every_text(publication: Publication, key: str) -> None:
    text = DRAFT.format("more") + f"{key}: TODO and some words about nothing\n"
    assert ("problem", "unfinished", 9, len(key) + 3) in _found(publication, text)


def test_two_marks_of_a_text_have_two_places(publication: Publication) -> None:
    assert _found(publication, DRAFT.format("TK and TK")) == [
        ("problem", "unfinished", 8, 7), ("problem", "unfinished", 8, 14),
    ]  # fmt: skip


def test_a_mark_behind_the_same_word_in_backticks_has_its_own_place(publication: Publication) -> None:
    text = DRAFT.format("The `TODO` list is long; [TODO](https://example.org/x)")
    assert _found(publication, text) == [("problem", "unfinished", 8, 33)]


@pytest.mark.parametrize(
    ("damaged", "right"),
    [
        ("donâ€™t", "don’t"),
        ("CafÃ©", "Café"),
        ("MÃ¼nchen", "München"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("lost \ufffd here", ""),
    ],
)
def test_letters_that_an_encoding_has_damaged_are_told_with_the_right_ones(
    publication: Publication, damaged: str, right: str
) -> None:
    report = _report(publication, DRAFT.format(f"say {damaged} now"))
    problem = next(problem for problem in report.problems if problem.code == "encoding")
    assert (problem.line, problem.column) == (8, 11 if right else 16)
    assert repr(right) in problem.message if right else "U+FFFD" in problem.message


def test_a_letter_that_no_encoding_gives_back_is_called_lost(publication: Publication) -> None:
    (problem,) = _report(publication, DRAFT.format("say ï¿½ now")).problems
    assert "lost" in problem.message
    assert "should probably" not in problem.message


@pytest.mark.parametrize("words", ["naïve café", "“quoted” — and … €5", "Łódź São Paulo Ærø", "Здравствуйте", "שלום"])
def test_letters_beyond_ascii_are_no_damage(publication: Publication, words: str) -> None:
    assert "encoding" not in [code for _, code, _, _ in _found(publication, DRAFT.format(words))]


@pytest.mark.parametrize(
    ("name", "date", "kind"),
    [
        ("2.11", "2023-05-30", "problem"),  # 2.10 is of the 31st
        ("2.11", "2023-05-31", "note"),
        ("2.11", "2024-04-18", "problem"),  # 3.7 is of the 17th
        ("2.11", "2023-06-14", None),
        ("2.9", "2023-06-01", "problem"),
        ("3.8", "2024-04-16", "problem"),
    ],
)
def test_a_date_out_of_order_is_told(publication: Publication, name: str, date: str, kind: str | None) -> None:
    text = DRAFT.format("more").replace("2023-06-14", date)
    text = text.replace("volume: 2", f"volume: {name[0]}").replace("number: 11", f"number: {name[2:]}")
    found = _found(publication, text, name)
    assert found == ([(kind, "date-order", 3, 7)] if kind else [])


def test_a_date_is_compared_though_the_draft_has_other_problems(publication: Publication) -> None:
    text = DRAFT.format("more").replace("2023-06-14", "2022-01-01").replace("headline", "headlin")
    assert ("problem", "date-order", 3, 7) in _found(publication, text)


@pytest.mark.parametrize(("name", "missing"), [("2.12", "2.11 is left out"), ("2.14", "2.11 to 2.13 are left out")])
def test_a_number_that_is_left_out_is_a_note(publication: Publication, name: str, missing: str) -> None:
    (note,) = _report(publication, DRAFT.format("more").replace("11", name[2:], 1), name).notes
    assert (note.code, note.line, note.column) == ("number-order", 2, 9)
    assert note.message.startswith(missing)


def test_two_equal_headlines_of_an_issue_are_a_problem(publication: Publication) -> None:
    second = "  - headline: >-\n      Some\n      News\n    detail: Other words\n"
    assert _found(publication, DRAFT.format("more") + second) == [("problem", "headline-twice", 10, 7)]
    emphasised = second.replace("Some", "*Some*")
    assert _found(publication, DRAFT.format("more") + emphasised) == [("problem", "headline-twice", 9, 15)]
    members = DRAFT.format("more").replace("detail:", "only_for: [members]\n    detail:", 1)
    others = second.replace("detail:", "only_for: [others]\n    detail:") + "  - headline: Tax\n    detail: For all\n"
    assert _found(publication, members + others) == []


def test_many_headlines_are_each_looked_at_once(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    normalise = series._normalise_words

    def count(words: str) -> str:
        seen.append(words)
        return normalise(words)

    monkeypatch.setattr(series, "_normalise_words", count)
    items = "".join(f"  - headline: News {number}\n    detail: Words\n" for number in range(150))
    text = f"volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n{items}"
    draft = read_draft(publication.draft("2.11", text))
    assert draft.issue
    assert [*series.find_equal_headlines(DraftSource(draft.path, text), draft.issue, [])] == []
    assert len(seen) <= 2 * 150


def test_a_headline_of_an_issue_before_is_a_note_until_it_is_a_standing_one(publication: Publication) -> None:
    text = DRAFT.format("more")
    assert _found(publication, text) == []
    twelve = text.replace("number: 11", "number: 12").replace("06-14", "06-28")
    (note,) = _report(publication, twelve, "2.12").notes
    assert (note.code, note.line, note.column) == ("headline-twice", 5, 15)
    assert note.message.startswith("2.11 has the headline")
    thirteen = text.replace("number: 11", "number: 13").replace("06-14", "07-12")
    assert _found(publication, thirteen, "2.13") == []


def test_an_issue_before_that_can_t_be_read_keeps_no_other_from_being_checked(
    publication: Publication, tmp_path: Path
) -> None:
    """A link that leads nowhere, a folder, and a link out of the publication, whose text is nobody's business here."""
    elsewhere = tmp_path / "2.9.yaml"
    elsewhere.write_text(DRAFT.format("more").replace("number: 11", "number: 9"))
    drafts = publication.workspace.drafts
    for target, name in ((tmp_path / "nothing", "2.7"), (elsewhere, "2.9")):
        (drafts / f"{name}.yaml").symlink_to(target)
    (drafts / "2.8.yaml").mkdir()
    assert _found(publication, DRAFT.format("more")) == []


@pytest.mark.parametrize(
    ("key", "example"),
    [
        ("subject", "Your own subject"),
        ("preheader", "Your own preheader"),
        ("intro", "Dear {{ name | reader }}, ..."),
        ("note", "..."),
        ("", ""),
    ],
)
def test_example_texts_are_told_with_their_place(publication: Publication, key: str, example: str) -> None:
    if key:
        (problem,) = _report(publication, DRAFT.format("more") + f"{key}: >-\n  {example}\n").problems
        place = (9, 8) if "{{" in example else (10, 3)  # where the text begins that has a field
        assert (problem.code, problem.line, problem.column) == ("example", *place)
    else:
        from datetime import date

        report = _report(publication, compose_draft(NewIssue.from_number(IssueNumber(2, 11, date(2023, 6, 14)))))
        (problem,) = report.problems
        assert problem.code == "example"
        assert problem.line > 30
        assert problem.message.startswith("10 texts still to be written")


def test_a_link_that_a_new_draft_came_with_is_a_note(publication: Publication) -> None:
    assert _found(publication, DRAFT.format("see [it](https://example.org/)")) == [("note", "example", 8, 14)]
    assert _found(publication, DRAFT.format("see https://example.org/")) == [("note", "example", 8, 11)]


def test_example_settings_are_told(tmp_path: Path) -> None:
    make_workspace(tmp_path / "new", "My Letter")
    workspace = Workspace(tmp_path / "new", {})
    report = check_draft(workspace, read_draft(workspace.find_draft(None)))
    settings = report.problems[-1]
    assert Path(settings.path).name == "newsletter.toml"
    assert settings.line > 0
    assert "[publication] about" in settings.message
    assert "[list] unsubscribe" in settings.message


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("A" + " word" * 15, "the subject has 76 characters"),
        ("Pacific Alliance Digest Vol. 2.11: Biden comes to town", "says little beside the sender's name"),
        ("Pacific Alliance Digest, June", "says little beside the sender's name"),
        ("Newsletter No. 1, November 30, 2026", "says little beside the sender's name"),
        ("The weekly news: Wednesday, 14th of June", "says little beside the sender's name"),
        ("日本" * 18, "the subject is as wide as 72 characters"),
        ("Biden comes to town", ""),
        ("Digest readers vanish in the Pacific", ""),
        ("Some news · Pacific Alliance Digest 2.11", ""),
    ],
)
def test_a_subject_that_is_not_seen_or_says_nothing_is_a_note(
    publication: Publication, subject: str, told: str
) -> None:
    report = _report(publication, DRAFT.format("more") + f"subject: >-\n  {subject}\n")
    assert not report.problems
    assert [note.code for note in report.notes] == (["inbox"] if told else [])
    for note in report.notes:
        assert told in note.message
        assert (note.line, note.column) == (9, 10)


@pytest.mark.parametrize("headline", ["Chips & rockets", "Desk jobs vanish in the Pacific", "Desk"])
def test_a_first_headline_is_news_however_short(publication: Publication, headline: str) -> None:
    publication.environ |= {
        "NEWSLETTER_PUBLICATION__TITLE": "The Pacific Desk",
        "NEWSLETTER_SENDER__FROM": "Jane Doe <jane@example.org>",
    }
    found = _found(publication, DRAFT.format("more").replace("Some news", headline))
    assert found == ([("note", "inbox", 5, 15)] if headline == "Desk" else [])


def test_what_unicode_has_got_lately_is_shown_as_itself(publication: Publication) -> None:
    twice = DRAFT.format("more") + "  - headline: Some \U0001fae9 news\n    detail: More\n" * 2
    problem = next(each for each in _report(publication, twice).problems if each.code == "headline-twice")
    assert "two items have the headline 'Some \U0001fae9 news'" in problem.message


def test_a_pattern_that_hides_the_news_is_a_note_at_the_headline(publication: Publication) -> None:
    publication.environ["NEWSLETTER_EMAIL__SUBJECT"] = "{title} {number}: {headline}"
    (note,) = _report(publication, DRAFT.format("more")).notes
    assert (note.code, note.line) == ("inbox", 5)


def test_a_preheader_that_repeats_the_subject_is_a_note(publication: Publication) -> None:
    assert _found(publication, DRAFT.format("more") + "preheader: Some news today\n") == [("note", "inbox", 9, 12)]


@pytest.mark.parametrize(
    ("size", "orientation", "told"),
    [
        ((300, 200), 1, "the picture is 300 pixels wide, and stands smaller than the email's 600"),
        ((400, 4000), 1, "the picture is 400 pixels wide"),
        ((1, 1), 1, "the picture is 1 pixel wide"),
        ((1000, 4000), 1, "so tall that it stands only 165 wide"),
        ((1200, 500), 6, "the picture is 500 pixels wide"),
        ((1200, 800), 1, ""),
        ((900, 1200), 1, ""),
    ],
)
def test_a_picture_that_stands_small_in_its_column_is_a_note(
    publication: Publication, size: tuple[int, int], orientation: int, told: str
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", size, "#406080").save(publication.root / "drafts/small.jpg", exif=exif)
    report = _report(publication, DRAFT.format("more") + "image:\n  file: small.jpg\n  alt: A picture\n")
    assert not report.problems
    assert [(note.code, note.line, note.column) for note in report.notes] == ([("picture", 10, 9)] if told else [])
    for note in report.notes:
        assert told in note.message


def test_what_no_typeface_has_is_told_whole(publication: Publication) -> None:
    (problem,) = _report(publication, DRAFT.format("a ꦲꦤ word")).problems
    assert (problem.code, problem.line, problem.column) == ("glyph", 8, 9)


def test_a_missing_logo_is_told_at_its_setting(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace('# logo = "logo.png"', 'logo = "logo.png"'))
    (problem,) = _report(publication, DRAFT.format("more")).problems
    assert problem.code == "image-missing"
    assert config.read_text().splitlines()[problem.line - 1].startswith("logo =")


@pytest.mark.parametrize("name", ["email.mjml.j2", "email.css", "email.txt.j2", "web.html.j2", "edition.typ"])
def test_a_broken_template_of_ones_own_is_told(publication: Publication, name: str) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    whole = (ROOT / "templates" / name).read_text()
    (folder / name).write_text(whole)
    assert _found(publication, DRAFT.format("more")) == []
    (folder / name).write_text(whole + ("\n#nothing-of-that-name\n" if name.endswith(".typ") else "\n{% if %}\n"))
    report = _report(publication, DRAFT.format("more"))
    assert {(problem.code, Path(problem.path)) for problem in report.problems} == {("template", folder / name)}


def test_check_tells_problems_and_notes_apart_in_every_form(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication.draft("2.12", DRAFT.format("50%, TODO").replace("number: 11", "number: 12"))
    text = publication.run("draft", "check", "2.12")
    assert text.returncode == 1
    assert "drafts/2.12.yaml:8:12: 'TODO' looks like" in text.stdout
    assert "drafts/2.12.yaml:2:9: note: 2.11 is left out" in text.stdout
    assert "drafts/2.12.yaml: 1 problem, 1 note" in text.stdout
    found = json.loads(publication.run("draft", "check", "2.12", "--format", "json").stdout)
    assert [(each["kind"], each["line"]) for each in found] == [("note", 2), ("problem", 8)]
    publication.environ["GITHUB_WORKSPACE"] = str(publication.root.parent)
    github = publication.run("draft", "check", "2.12", "--format", "github")
    assert github.returncode == 1
    # GitHub shows the first ten of a step alone.
    first, second = github.stdout.splitlines()
    assert first.startswith("::error file=digest/drafts/2.12.yaml,line=8,col=12,title=unfinished::'TODO' looks like")
    assert second.startswith("::notice file=digest/drafts/2.12.yaml,line=2,col=9,title=number-order::2.11 is left out")


def test_notes_alone_are_no_failure(publication: Publication) -> None:
    publication.draft("2.12", DRAFT.format("more").replace("number: 11", "number: 12"))
    checked = publication.run("draft", "check", "2.12")
    assert checked.returncode == 0
    assert "drafts/2.12.yaml: no problems, 1 note (1 item, 0 links)" in checked.stdout


def test_a_broken_configuration_is_annotated_beside_the_drafts_own_problems(publication: Publication) -> None:
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("port = 587", 'port = "many"'))
    publication.draft("2.11", DRAFT.format("more").replace("2023-06-14", "June"))
    checked = publication.run("draft", "check", "2.11", "--format", "github")
    assert checked.returncode == 2
    lines = checked.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "::error file=drafts/2.11.yaml", "::error file=newsletter.toml",
    ]  # fmt: skip


def test_what_check_finds_is_said_before_the_question_of_send(publication: Publication) -> None:
    publication.draft("2.11", DRAFT.format("and TODO more"))
    asked = publication.run("send", "2.11", stdin="n\n")
    assert "'TODO' looks like a mark" in asked.stdout
    assert "Nothing was sent." in asked.stdout


def test_a_field_without_a_default_is_noted_at_its_place(publication: Publication) -> None:
    words = "Dear {{ name }}, `{{ city }}` and {{ city | here }}, {{\n      city }}"
    notes = [("note", "field", 8, 12), ("note", "field", 8, 7 + words.rindex("{{"))]
    assert _found(publication, DRAFT.format(words)) == notes


_ISSUE = "date: {date}\n{more}items: [{{headline: A, detail: B}}]\n"


@pytest.mark.parametrize(
    ("numbering", "name", "more", "others", "message"),
    [
        ("volume", "4.1", "volume: 4\nnumber: 1\n", {}, ""),
        ("number", "4", "number: 4\n", {}, ""),
        ("date", "2030-01-02", "", {}, ""),
        ("none", "winter", "", {}, ""),
        ("volume", "winter", "kind: announcement\n", {}, ""),
        ("volume", "2.10-correction", "kind: correction\ncorrects: 2.10\n", {}, ""),
        ("number", "4.1", "volume: 4\nnumber: 1\n", {"9": "2030-01-16"}, ""),  # the numbering has changed since
        ("number", "4.1", "volume: 4\nnumber: 1\n", {"9": "2029-12-19"}, "named by volume and number, and the publ"),
        ("volume", "9", "number: 9\n", {}, "named by number, and the publication's issues are named by volume and num"),
        ("volume", "winter", "", {"4.1": "2030-01-16"}, "winter.yaml is named in words"),
        ("none", "4.1", "volume: 4\nnumber: 1\n", {}, "issues are named in words"),
        ("date", "4.1", "volume: 4\nnumber: 1\n", {}, "issues are named by date"),
        ("date", "2030-01-02", "kind: announcement\n", {}, "2030-01-02 is the name of an issue, and this is an ann"),
        ("volume", "x-correction", "kind: correction\ncorrects: 2.1\n", {}, "there is no draft of '2.1'"),
    ],
)
def test_a_draft_that_is_named_as_the_others_are(
    publication: Publication, numbering: str, name: str, more: str, others: dict[str, str], message: str
) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = numbering
    path = publication.draft(name, _ISSUE.format(date="2030-01-02", more=more))
    for other, date in others.items():
        publication.draft(other, f"date: {date}\n")
    report = check_draft(publication.workspace, read_draft(path))
    problems = [problem for problem in report.problems if problem.code in ("numbering", "correction")]
    assert [message in problem.message for problem in problems] == ([True] if message else [])
    assert all(problem.line > 1 or name in ("winter", "2030-01-02") for problem in problems)
    assert all(problem.next_step for problem in problems)


def test_a_sent_issue_of_another_numbering_is_as_it_should_be(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = "date"
    draft = read_draft(publication.root / "drafts" / "3.7.yaml")
    assert [problem.code for problem in check_draft(publication.workspace, draft).problems] == ["numbering"]
    publication.workspace.record("3.7").write_text('campaign = "x"\n')
    assert not check_draft(publication.workspace, draft).problems


def test_a_correction_of_a_correction_is_told_which_issue_to_name(publication: Publication) -> None:
    publication.draft("a", _ISSUE.format(date="2030-01-02", more="kind: correction\ncorrects: 2.10\n"))
    path = publication.draft("b", _ISSUE.format(date="2030-01-02", more="kind: correction\ncorrects: a\n"))
    (problem,) = check_draft(publication.workspace, read_draft(path)).problems
    assert (problem.line, problem.message, problem.next_step) == (
        3, "a is a correction itself", "Name the issue that had the error: 2.10"
    )  # fmt: skip


def test_a_gap_in_a_series_without_volumes(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = "number"
    for number in (8, 12):
        publication.draft(str(number), _ISSUE.format(date=f"2030-01-{number:02}", more=f"number: {number}\n"))
    notes = check_draft(publication.workspace, read_draft(publication.root / "drafts" / "12.yaml")).findings
    assert [note.problem.message for note in notes if note.problem.code == "number-order"] == [
        "9 to 11 are left out: the issue before is 8"
    ]


@pytest.mark.parametrize(
    ("name", "text", "place", "message"),
    [
        ("fair", "kind: announcement\nnumber: 3\n", (2, 1), "an announcement stands beside the series, and has no num"),
        ("c", "kind: correction\ncorrects: 2.10\nvolume: 3\n", (3, 1), "a correction stands beside the series"),
        ("c", "kind: correction\ncorrects: c\n", (2, 11), "'c' names no issue that this could correct"),
        ("c", "kind: correction\ncorrects: ../2.10\n", (2, 11), "'../2.10' names no issue that this could correct"),
        ("2030-01-03", "kind: issue\n", (2, 7), "the file is named 2030-01-03.yaml, but says it is of 2030-01-02"),
    ],
)
def test_a_kind_and_a_name_that_contradict_each_other(
    publication: Publication, name: str, text: str, place: tuple[int, int], message: str
) -> None:
    path = publication.draft(name, text + _ISSUE.format(date="2030-01-02", more=""))
    (problem,) = read_draft(path).problems
    assert (problem.line, problem.column) == place
    assert message in problem.message
