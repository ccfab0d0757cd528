"""Signs by which a bounce is known that is no DSN: its form, its sender, its subject, and the words that say why."""

from itertools import islice

from newsletter.feedback.mail.recognition import addresses
from newsletter.feedback.mail.recognition.auto_reply import is_answer_subject
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.smtp_replies import reply_phrases as phrases
from newsletter.feedback.smtp_replies.classification import explains_failure
from newsletter.feedback.smtp_replies.status_codes import find_enhanced_code

_MOST = 50
_REASONS = (phrases.GONE, phrases.FULL, phrases.NO_HOST)


def has_bounce_form(mail: ParsedMail) -> bool:
    """Return whether the mail has the form of a bounce, which nothing that people write has."""
    named = mail.header.first("x-failed-recipients")
    return bool(named or mail.report_type == "delivery-status" or mail.reports)


def is_bounce(mail: ParsedMail) -> bool:
    """Return whether a mail server wrote it: by its form; or by its sender or subject, if its words say what failed.

    Each word of a failure may be in a letter; an address that failed beside it seldom does.
    """
    return has_bounce_form(mail) or _reads_like_bounce(mail)


def _reads_like_bounce(mail: ParsedMail) -> bool:
    header = mail.header
    is_server = any(addresses.is_mail_server(header.words(name)) for name in ("from", "sender"))
    says_why = says_reason(mail)
    subject_tells = phrases.BOUNCED.search(mail.subject.lower()) is not None
    identifies = bool(mail.copy.fields or find_enhanced_code(mail.text))
    names = _names_another(mail)
    # An answer to an issue on failed deliveries has its subject, too.
    if is_answer_subject(mail.subject) or header.first("in-reply-to"):
        return is_server and says_why and (identifies or names)
    fails = says_why or phrases.BOUNCED.search(mail.opening) is not None or explains_failure(mail.text)
    if not is_server:
        # A mailing list reports its own bounces to its owner in the same words.
        return subject_tells and not header.first("x-list-administrivia") and fails and (identifies or names)
    if addresses.is_daemon(header.words("from")):
        return identifies or subject_tells or fails or names
    return identifies or (names and (subject_tells or fails))


def is_arrival_notice(mail: ParsedMail) -> bool:
    """Return whether a notice that is no report says that the message was delivered."""
    subject = mail.subject.lower()
    in_subject = phrases.ARRIVED.search(subject)
    in_words = phrases.BOUNCED.search(subject) and phrases.ARRIVED.search(mail.opening)
    return bool(in_subject or in_words) and not explains_failure(mail.text)


def is_from_nobody(mail: ParsedMail) -> bool:
    """Return whether it has no sender that one could answer (RFC 5321, section 4.5.5), and says why mail failed."""
    null_sender = any(value.strip() in {"<>", ""} for value in mail.header.all("return-path"))
    return (null_sender or not mail.header.first("from")) and says_reason(mail)


def says_reason(mail: ParsedMail) -> bool:
    """Return whether the first words say why an address got nothing."""
    return any(own_addresses.search(mail.opening) for own_addresses in _REASONS)


def _names_another(mail: ParsedMail) -> bool:
    """Return whether the words name an address that is neither the mail's own nor ours."""
    own_addresses = addresses.find_all(mail.header.all("from", "reply-to", "sender", "to", "cc", "delivered-to"), _MOST)
    return any(
        addresses.normalise(match[0]) not in own_addresses
        for match in islice(addresses.find_addresses(mail.text), _MOST)
    )
