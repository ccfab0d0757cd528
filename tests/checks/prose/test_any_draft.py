"""The prose checks take any draft: none raises, every place is in the file, and their work is as long as the text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from call_count import count_calls
from draft_texts import PICTURES, drafts, write_draft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from newsletter.checks.prose import PROSE_CHECKS, make_prose_checks
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.checks.prose.word_list import WordList
from newsletter.config.check_settings import ProseSettings
from newsletter.issue.draft import read_draft
from newsletter.issue.draft_source import DraftSource

SETTINGS = ProseSettings(reading_level=1, proselint=True)
_WORDS = st.sampled_from(
    ["the the", "teh", "Goverment", "NEDO", "(NEDO)", "U.S.", "Dr.", "No.", "5", "*", "**", "`", "[", "](x)", "here",
     "\n", "- ", "{{ name | a }}", "[a]{lang=ja}", "\\", "&amp;", "~~", "[^1]", "…", "日本", "שלום", "'", "\"", "—",
     "(", ")", "a"]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafts")
    for name in PICTURES:
        Image.new("RGB", (60, 40)).save(folder / name)
    return folder


@pytest.mark.slow  # whole drafts take long to make
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(draft=drafts(), language=st.sampled_from(["en", "de", "ja", "he", "fr-CA"]))
def test_no_draft_is_too_much(folder: Path, draft: dict[str, Any], language: str) -> None:
    path = folder / "2.1.yaml"
    write_draft(path, draft)
    read = read_draft(path)
    _check(DraftSource(path, read.source), CheckedProse(DraftSource(path, read.source), read.issue, language, SETTINGS))


@given(words=st.lists(_WORDS, max_size=40).map(" ".join), entry=_WORDS)
def test_no_text_is_too_much(folder: Path, words: str, entry: str) -> None:
    path = folder / "2.2.yaml"
    path.write_text("volume: 2\nnumber: 2\ndate: 2024-01-02\nitems:\n  - headline: News\n    detail: |2-\n      ."
                    + words.replace("\n", "\n      ") + "\n", encoding="utf-8")  # fmt: skip
    read = read_draft(path)
    source = DraftSource(path, read.source)
    _check(source, CheckedProse(source, read.issue, "en", SETTINGS, WordList((entry,))))


def _check(source: DraftSource, prose: CheckedProse) -> None:
    lines = source.text.splitlines()
    for found in make_prose_checks(prose):
        if found.problem.path == source.path and found.problem.line:
            assert 1 <= found.problem.column <= len(lines[found.problem.line - 1]) + 1


@pytest.mark.parametrize(
    "part",
    ["the the ", "teh goverment ", "NEDO ", "NEDO (KESTI) ", "(NEDO) ", "a. ", "U.S. ", "(a ", "AAAAAAA", "Aa", "a-",
     "'s ", "word ", "Mr. J. ", "[here](x) ", "[a]{lang=ja} ", "METI 5 ", "A b. ", "(", "“"],
)  # fmt: skip
def test_a_text_twice_as_long_costs_twice_as_much(part: str) -> None:
    # The texts begin otherwise, so that none is known from the one before.
    texts = [f"{number} {part * (length // len(part))}" for number, length in enumerate((600, 600, 1200))]
    calls = [count_calls(_prepare_checks(text)) for text in texts]
    assert calls[2] <= 2.4 * calls[1] + 1000


@pytest.mark.parametrize("part", [".", "A", "(", " ", "A'", "“"])
def test_no_run_of_signs_is_tried_from_each_of_its_places(part: str) -> None:
    assert count_calls(_prepare_checks(f"x{part * (100_000 // len(part))}y")) < 20_000  # in minutes, if it were


def _prepare_checks(text: str) -> Callable[[], object]:
    """Return what makes the checks of a text, which is read before."""
    source = DraftSource(Path("2.11.yaml"), f"items:\n  - headline: News\n    detail: >-\n      {text}\n")
    prose = CheckedProse(source, None, "en", ProseSettings(), WordList(("NEDO KESTI", "a b c", "word")))
    checks = [check for check in PROSE_CHECKS if check.name not in ("proselint", "alt_texts")]
    return lambda: [list(check.find(prose)) for check in checks]
