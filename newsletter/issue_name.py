"""The name of an issue, which is that of its draft's file without the ending.

`2.10` by volume and number, `10` by number, `2024-05-16` by date, and words for what is in no series: `spring-fair`,
`2.10-correction`.
"""

import datetime
import re
from pathlib import Path
from typing import Literal, NewType

# By which an issue is known in the store, in its sent record and on the command line.
IssueName = NewType("IssueName", str)
NO_ISSUE = IssueName("")  # of a mail, or of a link in it, that belongs to no issue
Numbering = Literal["volume", "number", "date", "none"]  # by what the issues of a series are named

# A name is part of addresses, of Message-IDs (RFC 5322, dot-atom), of headers, of files and of locks; on some disks
# small and capital letters are the same. With 254 characters of an address, 60 of a name fit a link's token.
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST = 60
# Names of files on the website and below build/, and of the locks "inbox" and "list".
_TAKEN = frozenset({"feed", "inbox", "index", "list", "logo", "site", "sitemap"})
_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
NAME_ADVICE = "Small letters from a to z, digits, and hyphens between them make a name, as in spring-fair"


def is_draft_name(name: str) -> bool:
    """Return whether a draft may be named so."""
    return bool(_NAME.fullmatch(name)) and len(name) <= _LONGEST and name not in _TAKEN


def parse_numbers(name: str) -> tuple[int, ...]:
    """Return volume and number of `2.10`, the number of `10`, and nothing for other names."""
    return tuple(map(int, name.split("."))) if _NUMBERS.fullmatch(name) else ()


def parse_date(name: str) -> datetime.date | None:
    """Return the date that an issue is named by."""
    try:
        return datetime.date.fromisoformat(name) if re.fullmatch(r"\d{4}-\d\d-\d\d", name) else None
    except ValueError:
        return None


def find_numbering(name: str) -> Numbering:
    """Return the numbering of which a name is: "none" for words."""
    numbers = parse_numbers(name)
    if numbers:
        return "volume" if len(numbers) == 2 else "number"  # a volume and its number
    return "date" if parse_date(name) else "none"


def order_name(name: str) -> list[tuple[int, int, str]]:
    """Return what names are sorted by: numbers in them by their value, so that 2.9 is before 2.10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts]


def read_issue_name(draft: Path, language: str = "") -> IssueName:
    """Return the name of the issue that is written in a draft's file; `language` is that of a translation's name."""
    is_translation = language and draft.stem.lower().endswith(f".{language.lower()}")
    return IssueName(draft.stem[: -len(language) - 1] if is_translation else draft.stem)


def name_edition(name: str, language: str) -> str:
    """Return what files in a language are named by: `2.10.ja` of a translation into ja, and `2.10` where that is ""."""
    return f"{name}.{language.lower()}" if language else name
