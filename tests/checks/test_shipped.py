"""The templates that come with the program ask nothing of mail clients that was not thought about."""

import json
from pathlib import Path

import pytest
from conftest import Publication
from PIL import Image

from newsletter.checks import CLIENTS, check_email, check_rendered
from newsletter.editions import list_email_templates, place_beside, render_html, write_default
from newsletter.issue.draft import load_issue
from newsletter.scaffold import eject


@pytest.mark.parametrize("name", ["2.10", "3.7", "1.4"])
@pytest.mark.parametrize("logo", [False, True])
def test_the_shipped_email_is_clean(publication: Publication, name: str, logo: bool) -> None:
    if logo:
        (publication.root / "templates").mkdir()
        Image.new("RGB", (300, 100)).save(publication.root / "templates/logo.png")
        publication.environ["NEWSLETTER_THEME__LOGO"] = "logo.png"
    context = publication.context
    issue = load_issue(publication.workspace.find_draft(name))
    html = render_html(context, issue, write_default, place_beside)
    report = check_email(html, list_email_templates(context), context.config.email.clients, {"jpeg", "png"})
    assert report.problems == ()
    assert all(len(accepted.reason) > 20 for accepted in report.accepted)
    assert report.size == len(html.encode()) < 60_000


@pytest.mark.parametrize("look", ["digest", "briefing"])
@pytest.mark.parametrize("headlines", ["list", "above"])
def test_every_block_is_clean(publication: Publication, everything: Path, look: str, headlines: str) -> None:
    publication.environ |= {"NEWSLETTER_THEME__LOOK": look, "NEWSLETTER_LAYOUT__HEADLINES": headlines}
    report = check_rendered(publication.context, load_issue(everything))
    assert report.problems == ()
    assert all(len(accepted.reason) > 20 for accepted in report.accepted)


def test_every_client_of_the_configuration_is_known() -> None:
    from newsletter.config.mail_settings import Client

    assert set(CLIENTS) == set(Client.__args__)


def test_a_template_that_asks_too_much_is_told_where(publication: Publication) -> None:
    (sheet,) = eject(publication.root / "templates", ["email.css"])
    sheet.write_text(sheet.read_text() + ".note { display: flex; gap: 4px; }\n")
    line = len(sheet.read_text().splitlines())
    done = publication.run("export", "html", "2.10", "--check")
    assert done.returncode == 1
    (gap,) = [said for said in done.stdout.splitlines() if "[css-gap]" in said]
    assert gap.startswith(f"templates/email.css:{line}:")
    assert "`gap` is not supported by" in gap
    assert "Outlook for Windows (classic)" in gap
    checked = publication.run("draft", "check", "--rendered", "--format", "json", "2.10")
    assert checked.returncode == 1
    found = {problem["code"]: problem for problem in json.loads(checked.stdout)}
    assert found["css-gap"]["path"] == "templates/email.css"
    assert found["css-gap"]["line"] == line
    publication.environ["NEWSLETTER_EMAIL__CLIENTS"] = "apple-mail"
    assert publication.run("draft", "check", "--rendered", "2.10").returncode == 0


def test_a_broken_template_is_a_problem_for_machines_too(publication: Publication) -> None:
    (sheet,) = eject(publication.root / "templates", ["email.css"])
    sheet.write_text(sheet.read_text() + ".note {")
    done = publication.run("draft", "check", "--rendered", "--format", "json", "2.10")
    assert done.returncode == 1
    assert [problem["code"] for problem in json.loads(done.stdout)] == ["template"]


def test_a_mail_that_gmail_would_cut_off_is_said(publication: Publication) -> None:
    source = publication.workspace.find_draft("2.10").read_text().replace("number: 10", "number: 11")
    long = publication.draft("2.11", source.replace("note: >-", "note: >-\n" + "  word word word\n" * 8000))
    done = publication.run("export", "html", long.stem, "--check")
    assert done.returncode == 1
    assert "[clipped]" in done.stdout
