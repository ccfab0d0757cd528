"""Notes by proselint, where it is installed, without what it shares with the other checks or is often wrong about."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import accumulate
from typing import TYPE_CHECKING

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose.checked_prose import CheckedProse, tell_count
from newsletter.checks.prose.passages import OPAQUE
from newsletter.text import quote_text

if TYPE_CHECKING:
    from proselint.registry.checks import CheckResult

# Left out: spelling, repeated words, notes to oneself and typography, which the program sees to itself; and taste,
# such as clichés, hedging, metadiscourse, Latin, a paragraph that begins with But, and how a time of day is written.
_CHECKS = (
    "dates_times.dates.decade_apostrophes",
    "dates_times.dates.dash_and_from",
    "dates_times.dates.month_year_comma",
    "dates_times.dates.month_of_year",
    "industrial_language.airlinese",
    "industrial_language.bureaucratese",
    "industrial_language.commercialese",
    "industrial_language.corporate_speak",
    "malapropisms",
    "misc.apologizing",
    "misc.back_formations",
    "misc.false_plurals",
    "misc.illogic",
    "misc.inferior_superior",
    "misc.institution_name",
    "misc.many_a",
    "misc.not_guilty",
    "misc.phrasal_adjectives.ly",
    "misc.whence",
    "mixed_metaphors",
    "mondegreens",
    "nonwords",
    "psychology",
    "redundancy",
    "social_awareness",
)
_APART = "\n\n"


def find_proselint_notes(prose: CheckedProse) -> Iterator[Finding]:
    """Find what proselint says of passages in English; where it is not installed, tell how to install it."""
    if find_spec("proselint") is None:
        yield prose.note_setting(
            "proselint",
            code="proselint",
            message="proselint is switched on, and is not installed",
            next_step='Install it: pip install "newsletter-press[prose]"; or write proselint = false.',
        )
        return
    passages = [(passage, text) for passage, text in prose.passages_in("en") if not passage.is_quoted]
    whole = _APART.join(text for _, text in passages)
    starts = [0, *accumulate(len(text) + len(_APART) for _, text in passages)]
    found: dict[str, tuple[Finding, int]] = {}
    for result in _lint(whole):
        start, end = result.span[0] - 1, result.span[1] - 1  # the text has a line end before it
        words = whole[max(start, 0) : end]
        start += len(words) - len(words.lstrip())
        number = bisect_right(starts, max(start, 0)) - 1
        key = f"{result.check_path} {' '.join(words.split()).lower()}"
        if OPAQUE in words or not words.strip() or number >= len(passages):
            continue
        if known := found.get(key):
            found[key] = (known[0], known[1] + 1)
            continue
        said = " ".join(result.message.split()).rstrip(".")
        note = prose.note(
            passages[number][0],
            max(start, 0) - starts[number],
            code="proselint",
            message=f"proselint says of {quote_text(' '.join(words.split()))}: {said}",
            next_step="Write it otherwise; or leave it, where it is meant.",
        )
        found[key] = (note, 1)
    yield from (tell_count(note, number) for note, number in found.values())


def _lint(text: str) -> "Iterator[CheckResult]":
    """Yield what the chosen checks of proselint find in a text."""
    from proselint.tools import LintFile

    _register_checks()
    if text.strip():
        config = {"max_errors": 500, "checks": dict.fromkeys(_CHECKS, True)}
        yield from (each.check_result for each in LintFile("draft", text).lint(config))


@cache
def _register_checks() -> None:
    """Make proselint's checks known to its registry, which is the process's own."""
    from proselint.checks import __register__
    from proselint.registry import CheckRegistry

    if not CheckRegistry().checks:
        CheckRegistry().register_many(__register__)
