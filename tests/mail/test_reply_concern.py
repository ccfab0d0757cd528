"""What a server's reply is about: what large providers and common servers say, each with its right reading."""

import pytest

from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_result

SAID = {
    Concern.CONNECTIONS: [
        (432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", "text"),
        (432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=X]", "text"),
        (432, None, "Not now", "mail"),
        (421, "4.7.0", "Too many connections from your host", "mail"),
        (421, "4.3.2", "Service not available", "mail"),
        (450, "4.7.0", "Error: too many simultaneous sessions", "mail"),
        (452, None, "Too many concurrent SMTP connections; please try again later.", "rcpt"),
    ],
    Concern.RATE: [
        (454, None, "Throttling failure: Maximum sending rate exceeded.", "text"),
        (421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail from your IP address", "text"),
        (450, "4.7.1", "Error: too much mail from 192.0.2.1", "mail"),
        (451, "4.7.1", "Rate limit exceeded, slow down", "rcpt"),
        (452, "4.3.1", "Too many messages, try again later", "rcpt"),
        (451, "4.3.0", "Temporary lookup failure", "mail"),
        (421, None, "Message rate exceeded; see throttling policy", "rcpt"),
    ],
    Concern.QUOTA: [
        (454, None, "Throttling failure: Daily message quota exceeded.", "text"),
        (454, "4.7.0", "Your quota is used up", "mail"),
        (550, "5.4.5", "Daily user sending limit exceeded. For more information on Gmail sending limits", "text"),
        (550, "5.4.5", "Daily SMTP relay sending limit exceeded for customer", "text"),
        (451, None, "Domain example.org has exceeded the max emails per hour (100/100 (100%)) allowed.", "rcpt"),
        (452, "4.5.3", "You have exceeded your maximum number of recipients per day", "rcpt"),
        (550, None, "You have reached your monthly sending limit", "rcpt"),
        (552, None, "Account sending quota exceeded", "text"),
    ],
    Concern.STANDING: [
        (554, "5.2.0", "STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message", "text"),
        (550, "5.7.708", "Service unavailable. Access denied, traffic not accepted from this IP", "rcpt"),
        (550, "5.7.501", "Access denied, spam abuse detected", "rcpt"),
        (550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", "text"),
        (554, "5.2.252", "SendAsDenied; digest@example.org not allowed to send as editor@example.org", "text"),
        (504, "5.5.2", "<localhost>: Helo command rejected: need fully-qualified hostname", "rcpt"),
    ],
    Concern.PERHAPS_STANDING: [
        (550, "5.7.1", "Our system has detected that this message is likely unsolicited mail", "text"),
        (550, "5.7.26", "Unauthenticated email from example.org is not accepted due to domain's DMARC policy", "text"),
        (421, "5.7.1", "Service not available", "text"),
        (554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "rcpt"),
        (554, "5.7.1", "<ada@example.org>: Relay access denied", "rcpt"),
        (550, None, "Message rejected as spam by content scanning", "text"),
        (554, None, "Your IP is blacklisted", "rcpt"),
    ],
    Concern.READER: [
        (550, "5.1.1", "The email account that you tried to reach does not exist", "rcpt"),
        (550, None, "No such user here", "rcpt"),
        (452, "4.2.2", "The email account that you tried to reach is over quota", "rcpt"),
        (552, "5.2.2", "Mailbox quota exceeded for today's delivery limit", "text"),
        (452, None, "Mailbox for ada has exceeded its quota", "rcpt"),
        (450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents more", "rcpt"),
        (450, "4.2.0", "Greylisted, see http://postgrey.schweikert.ch", "rcpt"),
        (450, "4.7.1", "Recipient address rejected: Greylisted for 5 minutes", "rcpt"),
        (451, "4.3.2", "Try again later", "rcpt"),
        (554, "5.2.122", "The recipient has exceeded their limit of messages that they can receive per hour", "text"),
        (550, "5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", "rcpt"),
        (556, "5.1.10", "Recipient address has null MX", "rcpt"),
        (552, "5.3.4", "Message size exceeds fixed limit", "mail"),
        (250, "2.0.0", "Ok: queued, your daily quota is 7", "text"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("about", "said"),
    [(about, said) for about, replies in SAID.items() for said in replies],
    ids=lambda value: " ".join(map(str, value[:3]))[:60] if isinstance(value, tuple) else value.value,
)
def test_what_a_reply_is_about(about: Concern, said: tuple[int, str | None, str, str]) -> None:
    code, enhanced, reply, stage = said
    outcome = {2: Outcome.ACCEPTED, 4: Outcome.DEFERRED, 5: Outcome.REFUSED}[code // 100]
    assert (
        classify_result(Result(key="k", outcome=outcome, stage=stage, code=code, enhanced=enhanced, reply=reply))
        == about
    )


def test_a_program_that_says_nothing_of_codes_speaks_of_its_reader() -> None:
    result = Result(key="k", outcome=Outcome.DEFERRED, stage="command", reply="status 75: rate limit")
    assert classify_result(result) is Concern.READER
