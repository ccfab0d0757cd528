"""Names of months as people write them in dates, by CLDR."""

from collections.abc import Iterable
from functools import cache


def fold_month_name(word: str) -> str:
    """Return a month's name as `list_month_names` has it: in small letters, without the point of a short form."""
    return word.casefold().rstrip(".")


@cache
def list_month_names(languages: tuple[str, ...]) -> dict[str, int]:
    """Return the numbers of months by their names in these languages, long and short, the first language's first.

    A language that Babel has no data of adds none, and neither do names that are numbers, as in Japanese.
    """
    months = {"sept": 9, "mrz": 3}  # short forms that CLDR has none of
    for language in languages:
        for name, number in _iterate_names(language):
            if len(name) > 2 and not any(letter.isdigit() for letter in name):
                months.setdefault(fold_month_name(name), number)
    return months


def _iterate_names(language: str) -> Iterable[tuple[str, int]]:
    from babel import Locale, UnknownLocaleError  # a twentieth of a second

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return
    for names in locale.months.values():
        for width in ("wide", "abbreviated"):
            yield from ((name, number) for number, name in names.get(width, {}).items())
