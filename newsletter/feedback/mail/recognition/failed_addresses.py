"""Addresses that a notice for people says have failed, by where they are in its words.

A notice puts an address where a person sees it: alone on a line, before a colon, after "to" or "recipient", or near the
words that say what is wrong with it. Each place gives points; a recipient of the returned copy gets more.
"""

import re
from dataclasses import dataclass

from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.smtp_replies import reply_phrases as phrases

_MOST = 50
_ENOUGH = 3  # points

# Words right before an address by which it is the recipient's.
_BEFORE = re.compile(
    r"(?i)(?:\b(?:to|for|(?:generated|expanded|forwarded) from|recipients?|rcpt to|address(?:es)?|addressee|mailbox|"
    r"user(?:name)?|account|alias|e-?mail|failed|empfänger|adresse|an|à|destinataires?|destinatarios?|para|"
    r"a|naar|ontvanger|adresat|кому|получател\w+|адрес\w*|收件人|宛先|あて先|アドレス|受信者|수신자)|[:：])"
    r"\s*(?:is|was)?\s*[:：]?\s*[\"'<(\[«„“]{0,3}$"
)
_OF_SENDER = re.compile(
    r"(?i)\b(?:(?<!generated )(?<!expanded )(?<!forwarded )from|sender|by|mail from|reply-to|return-path|contact|"
    r"e-?mail(?: us)? at|notify|von|de|от|help|support|id)\s*[:=]?\s*[\"'<(\[]{0,3}$"
)
_BEHIND = re.compile(r"[\"'>)\]]{0,3}\s*(?:\.\.\.|[:;,(=<\[\-]|$|\bon\b|\bdue\b|\bis\b|\bwas\b|\bhas\b)")
# A summary of our message, whose addresses are no recipients that failed.
_SUMMED_UP = re.compile(r"(?i)\s*(?:to|cc|from|an|para|à|subject)\s*:")
_IN_URL = re.compile(r"(?:https?://|mailto:|www\.)[^\s<>\"']*$")


@dataclass(slots=True)
class _Place:
    """A place at which an address stands, and how much speaks for its being a recipient that failed."""

    address: str
    points: int


def find_failed_addresses(mail: ParsedMail) -> list[str]:
    """Return the addresses with the most points; others only where they stand as that one does."""
    best: dict[str, int] = {}
    for place in _rate_places(mail):
        best[place.address] = max(place.points, best.get(place.address, -99))
    if not best or (most := max(best.values())) < _ENOUGH:
        return []
    return [address for address, points in best.items() if points >= max(_ENOUGH, most - 1)]


def _rate_places(mail: ParsedMail) -> list[_Place]:
    """Return each place of an address with its points."""
    meant = set(mail.copy_recipients)
    unlikely = _find_unlikely(mail)
    places: list[_Place] = []
    before = ""
    for row in mail.lines:
        for match in addresses.find_addresses(row):
            address = addresses.normalise(match[0])
            points = _rate_line(row, match, before)
            if address in meant:
                points += 4
            elif address in unlikely or addresses.is_program(address):
                points -= 8
            places.append(_Place(address, points))
            if len(places) >= 4 * _MOST:
                return places
        before = row if row.strip() else before
    return places


def _find_unlikely(mail: ParsedMail) -> set[str]:
    """Return the addresses of ours and of the notice's sender."""
    fields = (
        *mail.header.all("to", "delivered-to", "from", "reply-to", "sender"),
        *mail.copy.all("from", "return-path", "sender", "reply-to"),
    )
    return {addresses.find_first(value) for value in fields}


def _rate_line(row: str, match: re.Match[str], before: str) -> int:
    """Return the points of an address by the words of its line, and by the line before."""
    lead = row[: match.start()]
    points = 0
    if not _SUMMED_UP.match(row):
        points += 3 if not lead.strip(" \t<\"'([>*-•+") and _BEHIND.match(row, match.end()) else 0
        points += 3 if _BEFORE.search(lead[-80:]) else 0
        points += 2 if _BEFORE.search(before[-80:]) or before.rstrip().endswith((":", "：")) else 0
    points += 2 if phrases.GONE.search(row.lower()) or phrases.FULL.search(row.lower()) else 0
    points -= 5 if _OF_SENDER.search(lead[-80:]) else 0
    points -= 10 if _IN_URL.search(lead[-200:]) else 0
    return points
