"""Recogniser of complaints: feedback reports (RFC 5965), and the forms that large providers had before it."""

import re

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.diagnostic_text import make_line
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.mail.recognition.recognition_result import Recognition
from newsletter.subscribers.reasons import Reason

_PART = "message/feedback-report"
_TYPE = re.compile(r"(?im)^feedback-type\s*:\s*([\w-]{1,40})")
_RECIPIENT = re.compile(r"(?im)^(?:original-rcpt-to|removal-recipient|original-recipient)\s*:\s*([^\n]{1,400})")
# RFC 5965, section 7.3, RFC 6591 and RFC 6430: a mail was no spam, or failed DKIM; nobody complained.
_NO_COMPLAINTS = frozenset({"not-spam", "auth-failure", "dmarc", "dkim", "virus"})
_MOST = 50
_OPT_OUT = frozenset({"opt-out", "opt-out-list", "unsubscribe"})
# Hotmail's JMRP names the recipient in a field of the returned copy; others use fields of their own there.
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


def recognise_feedback_report(mail: ParsedMail) -> Recognition | None:
    """Recognise who complained, or opted out at their provider."""
    report = _find_report(mail)
    if not report and not _has_old_form(mail):
        return None
    match = _TYPE.search(report)
    type_ = match[1].lower() if match else "abuse"
    if type_ in _NO_COMPLAINTS:
        evidence = FeedbackEvidence(part=_PART, words=f"feedback report: {type_}")
        return Recognition((FeedbackEvent(kind=FeedbackKind.OTHER, address="", evidence=evidence),), is_report=True)
    complainants = _find_readable(tuple(match[1] for match in _RECIPIENT.finditer(report)), _MOST)
    complainants = complainants or _find_readable((*mail.header.all(_JMRP), *mail.copy.all(*_COPY_FIELDS)), 1) or ("",)
    opts_out = type_ in _OPT_OUT
    evidence = FeedbackEvidence(part=_PART, words=make_line(f"{type_}: {mail.header.words('subject')}"))
    return Recognition(
        tuple(
            FeedbackEvent(
                kind=FeedbackKind.UNSUBSCRIBE if opts_out else FeedbackKind.COMPLAINT,
                address=address,
                reason=Reason.UNSUBSCRIBED if opts_out else Reason.COMPLAINT,
                evidence=evidence,
            )
            for address in complainants
        ),
        is_report=True,
    )


def _find_report(mail: ParsedMail) -> str:
    """Return the report's fields; those of a badly named part where the mail says that it is a feedback report."""
    report = next((part.text() for part in mail.mime.parts if part.kind == _PART), "")
    if report or mail.report_type != "feedback-report":
        return report
    texts = (part.text() for part in mail.mime.parts if part.is_text)
    return next((text for text in texts if _TYPE.search(text)), "feedback")


def _find_readable(values: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Return the addresses that were not made unreadable for privacy's sake."""
    return tuple(address for address in addresses.find_all(values, most + 5) if not _REDACTED.search(address))[:most]


def _has_old_form(mail: ParsedMail) -> bool:
    """Return whether the mail is a complaint in a form from before RFC 5965."""
    if mail.copy.first(_JMRP) or mail.header.first(_JMRP):
        return True
    holds_copy = bool(mail.copy.fields) and any(part.is_message for part in mail.mime.parts)
    return holds_copy and bool(_SUBJECT.search(mail.header.words("subject")) and _FROM.fullmatch(mail.sender))
