"""Stages of the SMTP dialogue: the command that a server answered with a refusal, as a report of it says.

The sender is named before the recipient (RFC 5321, section 3.3): a refusal of the connection, EHLO or MAIL FROM comes
before the server knows the recipient's address, and can't be about it.
"""

import re
from enum import IntEnum

from newsletter.feedback.text_lines import cut_lines

_LONGEST, _MOST_LINES, _LONGEST_LINE = 4_000, 400, 500


class SmtpStage(IntEnum):
    """Stage of a dialogue, named for the command that was answered, in the order of RFC 5321."""

    CONNECT = 1
    EHLO = 2
    AUTH = 3  # or STARTTLS
    MAIL = 4
    RCPT = 5
    DATA = 6
    END = 7  # the answer to the message itself

    @property
    def before_recipient(self) -> bool:
        """Whether the recipient's address had not been named yet."""
        return self < SmtpStage.RCPT

    @property
    def key(self) -> str:
        """The name under which results of deliveries and events are stored."""
        return "text" if self is SmtpStage.END else self.name.lower()

    @property
    def command(self) -> str:
        """The command as a postmaster writes it."""
        return {1: "the connection", 2: "EHLO", 3: "AUTH", 4: "MAIL FROM", 5: "RCPT TO", 6: "DATA"}.get(
            self, "the end of DATA"
        )


# Postfix: "(in reply to MAIL FROM command)", "while sending end of data"; Exim: "after MAIL FROM:<...>", "after
# pipelined end of data"; qmail's fallback patch: "most progress was RCPT TO response"; hMailServer: "sent: MAIL FROM:";
# 1&1: "error from remote server for MAIL FROM command"; DragonFly's dma: "did not like our MAIL FROM".
_LEAD = (
    r"\b(?:in (?:reply|response|answer) to|after|while|during|most progress was|sent:|(?:re(?:ply|sponse)|rejected) to|"
    r"from remote server for|did not like our)"
    r"(?: (?:the|a|an|pipelined|sending|performing|receiving|issuing))* \"?"
)
_SENTENCE = r"(?! (?:you|the|this|that|an?|us|any)\b)"  # "after mail from you"
_COMMANDS = {
    SmtpStage.CONNECT: r"initial (?:connection|(?:server )?greeting)|connect (?=response)",
    SmtpStage.EHLO: r"(?:ehlo|helo|lhlo)\b",
    SmtpStage.AUTH: r"auth(?= (?:command|plain|login|cram))|starttls\b|tls handshake",
    SmtpStage.MAIL: rf"mail(?: from\b{_SENTENCE}|(?= (?:command|response)))",
    SmtpStage.RCPT: r"rcpt\b",
    SmtpStage.DATA: r"data\b",
    SmtpStage.END: r"(?:end of (?:data|message)|(?:message|data) body|text command)\b",
}
# qmail's sentences (qmail-remote.c), and Postfix's for a server whose first words are a refusal.
_SENTENCES = {
    SmtpStage.CONNECT: "refused to talk to me|but greeting failed",
    SmtpStage.EHLO: "but my name was rejected",
    SmtpStage.AUTH: "cannot start tls",
    SmtpStage.MAIL: "but sender was rejected",
    SmtpStage.RCPT: "does not like recipient",
    SmtpStage.DATA: "failed on data command",
    SmtpStage.END: "failed after i sent the message",
}
_STAGE_PATTERNS = {stage: re.compile(rf"{_LEAD}(?:{_COMMANDS[stage]})|{_SENTENCES[stage]}") for stage in SmtpStage}
# The dialogue as sendmail, Courier, MDaemon and others show it: ">>> MAIL From:<...>", "<<< 550 ...".
_COMMAND = re.compile(r"\s*(?:>>>|-{1,2}>)\s{0,4}(ehlo|helo|lhlo|auth|starttls|mail|rcpt|data|bdat)\b", re.IGNORECASE)
_REPLY = re.compile(r"\s*(?:<<<|<-{1,2})\s{0,4}([2-5])\d\d[ -]?(.*)")
_BY_COMMAND = {"ehlo": SmtpStage.EHLO, "helo": SmtpStage.EHLO, "lhlo": SmtpStage.EHLO, "auth": SmtpStage.AUTH,
               "starttls": SmtpStage.AUTH, "mail": SmtpStage.MAIL}  # fmt: skip


def find_stage(words: str) -> SmtpStage | None:
    """Return the stage that the words name; None where they name none.

    A server that asked another one reports two dialogues. A stage before RCPT counts first: the other server was not
    told the recipient, so that nobody has judged it.
    """
    line = " ".join(words[:_LONGEST].lower().split())
    stages = [stage for stage, pattern in _STAGE_PATTERNS.items() if pattern.search(line)]
    before = [stage for stage in stages if stage.before_recipient]
    return min(before) if before else max(stages, default=None)


def find_stage_in_transcript(text: str, reply: str) -> SmtpStage | None:
    """Return the stage before RCPT at which `reply` was given, by a transcript of the dialogue.

    None where the transcript shows none, or where another recipient got as far as RCPT and the reply may be theirs.
    sendmail writes RCPT and DATA before it reads the answer to either, so that later stages stay unknown.
    """
    refused: list[tuple[SmtpStage | None, str]] = []
    command: str = ""
    for row in cut_lines(text, _MOST_LINES, _LONGEST_LINE):
        if command_match := _COMMAND.match(row):
            command = command_match[1].lower()
        elif command and (reply_match := _REPLY.match(row)) and reply_match[1] in "45":
            refused.append((_BY_COMMAND.get(command), _normalise_words(reply_match[2])))
    wanted = _normalise_words(reply)
    of_reply = [stage for stage, answer in refused if answer and answer in wanted]
    stages_found = set(of_reply or (stage for stage, _ in refused))
    return stages_found.pop() if len(stages_found) == 1 else None


def _normalise_words(words: str) -> str:
    return " ".join(words.lower().split())
