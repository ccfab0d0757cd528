"""Recogniser of bounces and complaints as JSON, which sending services write into a mail (Amazon SES by SNS)."""

import re
from dataclasses import replace

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.mail.recognition.recognition_result import Recognition, make_bounce
from newsletter.feedback.smtp_replies.classification import classify_reply
from newsletter.feedback.smtp_replies.smtp_stage import find_stage
from newsletter.feedback.smtp_replies.status_codes import choose_enhanced_code
from newsletter.subscribers.reasons import Reason

_PART = "application/json"
_MOST = 50
# Read by pattern: the JSON is often cut off, folded, or JSON within a string of JSON.
_KIND = re.compile(
    r'\\{0,3}"(?:notification|event)Type\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"(Bounce|Complaint|DeliveryDelay)\\{0,3}"'
)
_ADDRESS = re.compile(r'\\{0,3}"emailAddress\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([^"\\]{3,320})')
_STATUS = re.compile(r'"status\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([245]\.\d{1,3}\.\d{1,3})')
_WORDS = re.compile(r'"diagnosticCode\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"([^"\\]{1,1000})')
_TYPE = re.compile(r'"bounceType\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}"(\w{1,20})')


def recognise_provider_notification(mail: ParsedMail) -> Recognition | None:
    """Recognise what a service says of each address."""
    text = mail.text
    kind = _KIND.search(text)
    if kind is None:
        return None
    named = list(_ADDRESS.finditer(text))[:_MOST]
    bounce = _TYPE.search(text)
    is_permanent = bounce is not None and bounce[1] == "Permanent"
    events: dict[str, FeedbackEvent] = {}
    for place, match in enumerate(named):
        if address := addresses.find_first(match[1]):
            about = text[match.end() : named[place + 1].start() if place + 1 < len(named) else match.end() + 2_000]
            events[address] = _make_event(address, about, kind[1], is_permanent=is_permanent)
    return Recognition(tuple(events.values())) if events else None


def _make_event(address: str, about: str, kind: str, *, is_permanent: bool) -> FeedbackEvent:
    if kind == "Complaint":
        evidence = FeedbackEvidence(part=_PART, words="complaint")
        return FeedbackEvent(kind=FeedbackKind.COMPLAINT, address=address, reason=Reason.COMPLAINT, evidence=evidence)
    words = match[1] if (match := _WORDS.search(about)) else ""
    status = match[1] if (match := _STATUS.search(about)) else ""
    enhanced = choose_enhanced_code(status, words)
    reply = classify_reply(words, enhanced, action="delayed" if kind == "DeliveryDelay" else "failed")
    if not enhanced and not words and is_permanent:
        reply = replace(reply, kind=FeedbackKind.HARD, reason=Reason.UNKNOWN_USER, about_sender=False)
    return make_bounce(address, reply, stage=find_stage(words), enhanced=enhanced, part=_PART, words=words)
