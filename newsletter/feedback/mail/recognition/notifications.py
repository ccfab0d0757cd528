"""Bounces and complaints as JSON, which sending services write into a mail's body (Amazon SES by SNS)."""

import re

from newsletter.feedback.mail.recognition import addresses, severity, wording
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackEvent, FeedbackKind
from newsletter.feedback.mail.recognition.stage import stage_of

_MOST = 50
# Read by pattern: the JSON is often cut off, folded, or JSON within a string of JSON.
_KIND = re.compile(
    r'\\{0,3}"(?:notification|event)Type\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"(Bounce|Complaint|DeliveryDelay)\\{0,3}"'
)
_ADDRESS = re.compile(r'\\{0,3}"emailAddress\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([^"\\]{3,320})')
_STATUS = re.compile(r'"status\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([245]\.\d{1,3}\.\d{1,3})')
_WORDS = re.compile(r'"diagnosticCode\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([^"\\]{1,1000})')
_TYPE = re.compile(r'"bounceType\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"(\w{1,20})')


def findings(text: str) -> tuple[FeedbackEvent, ...]:
    """What such a notification says of each address; empty when the text is none."""
    kind = _KIND.search(text)
    if kind is None:
        return ()
    found: dict[str, FeedbackEvent] = {}
    named = list(_ADDRESS.finditer(text))[:_MOST]
    bounce = _TYPE.search(text)
    for place, match in enumerate(named):
        if not (address := addresses.first(match[1])):
            continue
        about = text[match.end() : named[place + 1].start() if place + 1 < len(named) else match.end() + 2_000]
        if kind[1] == "Complaint":
            found[address] = FeedbackEvent(kind=FeedbackKind.COMPLAINT, address=address, words="complaint")
            continue
        words = said[1] if (said := _WORDS.search(about)) else ""
        code = severity.better_status(given[1] if (given := _STATUS.search(about)) else "", words)
        action = "delayed" if kind[1] == "DeliveryDelay" else "failed"
        judged, delayed = severity.judge(action, code, words)
        stage = stage_of(words)
        if not code and not words and bounce and bounce[1] == "Permanent":
            judged = FeedbackKind.HARD
        found[address] = FeedbackEvent(
            kind=judged,
            address=address,
            status=code,
            words=wording.one_line(words),
            delayed=delayed,
            about_us=severity.about_us(judged, code, words, stage),
            stage=stage.words if stage else "",
        )
    return tuple(found.values())
