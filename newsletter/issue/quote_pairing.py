"""Pairing of straight quotes in a line of text: which opens, which closes, and which is an apostrophe or a prime."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.issue.cjk import is_cjk
from newsletter.issue.quotation_marks import QuotationMarks

# Stands for what is no text: code, a field's value, an address.
OPAQUE = "\ufffc"
APOSTROPHE = "’"
_QUOTES = re.compile("[\"'“”„‟‘’‚‛«»‹›「」『』′″׳״]+")
_OPENING = frozenset("([{<¿¡—–-/|=（［｛【〈《")
_ENDING = frozenset(".,;:!?…)]}>。，、；：！？）］｝】〉》")
_FEET = re.compile(r"(?<![\w.,])\d{1,5}(?:[.,]\d{1,3})?(?P<feet>')\s?\d{1,3}(?:[.,]\d{1,3})?[½¼¾]?(?P<inches>\")(?!\w)")
_ARC = re.compile(r"°\s?\d{1,2}(?:[.,]\d{1,4})?(?P<feet>')(?:\s?\d{1,2}(?:[.,]\d{1,4})?(?P<inches>\"))?")
_YEAR = re.compile(r"(?<![^\W_])'(?=\d\d(?:s|er|ers|'?s)?(?!\w))")
_ROCK_N_ROLL = re.compile(r"(?<=[^\W\d_][ \u00a0])'n'(?=[ \u00a0])|(?<=[^\W\d_])'n'(?=[^\W\d_])", re.IGNORECASE)
_HEBREW = re.compile("(?<=[\u05d0-\u05ea])(?:\"(?=[\u05d0-\u05ea])|'(?![\"']))")


@dataclass(frozen=True, slots=True)
class Change:
    """What stands in the place of `text[start:end]`."""

    start: int
    end: int
    new: str


@dataclass(slots=True)
class _Quote:
    """A straight quote: its place, its sign, and what it does. `partner` is the other of its pair."""

    at: int
    sign: str
    opens: bool
    partner: "_Quote | None" = None


def find_quote_changes(text: str, marks: QuotationMarks) -> list[Change]:
    """Return the changes of straight quotes to the marks of a language, in their order.

    A pair within another has the other kind of marks. What has no partner is an apostrophe, a prime after a digit, or
    the quotation mark that its neighbours ask for: a quotation of several paragraphs opens in each and closes in the
    last. A quote between two spaces, or between two letters, stays as it is.
    """
    if '"' not in text and "'" not in text:
        return []
    settled = dict(_find_settled(text, marks))
    quotes = _pair(text, settled)
    changes = [Change(at, at + 1, new) for at, new in settled.items()]
    changes += _write_marks(quotes, text, marks)
    return sorted(changes, key=lambda change: change.start)


def _find_settled(text: str, marks: QuotationMarks) -> Iterator[tuple[int, str]]:
    """Yield the quotes that need no partner to be known: apostrophes, primes, and the Hebrew geresh and gershayim."""
    for pattern in (_FEET, _ARC):
        for match in pattern.finditer(text):
            yield match.start("feet"), "′"
            if match["inches"]:
                yield match.start("inches"), "″"
    for match in _HEBREW.finditer(text):
        yield match.start(), "״" if match[0] == '"' else "׳"
    for match in _ROCK_N_ROLL.finditer(text):
        yield match.start(), APOSTROPHE
        yield match.end() - 1, APOSTROPHE
    for match in _YEAR.finditer(text):
        yield match.start(), APOSTROPHE
    if marks.shortened:
        for match in re.finditer(rf"(?<![^\W_])'(?=(?:{marks.shortened})(?!\w))", text, re.IGNORECASE):
            yield match.start(), APOSTROPHE


def _pair(text: str, settled: dict[int, str]) -> list[_Quote]:
    """Return the quotes with their partners, without those that are settled; add apostrophes and primes to these."""
    candidates = list(_find_candidates(text, settled))
    closes_next = _find_next_closing(text, candidates)
    quotes: list[_Quote] = []
    open_quotes: list[_Quote] = []
    doubles = 0
    for number, (at, before, after) in enumerate(candidates):
        sign = text[at]
        is_open = doubles > 0 if sign == '"' else bool(open_quotes) and open_quotes[-1].sign == sign
        role = _find_role(text, at, before, after, is_open=is_open)
        after_digit = at > 0 and (text[at - 1].isdigit() or text[at - 1] in "½¼¾")
        if role == "close" and after_digit and (not is_open or (sign == '"' and closes_next[number])):
            settled[at] = "″" if sign == '"' else "′"
        elif role == "apostrophe" or (role == "close" and sign == "'" and not is_open):
            settled[at] = APOSTROPHE
        elif role == "open":
            quote = _Quote(at, sign, opens=True)
            quotes.append(quote)
            open_quotes.append(quote)
            doubles += sign == '"'
        elif role == "close":
            quote = _Quote(at, sign, opens=False)
            quotes.append(quote)
            while is_open and quote.partner is None:
                other = open_quotes.pop()
                if other.sign == sign:
                    quote.partner, other.partner = other, quote
                    doubles -= sign == '"'
    for quote in quotes:
        if quote.partner is None and quote.sign == "'":
            settled[quote.at] = APOSTROPHE
    return [quote for quote in quotes if quote.at not in settled]


def _find_candidates(text: str, settled: dict[int, str]) -> Iterator[tuple[int, str, str]]:
    """Yield the place of each straight quote with the characters before and after the run of quotes it is in."""
    for run in _QUOTES.finditer(text):
        before = text[run.start() - 1] if run.start() else " "
        after = text[run.end()] if run.end() < len(text) else " "
        for at in range(run.start(), run.end()):
            if text[at] in "\"'" and at not in settled:
                yield at, before, after


def _find_next_closing(text: str, candidates: list[tuple[int, str, str]]) -> list[bool]:
    """Return for each quote whether the next double one can only close, so that this one may be that of inches."""
    found: list[bool] = []
    following = False
    for at, before, after in reversed(candidates):
        found.append(following)
        if text[at] == '"':
            following = not before.isspace() and not before.isdigit() and not _is_word(after)
    return found[::-1]


def _find_role(text: str, at: int, before: str, after: str, *, is_open: bool) -> str:
    """Return "open", "close", "apostrophe", or "" for a quote that stays as it is."""
    if before.isspace() and after.isspace():
        return ""
    toggled = "close" if is_open else "open"
    if is_cjk(before) or is_cjk(after):
        return "open" if before.isspace() else "close" if after.isspace() else toggled
    if _is_word(before) and _is_word(after):
        return _find_role_within_word(text, at, is_open=is_open)
    if after.isspace() or _is_word(before):
        return "close"
    if before.isspace() or before in _OPENING:
        return "open"
    if _is_word(after):
        return "close" if is_open and before in _ENDING and after != OPAQUE else "open"
    return "close" if after in _ENDING and is_open else toggled


def _find_role_within_word(text: str, at: int, *, is_open: bool) -> str:
    if text[at] == "'":
        return "apostrophe"
    if text[at - 1] in ("'", APOSTROPHE):  # l'"été"
        return "open"
    if _is_word(text[at - 1]) and _is_word(text[at + 1]):
        return "close" if is_open else ""
    return "close" if is_open else "open"


def _is_word(character: str) -> bool:
    return character.isalnum() or character == OPAQUE or unicodedata.category(character).startswith("M")


def _write_marks(quotes: list[_Quote], text: str, marks: QuotationMarks) -> Iterator[Change]:
    """Yield the mark of each quote: of the kind that was typed, or of the other within a quotation of the same.

    A quotation within marks that the editor typed is within one, too.
    """
    opening, closing = marks.double
    typed = () if opening == closing else (match.start() for match in re.finditer(f"[{opening}{closing}]", text))
    by_place: dict[int, _Quote | None] = {quote.at: quote for quote in quotes} | dict.fromkeys(typed)
    enclosing: list[tuple[str, _Quote | None]] = []
    for at in sorted(by_place):
        quote = by_place[at]
        if quote is None:
            if text[at] == opening:
                enclosing.append(('"', None))
            elif enclosing and enclosing[-1][1] is None:
                enclosing.pop()
            continue
        kind = quote.sign
        if quote.partner and quote.opens:
            if enclosing and enclosing[-1][0] == kind:
                kind = "'" if kind == '"' else '"'
            enclosing.append((kind, quote))
        elif quote.partner:
            other = None
            while other is not quote.partner:
                kind, other = enclosing.pop()
        pair = marks.double if kind == '"' else marks.single
        yield Change(quote.at, quote.at + 1, pair[0 if quote.opens else 1])
