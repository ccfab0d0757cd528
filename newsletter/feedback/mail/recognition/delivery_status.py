"""Recogniser of delivery status notifications (RFC 3464), as they should be and as they are."""

import re
from dataclasses import dataclass, field

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.diagnostic_text import find_near, make_line
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.mail.recognition.recognition_result import TEXT, Recognition, make_bounce
from newsletter.feedback.smtp_replies.classification import classify_reply
from newsletter.feedback.smtp_replies.smtp_stage import find_stage, find_stage_in_transcript
from newsletter.feedback.smtp_replies.status_codes import choose_enhanced_code
from newsletter.feedback.text_lines import cut_lines
from newsletter.subscribers.reasons import Reason

_MOST_LINES, _LONGEST_LINE, _MOST = 5_000, 1_000, 200
_PART = "message/delivery-status"

_FIELD = re.compile(
    r"[\s>|]{0,8}(final-recipient|original-recipient|x-actual-recipient|action|status|diagnostic-code|remote-mta|"
    r"x-display-name|x-[\w-]{1,40}|reporting-mta|arrival-date|received-from-mta|last-attempt-date|final-log-id|"
    r"will-retry-until|dsn-gateway|original-envelope-id)\s{0,4}:\s*(.*)",
    re.IGNORECASE,
)
_SIGN = re.compile(r"(?im)^[\s>|]{0,8}(?:final-recipient|original-recipient|action|diagnostic-code)\s{0,4}:\s*\S")
_TYPE = re.compile(r"(?i)\s*(?:x-)?[a-z0-9_ -]{1,20};\s*")
_COMMENT = re.compile(r"\([^()]*\)")
# MS-OXCMAIL, section 2.2.3.7.1.2: "<mx.example.com #5.1.1 smtp;550 5.1.1 ...>" holds the reply that Exchange got.
_SUPPLEMENT = re.compile(r"<?(?:\S{1,255}\s+)?#\d(?:\.\d{1,3}){2}\s*(.*?)>?\s*")
_RECIPIENTS = frozenset({"final-recipient", "original-recipient", "x-actual-recipient"})
# Beginnings of actions that are no failure (RFC 3464, section 2.3.3).
_NO_FAILURE = ("deliver", "relay", "expand", "success")


@dataclass(slots=True)
class _RecipientFields:
    """Fields about one recipient."""

    fields: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return the field on one line; empty where there is none."""
        return " ".join(" ".join(self.fields.get(name, ())).split())


def recognise_delivery_status(mail: ParsedMail) -> Recognition | None:
    """Recognise what a DSN says of each recipient, and whom they were before they were forwarded.

    The fields are looked for in its status part, or, in one whose parts are badly named, in its words.
    """
    texts = [text for text in mail.reports if _SIGN.search(text)]
    if not texts and len(_SIGN.findall(mail.text)) > 1:
        texts = [mail.text]
    groups = [group for text in texts for group in _split_recipients(text)]
    if not groups:
        return None
    events: dict[str, FeedbackEvent] = {}
    originals: dict[str, None] = {}
    for group in groups[:_MOST]:
        address, original = _find_addresses(group, mail)
        if original:
            originals.setdefault(original)
        event = _make_event(group, address, mail)
        earlier = events.get(address)
        if earlier is None or _says_more(event, earlier):
            events[address] = event
    return Recognition(tuple(events.values()), tuple(originals), is_report=True)


def _says_more(event: FeedbackEvent, earlier: FeedbackEvent) -> bool:
    """Return whether an event counts before another about the same address: failures first, then those with a code."""
    if event.delivered is not earlier.delivered:
        return earlier.delivered
    return bool(event.enhanced and not earlier.enhanced)


def _split_recipients(text: str) -> list[_RecipientFields]:
    """Return the fields by recipient: an empty line, or a recipient's field after its others, begins the next."""
    groups = [_RecipientFields()]
    last = ""
    for row in cut_lines(text, _MOST_LINES, _LONGEST_LINE):
        if not row.strip(" \t>|"):
            last = ""
            if _is_complete(groups[-1]):
                groups.append(_RecipientFields())
            continue
        if match := _FIELD.match(row):
            last = match[1].lower()
            if (
                last in groups[-1].fields
                and last in {"final-recipient", "original-recipient", "action"}
                and _is_complete(groups[-1])
            ):
                groups.append(_RecipientFields())
            groups[-1].fields.setdefault(last, []).append(match[2].strip())
        elif last in groups[-1].fields:
            groups[-1].fields[last].append(row.strip())
    return [
        group
        for group in groups
        if _RECIPIENTS.intersection(group.fields) or {"action", "status"} <= group.fields.keys()
    ]


def _is_complete(group: _RecipientFields) -> bool:
    return len(group.fields) > 1 and ("action" in group.fields or bool(_RECIPIENTS.intersection(group.fields)))


def _find_addresses(group: _RecipientFields, mail: ParsedMail) -> tuple[str, str]:
    """Return the recipient that the server speaks of, and the original one where that is another."""
    final = addresses.parse_recipient_field(_COMMENT.sub("", group.text("final-recipient")))
    original = addresses.parse_recipient_field(_COMMENT.sub("", group.text("original-recipient")))
    actual = addresses.parse_recipient_field(group.text("x-actual-recipient"))
    best = next((address for address in (final, actual, original) if addresses.is_address(address)), "")
    if not best:
        # The recipient is a name on the server's own system: the diagnostic or the returned copy may have the address.
        of_copy = [*addresses.find_all(mail.copy.all("to"), 2)]
        in_diagnostic = addresses.find_first(group.text("diagnostic-code"))
        if in_diagnostic and not addresses.is_program(in_diagnostic):
            best = in_diagnostic
        else:
            best = of_copy[0] if len(of_copy) == 1 else final or original
    return best, original if addresses.is_address(original) and original != best else ""


def _find_diagnostic(group: _RecipientFields) -> str:
    """Return the server's words: the diagnostic, and what Exchange has in a field of its own, with it or instead."""
    diagnostic = _TYPE.sub("", group.text("diagnostic-code"), count=1)
    supplementary = group.text("x-supplementary-info")
    supplement = _SUPPLEMENT.fullmatch(supplementary)
    more = _TYPE.sub("", supplement[1] if supplement else supplementary, count=1).strip()
    return " / ".join(dict.fromkeys(words for words in (diagnostic, more) if words))


def _make_event(group: _RecipientFields, address: str, mail: ParsedMail) -> FeedbackEvent:
    action = group.text("action").lower()
    status = group.text("status")
    diagnostic = _find_diagnostic(group)
    if action.startswith(_NO_FAILURE) or (not action and status.startswith("2")):
        return FeedbackEvent(
            kind=FeedbackKind.OTHER,
            address=address,
            reason=Reason.DELIVERED,
            enhanced=choose_enhanced_code(status, ""),
            evidence=FeedbackEvidence(part=_PART, words=make_line(diagnostic)),
            delivered=True,
        )
    words = diagnostic or (status if _COMMENT.search(status) else "")
    # Without a diagnostic, or with a code that says nothing, the words for people say more.
    near = find_near(address, mail.lines)
    enhanced = choose_enhanced_code(status, words or near)
    judged_words = (
        words if words and not enhanced.endswith(".0.0") else f"{words} / {near or mail.text[:_LONGEST_LINE]}"
    )
    # Exim and sendmail write the stage only into the words for people.
    stage = find_stage(words) or find_stage(near) or find_stage_in_transcript(mail.text, words)
    reply = classify_reply(judged_words, enhanced, action=action, stage=stage)
    return make_bounce(
        address,
        reply,
        stage=stage,
        enhanced=enhanced,
        part=_PART if words else TEXT,
        words=words or near or mail.text,
    )
