"""Replies of providers: about a bad address, about a mailbox for now, or about the sender.

The replies are those that providers give in public (their postmasters' pages, and bounces that were asked about), each
with what its provider says that it means. What concerns the sender must not be held against a subscriber.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.event import FeedbackKind
from newsletter.feedback.mail.recognition import recognise_mail
from newsletter.feedback.smtp_replies.classification import classify_reply
from newsletter.feedback.smtp_replies.smtp_stage import SmtpStage, find_stage
from newsletter.feedback.smtp_replies.status_codes import find_enhanced_code
from newsletter.subscribers.reasons import Reason

ANNA = "anna@example.net"
GONE, FOR_NOW, US = "gone", "for now", "us"

REPLIES = [
    # Gmail
    (GONE, "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking "
           "the recipient's email address for typos or\n550 5.1.1 unnecessary spaces. - gsmtp"),
    (GONE, "550 5.2.1 The email account that you tried to reach is disabled. - gsmtp"),
    (GONE, "553 5.1.2 The recipient address <a@b> is not a valid RFC-5321 address. - gsmtp"),
    (FOR_NOW, "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional "
              "messages from being delivered. - gsmtp"),
    (FOR_NOW, "552 5.2.2 The email account that you tried to reach is over quota. - gsmtp"),
    (FOR_NOW, "452 4.2.2 The email account that you tried to reach is over quota. - gsmtp"),
    (US, "421 4.7.0 [192.0.2.1 15] Our system has detected that this message is suspicious due to the very low "
         "reputation of the sending domain. - gsmtp"),
    (US, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address."),
    (US, "550-5.7.26 This mail is unauthenticated, which poses a security risk to the\n550-5.7.26 sender and Gmail "
         "users, and has been blocked."),
    (US, "550-5.7.26 Unauthenticated email from example.com is not accepted due to\n550-5.7.26 domain's DMARC policy."),
    (US, "550-5.7.1 [192.0.2.1 12] Gmail has detected that this message is\n550-5.7.1 likely unsolicited mail."),
    (US, "550-5.7.1 This message is not RFC 5322 compliant. There are multiple Cc headers.\n550 5.7.1 blocked"),
    (US, "550-5.7.1 [2001:db8::1] Our system has detected that this message does not meet IPv6 sending\n550 5.7.1 "
         "guidelines regarding PTR records and authentication."),
    (US, "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to - gsmtp"),
    (US, "552-5.2.3 Your message exceeded Google's message size limits."),
    (US, "552-5.7.0 Our system detected an illegal attachment on your message."),
    # Outlook.com, Microsoft 365
    (GONE, "550 5.5.0 Requested action not taken: mailbox unavailable. [AM5.eop-nam12.prod.protection.outlook.com]"),
    (GONE, "550 5.4.1 All recipient addresses rejected : Access denied [AM5.prod.protection.outlook.com]"),
    (GONE, "550 5.4.1 Recipient address rejected: Access denied. [AM5.prod.protection.outlook.com]"),
    (GONE, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    (GONE, "501 5.1.3 Invalid address [outlook.com]"),
    (US, "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service "
         "provider since part of their network is on our block list (S3150)."),
    (US, "550 5.7.1 Service unavailable, MailFrom domain is listed in Spamhaus. (S8002)"),
    (US, "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. (AS16012611)"),
    (US, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]."),
    (US, "550 5.7.515 Access denied, sending domain EXAMPLE.ORG does not meet the required authentication level."),
    (US, "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP."),
    (US, "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent "
         "exception with message [BeginDiagnosticData]WASCL UserAction decision is not None. Actual decision is "
         "RefuseQuota, ShowTierUpgrade."),
    (US, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S843)"),
    (US, "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344)"),
    (US, "421 4.3.2 The maximum number of concurrent connections per resource forest has exceeded a limit, closing "
         "transmission channel."),
    (US, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more "
         "information."),
    (US, "554 5.2.121 The sender has exceeded the limit for the number of messages they can send to this recipient."),
    (FOR_NOW, "554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per "
              "hour."),
    (FOR_NOW, "452 4.3.1 Insufficient system resources (TSTE) [outlook.com]"),
    # Yahoo, AOL
    (GONE, "554 delivery error: dd This user doesn't have a yahoo.com account (a@b.example) [-9]"),
    (GONE, "554 delivery error: dd Sorry, your message to a@b.example cannot be delivered. This mailbox is disabled "
           "(554.30)."),
    (GONE, "554 delivery error: dd a@b.example is no longer valid. [-20]"),
    (GONE, "552 1 Requested mail action aborted, mailbox not found"),
    (US, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list"),
    (US, "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes"),
    (US, "554 Message not allowed - [PH01] Email not accepted for policy reasons."),
    (US, "554 Message not allowed - [299]"),
    (US, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints"),
    (US, "421 Max message per connection reached, closing transmission channel"),
    # iCloud
    (GONE, "550 5.1.1 <a@icloud.example>: user does not exist"),
    (FOR_NOW, "552 5.2.2 <a@icloud.example>: user is overquota"),
    (US, "554 5.7.1 [CS01] Message rejected due to local policy."),
    (US, "550 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL"),
    (US, "550 5.7.1 Your message was rejected due to example.com's DMARC policy."),
    # GMX, web.de, IONOS
    (GONE, "550 Requested action not taken: mailbox unavailable"),
    (US, "550-Requested action not taken: mailbox unavailable\n550-Reject due to policy restrictions.\n550 For "
         "explanation visit https://postmaster.gmx.net/en/case?c=hi"),
    (US, "550-Requested action not taken: mailbox unavailable\n550 Sender address is not allowed."),
    (US, "554-gmx.net (mxgmx008) Nemesis ESMTP Service not available\n554-No SMTP service\n554-IP address is block "
         "listed.\n554 For explanation visit https://postmaster.gmx.net/de/case"),
    (US, "554-web.de (mxweb005) Nemesis ESMTP Service not available\n554-No SMTP service\n554-Bad DNS PTR resource "
         "record."),
    (US, "550 <a@b.example>: Invalid DNS MX or A/AAAA resource record"),
    (US, "550 <a@b.example>: Reject due to SPF policy. The originating IP of the message is not permitted by the "
         "domain owner"),
    (US, "550 <a@b.example>: Reject due to policy restrictions (IP based)"),
    (FOR_NOW, "550 <a@b.example>: Requested mail action aborted: exceeded storage allocation, Quota exceeded"),
    # T-Online
    (US, "554 IP=192.0.2.1 - None/bad reputation. Ask your postmaster for help or to contact tobr@rx.t-online.example "
         "for reset. (NOWL)"),
    (US, "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact "
         "tosa@rx.t-online.example to clarify.) (BL)"),
    # Orange, Free
    (GONE, "550 5.1.1 hhtzumeItI371 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]"),
    (GONE, "550 5.2.1 This mailbox has been blocked due to inactivity"),
    (FOR_NOW, "552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"),
    (US, "501 5.1.0 Emetteur invalide. Invalid Sender. OFR004_405 [405]"),
    (US, "550 mwinf5c04 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. "
         "OFR006_102 [102]"),
    (US, "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]"),
    (US, "550 spam detected"),
    # Comcast, AT&T, Cox
    (GONE, "550 5.1.1 Not our Customer"),
    (GONE, "550 5.1.1 <a@comcast.example> recipient mailbox unallocated"),
    (GONE, "550 5.2.1 <A@PRODIGY.EXAMPLE>... Addressee unknown, relay=[192.0.2.1]"),
    (US, "554 mx.comcast.example comcast 192.0.2.1 Comcast block for spam. Please see BL000000"),
    (US, "550 5.2.0 Message rejected due to DMARC."),
    (US, "550 5.7.1 Connections not accepted from servers without a valid sender domain. Fix reverse DNS for "
         "192.0.2.1"),
    (US, "550 5.1.0 <bounce@example.org> sender rejected. Refer to Error Codes section at cox.example"),
    # Mimecast, Proofpoint, Barracuda, Trend Micro, Broadcom
    (US, "550 Administrative prohibition - envelope blocked - https://community.mimecast.com/docs/DOC-1369#550 [x]"),
    (US, "550 Envelope blocked - User Entry - https://community.mimecast.com/docs/DOC-1369#550 [x]"),
    (US, "550 Rejected by header based Anti-Spoofing policy: a@b.example - https://community.mimecast.com/ [x]"),
    (US, "550 DMARC Sender Invalid - envelope rejected - https://community.mimecast.com/docs/DOC-1369#550 [x]"),
    (US, "554 Email rejected due to security policies - https://community.mimecast.com/docs/DOC-1369#554 [x]"),
    (GONE, "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown"),
    (GONE, "550 5.7.1 <a@b.example>: Recipient address rejected: User email address is marked as invalid."),
    (US, "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using prs.proofpoint.com"),
    (US, "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1"),
    (US, "550 5.1.8 <s@example.org>: Sender address rejected: Domain not found"),
    (US, "550 5.5.2 <a@b.example>: Sender address rejected: need fully-qualified address"),
    (GONE, "550 cuda_nsu 5.1.1 <a@b.example>... User unknown"),
    (GONE, "550 No such user (a@b.example)"),
    (US, "550 rejecting spoofed message"),
    (US, "554 rejecting banned content"),
    (GONE, "554 5.7.1 <a@b.example>: Recipient address rejected: Invalid-Recipient."),
    (US, "554 5.7.1 <a@b.example>: Recipient address rejected: BLOCK-SEND-ER."),
    (GONE, "550 Invalid recipient <a@b.example> (#5.1.1)"),
    (US, "553 Message filtered. Refer to the Troubleshooting page for more information. (#5.7.1)"),
    (US, "553 you are trying to use me [server-1.messagelabs.example] as a relay, but I have not been configured to "
         "let you do this."),
    # Zoho, QQ, Mail.ru, Yandex, Rambler, Rackspace, HEY, ImprovMX, Hostpoint
    (GONE, "550 5.1.1 <a@zoho.example> User unknown"),
    (US, "541 5.4.1 Mail rejected by destination domain"),
    (US, "552 5.1.1 <a@zoho.example> Mailbox delivery failure policy error"),
    (US, "554 5.2.3 MailPolicy violation Error delivering to mailboxes"),
    (US, "5.1.1 (bad destination mailbox address), smtp;553 Relaying disallowed"),
    (GONE, "550 Mailbox not found. http://service.exmail.qq.example/cgi-bin/help?no=1000728"),
    (US, "550 Mailbox unavailable or access denied"),
    (US, "550 Mail content denied. http://service.exmail.qq.example/cgi-bin/help?no=1000726"),
    (US, "550 Sender frequency limited. http://service.exmail.qq.example/cgi-bin/help?no=1000723"),
    (US, "550 Suspected spam sender."),
    (GONE, "550 Message was not accepted -- invalid mailbox. Local mailbox a@b.example is unavailable: user not found"),
    (GONE, "550 5.7.1 No such user!"),
    (US, "554 5.7.1 [1] Message rejected under suspicion of SPAM"),
    (GONE, "540 5.7.1 <a@b.example>: recipient address rejected: Inactive"),
    (GONE, "550 5.1.1 Email address could not be found, or was misspelled (G8)"),
    (GONE, "550 5.1.1 <a@hey.example>: Recipient address rejected: User unknown"),
    (US, "551 5.7.1 Due to the very low reputation of the sending domain, this message has been blocked (Code 2)."),
    (US, "550-SPF-check failed: 550 example.com doesn't allow sending mails from 192.0.2.1"),
    # Amazon SES and other services between us and the reader
    (US, "554 Message rejected: Email address is not verified. The following identities failed the check"),
    (US, "454 Throttling failure: Maximum sending rate exceeded."),
    (US, "454 Throttling failure: Daily message quota exceeded."),
    (US, "Domain example.org has exceeded the max emails per hour (100/100 (100%)) allowed. Message discarded."),
    (GONE, "550 5.1.1 Amazon SES did not send the message to this address because it is on the suppression list for "
           "your account: user unknown"),
    # What mail servers say by themselves
    (US, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
    (US, "550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]"),
    (US, "553 5.1.8 <s@example.org>... Domain of sender address s@example.org does not exist"),
    (US, "550 5.7.23 Message rejected due to SPF policy"),
    (US, "550 Verification failed for <s@example.org>\n550 Sender verify failed"),
    (US, "550 Absender-Adresse abgelehnt: Domain unbekannt"),
    (US, "550 Expéditeur refusé"),
    (US, "552 5.3.4 Message size exceeds fixed limit"),
    (US, "550 5.6.0 Lone CR or LF in headers"),
    (US, "500 5.5.2 Error: bare <LF> received"),
    (GONE, "550 5.1.1 <a@b.example>... User unknown"),
    (GONE, "550 Unrouteable address"),
    (FOR_NOW, "450 4.2.0 <a@b.example> - Recipient temporarily unavailable"),
    (FOR_NOW, "421 4.4.2 mail.example.net Error: timeout exceeded"),
    (FOR_NOW, "554 5.4.6 Too many hops"),
]  # fmt: skip


@pytest.mark.parametrize(("whom", "reply"), REPLIES)
def test_a_reply_that_is_published_is_about_whom_its_provider_says(whom: str, reply: str) -> None:
    meaning = classify_reply(reply, find_enhanced_code(reply), action="failed")
    assert {FeedbackKind.HARD: GONE}.get(meaning.kind, US if meaning.about_sender else FOR_NOW) == whom


@pytest.mark.parametrize("words", ["The group does not exist", "Le groupe n'existe pas", "غير موجودة", "不存在"])
def test_a_group_that_takes_no_mail_of_ours_is_no_address_that_is_gone(words: str) -> None:
    """Google Groups say in one sentence that a group may not exist, or that one may not post to it."""
    notice = f"{words}, or you may not post.\n\nhttps://groups.google.com/support/."
    (found,) = recognise_mail(_notice(notice)).events
    assert (found.kind, found.about_sender, found.reason) == (FeedbackKind.SOFT, True, Reason.REJECTED_SENDER)


# Where a program that gave up tells at what command it was refused.
STAGES = [
    (SmtpStage.CONNECT, "host mx.example.net[192.0.2.2] refused to talk to me: 554 5.1.1 user unknown"),
    (SmtpStage.CONNECT, "SMTP error from remote mail server after initial connection: host mx.example.net: {}"),
    (SmtpStage.CONNECT, "Connected to 192.0.2.2 but greeting failed. Remote host said: {}"),
    (SmtpStage.CONNECT, "lost connection with mx[192.0.2.2] while receiving the initial server greeting: {}"),
    (SmtpStage.EHLO, "host mx.example.net[192.0.2.2] said: {} (in reply to EHLO command)"),
    (SmtpStage.EHLO, "host mx.example.net[192.0.2.2] said: {} (in reply to HELO command)"),
    (SmtpStage.EHLO, "SMTP error from remote mail server after EHLO mail.example.org: {}"),
    (SmtpStage.EHLO, "Connected to 192.0.2.2 but my name was rejected. Remote host said: {}"),
    (SmtpStage.AUTH, "host relay.example.net[192.0.2.2] said: {} (in reply to STARTTLS command)"),
    (SmtpStage.MAIL, "host mx.example.net[192.0.2.2] said: {} (in reply to MAIL FROM command)"),
    (SmtpStage.MAIL, "host mx.example.net[192.0.2.2] said: {} (in reply to MAIL FROM\n    command)"),
    (SmtpStage.MAIL, "SMTP error from remote mail server after MAIL FROM:<s@example.org> SIZE=1024: {}"),
    (SmtpStage.MAIL, "SMTP error from remote mail server after pipelined MAIL FROM:<s@example.org> SIZE=1024: {}"),
    (SmtpStage.MAIL, "SMTP error from remote server for MAIL FROM command, host: mx.example.net reason: {}"),
    (SmtpStage.MAIL, "Connected to 192.0.2.2 but sender was rejected.\nRemote host said: {}"),
    (SmtpStage.MAIL, "Sorry, no SMTP connection got far enough; most progress was MAIL response; remote host said: {}"),
    (SmtpStage.MAIL, "Error Type: SMTP. hMailServer sent: MAIL FROM:<s@example.org>. Remote server replied: {}"),
    (SmtpStage.MAIL, "mx.example.net [192.0.2.2] did not like our MAIL FROM: {}"),
    (SmtpStage.MAIL, "unverified address: host mx.example.net said: {} (in reply to MAIL FROM command) (in reply to "
                     "RCPT TO command)"),
    (SmtpStage.RCPT, "host mx.example.net[192.0.2.2] said: {} (in reply to RCPT TO command)"),
    (SmtpStage.RCPT, "SMTP error from remote mail server after RCPT TO:<anna@example.net>: {}"),
    (SmtpStage.RCPT, "192.0.2.2 does not like recipient.\nRemote host said: {}"),
    (SmtpStage.DATA, "host mx.example.net[192.0.2.2] said: {} (in reply to DATA command)"),
    (SmtpStage.END, "host mx.example.net[192.0.2.2] said: {} (in reply to end of DATA command)"),
    (SmtpStage.END, "SMTP error from remote mail server after pipelined end of data: {}"),
    (SmtpStage.END, "192.0.2.2 failed after I sent the message.\nRemote host said: {}"),
    (None, "{}"),
    (None, "550 5.1.1 user unknown. After mail from you we looked at your data."),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "words"), STAGES)
def test_the_command_that_was_refused_is_read(stage: SmtpStage | None, words: str) -> None:
    assert find_stage(words.format("550 5.1.1 user unknown")) is stage


@pytest.mark.parametrize("words", [words for stage, words in STAGES if stage and stage.before_recipient])
@pytest.mark.parametrize("reply", ["550 5.1.1 user unknown", "550 Requested action not taken: mailbox unavailable"])
def test_before_rcpt_nothing_is_about_the_reader(words: str, reply: str) -> None:
    """The stage is read in a DSN's field, in its words for people, and in a notice that is no DSN."""
    told = words.format(reply)
    for mail in (_dsn("5.1.1", told), _dsn("5.1.1", reply, f"<{ANNA}>: {told}\n"), _notice(told)):
        (found,) = recognise_mail(mail).events
        assert (found.address, found.kind, found.about_sender) == (ANNA, FeedbackKind.SOFT, True), mail.decode()


@pytest.mark.parametrize("words", [words for stage, words in STAGES if stage and not stage.before_recipient])
def test_an_unknown_user_at_rcpt_or_after_the_text_is_gone(words: str) -> None:
    for mail in (_dsn("5.1.1", words.format("550 5.1.1 user unknown")), _notice(words.format("550 user unknown"))):
        (found,) = recognise_mail(mail).events
        assert (found.kind, found.about_sender) == (FeedbackKind.HARD, False)


def test_a_mailbox_that_is_unavailable_after_the_text_is_a_refusal_of_the_text() -> None:
    """RFC 5321, section 4.3.2: the same words are of the reader at RCPT, and of policy at the end of DATA."""
    said = (
        "host mx.example.net said: 550 5.5.0 Requested action not taken: mailbox unavailable (in reply to {} command)"
    )
    at = {stage: recognise_mail(_dsn("5.5.0", said.format(stage))).events[0] for stage in ("RCPT TO", "end of DATA")}
    assert (at["RCPT TO"].kind, at["RCPT TO"].about_sender) == (FeedbackKind.HARD, False)
    assert (at["end of DATA"].kind, at["end of DATA"].about_sender) == (FeedbackKind.SOFT, True)


# sendmail's form: the stage stands in the transcript alone.
TRANSCRIPT = """\
   ----- The following addresses had permanent fatal errors -----
<anna@example.net>
    (reason: {reason})

   ----- Transcript of session follows -----
... while talking to mx.example.net.:
{session}
554 5.0.0 Service unavailable
"""


@pytest.mark.parametrize(
    ("session", "kind"),
    [
        (">>> MAIL From:<s@example.org> SIZE=1024\n<<< {}", FeedbackKind.SOFT),
        (">>> EHLO mail.example.org\n<<< {}", FeedbackKind.SOFT),
        ("> >>> MAIL From:<s@example.org>\n> <<< {}", FeedbackKind.HARD),  # quoted: no transcript of this server's
        ("--> MAIL FROM:<s@example.org>\n<-- {}", FeedbackKind.SOFT),
        (">>> MAIL From:<s@example.org>\n<<< 250 ok\n>>> RCPT To:<anna@example.net>\n<<< {}", FeedbackKind.HARD),
        # RCPT and DATA leave before the reply to RCPT is read.
        (">>> DATA\n<<< {}\n550 5.1.1 <anna@example.net>... User unknown\n<<< 503 5.0.0 Need RCPT", FeedbackKind.HARD),
        # Another recipient's server.
        (">>> MAIL From:<s@example.org>\n<<< 550 5.7.1 go away\n... while talking to other.example:\n"
         ">>> RCPT To:<anna@example.net>\n<<< {}", FeedbackKind.HARD),
    ],
)  # fmt: skip
def test_a_transcript_tells_the_command(session: str, kind: FeedbackKind) -> None:
    reply = "550 5.1.1 no such user here"
    text = TRANSCRIPT.format(reason=reply, session=session.format(reply))
    assert recognise_mail(_dsn("5.1.1", reply, text)).events[0].kind is kind


def test_what_exchange_was_told_is_read_from_its_own_field() -> None:
    """MS-OXCMAIL, section 2.2.3.7.1.2: X-Supplementary-Info stands where there is no Diagnostic-Code."""
    fields = (
        "Status: 5.1.1\nX-Supplementary-Info: <mx.example.net #5.1.1 smtp;550-5.1.1 Requested action not taken: "
        "mailbox unavailable 550 5.1.1 Client host blocked using zen.spamhaus.org>\n"
    )
    (found,) = recognise_mail(_dsn("5.1.1", "", fields=fields)).events
    assert found.evidence.words.startswith("550-5.1.1 Requested action")
    assert (found.kind, found.about_sender) == (FeedbackKind.SOFT, True)
    plain = "Status: 5.0.0\nX-Supplementary-Info: <mx.example.net #5.1.1 smtp;550 5.1.1 no such user>\n"
    (found,) = recognise_mail(_dsn("5.0.0", "", fields=plain)).events
    assert (found.kind, found.enhanced, found.evidence.words) == (FeedbackKind.HARD, "5.1.1", "550 5.1.1 no such user")


@given(st.text(max_size=300), st.sampled_from([words for stage, words in STAGES if stage and stage.before_recipient]))
def test_no_reply_at_all_before_rcpt_is_held_against_a_reader(reply: str, words: str) -> None:
    said = words.replace("{}", reply)
    meaning = classify_reply(said, "5.1.1", action="failed")
    assert meaning.kind is FeedbackKind.SOFT
    assert meaning.about_sender


def _dsn(status: str, diagnostic: str, text: str = "It failed.\n", fields: str = "") -> bytes:
    said = fields or f"Status: {status}\nDiagnostic-Code: smtp; {re.sub(chr(10), ' ', diagnostic)}\n"
    return (
        "From: MAILER-DAEMON@mx.example.org\nTo: bounces@example.org\nSubject: Undelivered\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; {ANNA}\nAction: failed\n{said}\n--b--\n"
    ).encode()


def _notice(words: str) -> bytes:
    """Return a server's words for people, as qmail and others write them."""
    return (
        "From: MAILER-DAEMON@mx.example.org\nTo: bounces@example.org\nSubject: failure notice\n\n"
        f"Your message could not be delivered.\n\n<{ANNA}>:\n{words}\n"
    ).encode()
