"""The numbers and dates that `newsletter draft new` begins with."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from conftest import Publication

from newsletter.cli import cli

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return the command line, within this process."""
    monkeypatch.chdir(publication.root)
    return lambda *args: CliRunner(env=publication.environment()).invoke(cli, args)


@pytest.mark.parametrize(
    ("options", "upcoming"),
    [
        (["--number", "2.11"], "Vol. 2.11, 2031-05-06"),
        (["--number", "11"], "Vol. 1.11, 2031-05-06"),
        (["--number", "11", "--volume", "2"], "Vol. 2.11, 2031-05-06"),
        (["--number", "02.011"], "Vol. 2.11, 2031-05-06"),
        ([], "Vol. 1.1, 2031-05-06"),
    ],
)
def test_the_first_issue_of_a_series_that_began_elsewhere(
    publication: Publication, invoke: Invoke, options: list[str], upcoming: str
) -> None:
    for draft in (publication.root / "drafts").glob("*.yaml"):
        draft.unlink()
    made = invoke("draft", "new", "--date", "2031-05-06", *options)
    assert upcoming in made.stdout
    name = upcoming.split(",")[0].removeprefix("Vol. ")
    assert (publication.root / f"drafts/{name}.yaml").is_file()
    if options:
        following = invoke("draft", "new")
        assert f"Vol. {name.split('.')[0]}.{int(name.split('.')[1]) + 1}, 2031-05-20" in following.stdout


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
    assert "Vol. 9.12, 2098-12-31" in invoke("draft", "new").stdout
