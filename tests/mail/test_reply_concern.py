"""The concern of a server's reply: what large providers and common servers say, each with its right reading."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail.message import Outcome, Result
from newsletter.mail.reply_concern import Concern, classify_reply, classify_result


class Said(NamedTuple):
    """A reply at a stage of the dialogue, and what it is about."""

    about: Concern
    stage: str
    code: int
    enhanced: str | None
    words: str


READER, MESSAGE = Concern.READER, Concern.MESSAGE
CONNECTION, CONNECTIONS, RATE = Concern.CONNECTION, Concern.CONNECTIONS, Concern.RATE
QUOTA, STANDING, PERHAPS, HEALTH = Concern.QUOTA, Concern.STANDING, Concern.PERHAPS_STANDING, Concern.HEALTH

# By who says it, and where that stands.
SAID: dict[str, Sequence[Said]] = {
    # postmaster.gmx.net, postmaster.web.de: each begins with "mailbox unavailable", whatever it is about
    "GMX and web.de": [
        Said(READER, "rcpt", 550, None, "Requested action not taken: mailbox unavailable"),
        Said(PERHAPS, "text", 550, None, "Requested action not taken: mailbox unavailable Reject due to policy"),
        Said(PERHAPS, "text", 554, None, "Transaction failed Reject due to policy restrictions."),
        Said(RATE, "rcpt", 450, None, "Requested mail action not taken: mailbox unavailable Mail send limit exceeded"),
    ],
    # a mailbox is named, and it is about the sender: Exim's "verify = sender/callout", block lists
    "a mailbox in other words": [
        Said(PERHAPS, "rcpt", 550, None, "Sender verify failed: mailbox unavailable"),
        Said(PERHAPS, "rcpt", 550, None, "Sender callout failed; recipient mailbox unavailable"),
        Said(PERHAPS, "rcpt", 550, "5.7.1", "Sender IP is listed by example.net; recipient mailbox unavailable"),
        Said(PERHAPS, "rcpt", 554, None, "Your IP 192.0.2.1 is blacklisted, mailbox unavailable"),
        Said(PERHAPS, "text", 550, None, "Message rejected for policy violations"),
        Said(READER, "rcpt", 550, None, "Recipient mailbox unavailable; the sender is told"),
        Said(READER, "rcpt", 552, None, "mailbox full, your domain is welcome"),
    ],
    # support.google.com/a/answer/3726730 (errors and codes), /answer/6140680 (relay)
    "Gmail": [
        Said(READER, "rcpt", 550, "5.1.1", "The email account that you tried to reach does not exist"),
        Said(READER, "rcpt", 452, "4.2.2", "The email account that you tried to reach is over quota"),
        Said(READER, "rcpt", 450, "4.2.1", "The user you are trying to contact is receiving mail too quickly"),
        Said(READER, "rcpt", 450, "4.2.1", "The user is receiving mail at a rate that prevents more"),
        Said(READER, "rcpt", 421, "4.7.0", "TLS required for RCPT domain, closing connection"),
        Said(READER, "rcpt", 421, "4.7.0", "IP not in whitelist for RCPT domain, closing connection"),
        Said(RATE, "rcpt", 450, "4.2.1", "Peak SMTP relay limit exceeded for customer"),
        Said(RATE, "text", 421, "4.7.28", "Gmail has detected an unusual rate of unsolicited mail from your IP"),
        Said(RATE, "text", 421, "4.7.0", "Our system has detected an unusual rate of unsolicited mail"),
        Said(RATE, "text", 421, "4.7.28", "Your IP was found to be sending more than it may"),
        Said(CONNECTIONS, "auth", 454, "4.7.0", "Too many login attempts, please try again later"),
        Said(CONNECTIONS, "ehlo", 421, "4.7.0", "Try again later, closing connection"),
        Said(CONNECTION, "mail", 421, "4.7.0", "Try again later, closing connection"),
        Said(CONNECTION, "mail", 451, "4.4.2", "Timeout - closing connection; timeout exceeded"),
        Said(CONNECTION, "rcpt", 452, "4.5.3", "Domain policy size per transaction exceeded"),
        Said(CONNECTION, "rcpt", 452, "4.5.3", "Your message has too many recipients"),
        Said(QUOTA, "text", 550, "5.4.5", "Daily user sending limit exceeded"),
        Said(QUOTA, "text", 550, "5.4.5", "Daily SMTP relay sending limit exceeded for customer"),
        Said(QUOTA, "mail", 550, "5.7.1", "Daily SMTP relay limit exceeded for user"),
        Said(PERHAPS, "text", 550, "5.7.1", "Our system has detected that this message is likely unsolicited mail"),
        Said(PERHAPS, "text", 550, "5.7.26", "Unauthenticated email from example.org is not accepted"),
        Said(PERHAPS, "text", 421, "4.7.0", "This message is suspicious due to the very low reputation of the domain"),
        Said(PERHAPS, "text", 552, "5.7.0", "This message was blocked because its content presents a security issue"),
        Said(MESSAGE, "text", 552, "5.2.3", "Your message exceeded Google's message size limits"),
        Said(HEALTH, "connect", 421, "4.3.0", "Temporary System Problem. Try again later"),
        Said(HEALTH, "mail", 421, "4.4.5", "Server busy, try again later."),
        Said(HEALTH, "mail", 451, "4.3.0", "Mail server temporarily rejected message"),
        Said(HEALTH, "auth", 454, "4.7.0", "Cannot authenticate due to temporary system problem"),
    ],
    # postmaster.live.com, and mails sent back by Hotmail (pastebin.com/dW4JrGn7)
    "Outlook.com": [
        Said(RATE, "mail", 421, None, "RP-001 (X) Unfortunately, some messages from 192.0.2.1 weren't sent. Please try "
             "again. We have limits for how many messages can be sent per hour and per day"),
        Said(CONNECTION, "mail", 421, None, "RP-002 (X) Unfortunately, some messages weren't sent"),
        Said(CONNECTIONS, "connect", 421, None, "RP-003 (X) Unfortunately, some messages weren't sent"),
        Said(STANDING, "mail", 550, None, "SC-001 (X) Unfortunately, messages from 192.0.2.1 weren't sent"),
        Said(PERHAPS, "mail", 550, "5.7.1", "Unfortunately, messages from [192.0.2.1] weren't sent. Part of their "
             "network is on our block list (S3150)"),
        Said(HEALTH, "rcpt", 452, "4.3.1", "Insufficient system resources (TSTE)"),
    ],
    # learn.microsoft.com/exchange: smtp-submission-improvements, continuous-error-throttling, NDR codes
    "Office 365": [
        Said(CONNECTIONS, "text", 432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/x"),
        Said(CONNECTIONS, "text", 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=X]"),
        Said(CONNECTIONS, "mail", 432, None, "Not now"),
        Said(CONNECTIONS, "connect", 421, "4.3.2", "The maximum number of concurrent connections per resource forest "
             "has exceeded a limit, closing transmission channel"),
        Said(RATE, "mail", 421, "4.4.2", "Message submission rate for this client has exceeded the configured limit"),
        Said(RATE, "mail", 451, "4.7.650", "The mail server [192.0.2.1] has been temporarily rate limited (S843)"),
        Said(RATE, "rcpt", 451, "4.7.500", "Server busy. Please try again later from [192.0.2.1]. (AS77712344)"),
        Said(QUOTA, "text", 550, "5.1.90", "Your message can't be sent because you've reached your daily limit for "
             "message recipients"),
        Said(QUOTA, "text", 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
        Said(QUOTA, "text", 550, "5.7.232", "Your trial tenant has exceeded its daily limit for external recipients"),
        Said(STANDING, "text", 554, "5.2.0", "STOREDRV.Submission.Exception:OutboundSpamException; Failed"),
        Said(STANDING, "text", 554, "5.2.2", "mailbox full; STOREDRV.Submission.Exception:QuotaExceededException."
             "MapiExceptionShutoffQuotaExceeded"),
        Said(STANDING, "text", 550, "5.2.251", "Sender throttled due to continuous mailbox full errors."),
        Said(STANDING, "text", 554, "5.2.252", "SendAsDenied; digest@example.org not allowed to send as b@example.org"),
        Said(STANDING, "text", 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender"),
        Said(STANDING, "rcpt", 550, "5.7.501", "Access denied, spam abuse detected"),
        Said(STANDING, "rcpt", 550, "5.7.705", "Access denied, tenant has exceeded threshold"),
        Said(STANDING, "rcpt", 550, "5.7.708", "Service unavailable. Access denied, traffic not accepted from this IP"),
        Said(PERHAPS, "text", 421, "5.7.1", "Service not available"),
        Said(READER, "text", 554, "5.2.122", "The recipient has exceeded their limit of messages that they can "
             "receive per hour"),
        Said(READER, "text", 554, "5.2.121", "The sender has exceeded the limit of messages to this recipient"),
        Said(READER, "rcpt", 550, "5.7.133", "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"),
        Said(READER, "text", 550, "5.2.3", "RESOLVER.RST.RecipSizeLimit; message too large for this recipient"),
        Said(MESSAGE, "text", 552, "5.3.4", "Message size exceeds fixed maximum size"),
        Said(HEALTH, "mail", 451, "4.3.2", "Temporary server error. Please try again later"),
    ],
    # postmaster.yahooinc.com/error-codes, help.yahoo.com sln26151
    "Yahoo": [
        Said(RATE, "mail", 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected "
             "volume or user complaints - 4.16.55.1"),
        Said(CONNECTION, "mail", 421, None, "Max message per connection reached, closing transmission channel"),
        Said(PERHAPS, "text", 553, "5.7.1", "[BL21] Connections will not be accepted from 192.0.2.1"),
        Said(PERHAPS, "text", 554, "5.7.9", "Message not accepted for policy reasons"),
        Said(PERHAPS, "text", 554, None, "Message not allowed - [PH01] Email not accepted for policy reasons"),
        Said(READER, "rcpt", 552, "5.2.2", "Mailbox quota exceeded for today's delivery limit"),
        Said(HEALTH, "mail", 451, None, "Resources temporarily not available - Please try again later [#4.16.5]."),
    ],
    # docs.aws.amazon.com/ses: manage-sending-quotas-errors, smtp-response-codes
    "Amazon SES": [
        Said(RATE, "text", 454, None, "Throttling failure: Maximum sending rate exceeded."),
        Said(QUOTA, "text", 454, None, "Throttling failure: Daily message quota exceeded."),
        Said(QUOTA, "mail", 454, "4.7.0", "Your quota is used up"),
        Said(HEALTH, "auth", 454, None, "Temporary authentication failure"),
        Said(STANDING, "text", 554, None, "Message rejected: Email address is not verified. The following identities"),
        Said(STANDING, "text", 554, None, "Sending paused for this account"),
        Said(STANDING, "auth", 535, None, "Authentication Credentials Invalid"),
        Said(CONNECTION, "text", 421, None, "Too many messages for this session"),
        Said(READER, "rcpt", 501, None, "Invalid RCPT TO address provided"),
    ],
    # postfix/src: smtpd/smtpd.c, smtpd/smtpd_check.c, global/cleanup_strerror.c, milter/milter8.c, postscreen/
    "Postfix": [
        Said(CONNECTIONS, "connect", 421, "4.7.0", "mx.example.net Error: too many connections from 192.0.2.1"),
        Said(CONNECTIONS, "connect", 421, "4.7.0", "mx.example.net Error: too many new TLS sessions from 192.0.2.1"),
        Said(CONNECTIONS, "auth", 450, "4.7.1", "Error: too many AUTH commands from 192.0.2.1"),
        Said(CONNECTIONS, "connect", 421, "4.3.2", "All server ports are busy"),
        Said(CONNECTIONS, "connect", 421, None, "mx.example.net Service unavailable - try again later"),
        Said(RATE, "mail", 450, "4.7.1", "Error: too much mail from 192.0.2.1"),
        Said(RATE, "rcpt", 450, "4.7.1", "Error: too many recipients from 192.0.2.1"),
        Said(CONNECTION, "rcpt", 421, "4.7.0", "mx.example.net Error: too many errors"),
        Said(CONNECTION, "connection", 421, "4.4.2", "mx.example.net Error: timeout exceeded"),
        Said(CONNECTION, "rcpt", 450, "4.3.2", "Service currently unavailable"),
        Said(CONNECTION, "rcpt", 452, "4.5.3", "Error: too many recipients"),
        Said(MESSAGE, "mail", 552, "5.3.4", "Message size exceeds fixed limit"),
        Said(MESSAGE, "text", 552, "5.3.4", "Error: message file too big"),
        Said(HEALTH, "mail", 452, "4.3.1", "Insufficient system storage"),
        Said(HEALTH, "text", 451, "4.3.0", "Error: queue file write error"),
        Said(HEALTH, "rcpt", 451, "4.3.0", "<ada@example.org>: Temporary lookup failure"),
        Said(HEALTH, "rcpt", 451, "4.3.5", "<ada@example.org>: Recipient address rejected: Server configuration error"),
        Said(HEALTH, "mail", 451, "4.3.5", "Server configuration problem - try again later"),
        Said(HEALTH, "rcpt", 451, "4.7.1", "Service unavailable - try again later"),
        Said(HEALTH, "rcpt", 450, "4.7.1", "<ada@example.org>: Recipient address rejected: Service temporarily "
             "unavailable"),
        Said(HEALTH, "connect", 421, "4.3.2", "No system resources"),
        Said(HEALTH, "mail", 421, "4.3.0", "mx.example.net Server local error"),
        Said(HEALTH, "starttls", 454, "4.7.0", "TLS not available due to local problem"),
        Said(PERHAPS, "rcpt", 554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using "
             "zen.spamhaus.org"),
        Said(PERHAPS, "rcpt", 554, "5.7.1", "<ada@example.org>: Relay access denied"),
        Said(PERHAPS, "rcpt", 450, "4.7.1", "Client host rejected: cannot find your hostname, [192.0.2.1]"),
        Said(PERHAPS, "rcpt", 450, "4.1.8", "<digest@example.org>: Sender address rejected: Domain not found"),
        Said(STANDING, "rcpt", 504, "5.5.2", "<localhost>: Helo command rejected: need fully-qualified hostname"),
        Said(READER, "rcpt", 550, "5.1.1", "<ada@example.org>: Recipient address rejected: User unknown"),
        Said(READER, "rcpt", 450, "4.1.1", "<ada@example.org>: Recipient address rejected: unverified address"),
        Said(READER, "rcpt", 450, "4.1.2", "<ada@example.org>: Recipient address rejected: Domain not found"),
        Said(READER, "rcpt", 556, "5.1.10", "Recipient address has null MX"),
    ],
    # src/src/smtp_in.c, src/src/receive.c; the message of spec.xfpt's section on rate limits
    "Exim": [
        Said(CONNECTIONS, "connect", 421, None, "mx.example.net: Too many concurrent SMTP connections; please try "
             "again later"),
        Said(CONNECTIONS, "rcpt", 452, None, "Too many concurrent SMTP connections; please try again later."),
        Said(CONNECTION, "mail", 421, None, "too many messages in this connection"),
        Said(CONNECTION, "mail", 421, None, "mx.example.net: SMTP command timeout - closing connection."),
        Said(CONNECTION, "mail", 421, None, "Too many nonmail commands"),
        Said(RATE, "mail", 450, None, "Sender rate exceeds 100 messages per 60s"),
        Said(MESSAGE, "mail", 552, None, "Message size exceeds maximum permitted"),
        Said(HEALTH, "mail", 452, None, "Space shortage, please try later"),
        Said(HEALTH, "connect", 421, None, "mx.example.net: Too much load; please try again later"),
        Said(HEALTH, "mail", 421, None, "Temporary local problem - please try later"),
        Said(HEALTH, "text", 451, None, "Error while writing spool file"),
        Said(HEALTH, "starttls", 454, None, "TLS currently unavailable"),
        Said(STANDING, "connect", 554, None, "SMTP service not available"),
        Said(READER, "rcpt", 550, None, "No such user here"),
    ],
    # sendmail/srvrsmtp.c, cf/m4/proto.m4
    "Sendmail": [
        Said(CONNECTIONS, "connect", 421, "4.3.2", "Connection rate limit exceeded."),
        Said(CONNECTIONS, "mail", 452, "4.3.2", "Too many open connections."),
        Said(CONNECTION, "mail", 421, "4.7.0", "mx.example.net Too many bad commands; closing connection"),
        Said(CONNECTION, "rcpt", 421, "4.7.0", "mx.example.net Too many bad recipients; closing connection"),
        Said(MESSAGE, "mail", 552, "5.2.3", "Message size exceeds fixed maximum message size (10240000)"),
        Said(HEALTH, "mail", 452, "4.4.5", "Insufficient disk space; try again later"),
        Said(HEALTH, "mail", 451, "4.3.2", "Please try again later"),
        Said(HEALTH, "rcpt", 450, "4.3.0", "Please try again later."),
    ],
    # usr.sbin/smtpd/smtp_session.c
    "OpenSMTPD": [
        Said(CONNECTION, "mail", 452, "4.5.3", "Too many recipients: Too many messages sent"),
        Said(CONNECTION, "rcpt", 451, "4.5.3", "Too many recipients: Too many recipients"),
        Said(HEALTH, "connect", 421, "4.3.0", "Temporary Error"),
        Said(MESSAGE, "text", 554, "5.3.4", "Message too big for system: Transaction failed, message too big"),
    ],
    # support.cpanel.net, inmotionhosting.com; cPanel's Exim (pastebin.com/Jp8ai9Eu)
    "cPanel": [
        Said(QUOTA, "rcpt", 451, None, "Domain example.org has exceeded the max emails per hour (100/100 (100%)) "
             "allowed. Message discarded."),
        Said(QUOTA, "rcpt", 550, None, "Domain example.org has exceeded the max defers and failures per hour (5/5 "
             "(100%)) allowed. Message discarded."),
        Said(RATE, "connect", 451, None, "The server has reached its limit for processing requests from your host. "
             "Please try again later."),
    ],
    # postgrey's greylist_text; milter-greylist; rspamd's src/plugins/lua/greylist.lua and ratelimit.lua
    "postgrey": [
        Said(READER, "rcpt", 450, "4.2.0", "Greylisted, see http://postgrey.schweikert.ch/help/example.org.html"),
        Said(READER, "rcpt", 450, "4.7.1", "Recipient address rejected: Greylisted for 5 minutes"),
        Said(READER, "rcpt", 451, "4.7.1", "Greylisting in action, please come back in 00:14:55"),
    ],
    "Rspamd": [
        Said(READER, "text", 451, "4.7.1", "Try again later"),
        Said(RATE, "text", 451, "4.7.1", 'Ratelimit "user" exceeded'),
        Said(PERHAPS, "text", 554, "5.7.1", "Spam message rejected"),
        Said(PERHAPS, "text", 550, "5.7.1", "Action not permitted: rejected due to DMARC policy"),
    ],
    # ipcheck.proofpoint.com, and mails sent back by pphosted.com
    "Proofpoint": [
        Said(PERHAPS, "rcpt", 550, "5.7.1", "Service unavailable; client [192.0.2.1] blocked using prs.proofpoint.com"),
        Said(PERHAPS, "rcpt", 554, "5.7.0", "Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1"),
        Said(STANDING, "connect", 554, None, "Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1"),
        Said(READER, "rcpt", 550, "5.1.1", "<ada@example.org>: Recipient address rejected: User unknown"),
        Said(CONNECTIONS, "connect", 421, None, "Too many concurrent SMTP connections from this IP address; please "
             "try again later."),
    ],
    # RFC 5321, section 4.2.3: what any server may say
    "RFC 5321": [
        Said(CONNECTIONS, "connect", 421, "4.3.2", "Service not available, closing transmission channel"),
        Said(CONNECTION, "mail", 421, "4.3.2", "Service not available, closing transmission channel"),
        Said(HEALTH, "mail", 421, "4.3.2", "Server shutting down"),
        Said(HEALTH, "mail", 451, None, "Requested action aborted: local error in processing"),
        Said(HEALTH, "mail", 452, None, "Requested action not taken: insufficient system storage"),
        Said(HEALTH, "rcpt", 451, "4.3.2", "Try again later"),
        Said(HEALTH, "mail", 450, None, "No"),
        Said(READER, "rcpt", 450, None, "No"),
        Said(READER, "rcpt", 450, None, "Requested mail action not taken: mailbox unavailable"),
        Said(READER, "text", 552, None, "Requested mail action aborted: exceeded storage allocation for mailbox"),
        Said(STANDING, "mail", 550, None, "No"),
        Said(STANDING, "mail", 552, "5.2.2", "Mailbox full"),
        Said(READER, "text", 250, "2.0.0", "Ok: queued, your daily quota is 7"),
    ],
    # What hosts and policy services say that have no page of their own: gophish issue 521, Mailu issue 2416,
    # ovh.com (Magento-SMTP-Pro issue 94), cbpolicyd (pastebin.com/V80548k6), mailhostbox.com (pastebin.com/v3bkLPK5)
    "hosts": [
        Said(RATE, "rcpt", 451, "4.7.1", "Rate limit exceeded, slow down"),
        Said(RATE, "rcpt", 452, "4.3.1", "Too many messages, try again later"),
        Said(RATE, "rcpt", 421, None, "Message rate exceeded; see throttling policy"),
        Said(RATE, "rcpt", 450, "4.7.1", "Sender address rejected: Too many messages from sender in last 60"),
        Said(RATE, "rcpt", 451, None, "SASL login name rejected: You are sending too many emails too fast."),
        Said(PERHAPS, "rcpt", 550, None, "sorry, too many emails (#5.7.1)"),
        Said(CONNECTIONS, "mail", 450, "4.7.0", "Error: too many simultaneous sessions"),
        Said(CONNECTIONS, "mail", 421, "4.7.0", "Too many connections from your host"),
        Said(QUOTA, "rcpt", 452, "4.5.3", "You have exceeded your maximum number of recipients per day"),
        Said(QUOTA, "rcpt", 550, None, "You have reached your monthly sending limit"),
        Said(QUOTA, "text", 552, None, "Account sending quota exceeded"),
        Said(QUOTA, "rcpt", 550, "5.4.5", "<ada@example.org>: Recipient address rejected: Domain Sending Quota "
             "Exceeded"),
        Said(READER, "rcpt", 452, None, "Mailbox for ada has exceeded its quota"),
        Said(PERHAPS, "text", 550, None, "Message rejected as spam by content scanning"),
        Said(PERHAPS, "rcpt", 554, None, "Your IP is blacklisted"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, id=f"{who}: {said.code} {said.words[:50]}")
        for who, said_by in SAID.items()
        for said in said_by
    ],
)
def test_what_a_reply_is_about(said: Said) -> None:
    outcome = {2: Outcome.ACCEPTED, 4: Outcome.DEFERRED, 5: Outcome.REFUSED}[said.code // 100]
    result = Result(
        key="k", outcome=outcome, stage=said.stage, code=said.code, enhanced=said.enhanced, reply=said.words
    )
    assert classify_result(result) is said.about


def test_a_program_that_says_nothing_of_codes_speaks_of_its_reader() -> None:
    result = Result(key="k", outcome=Outcome.DEFERRED, stage="command", reply="status 75: rate limit")
    assert classify_result(result) is Concern.READER


@given(
    code=st.integers(400, 599),
    enhanced=st.from_regex(r"([45]\.[0-9]{1,3}\.[0-9]{1,3})?", fullmatch=True),
    words=st.text(st.characters(codec="utf-8"), max_size=300),
    stage=st.sampled_from(["connect", "ehlo", "starttls", "auth", "mail", "rset"]),
)
def test_no_reply_before_rcpt_is_about_a_reader(code: int, enhanced: str, words: str, stage: str) -> None:
    assert classify_reply(code, enhanced, words, stage) is not Concern.READER


def test_a_backends_own_refusal_is_read_by_its_enhanced_code() -> None:
    result = Result(key="k", outcome=Outcome.REFUSED, stage="mail", enhanced="5.3.4", reply="9,051 bytes are too many")
    assert classify_result(result) is Concern.MESSAGE
