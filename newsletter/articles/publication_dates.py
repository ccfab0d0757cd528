"""Days of publication, from what pages write: ISO 8601, numbers, and words in many languages."""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from newsletter.translation.month_names import fold_month_name, list_month_names

_YEARS = range(1700, 2200)
_ISO = re.compile(
    r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2}|UTC|GMT)?)?"
)
_PACKED = re.compile(r"\s*(\d{4})(\d{2})(\d{2})(?:T?\d{4,6}Z?)?\s*")  # ISO 8601's basic form
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_ERA = re.compile(r"(令和|平成|昭和)\s?(\d{1,2}|元)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}  # the years before their first
_NUMBERS = re.compile(r"(?<![\d./-])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})(?![\d])")
_PATH = re.compile(r"/(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?=[/-])")
_ORDINAL = r"(?:st|nd|rd|th|er|ère|º|°|ª|\.)?"
# Languages of which month's names are looked for in a page that does not name its own.
_COMMON = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "tr")
_MONTH_FIRST = ("en-us", "en-ph", "en-ca")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A day in a text, where it begins and ends, and whether a moment in universal time says it.

    Such a day may be the one before or the one after the day that readers were told.
    """

    day: datetime.date
    start: int
    end: int
    universal: bool = False


def find_date(text: str, language: str | None = None) -> FoundDate | None:
    """Return the first day, month and year in a text. One that is not whole, or could be two days, is none."""
    text = text[:3000]
    found = [*_find_numbered(text, language), *_find_in_words(text, language)]
    return min(found, key=lambda date: (date.start, -date.end), default=None)


def read_first_date(texts: Iterable[str], language: str | None) -> FoundDate | None:
    """Return the day in the first of the texts that has one."""
    return next((found for text in texts if (found := find_date(text, language))), None)


def find_date_in_address(address: str | None) -> datetime.date | None:
    """Return the day in an address such as /2023/06/01/name; None where there is none, or only a month."""
    match = _PATH.search(address or "")
    return _make_day(match[1], match[2], match[3]) if match else None


def choose_date(claimed: FoundDate | None, shown: FoundDate | None) -> datetime.date | None:
    """Return the day that the page shows where the page's code has a moment of the night beside it, else the claim."""
    if claimed is None or shown is None:
        found = claimed or shown
        return found.day if found else None
    near = abs((claimed.day - shown.day).days) == 1
    return shown.day if near and claimed.universal else claimed.day


def _make_day(year: str | int, month: str | int, day: str | int) -> datetime.date | None:
    try:
        made = datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None
    return made if made.year in _YEARS else None


def _find_numbered(text: str, language: str | None) -> Iterable[FoundDate]:
    for match in _ISO.finditer(text):
        if day := _make_day(match[1], match[2], match[3]):
            yield FoundDate(day, *match.span(), universal=_is_universal(match[4]))
    packed = _PACKED.fullmatch(text)
    if packed and (day := _make_day(packed[1], packed[2], packed[3])):
        yield FoundDate(day, *packed.span())
    for match in _EAST_ASIAN.finditer(text):
        if day := _make_day(match[1], match[2], match[3]):
            yield FoundDate(day, *match.span())
    for match in _ERA.finditer(text):
        year = _ERAS[match[1]] + (1 if match[2] == "元" else int(match[2]))
        if day := _make_day(year, match[3], match[4]):
            yield FoundDate(day, *match.span())
    for match in _NUMBERS.finditer(text):
        if day := _read_numbers(int(match[1]), int(match[3]), match[4], match[2], language):
            yield FoundDate(day, *match.span())


def _is_universal(zone: str | None) -> bool:
    return zone is not None and zone.replace(":", "") in ("Z", "UTC", "GMT", "+0000", "-0000")


def _read_numbers(one: int, two: int, year: str, sign: str, language: str | None) -> datetime.date | None:
    """Read 06/01/2023 as the page's language has it; in English that names no country, it could be two days."""
    by_month, by_day = _make_day(year, one, two), _make_day(year, two, one)
    if by_month is None or by_day is None or by_month == by_day:
        return by_month or by_day
    name = (language or "").lower().replace("_", "-")
    if name in _MONTH_FIRST:
        return by_month
    return by_day if sign == "." or (name and name != "en") else None


def _find_in_words(text: str, language: str | None) -> Iterable[FoundDate]:
    months, pattern = _find_months(_choose_languages(language))
    # The name of a month may follow an author's without a space, as in "John RoeJune 1, 2023".
    for match in pattern.finditer(text):
        day_number, month = (
            (match["before"], match["month_behind"]) if match["before"] else (match["behind"], match["month"])
        )
        number = months.get(fold_month_name(month))
        if number and (day := _make_day(match["year"] or match["year_behind"], number, day_number)):
            yield FoundDate(day, *match.span())


def _choose_languages(language: str | None) -> tuple[str, ...]:
    own = re.split("[-_]", (language or "").lower())[0]
    return (own, "en") if own and own != "en" else ("en",) if own else _COMMON


@lru_cache(maxsize=32)
def _find_months(languages: tuple[str, ...]) -> tuple[Mapping[str, int], re.Pattern[str]]:
    """Return the names of months in these languages, and a pattern for a day, a month and a year in words."""
    months = list_month_names(languages)
    known = "|".join(sorted((re.escape(name) for name in months), key=len, reverse=True))
    name = rf"(?:{known})(?![^\W\d_])\.?"
    return months, re.compile(
        rf"(?P<month>{name})\s*(?P<behind>\d{{1,2}})(?!\d){_ORDINAL}\s*,?\s*(?P<year>\d{{4}})(?!\d)"
        rf"|(?<!\d)(?P<before>\d{{1,2}}){_ORDINAL}[\s-]*(?:de |d['’]|of )?(?P<month_behind>{name}),?[\s-]*"
        rf"(?:de |del |of )?(?P<year_behind>\d{{4}})(?!\d)",
        re.IGNORECASE,
    )
