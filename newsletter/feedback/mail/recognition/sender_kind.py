"""Signs that nobody wrote a mail by themselves: a program did, a list passed it on, or it answers another one."""

from newsletter.feedback.mail.recognition.addresses import is_program
from newsletter.feedback.mail.recognition.auto_reply import is_answer_subject
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail

_OF_LISTS = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list", "x-beenthere")
_OF_PROGRAMS = ("feedback-id", "x-auto-response-suppress", "x-autoreply", "x-autorespond")
_PRECEDENCE = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply", "autoreply"})


def find_impersonal_sign(mail: ParsedMail) -> str:
    """Return in words why a mail is nobody's own; empty where a person seems to have written it.

    A person who joins by mail writes a new one. RFC 3834, section 5, RFC 2919 and RFC 2369 have the fields.
    """
    header = mail.header
    if any(header.first(name) for name in _OF_LISTS):
        return "a mailing list passed it on"
    submitted = header.first("auto-submitted").partition(";")[0].strip().lower()
    is_marked = submitted not in ("", "no") or header.first("precedence").strip().lower() in _PRECEDENCE
    if is_marked or any(header.first(name) for name in _OF_PROGRAMS) or is_program(mail.sender):
        return "a program wrote it"
    if header.first("return-path").strip() == "<>":
        return "a mail server wrote it"
    spam = header.first("x-spam-flag") or header.first("x-spam-status")
    if spam.strip().lower().startswith("yes"):
        return "your mail server takes it for spam"
    if header.first("in-reply-to") or header.first("references") or is_answer_subject(mail.subject):
        return "it answers another mail, or passes one on"
    return ""
