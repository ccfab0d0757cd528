"""The words beside an issue's date: they come from one template, and are nowhere where there is no number."""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.editions.edition_context import place_beside
from newsletter.editions.html import render_html
from newsletter.editions.pdf import render_pdf
from newsletter.editions.plaintext import render_text
from newsletter.editions.site import export_site
from newsletter.editions.web import render_web
from newsletter.field import write_default
from newsletter.issue.draft import load_issue, read_draft
from newsletter.issue.model import Issue

_TEXT = "date: 2024-05-16\nitems: [{headline: A fair in spring, detail: It is on Friday.}]\n"
_KINDS = {
    "2.11": ("volume: 2\nnumber: 11\n", "Vol. 2.11"),
    "11": ("number: 11\n", "No. 11"),
    "2024-05-16": ("", ""),
    "spring-fair": ("kind: announcement\n", ""),
    "2.10-correction": ('kind: correction\ncorrects: "2.10"\n', "Correction to 2.10"),
    "2024-05-02-correction": (
        'kind: correction\ncorrects: "2024-05-02"\n',
        "Correction to the issue of May 2, 2024",
    ),
    "winter-fair-correction": ('kind: correction\ncorrects: "winter-fair"\n', "Correction"),
}


def _issue(publication: Publication, name: str) -> Issue:
    return load_issue(publication.draft(name, _KINDS[name][0] + _TEXT))


@pytest.mark.parametrize("name", _KINDS)
def test_the_label_in_every_edition(publication: Publication, name: str, tmp_path: Path) -> None:
    issue, context, label = _issue(publication, name), publication.context, _KINDS[name][1]
    pdf = tmp_path / "issue.pdf"
    pdf.write_bytes(render_pdf(context, issue))
    info = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Title: +(.*)$", info, re.MULTILINE)[1] == f"Pacific Alliance Digest {label}".strip()
    printed = subprocess.run(["pdftotext", "-l", "1", pdf, "-"], capture_output=True, text=True, check=True).stdout
    dateline = " ".join(printed.partition("HEADLINES")[0].split())
    assert dateline == f"Pacific Alliance Digest {label + ' · ' if label else ''}May 16, 2024"
    text = render_text(context, issue, write_default)
    assert f"\nPacific Alliance Digest\n{label + ' - ' if label else ''}May 16, 2024\n" in text
    html = render_html(context, issue, write_default, place_beside)
    dateline = html.partition('class="dateline"')[2].partition("</p>")[0]
    assert dateline.endswith(f">{label} \xa0·\xa0 May 16, 2024" if label else ">May 16, 2024")
    web = render_web(context, issue, None)
    assert f'<p class="dateline">{label + " · " if label else ""}<time datetime="2024-05-16">' in web
    assert f'aria-current="page"><bdi>{label or "A fair in spring"}</bdi>' in web
    assert '"issueNumber"' in web or not issue.number
    assert "null" not in web.partition("ld+json")[2].partition("</script>")[0]


def test_the_list_of_issues(publication: Publication, tmp_path: Path) -> None:
    for name in _KINDS:
        _issue(publication, name)
    drafts = [read_draft(publication.root / "drafts" / f"{name}.yaml") for name in _KINDS]
    site = export_site(publication.context, drafts, tmp_path / "site")
    assert sorted(site.built) == sorted(_KINDS)
    index = (tmp_path / "site" / "index.html").read_text()
    assert [label for _, label in _KINDS.values() if label and f"<bdi>{label}</bdi> · <time" not in index] == []
    assert index.count('<p class="quiet"><time') == 2
    assert 'aria-label="A fair in spring as PDF' in index
    assert all(f'href="{name}.html"' in index for name in _KINDS)


def test_a_publication_words_its_label_in_one_place(publication: Publication) -> None:
    (publication.root / "templates").mkdir(exist_ok=True)
    (publication.root / "templates" / "label.j2").write_text(
        "{% if issue.number %}第{{ issue.number }}号{% endif %}\n", "utf-8"
    )
    issue, context = _issue(publication, "11"), publication.context
    assert context.label(issue) == "第11号"
    assert "第11号 - May 16, 2024" in render_text(context, issue, write_default)
    assert "<bdi>第11号</bdi>" in render_web(context, issue, None)
    assert context.label(_issue(publication, "spring-fair")) == ""
