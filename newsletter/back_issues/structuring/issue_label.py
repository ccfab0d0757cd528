"""Labels of issues: volume, number and date as texts, front matter and file names write them."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from newsletter.issue_name import is_draft_name
from newsletter.translation.month_names import fold_month_name, list_month_names

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl")  # whose names of months are known
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})", re.IGNORECASE)
_COUNT = r"(?P<{}>[0-9]{{1,5}}|[IVXLC]{{1,8}}\b)"
_VOLUME = r"\b(?:vol(?:ume)?|jahrgang|jg|année|año|anno)\b\.?\s*" + _COUNT.format("volume")
_NUMBER_WORD = r"(?:no|nos|nr|num|number|nummer|numéro|número|numero|n°|nº|№|issue|iss|edition|ed|ausgabe|#)"
_BOTH = re.compile(
    _VOLUME + rf"\s*(?:[,;:./|·•–—-]|\s)\s*(?:{_NUMBER_WORD}\b\.?\s*:?\s*)?#?\s*(?P<number>[0-9]{{1,5}})(?![0-9])",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"(?:(?<!\w){_NUMBER_WORD}(?<=[#°º№])|\b{_NUMBER_WORD}\b\.?)\s*[:#]?\s*(?P<number>[0-9]{{1,5}})(?![0-9.])",
    re.IGNORECASE,
)
_FILE_BOTH = re.compile(
    r"(?:^|[^a-z0-9])v(?:ol(?:ume)?)?[ ._-]*(?P<volume>[0-9]{1,5})[ ._-]*(?:n(?:o|r|umber)?|issue|i)?[ ._-]*"
    r"(?P<number>[0-9]{1,5})(?![0-9])",
    re.IGNORECASE,
)
_FILE_PAIR = re.compile(r"(?<![0-9.])(?P<volume>[0-9]{1,3})\.(?P<number>[0-9]{1,4})(?![0-9.])")
_FILE_ONE = re.compile(
    r"(?:^|[^a-z])(?:issue|edition|number|no|nr|n)[ ._-]*(?P<number>[0-9]{1,5})(?![0-9])|^(?P<alone>[0-9]{1,5})$"
    r"|[a-z][ _-](?P<last>[0-9]{1,4})$",
    re.IGNORECASE,
)
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/._])(\d\d?)\2(\d\d?)(?!\d)")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)")
_NUMERIC = re.compile(r"(?<![\d.])(\d\d?)([./-])(\d\d?)\2((?:19|20)\d\d)(?!\d)")
_CJK = re.compile(r"((?:19|20)\d\d)\s*年\s*(\d\d?)\s*月\s*(\d\d?)\s*日")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLabel:
    """What an issue is called in its series, as far as it is known, and where in a text it was said.

    `is_month` is true of a date of which only the month was said; it is then the month's first day.
    """

    volume: int | None = None
    number: int | None = None
    date: datetime.date | None = None
    is_month: bool = False

    def fill(self, other: "IssueLabel") -> "IssueLabel":
        """Return this label, with what it lacks from another."""
        numbers = self if self.number else other
        dates = self if self.date and not self.is_month else other if other.date and not other.is_month else None
        dates = dates or (self if self.date else other)
        return IssueLabel(volume=numbers.volume, number=numbers.number, date=dates.date, is_month=dates.is_month)


def read_label(text: str) -> IssueLabel:
    """Return what a line says about volume, number and date."""
    label, _ = find_label(text)
    return label


def find_label(text: str) -> tuple[IssueLabel, str]:
    """Return what a line says about volume, number and date, and the line without it."""
    text = text[:1000]
    date, is_month, spans = None, False, []
    if found := next(_find_dates(text), None):
        date, is_month, span = found
        spans.append(span)
    rest = _cut(text, spans)
    both = _BOTH.search(rest)
    one = None if both else _ONE.search(rest)
    volume = number = None
    if both:
        volume, number = _read_count(both["volume"]), int(both["number"])
        rest = _cut(rest, [both.span()])
    elif one:
        number = int(one["number"])
        rest = _cut(rest, [one.span()])
    return IssueLabel(volume=volume or None, number=number or None, date=date, is_month=is_month), rest


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = f"{text[:start]} {text[end:]}"
    return text


def read_file_name(stem: str) -> IssueLabel:
    """Return what a file's name says: `2.10`, `vol2-no10`, `edition-137`, `2023-06-01-digest`."""
    stem = stem[:200]
    date, spans = None, []
    for pattern in (_ISO, _COMPACT):
        match = pattern.search(stem)
        parts = (match[1], match[3], match[4]) if match and pattern is _ISO else match.groups() if match else None
        if match and parts and (date := _make_date(*map(int, parts))):
            spans.append(match.span())
            break
    rest = _cut(stem, spans).strip(" ._-")
    if match := _FILE_BOTH.search(rest) or _FILE_PAIR.search(rest):
        return IssueLabel(volume=int(match["volume"]) or None, number=int(match["number"]) or None, date=date)
    if match := _FILE_ONE.search(rest):
        number = int(match["number"] or match["alone"] or match["last"])
        return IssueLabel(number=number or None, date=date)
    return IssueLabel(date=date)


def make_slug(text: str) -> str | None:
    """Return a name of words for a draft, from a title or a file's name without its date; None where there is none."""
    for pattern in (_ISO, _COMPACT):
        text = pattern.sub(" ", text)
    words = re.findall(r"[a-z0-9]+", text.lower())
    slug = ""
    for word in words:
        if len(slug) + len(word) + 1 > 60:
            break
        slug = f"{slug}-{word}" if slug else word[:60]
    return slug if is_draft_name(slug) and not slug.isdigit() else None


def is_ambiguous_date(text: str) -> bool:
    """Return whether a date is written so that day and month could be either, as in 06/01/2023."""
    match = _NUMERIC.search(text[:1000])
    return bool(match and match[2] != "." and int(match[1]) <= 12 and int(match[3]) <= 12 and match[1] != match[3])


def _read_count(text: str) -> int:
    if text.isdigit():
        return int(text)
    if not _ROMAN.fullmatch(text):
        return 0
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[letter] for letter in text.upper()]
    return sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))


def _find_dates(text: str) -> Iterator[tuple[datetime.date, bool, tuple[int, int]]]:
    """Yield the dates in a text, whole ones first, with their places."""
    for match in _ISO.finditer(text):
        if date := _make_date(int(match[1]), int(match[3]), int(match[4])):
            yield date, False, match.span()
    for match in _CJK.finditer(text):
        if date := _make_date(*map(int, match.groups())):
            yield date, False, match.span()
    months = list_month_names(LANGUAGES)
    day_first, month_first, month_alone = _compile_months()
    for pattern in (month_first, day_first):
        for match in pattern.finditer(text):
            if date := _make_date(int(match["year"]), months[fold_month_name(match["month"])], int(match["day"])):
                yield date, False, match.span()
    for match in _NUMERIC.finditer(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if match[2] == "." or first > 12 or first == second:
            date = _make_date(year, second, first)
        else:
            date = _make_date(year, first, second) if second > 12 else None
        if date:
            yield date, False, match.span()
    for match in month_alone.finditer(text):
        if date := _make_date(int(match["year"]), months[fold_month_name(match["month"])], 1):
            yield date, True, match.span()


def _make_date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


@cache
def _compile_months() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    names = "|".join(re.escape(name) for name in sorted(list_month_names(LANGUAGES), key=len, reverse=True))
    month, year = rf"(?P<month>(?:{names})(?!\w))\.?", r"(?P<year>(?:19|20)\d\d)(?!\d)"
    day = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|er|\.|º)?"
    flags = re.IGNORECASE
    return (
        re.compile(rf"(?<!\d){day}\s*(?:of\s+|de\s+|d')?-?{month}\s*(?:,|de\s|del\s|-)?\s*{year}", flags),
        re.compile(rf"(?<!\w){month}\s*{day}\s*(?:[–—-]\s*[0-3]?\d(?:st|nd|rd|th)?)?\s*,?\s+{year}", flags),
        re.compile(rf"(?<!\w){month}\s*,?\s*(?:de\s+)?{year}", flags),
    )


# Words that stand beside a label and say nothing more.
_AROUND = re.compile(
    r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun|published|date|dated"
    r"|issue|edition|of|on|the|for|from|week)\b",
    re.IGNORECASE,
)


def is_label_alone(text: str) -> bool:
    """Return whether a line says nothing but volume, number and date."""
    label, rest = find_label(text)
    if not (label.number or label.date):
        return False
    return len(text) <= 120 and not re.search(r"\w", _AROUND.sub(" ", rest))
