"""The numbers and dates that `newsletter draft new` begins with."""

import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from conftest import Publication

import newsletter
from newsletter.checks.draft_checks import check_draft
from newsletter.cli import cli
from newsletter.errors import NewsletterError
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.skeleton import find_unwritten

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return the command line, within this process."""
    monkeypatch.chdir(publication.root)
    return lambda *args: CliRunner(env=publication.environment()).invoke(cli, args)


@pytest.mark.parametrize(
    ("options", "upcoming"),
    [
        (["--number", "2.11"], "2.11"),
        (["--number", "11"], "1.11"),
        (["--number", "11", "--volume", "2"], "2.11"),
        (["--number", "02.011"], "2.11"),
        ([], "1.1"),
    ],
)
def test_the_first_issue_of_a_series_that_began_elsewhere(
    publication: Publication, invoke: Invoke, options: list[str], upcoming: str
) -> None:
    for draft in (publication.root / "drafts").glob("*.yaml"):
        draft.unlink()
    made = invoke("draft", "new", "--date", "2031-05-06", *options)
    assert made.stdout == f"drafts/{upcoming}.yaml: 2031-05-06\n"
    assert (publication.root / f"drafts/{upcoming}.yaml").is_file()
    if options:
        volume, number = upcoming.split(".")
        assert invoke("draft", "new").stdout == f"drafts/{volume}.{int(number) + 1}.yaml: 2031-05-20\n"


@pytest.mark.parametrize(
    "options", [["eleven"], ["0"], ["2.0"], ["0.2"], ["2.10.1"], ["-1"], ["2.11", "--volume", "3"]]
)
def test_a_number_that_is_none_is_wrong_usage(invoke: Invoke, options: list[str]) -> None:
    done = invoke("draft", "new", "--number", *options)
    assert done.exit_code == 2
    assert "--number" in done.output


def test_a_monthly_draft_keeps_the_day_of_its_series(publication: Publication, invoke: Invoke) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__CADENCE"] = "monthly"
    for month, day in ((10, 31), (11, 30)):
        publication.draft(f"9.{month}", f"volume: 9\nnumber: {month}\ndate: 2098-{month}-{day}\n")
    assert "9.12.yaml: 2098-12-31" in invoke("draft", "new").stdout


def _said(done: Result) -> str:
    """Return what the command line says in the end, a usage error or an error in words."""
    error = done.exception
    return f"{error}\n{error.next_step}" if isinstance(error, NewsletterError) else done.output


@pytest.mark.parametrize(
    ("numbering", "known", "arguments", "name", "date"),
    [
        ("number", {"10": "2031-05-06"}, [], "11", "2031-05-20"),
        ("number", {}, [], "1", None),
        ("number", {"1.4": "2031-05-06"}, [], "5", "2031-05-20"),
        ("number", {"2.10": "2031-05-06"}, ["--number", "64"], "64", "2031-05-20"),
        ("volume", {"10": "2031-05-06"}, [], "1.11", "2031-05-20"),
        ("date", {"2031-05-06": "2031-05-06"}, [], "2031-05-20", "2031-05-20"),
        ("date", {"2.10": "2031-05-06"}, [], "2031-05-20", "2031-05-20"),
        ("date", {}, ["--date", "2031-05-06"], "2031-05-06", "2031-05-06"),
        ("none", {"winter": "2031-05-06"}, ["spring"], "spring", "2031-05-20"),
        ("none", {}, ["spring", "--date", "2031-05-06"], "spring", "2031-05-06"),
        ("volume", {"2.10": "2031-05-06"}, ["--kind", "announcement", "fair", "--date", "2031-05-07"], "fair",
         "2031-05-07"),
        # What stands beside the series moves neither its number nor its rhythm.
        ("volume", {"2.10": "2031-05-06", "fair": "2031-06-30"}, [], "2.11", "2031-05-20"),
        ("volume", {"2.9": "2031-05-06", "2.10": "2031-04-22"}, [], "2.11", "2031-05-06"),
    ],
)  # fmt: skip
def test_the_next_draft_by_the_publication_s_numbering(
    publication: Publication,
    invoke: Invoke,
    numbering: str,
    known: dict[str, str],
    arguments: list[str],
    name: str,
    date: str | None,
) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = numbering
    for draft in (publication.root / "drafts").glob("*.yaml"):
        draft.unlink()
    for each, day in known.items():
        publication.draft(each, f"date: {day}\n")
    made = invoke("draft", "new", *arguments)
    assert made.stdout.startswith(f"drafts/{name}.yaml: {date or ''}")
    draft = read_draft(publication.root / f"drafts/{name}.yaml")
    assert draft.issue, draft.problems
    assert draft.issue.name == name
    assert find_unwritten(draft.issue)
    assert {finding.problem.code for finding in check_draft(publication.workspace, draft).findings} <= {"example"}


@pytest.mark.parametrize(
    ("numbering", "arguments", "said"),
    [
        ("volume", "spring", "newsletter draft new --kind announcement spring"),
        ("date", "spring", "The next issue is named by its date"),
        ("number", "--volume 2", "The next issue has no volume"),
        ("date", "--number 11", "The next issue has no number"),
        ("number", "", "newsletter draft new --number 64"),
        ("none", "", "newsletter draft new spring-fair"),
        ("none", "--number 3 spring", "The next issue has no number"),
        ("volume", "--kind announcement", "newsletter draft new --kind announcement spring-fair"),
        ("volume", "--kind announcement fair --number 3", "An announcement has no number"),
        ("volume", "--kind announcement 2.11", "'2.11' can't name this draft"),
        ("none", "../spring", "'../spring' can't name this draft"),
        ("none", "Spring", "Small letters"),
        ("none", "index", "'index' can't name this draft"),
        ("none", "a\nb", "can't name this draft"),
        ("none", "x" * 61, "can't name this draft"),
        ("volume", "--correction 9.9", "There is no draft '9.9'"),
        ("volume", "--correction ../2.10", "There is no draft '../2.10'"),
        ("volume", "--correction 2.10 --number 3", "--correction names the issue"),
    ],
)
def test_what_the_numbering_has_no_place_for(
    publication: Publication, invoke: Invoke, numbering: str, arguments: str, said: str
) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__NUMBERING"] = numbering
    before = sorted(publication.root.rglob("*.yaml"))
    done = invoke("draft", "new", *arguments.split(" ") if arguments else [])
    assert done.exit_code in (1, 2)
    assert said in _said(done)
    assert sorted(publication.root.rglob("*.yaml")) == before


def test_corrections_of_one_issue(publication: Publication, invoke: Invoke) -> None:
    names = ["2.10-correction", "2.10-correction-2"]
    for name in names:
        made = invoke("draft", "new", "--correction", "2.10")
        today = datetime.datetime.now(ZoneInfo("America/New_York")).date()
        assert made.stdout == f"drafts/{name}.yaml: {today}\n"
        issue = load_issue(publication.root / f"drafts/{name}.yaml")
        assert (issue.name, issue.kind, issue.corrects, issue.date) == (name, "correction", "2.10", today)
        assert "2.10 of May 31, 2023" in " ".join(text.plain() for text in issue.texts())
        assert len(find_unwritten(issue)) == 3  # subject, title and text
    refused = invoke("draft", "new", "--correction", names[0])
    assert "newsletter draft new --correction 2.10" in _said(refused)


def test_an_issue_that_is_there_is_not_overwritten(publication: Publication, invoke: Invoke) -> None:
    invoke("draft", "new", "--kind", "announcement", "fair")
    path = publication.draft("fair", "mine\n")
    assert "fair.yaml is there already" in _said(invoke("draft", "new", "--kind", "announcement", "fair"))
    assert path.read_text() == "mine\n"


def test_drafts_are_begun_from_python_too(publication: Publication) -> None:
    with newsletter.Publication.open(publication.root) as opened:
        paths = [
            opened.new_draft(date=datetime.date(2024, 5, 1)),
            opened.new_draft("spring-fair", kind="announcement"),
            opened.new_correction("2.10"),
        ]
        assert [path.name for path in paths] == ["3.8.yaml", "spring-fair.yaml", "2.10-correction.yaml"]
        assert [opened.issue(path.stem).kind for path in paths] == ["issue", "announcement", "correction"]
        with pytest.raises(NewsletterError, match="named by its number"):
            opened.new_draft("spring-fair-2")
