"""An acronym is noted unless the issue spells it out, readers know it, or it is none."""

from pathlib import Path

import pytest

from newsletter.checks.prose.acronyms import find_unexplained_acronyms
from newsletter.checks.prose.checked_prose import CheckedProse
from newsletter.checks.prose.word_list import WordList
from newsletter.config.check_settings import ProseSettings
from newsletter.issue.draft_source import DraftSource


def _find(*texts: str, words: WordList = WordList()) -> list[str]:  # noqa: B008  # frozen
    """Return the acronyms that are noted in an issue whose items have these details."""
    items = "".join(f"  - headline: News\n    detail: |-\n      {text}\n" for text in texts)
    source = DraftSource(Path("2.11.yaml"), f"items:\n{items}")
    prose = CheckedProse(source, None, "en", ProseSettings(), words)
    return [each.problem.message.split("'")[1] for each in find_unexplained_acronyms(prose)]


@pytest.mark.parametrize(
    "text",
    [
        "The NEDO will pay.",
        "The NEDO's plan, and NEDOs.",
        "A NEDO-led plan; the pre-NEDO one.",
        "It says **NEDO**, and [NEDO](https://example.org).",
        "Officials (NEDO, KESTI) met.".replace(", KESTI", ", US"),
        "NEDO (2024) is new.",
        "NEDO (the agency says nothing) is new.",
    ],
)
def test_one_that_is_nowhere_spelt_out_is_noted(text: str) -> None:
    assert _find(text) == ["NEDO"]


@pytest.mark.parametrize(
    "text",
    [
        "The New Energy and Industrial Technology Development Organization (NEDO) pays; NEDO is new.",
        "NEDO (New Energy and Industrial Technology Development Organization) pays.",
        "NEDO pays. It is the ministry for energy and industry (the “NEDO”).",
        "The National Energy Development Office, NEDO for short.",
        "The energy body ([NEDO](https://example.org/x)) pays, and the NEDO’s plan is new.",
        "Japan’s minister for education, culture, sports and science (NEDO) signed.",
        "The KESTI (Korea East Sea Technology Institute) met.",
        "The Defense Innovation Board, or DIB, met.",
        "The special operations command (NSOC; in Hawaii) met NSOC.",
    ],
)
def test_one_that_is_spelt_out_is_not(text: str) -> None:
    assert _find(text) == []


def test_a_postscript_is_none() -> None:
    assert _find("PS: See you at the reception. PPS: Bring a friend. NB: not on Monday.") == []


def test_it_may_be_spelt_out_in_another_item() -> None:
    assert _find("NEDO pays.", "The energy body (NEDO) is new.") == []


@pytest.mark.parametrize(
    "text",
    [
        "The US, the EU’s CEOs, NASA and a PDF by IBM.",
        "Part III of Rocky IV, in MMXXIV, and a CD.",
        "It has 5 GW, 30 MW, 400 km, 4 TEU and 1,000 DWT.",
        "It costs USD 5 million, 300 ZAR 2, or EUR 20.",
        "The F-35, the AIM-120, an AN/SPY-7, HTV-X, PAC-3 MSE and RFC 5322, COVID-19.",
        "This is NOT so, and you MUST NOT do it.",
        "PLEASE DO NOT MISS THIS, it said.",
        "AT&T, R&D, Q&A and S&P.",
        "He lives in Boise, ID, and she in Springfield, OR. Sen. Doe (D-OR) too.",
        "TOKYO (AP) — It rained.",
        "NEW YORK — It rained.",
        "`NEDO` and {{ name | NEDO }} and https://example.org/NEDO",
        "It took aim. AIM it was.",
        "iOS, PhDs, kWh, MoU, FY2025 and G7.",
        "TODO, TK.",
    ],
)
def test_what_is_known_or_none_is_left_alone(text: str) -> None:
    assert _find(text) == []


def test_a_headline_in_capitals_is_no_acronym() -> None:
    assert _find("HARBOR BOARD MEETS NEDO", "SUMMIT") == []


def test_the_word_list_knows_some() -> None:
    assert _find("The KESTI Act and NEDO’s MOUs.", words=WordList(("KESTI Act", "NEDO", "MOU"))) == []
