"""Complaints: feedback reports (RFC 5965), and the forms that large providers had before it."""

import re

from newsletter.feedback.mail.recognition import addresses, wording
from newsletter.feedback.mail.recognition.mail_feedback import FeedbackEvent, FeedbackKind
from newsletter.feedback.mail.recognition.mime import Mail
from newsletter.feedback.mail.recognition.returned import Notice

_TYPE = re.compile(r"(?im)^feedback-type\s*:\s*([\w-]{1,40})")
_RECIPIENT = re.compile(r"(?im)^(?:original-rcpt-to|removal-recipient|original-recipient)\s*:\s*([^\n]{1,400})")
# Section 7.3 and RFC 6591, RFC 6430: these say that a mail was no spam, or fails DKIM; nobody complained.
_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dmarc", "dkim", "virus"})
_MOST = 50
_LEAVING = frozenset({"opt-out", "opt-out-list", "unsubscribe"})
# Hotmail's JMRP puts the reader into a field of the returned copy; others use fields of their own there.
_JMRP = "x-hmxmroriginalrecipient"
_COPY_FIELDS = (_JMRP, "x-original-to", "x-rcpt-to", "envelope-to", "x-envelope-to", "delivered-to", "to")
_SUBJECT = re.compile(
    r"(?i)(?:complaint about (?:a )?(?:message|mail|e-?mail) from|(?:e-?mail )?(?:feedback|abuse|complaint|"
    r"spam) report\b|fbl report|junk (?:e-?mail )?report|spam complaint)"
)
_FROM = re.compile(
    r"(?i)staff@hotmail\..*|(?:[\w-]*fbl|feedback-?loop|scomp|complaints?|abuse(?:-?desk)?|arf|feedback)"
    r"(?:[-+_]\w*|\d*)@.*"
)
_REDACTED = re.compile(r"(?i)redacted|undisclosed|x{4,}@|^hidden")


def findings(mail: Mail, notice: Notice) -> tuple[FeedbackEvent, ...]:
    """Who complained; empty when it is no complaint."""
    report = next((part.text() for part in mail.parts if part.kind == "message/feedback-report"), "")
    if not report and mail.parameters.get("report-type", "").lower() == "feedback-report":
        report = next((text for part in mail.parts if part.is_text and _TYPE.search(text := part.text())), "feedback")
    if not report and not _is_of_old_form(mail, notice):
        return ()
    said = _TYPE.search(report)
    type_ = said[1].lower() if said else "abuse"
    if type_ in _NO_COMPLAINTS:
        return (FeedbackEvent(kind=FeedbackKind.OTHER, address="", words=f"feedback report: {type_}"),)
    named = _clear(tuple(match[1] for match in _RECIPIENT.finditer(report)), _MOST)
    named = named or _clear((*mail.header.all(_JMRP), *notice.copy.all(*_COPY_FIELDS)), 1) or ("",)
    kind = FeedbackKind.UNSUBSCRIBE if type_ in _LEAVING else FeedbackKind.COMPLAINT
    words = wording.one_line(f"{type_}: {mail.header.words('subject')}")
    return tuple(FeedbackEvent(kind=kind, address=address, words=words) for address in named)


def _clear(values: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The addresses that were not made unreadable for privacy's sake."""
    return tuple(address for address in addresses.all_of(values, most + 5) if not _REDACTED.search(address))[:most]


def _is_of_old_form(mail: Mail, notice: Notice) -> bool:
    if notice.copy.first(_JMRP) or mail.header.first(_JMRP):
        return True
    if not notice.copy.fields or not any(part.is_message for part in mail.parts):
        return False
    sender = addresses.of_sender(mail.header.all("from"))
    return bool(_SUBJECT.search(mail.header.words("subject")) and _FROM.fullmatch(sender))
