"""Bounces that are no DSN: a server's words for people, told by their form rather than by the server's name.

A notice puts the address where a person sees it: alone on a line, before a colon, after "to" or "recipient", or near
the words that say what is wrong with it. Each place gives points; whom the returned copy was for gives more.
"""

import re
from dataclasses import dataclass
from itertools import islice

from newsletter.feedback.mail.recognition import addresses, phrases, replies, severity, wording
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackEvent, FeedbackKind
from newsletter.feedback.mail.recognition.mime import Mail
from newsletter.feedback.mail.recognition.returned import Notice, recipients
from newsletter.feedback.mail.recognition.stage import stage_in_transcript, stage_of

_MOST = 50
_ENOUGH = 3

# What says, right before an address, that it is the recipient's.
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
# What a notice tells of our message is no recipient that it names.
_SUMMED_UP = re.compile(r"(?i)\s*(?:to|cc|from|an|para|à|subject)\s*:")
_IN_URL = re.compile(r"(?:https?://|mailto:|www\.)[^\s<>\"']*$")


@dataclass(slots=True)
class _Place:
    address: str
    points: int


def is_bounce(mail: Mail, notice: Notice) -> bool:
    """Whether a mail server wrote it: by its form; or by its sender or subject, if its words say what failed."""
    header = mail.header
    if is_sure(mail, notice):
        return True
    server = any(addresses.of_server(header.words(name)) for name in ("from", "sender"))
    subject = header.words("subject")[:300].lower()
    told = phrases.BOUNCED.search(subject) is not None
    said = " ".join(notice.text[:3_000].lower().split())
    says_why = _says_why(notice.text)
    fails = says_why or phrases.BOUNCED.search(said) is not None
    traced = bool(notice.copy.fields or severity.status_in(notice.text))
    # Any word of a failure may stand in a letter; an address that failed beside it seldom does.
    names = _names_another(mail, notice)
    # Who answers an issue on failed deliveries sends its subject back, too.
    if replies.is_answer(subject) or header.first("in-reply-to"):
        return server and says_why and (traced or names)
    fails = fails or severity.explains(notice.text)
    if not server:
        # A list tells its keeper of others' bounces in the same words.
        return told and not header.first("x-list-administrivia") and fails and (traced or names)
    if addresses.is_daemon(header.words("from")):
        return traced or told or fails or names
    return traced or (names and (told or fails))


def is_sure(mail: Mail, notice: Notice) -> bool:
    """Whether it has the form of a bounce, which nothing that people write has."""
    kind = mail.parameters.get("report-type", "").lower()
    return bool(mail.header.first("x-failed-recipients") or kind == "delivery-status" or notice.reports)


def went_well(mail: Mail, notice: Notice) -> tuple[FeedbackEvent, ...]:
    """What a notice that is no report says of each address, when it is that the mail arrived; else empty."""
    subject = mail.header.words("subject")[:300].lower()
    said = " ".join(notice.text[:3_000].lower().split())
    arrived = phrases.ARRIVED.search(subject) or (phrases.BOUNCED.search(subject) and phrases.ARRIVED.search(said))
    if not arrived or severity.explains(notice.text):
        return ()
    chosen = _chosen(_places(wording.rows(notice.text), mail, notice))
    words = wording.one_line(notice.text)
    return tuple(
        FeedbackEvent(kind=FeedbackKind.OTHER, address=address, words=words, ok=True) for address in chosen[:_MOST]
    )


def _names_another(mail: Mail, notice: Notice) -> bool:
    """Whether its words name an address that is neither its own nor ours."""
    known = addresses.all_of(mail.header.all("from", "reply-to", "sender", "to", "cc", "delivered-to"), _MOST)
    return any(addresses.normal(match[0]) not in known for match in islice(addresses.found(notice.text), _MOST))


def is_from_nobody(mail: Mail, notice: Notice) -> bool:
    """Whether it has no sender that one could answer (RFC 5321, section 4.5.5), and says why mail failed."""
    nobody = any(value.strip() in {"<>", ""} for value in mail.header.all("return-path"))
    return (nobody or not mail.header.first("from")) and _says_why(notice.text)


def _says_why(text: str) -> bool:
    said = " ".join(text[:3_000].lower().split())
    return any(known.search(said) for known in (phrases.GONE, phrases.FULL, phrases.NO_HOST))


def failed_recipients(mail: Mail) -> tuple[str, ...]:
    """Exim's own field, which Gmail and others write as well."""
    return addresses.all_of(mail.header.all("x-failed-recipients"), _MOST)


def findings(mail: Mail, notice: Notice, known: tuple[str, ...]) -> tuple[FeedbackEvent, ...]:
    """What the notice says of each address; `known` are those that are sure to be meant, if any are."""
    rows = wording.rows(notice.text)
    places = _places(rows, mail, notice)
    chosen = list(known) or _chosen(places)
    if not chosen:
        meant = recipients(notice)
        chosen = [meant[0]] if len(meant) == 1 else [""]
    return tuple(_finding(address, rows, mail, alone=len(chosen) == 1) for address in chosen[:_MOST])


def _places(rows: list[str], mail: Mail, notice: Notice) -> list[_Place]:
    meant = set(recipients(notice))
    ours = {
        addresses.first(value)
        for value in (
            *mail.header.all("to", "delivered-to"),
            *notice.copy.all("from", "return-path", "sender", "reply-to"),
        )
    }
    theirs = {addresses.first(value) for value in mail.header.all("from", "reply-to", "sender")}
    places: list[_Place] = []
    before = ""
    for row in rows:
        for match in addresses.found(row):
            address = addresses.normal(match[0])
            lead = row[: match.start()]
            points = 4 if address in meant else 0
            if not _SUMMED_UP.match(row):
                points += 3 if not lead.strip(" \t<\"'([>*-•+") and _BEHIND.match(row, match.end()) else 0
                points += 3 if _BEFORE.search(lead[-80:]) else 0
                points += 2 if _BEFORE.search(before[-80:]) or before.rstrip().endswith((":", "：")) else 0
            points += 2 if phrases.GONE.search(row.lower()) or phrases.FULL.search(row.lower()) else 0
            points -= 5 if _OF_SENDER.search(lead[-80:]) else 0
            points -= 10 if _IN_URL.search(lead[-200:]) else 0
            if address not in meant:
                points -= 8 if address in ours or address in theirs or addresses.is_program(address) else 0
            places.append(_Place(address, points))
            if len(places) >= 4 * _MOST:
                return places
        before = row if row.strip() else before
    return places


def _chosen(places: list[_Place]) -> list[str]:
    """The addresses with the most points; others only when they stand as that one does."""
    best: dict[str, int] = {}
    for place in places:
        best[place.address] = max(place.points, best.get(place.address, -99))
    if not best or (most := max(best.values())) < _ENOUGH:
        return []
    return [address for address, points in best.items() if points >= max(_ENOUGH, most - 1)]


def _finding(address: str, rows: list[str], mail: Mail, *, alone: bool) -> FeedbackEvent:
    """Judged by the words near the address, and by all of them where those say nothing."""
    near = wording.near(address, rows)
    whole = "\n".join(rows)[:1_500]
    subject = mail.header.words("subject")[:300]
    status = severity.status_in(near) or (severity.status_in(whole) if alone else "")
    said = near
    stage = stage_of(near) or (stage_of(whole) if alone else None) or stage_in_transcript("\n".join(rows), near)
    kind, delayed = severity.judge("", status, said, stage)
    if not status and not delayed and not severity.explains(near) and (alone or not near):
        said = f"{whole} / {subject}"
        kind, delayed = severity.judge("", status, said, stage)
    return FeedbackEvent(
        kind=kind,
        address=address,
        status=status,
        words=wording.one_line(near or whole or subject),
        delayed=delayed,
        about_us=severity.about_us(kind, status, said, stage),
        stage=stage.words if stage else "",
    )
