"""The sample issues in Japanese, German and Arabic: each edition, read by what a reader sees of it."""

import re
import sys
from html import unescape
from pathlib import Path
from subprocess import run

import pytest
from conftest import ROOT

from newsletter.checks.draft_checks import find_own_problems
from newsletter.editions import (
    EditionContext,
    place_beside,
    render_html,
    render_pdf,
    render_text,
    render_web,
    write_default,
)
from newsletter.issue.draft import load_issue, read_draft, require_issue
from newsletter.workspace import Workspace

sys.path.insert(0, str(ROOT / "tools"))
from screenshots import LANGUAGES, copy_translations  # tools/ is no package

SAMPLES = ("2.10", "3.7", "1.4")
# Words of Latin letters that are names, or are the same in every language.
_NAMES = re.compile(
    r"[A-Z]{2,}[A-Z0-9]*|H3|G7|IBM|Google|Microsoft|Micron|Amazon|Arm|Mineta|Ambassadors|Example|Institute|PDF|kB|English|Deutsch"
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("translated") / "digest"
    copy_translations(root)
    return Workspace(root, {})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_translation_says_what_the_sample_says(workspace: Workspace, name: str, language: str) -> None:
    draft = read_draft(workspace.translations_of(name)[language], language)
    assert [str(problem) for problem in find_own_problems(workspace, draft)] == []
    issue, sample = require_issue(draft), load_issue(ROOT / "drafts" / f"{name}.yaml")
    assert len(issue.items) == len(sample.items)
    assert issue.date == sample.date
    for item, other in zip(issue.items, sample.items, strict=True):
        assert {link.href for link in item.detail.links()} == {link.href for link in other.detail.links()}


@pytest.mark.parametrize("name", ["2.10", *(pytest.param(name, marks=pytest.mark.slow) for name in ("3.7", "1.4"))])
@pytest.mark.parametrize("language", ["ja", "ar"])
def test_no_latin_word_is_left_but_names(workspace: Workspace, name: str, language: str, tmp_path: Path) -> None:
    """German has Latin letters itself: its fixed words are held by tests/editions/test_languages.py."""
    context = EditionContext.from_workspace(workspace).in_language(language)
    issue = require_issue(read_draft(workspace.translations_of(name)[language], language))
    pdf = render_pdf(context, issue)
    (tmp_path / "a.pdf").write_bytes(pdf)
    pages = {
        "email": render_html(context, issue, write_default, place_beside),
        "page": render_web(context, issue, pdf),
    }
    read = {
        **{edition: _read_words(html) for edition, html in pages.items()},
        "text": render_text(context, issue, write_default),
        "pdf": run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, check=True, text=True).stdout,
    }
    for edition, words in read.items():
        assert len(words) > 500, edition
        without_addresses = re.sub(r"(?:https?:|mailto:)\S+|\S+@\S+", " ", words)
        left = set(re.findall(r"[A-Za-z]{2,}[0-9]*", without_addresses))
        assert {word for word in left if not _NAMES.fullmatch(word)} == set(), edition


def _read_words(html: str) -> str:
    html = re.sub(r"(?s)<(style|script)\b.*?</\1>|<!--.*?-->|<head>.*?</head>", " ", html)
    return unescape(re.sub(r"<[^>]+>", " ", html)) + " ".join(re.findall(r'\b(?:alt|title)="([^"]*)"', html))
