"""`newsletter export` and `templates`: each form as files, and what is said of each."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from conftest import Publication

LIST = "email,name,tags\nada@example.org,Ada,board\n"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("html", {"2.10.email.html", "2.10-lead.jpg"}),
        ("text", {"2.10.txt"}),
        ("pdf", {"2.10.pdf"}),
        ("web", {"2.10.html", "2.10-lead.jpg"}),
        ("png", {"2.10-page-1.png", "2.10-page-2.png"}),
        ("eml", {"2.10.eml"}),
    ],
)
def test_each_form_is_written_and_named_with_its_size(publication: Publication, form: str, files: set[str]) -> None:
    done = publication.run("export", form, "2.10")
    assert done.returncode == 0, done.stderr
    assert _names(publication.root / "build/2.10") == files
    said = dict(line.split("  ") for line in done.stdout.splitlines())
    assert said.keys() == {f"build/2.10/{name}" for name in files}
    assert all(re.fullmatch(r"[\d.,]+ (B|bytes|kB|MB)", size, re.IGNORECASE) for size in said.values()), said


def test_the_newest_is_meant_where_none_is_named_and_a_path_is_one(publication: Publication) -> None:
    assert "build/3.7/3.7.txt" in publication.run("export", "text").stdout
    assert "build/2.10/2.10.txt" in publication.run("export", "text", "drafts/2.10.yaml").stdout


def test_another_folder_is_made(publication: Publication) -> None:
    assert publication.run("export", "text", "2.10", "-o", "a/b").returncode == 0
    assert _names(publication.root / "a/b") == {"2.10.txt"}
    assert not (publication.root / "build").exists()


@pytest.mark.slow
def test_a_copy_of_one_reader_is_theirs_from_the_draft_or_as_it_was_frozen(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    (publication.root / "subscribers.csv").write_text(LIST)
    now = publication.run("export", "eml", "2.10", "--as", "Ada@example.org")
    assert now.returncode == 0, now.stderr
    assert "as the draft is now: 2.10 has not been sent to this reader" in now.stdout
    (path,) = (publication.root / "build/2.10").glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message["To"] == "Ada <ada@example.org>"
    assert publication.run("send", "2.10", "--yes").returncode == 0
    frozen = publication.run("export", "eml", "2.10", "--as", "ada@example.org", "-o", "copy")
    assert "as it was frozen for the sending of 2.10" in frozen.stdout
    (sent,) = (publication.root / "build/maildir/new").iterdir()
    (copied,) = (publication.root / "copy").iterdir()
    assert message_from_bytes(copied.read_bytes())["Message-ID"] == message_from_bytes(sent.read_bytes())["Message-ID"]
    stranger = publication.run("export", "eml", "2.10", "--as", "bo@example.org")
    assert stranger.returncode == 1
    assert "bo@example.org is not in subscribers.csv, and 2.10 has not been sent there." in stranger.stderr


def test_check_says_what_clients_lack_and_how_long_it_is(publication: Publication) -> None:
    done = publication.run("export", "html", "2.10", "--check")
    assert done.returncode == 0
    assert re.search(r"2\.10 as an email: no problems in 8 mail clients, \d+ accepted; [\d.]+ kB of HTML", done.stdout)
    assert "(Gmail cuts off at 102 kB)" in done.stdout
    publication.environ["NEWSLETTER_EMAIL__CLIENTS"] = "gmail"
    assert "no problems in 1 mail client," in publication.run("export", "html", "2.10", "--check").stdout


def test_a_typeface_that_is_not_there_is_named(publication: Publication) -> None:
    publication.environ["NEWSLETTER_THEME__FONT"] = "No Such Face, serif"
    done = publication.run("export", "pdf", "2.10")
    assert done.returncode == 0
    assert "The PDF does without No Such Face: put it into fonts/ as .ttf or .otf, or install it." in done.stdout
    assert "does without" not in publication.run("export", "html", "2.10").stdout


@pytest.mark.slow
def test_a_site_tells_what_it_made_kept_and_removed(publication: Publication) -> None:
    first = publication.run("export", "site", "-o", "www")
    assert first.returncode == 0
    assert first.stdout == "www/index.html: 3 issues made, 0 unchanged\n"
    assert {"index.html", "feed.xml", "sitemap.xml", "2.10.html", "2.10.pdf"} <= _names(publication.root / "www")
    path = publication.root / "drafts/2.10.yaml"
    path.write_text(path.read_text().replace("coercion and", "coercion, and"))
    (publication.root / "drafts/1.4.yaml").unlink()
    second = publication.run("export", "site", "-o", "www")
    assert "www/1.4.html is removed: nothing leads to it any more" in second.stdout
    assert "www/1.4.pdf is removed: nothing leads to it any more" in second.stdout
    assert "www/index.html: 1 issue made, 1 unchanged" in second.stdout
    assert publication.run("export", "site", "-o", "www").stdout == "www/index.html: Nothing new, 2 unchanged\n"


@pytest.mark.slow
def test_a_draft_with_problems_stays_out_of_the_site_or_as_it_was(publication: Publication) -> None:
    text = (publication.root / "drafts/2.10.yaml").read_text()
    publication.draft("2.10", text.replace("date: 2023-05-31", "date: May 31"))
    left_out = publication.run("export", "site", "-o", "www")
    assert left_out.returncode == 0
    assert re.search(r"2\.10 is left out: .+ \(newsletter draft check 2\.10\)", left_out.stdout)
    publication.draft("2.10", text)
    assert publication.run("export", "site", "-o", "www").returncode == 0
    page = (publication.root / "www/2.10.html").read_bytes()
    publication.draft("2.10", text.replace("coercion and", "TODO coercion and"))
    held = publication.run("export", "site", "-o", "www")
    assert held.returncode == 1
    assert "2.10 stays as it was published, for its draft has problems now:" in held.stdout
    assert "TODO" in held.stdout
    publication.draft("2.10", text.replace("date: 2023-05-31", "date: May 31"))
    broken = publication.run("export", "site", "-o", "www")
    assert broken.returncode == 1
    assert "'May 31' is not a date" in broken.stderr
    assert (publication.root / "www/2.10.html").read_bytes() == page


@pytest.mark.slow
def test_a_site_of_what_was_sent_alone(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    publication.run("send", "2.10", "--yes")
    assert "1 issue made" in publication.run("export", "site", "--sent-only").stdout
    site = publication.root / "build/site"
    assert (site / "2.10.html").exists()
    assert not (site / "3.7.html").exists()


def test_without_a_website_there_is_no_feed_and_it_is_said(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text().replace("website =", "# website ="))
    done = publication.run("export", "site")
    assert "Without a feed and a sitemap: they need [publication] website in newsletter.toml." in done.stdout
    assert "feed.xml" not in _names(publication.root / "build/site")


@pytest.mark.slow
def test_templates_are_listed_and_become_one_s_own(publication: Publication) -> None:
    rows = dict(line.split("\t") for line in publication.run("templates", "list").stdout.splitlines()[1:])
    assert set(rows.values()) == {"the program's"}
    done = publication.run("templates", "eject", "web.css")
    assert done.stdout == "templates/web.css is yours now. Delete it to go back.\n"
    rows = dict(line.split("\t") for line in publication.run("templates", "list").stdout.splitlines()[1:])
    assert rows["web.css"] != "the program's"
    own = publication.root / "templates/web.css"
    own.write_text(own.read_text() + "\nbody { outline: 3px solid red }\n")
    publication.run("export", "web", "2.10")
    assert "outline:" in (publication.root / "build/2.10/2.10.html").read_text()
    again = publication.run("templates", "eject", "web.css")
    assert again.returncode == 1
    assert "templates/ has web.css already." in again.stderr
    assert own.read_text().endswith("solid red }\n")
    unknown = publication.run("templates", "eject", "wed.css")
    assert unknown.returncode == 1
    assert "There is no template 'wed.css'." in unknown.stderr
