"""Recognisers of bounces that are no DSN: a server's words for people, known by their form and not by its name."""

from collections.abc import Sequence

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.bounce_signs import is_arrival_notice, is_bounce, is_from_nobody
from newsletter.feedback.mail.recognition.diagnostic_text import find_near, make_line
from newsletter.feedback.mail.recognition.failed_addresses import find_failed_addresses
from newsletter.feedback.mail.recognition.flufl_bounce import find_flufl_recipients
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.mail.recognition.recognition_result import TEXT, Recognition, make_bounce
from newsletter.feedback.smtp_replies.classification import classify_reply, explains_failure
from newsletter.feedback.smtp_replies.smtp_stage import find_stage, find_stage_in_transcript
from newsletter.feedback.smtp_replies.status_codes import find_enhanced_code
from newsletter.subscribers.reasons import Reason

_MOST = 50
_WHOLE = 1_500  # characters of a notice that are judged where the words near the address say nothing
_EXIM_FIELD = "x-failed-recipients"


def recognise_failed_recipients(mail: ParsedMail) -> Recognition | None:
    """Recognise Exim's field X-Failed-Recipients, which Gmail and others write as well."""
    failed = addresses.find_all(mail.header.all(_EXIM_FIELD), _MOST)
    return _recognise_notice(mail, failed) if failed else None


def recognise_arrival_notice(mail: ParsedMail) -> Recognition | None:
    """Recognise a notice that the message was delivered."""
    if not is_arrival_notice(mail):
        return None
    evidence = FeedbackEvidence(part=TEXT, words=make_line(mail.text))
    events = tuple(
        FeedbackEvent(
            kind=FeedbackKind.OTHER, address=address, reason=Reason.DELIVERED, evidence=evidence, delivered=True
        )
        for address in find_failed_addresses(mail)[:_MOST]
    )
    return Recognition(events) if events else None


def recognise_bounce_notice(mail: ParsedMail) -> Recognition | None:
    """Recognise a bounce by its form, or by its sender, its subject and its words."""
    return _recognise_notice(mail, find_flufl_recipients(mail)) if is_bounce(mail) else None


def recognise_null_sender(mail: ParsedMail) -> Recognition | None:
    """Recognise a bounce by its null sender, where its words say why mail failed."""
    return _recognise_notice(mail, find_flufl_recipients(mail)) if is_from_nobody(mail) else None


def _recognise_notice(mail: ParsedMail, certain: Sequence[str]) -> Recognition:
    """Return what the notice says of each address; `certain` are those that are sure to be meant, if any are."""
    failed = list(certain) or find_failed_addresses(mail)
    if not failed:
        of_copy = mail.copy_recipients
        failed = [of_copy[0]] if len(of_copy) == 1 else [""]
    return Recognition(tuple(_make_event(address, mail, alone=len(failed) == 1) for address in failed[:_MOST]))


def _make_event(address: str, mail: ParsedMail, *, alone: bool) -> FeedbackEvent:
    """Classify the words near the address, and all words where those say nothing and no other address is named."""
    near = find_near(address, mail.lines)
    text = "\n".join(mail.lines)
    whole = text[:_WHOLE]
    enhanced = find_enhanced_code(near) or (find_enhanced_code(whole) if alone else "")
    stage = find_stage(near) or (find_stage(whole) if alone else None) or find_stage_in_transcript(text, near)
    reply = classify_reply(near, enhanced, stage=stage)
    if not enhanced and not reply.delayed and not explains_failure(near) and (alone or not near):
        reply = classify_reply(f"{whole} / {mail.subject}", enhanced, stage=stage)
    return make_bounce(address, reply, stage=stage, enhanced=enhanced, part=TEXT, words=near or whole or mail.subject)
