"""Dates in words, as the publication's language writes them."""

import datetime

from newsletter.issue.sections import UpcomingEvent
from newsletter.translation import find_locale

_AMERICAN = ("en", "en-US")
_THIN_SPACE = "\u2009"  # Unicode's data has it around dashes; some typefaces do not


def format_date(day: datetime.date, language: str) -> str:
    """Return a day in words, as in May 2, 2024; as 2024-05-02 in a language of which nothing is known."""
    if language in _AMERICAN:
        return f"{day:%B} {day.day}, {day.year}"
    from babel.dates import format_date as format_in

    locale = find_locale(language)
    return format_in(day, "long", locale) if locale else day.isoformat()


def format_event_time(event: UpcomingEvent, language: str) -> str:
    """Return when an event is, as in May 2–4, 2024, 14:00. The time is written as in the draft, by 24 hours."""
    days = _format_days(event.date, event.until or event.date, language)
    if event.time is None:
        return days
    locale = None if language in _AMERICAN else find_locale(language)
    pattern = str(locale.datetime_formats["medium"]) if locale else "{1}, {0}"
    return pattern.format(f"{event.time:%H:%M}", days)


def _format_days(first: datetime.date, last: datetime.date, language: str) -> str:
    if first == last:
        return format_date(first, language)
    if language in _AMERICAN:
        if first.year != last.year:
            return f"{format_date(first, language)} – {format_date(last, language)}"
        end = f" – {last:%B} {last.day}" if first.month != last.month else f"–{last.day}"
        return f"{first:%B} {first.day}{end}, {last.year}"
    from babel.dates import format_interval

    locale = find_locale(language)
    if locale is None:
        return f"{first.isoformat()} – {last.isoformat()}"
    return format_interval(first, last, "yMMMMd", locale=locale).replace(_THIN_SPACE, " ")
