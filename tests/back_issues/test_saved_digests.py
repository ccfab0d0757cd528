"""The digest's three forms as they are found years later: a saved web page, a mail, a Word document.

Each comes back as a draft without problems, whose editions have every headline, every bullet and every link.
"""

import datetime
import io
import re
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any

import docx
import pytest
from conftest import Publication, copy_sample
from edition_contents import EditionContents
from word_links import add_link

from newsletter.actions.import_back_issues import import_back_issues
from newsletter.issue.draft import load_issue
from newsletter.publication import OpenPublication

HEADLINES = [
    "“Quiet hulls” – a standard that whales can live with",
    "Fares: $2.50 from April, O’Neill’s office says",
    "Who owns a wreck? Two courts disagree",
    "R&D <below> the water line",
]
# Links as Markdown has them.
DETAILS = [
    "Eleven yards signed the [standard](https://example.org/hulls?a=1&b=2). It limits noise to 110 dB – “a whisper”.",
    "From April a crossing [costs $2.50](https://example.org/fares), #1 on the list of complaints.",
    "One in [Halden](https://example.org/halden) gave it to a finder, [Brevik’s](https://example.org/brevik) to none.",
    "The fund pays for 3 * 4 probes, & nothing else. They sink in May.",
]
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_WORDS = [_LINK.sub(r"\1", detail) for detail in DETAILS]


def _write_html(detail: str) -> str:
    return _LINK.sub(r'<a href="\2">\1</a>', escape(detail, quote=False))


def _write_list(lines: list[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{line}</li>\n" for line in lines) + "</ul>\n"


_ESCAPED = [escape(line, quote=False) for line in HEADLINES]
_BULLETS = "<p>• {}</p>"
# By the form: its words as HTML. The text without links is in lines, as programs for mail show it.
FORMS = {
    "Markdown": "<h1>Pacific Alliance Digest</h1>\n<p>Vol. 2.11 · June 15, 2023</p>\n<p>Headlines:</p>\n"
    + _write_list(_ESCAPED)
    + "<p>Details:</p>\n"
    + _write_list(list(map(_write_html, DETAILS))),
    "text": "<div>Pacific Alliance Digest<br>\nVol. 2.11, June 15, 2023<br>\n<br>\nHeadlines:<br>\n<br>\n"
    + "".join(f"{number}. {line}<br>\n" for number, line in enumerate(_ESCAPED, 1))
    + "<br>\nDetails:<br>\n<br>\n"
    + "<br>\n".join(f"{number}. {escape(line)}<br>\n" for number, line in enumerate(_WORDS, 1))
    + "</div>\n",
    "web page": "<h1>Volume 2 | Issue 11 | June 15, 2023</h1>\n<h3>Harbor week headlines</h3>\n"
    + "\n".join(map(_BULLETS.format, _ESCAPED))
    + "\n<p>&nbsp;</p>\n"
    + "\n".join(_BULLETS.format(_write_html(detail)) for detail in DETAILS),
}
PLAIN = (
    "Pacific Alliance Digest\nVol. 2.11, June 15, 2023\n\nHeadlines:\n\n"
    + "".join(f"- {line}\n" for line in HEADLINES)
    + "\nDetails:\n\n"
    + "".join(f"- {line}\n\n" for line in _WORDS)
)
PAGE = """<!doctype html>
<!-- saved from url=(0032)https://example.org/digest/2-11/ -->
<html lang="en"><head><meta charset="utf-8"><title>Digest 2.11 | Example Institute</title>
<script>window.data = ["not an item"]</script><style>li {{ color: red }}</style></head><body>
<header><a href="https://example.org/">Example Institute</a><nav><ul><li><a href="/archive">Archive</a></li>
<li><a href="/about">About</a></li></ul></nav></header><main>{}</main>
<footer><p>© Example Institute</p><ul><li><a href="/privacy">Privacy</a></li></ul></footer></body></html>
"""


def _make_mail(html: str | None, plain: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        "digest@example.org",
        "reader@example.org",
        "Pacific Alliance Digest 2.11",
    )
    mail["Date"] = "Thu, 15 Jun 2023 09:00:00 +0000"
    mail.set_content(plain, cte="quoted-printable")
    if html:
        mail.add_alternative(f"<html><body>{html}</body></html>", subtype="html", cte="base64")
    return mail.as_bytes()


def _make_word_document() -> bytes:
    document: Any = docx.Document()
    document.add_heading("Pacific Alliance Digest", 0)
    document.add_paragraph("Vol. 2.11 · June 15, 2023")
    document.add_paragraph().add_run("Headlines:").bold = True
    for line in HEADLINES:
        document.add_paragraph(line, style="List Bullet")
    document.add_paragraph().add_run("Details:").bold = True
    for detail in DETAILS:
        paragraph = document.add_paragraph(style="List Number")
        words, *links = _LINK.split(detail)
        paragraph.add_run(words)
        for label, address, behind in zip(links[::3], links[1::3], links[2::3], strict=True):
            add_link(paragraph, label, address)
            paragraph.add_run(behind)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


# The first of each kind of file is quick enough for each run of the tests; the others are alike.
FILES = {
    "web page.html": lambda: PAGE.format(FORMS["web page"]).encode(),
    "Markdown.eml": lambda: _make_mail(FORMS["Markdown"], PLAIN),
    "Word.docx": _make_word_document,
    "Markdown.html": lambda: PAGE.format(FORMS["Markdown"]).encode(),
    "text.html": lambda: PAGE.format(FORMS["text"]).encode(),
    "text.eml": lambda: _make_mail(None, PLAIN),
    "text as HTML.eml": lambda: _make_mail(FORMS["text"], PLAIN),
    "web page.eml": lambda: _make_mail(FORMS["web page"], PLAIN),
}
_QUICK = 3


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return copy_sample(tmp_path_factory.mktemp("saved") / "digest")


def _import(digest: Publication, name: str, folder: Path) -> Path:
    (digest.root / "drafts/2.11.yaml").unlink(missing_ok=True)
    (folder / name).write_bytes(FILES[name]())
    with OpenPublication.open(digest.root, digest.environ) as publication:
        [imported] = import_back_issues(publication, [folder / name])
    assert imported.error is None
    assert imported.problems == 0
    assert imported.draft == digest.root / "drafts/2.11.yaml"
    return imported.draft


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_a_draft_with_every_item_in_its_place(digest: Publication, name: str, tmp_path: Path) -> None:
    issue = load_issue(_import(digest, name, tmp_path))
    assert issue.date == datetime.date(2023, 6, 15)
    assert [item.headline.plain() for item in issue.items] == HEADLINES
    assert [item.detail.plain() for item in issue.items] == _WORDS
    assert issue.sections == ()
    links = [] if name.startswith("text") else [address for detail in DETAILS for _, address in _LINK.findall(detail)]
    assert [link.href for item in issue.items for link in item.detail.links()] == links


@pytest.mark.parametrize(
    "name", [*[*FILES][:_QUICK], *(pytest.param(name, marks=pytest.mark.slow) for name in [*FILES][_QUICK:])]
)
def test_its_editions_say_all_that_the_file_says(digest: Publication, name: str, tmp_path: Path) -> None:
    contents = EditionContents.render(digest, load_issue(_import(digest, name, tmp_path)), tmp_path)
    assert contents.find_unsaid(HEADLINES + _WORDS) == []
    links = {address for detail in DETAILS for _, address in _LINK.findall(detail)}
    assert contents.find_unlinked(set() if name.startswith("text") else links) == []
