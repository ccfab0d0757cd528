"""Recognisers of mail in which a person asks to be unsubscribed, in the words of many languages."""

import re

from newsletter.feedback.event import FeedbackEvent, FeedbackEvidence, FeedbackKind
from newsletter.feedback.mail.recognition.auto_reply import is_answer_subject
from newsletter.feedback.mail.recognition.bounce_signs import has_bounce_form
from newsletter.feedback.mail.recognition.parsed_mail import ParsedMail
from newsletter.feedback.mail.recognition.recognition_result import TEXT, Recognition
from newsletter.feedback.smtp_replies.reply_phrases import compile_phrases
from newsletter.subscribers.reasons import Reason
from newsletter.text import escape_controls

_LONGEST_REQUEST, _LONGEST_ROW, _MOST_ROWS, _MOST_WORDS = 500, 300, 8, 12
_MOST_SENTENCES = 5

# Words that may come before a request.
_GREETING = compile_phrases(r"""
    please | pls | kindly | hi | hello | dear \w+ | good (morning|day) | (can|could|would|will) (you|we|i)
    how (do|can) i | hiermit
    i( want| wish| would (like|love)|'?d like)?( to)?( be)? | i am writing to | bitte | hallo | guten tag
    (ich|wir)( möchten?| will| wollen)?( mich| uns)?
    merci de | bonjour | je (veux|souhaite|voudrais)( me)? | por favor | hola | quiero | per favore | vorrei | graag
    proszę( o)? | prosím | пожалуйста | прошу
""")
# Requests, whatever follows.
_WHOLE_REQUEST = compile_phrases(r"""
    no longer (wish|want|care) (to )?(receiv|get\b|be (on|sent|part))
    (bestelle|kündige|melde) ich (mich |hiermit )?[^.,;]{0,30}(newsletter|abo\b|verteiler)
    (möchten?|will|wollen) .{0,60}\bnicht (mehr|länger|weiter) (erhalten|bekommen|empfangen|beziehen)
    (den |die |ihren |euren )?(newsletter|e-?mails?|mails) nicht (mehr|länger) (erhalten|bekommen|empfangen|beziehen)
    (möchten? |will |wollen )?keinen? (weiteren )?(newsletter|e-?mails?|mails|nachrichten|post)( von ihnen)? mehr
    melden sie (mich|uns) (bitte )?((vom|von|aus) .{0,40}(newsletter|verteiler|liste)\w* )?ab\b
    ne plus recevoir | (cancelar|anular) (la )?(suscripci[oó]n|inscri[cç][aã]o|assinatura)
    (annulla|cancella)\w* (la )?(mia )?iscrizione | peru(uta)? tilaus | abonelikten [cç][ıi]k\w*
    登録解除 | 配信停止 | 購読解除 | 退会 | 退订 | 退訂 | 取消订阅 | 取消訂閱 | 수신거부
    구독 ?취소 | إلغاء الاشتراك | הסר
""")
# Beginnings of a request, or of a sentence about something else: the words behind decide.
_GERMAN_VERB = r"(?:abmeld|abbestell|k[üu]ndig|austrag|lösch|streich|nehm|entfern)\w*"
_BEGINNING = compile_phrases(r"""
    un-?subscrib\w* | opt[- ]?out | sign ?off | (remove|delete|take|drop|strike) (me|us)
    (remove|delete|take) (my (e-?mail|name|address)|this (e-?mail )?address) | stop (sending|mailing|e-?mailing)
    (be|get) (removed|deleted|taken off) | no more | (do not|don'?t) (want|wish) to receive
    (cancel|end) (my |the )?(subscription|newsletter) | (do not|don'?t) (send|e-?mail|mail|contact) me
    abbestell\w* | austragen | (tragen|nehmen|streichen|löschen|entfernen) sie (mich|uns)
    ((mich|uns|bitte|vom|von|aus|den|dem|der|ihrem|ihrer|eurem|eurer|diesem) ){0,5}
        (newsletter|verteiler|verteilerliste|mailing-?liste|liste)[- ]?OFF
    abmeld\w*(?=\W+(bitte\W+)?(vom|von|aus|mich|uns|newsletter|verteiler|mailing-?liste|liste))
    d[ée]s(abonn|inscri)\w* | (veuillez )?me (retirer|d[ée]s(inscrire|abonner)) | retirez[- ]moi
    (d[ée]n?(me|nos)|dar(me|se|nos)?) de baja | desuscrib\w* | cancellami | disiscri\w* | disdire | descadastr\w*
    afmeld\w* | uitschrijv\w* | avregistrer\w* | avprenumerer\w* | avmeld\w* | framel\w*
    wypisz\w* | wypisa\w* | rezygnuj\w* | odhl[áa]s\w* | leiratkoz\w* | dezabon\w*
    отписа\w* | отпишите | удалите меня | відписа\w* | διαγραφ\w*
""".replace("OFF", _GERMAN_VERB))  # fmt: skip
# Words of any sentence: a request only with nothing behind them but a continuation.
_SINGLE_WORD = compile_phrases("remove | delete | leave | stop | cancel | baja | remover")
# Words with which only a request goes on.
_CONTINUATION = compile_phrases(r"""
    from | off | of | at | to | for | with | me | us | my | our | you | your | yours | the | this | that | these | those
    all | any | any ?more | further | future | more | again | longer | now | immediately | asap | today | at once | out
    mailings? | lists? | newsletters? | digests? | e-?mails? | mails? | messages? | address(es)? | name | database
    distribution | subscriptions? | subscribers? | request | e-?mail list | please | pls | kindly | thanks | thank you
    many | regards | and (please )?(delete|remove|erase|stop|confirm|forget|take|do not|don'?t) | data | details
    i | it | <?(mailto:)?[^\s@<>,;:]{1,64}@[\w.-]{1,200}>? | [\w.=+-]{22,700}
    bitte | danke | vielen dank | mich | uns | vom | von | aus | ab | dem | den | der | die | das | ihrem | ihrer
    ihren | diesem | dieser | eurem | eurer | mehr | und | verteiler | verteilerliste | mailing-?liste | liste
    adresse | meine
    moi | me | nous | de | du | la | le | les | votre | vos | notre | cette | lettre | diffusion | d'information
    svp | s'il vous pla[iî]t | merci | d'avance
    su | sus | esta | este | del | lista | bolet[ií]n | correos? | por favor | gracias | mi
    dalla | dal | vostra | vostro | grazie | per favore | da | do | desta | obrigad[oa]
    van | het | uw | nieuwsbrief | mij | graag | aub | alstublieft | bedankt
    mig | meg | fra | från | nyhetsbrev\w* | nyhedsbrev\w* | tack | tak | takk | listan | listen
    mnie | z | listy | newslettera? | prosz[ęe] | m[ěe] | odběru | newsletteru | pros[ií]m
    меня | от | из | рассылк\w* | списка | вашей | пожалуйста | спасибо
""")
_REASON = (
    r"(?:because|since|as i|i (?:am|have|do|don'?t|no|get|never|can)|i'(?:m|ve)|we |it is|"
    r"weil|da ich|ich|car|porque)\b"
)
_FROM_A_LIST = (
    r"(?:\W+(?:me|us))?\W+(?:from (?:the|your|this|all|any|future)|"
    r"to [^.,;]{0,60}\b(?:newsletter|digest|list|e-?mails?|mailings?))\b"
)
# The atomic group and the possessive loop keep the search linear.
_ONLY_CONTINUATION = rf"\b(?:\W+(?>(?:{_CONTINUATION.pattern})(?!\w)))*+"
_REQUEST = re.compile(
    rf"\W*(?:(?:{_GREETING.pattern})\W+){{0,4}}(?:(?:{_WHOLE_REQUEST.pattern})|abmeld\w*(?:\W+(?:bitte|danke))*\W*$|"
    rf"(?:{_BEGINNING.pattern})(?:{_FROM_A_LIST}|{_ONLY_CONTINUATION}(?:\W*$|\s*[.!?;)]|,?\s+[-–—]|\W+{_REASON}))|"
    rf"(?:{_SINGLE_WORD.pattern}){_ONLY_CONTINUATION}\W*$)"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s")
# Words by which a mail is no request, or one that a person has to read.
_NO_REQUEST = compile_phrases(r"""
    \b(do not|don'?t|did not|didn'?t|never|not|nicht|ne pas|no me|undo|re-?subscrib\w*|by mistake|accident\w*)\b
        [^.!?,;]{0,25}(un-?subscrib|remov|abmeld|abbestell|d[ée]s(abonn|inscri)|baja)
    \b(instead|stattdessen|replace|new address|neue adresse|nouvelle adresse)\b
    \b(and|und|et|y) (please )?(add|use|subscribe)\b
""")
_QUOTE = compile_phrases(r"""
    > | \| | -{2,}\s*(original|forwarded|urspr|message|mensaje|messaggio) | _{10,} | on .{4,120} wrote: | from:\s
    am .{4,120} schrieb | le .{4,120} a écrit | el .{4,120} escribió | il .{4,120} ha scritto | von:\s | de ?:\s
    sent from my | -- ?$
""")
_LIST_PRECEDENCE = frozenset({"bulk", "list", "junk"})


def recognise_unsubscribe_request(mail: ParsedMail) -> Recognition | None:
    """Recognise a person's request in a mail that neither is a report nor brings a copy back.

    It comes before whatever only looks like a bounce: an administrator may unsubscribe, too. And before the
    auto-replies: a mail program that unsubscribes for a person says that it does so by itself.
    """
    return None if has_bounce_form(mail) or mail.copy.fields else _make_recognition(mail)


def recognise_quoting_unsubscribe_request(mail: ParsedMail) -> Recognition | None:
    """Recognise a person's request in a mail that brings a copy back, and is no bounce."""
    return _make_recognition(mail) if has_bounce_form(mail) or mail.copy.fields else None


def _make_recognition(mail: ParsedMail) -> Recognition | None:
    if not (request := find_request(mail)):
        return None
    event = FeedbackEvent(
        kind=FeedbackKind.UNSUBSCRIBE,
        address=mail.sender,
        reason=Reason.UNSUBSCRIBED,
        evidence=FeedbackEvidence(part=TEXT, words=request),
    )
    return Recognition((event,), request=request)


def find_request(mail: ParsedMail) -> str:
    """Return what a person wrote who asks to be unsubscribed: subject and first lines as one; empty if nobody does.

    Only a mail's first words count: a quoted footer says "unsubscribe" in every answer to a newsletter.
    """
    header = mail.header
    if header.first("list-id") or header.first("precedence").strip().lower() in _LIST_PRECEDENCE:
        return ""
    subject = " ".join(mail.subject.split())
    written = _find_own_lines(mail.text)
    in_subject = (
        not is_answer_subject(subject) and len(subject.split()) <= _MOST_WORDS and _REQUEST.match(subject.lower())
    )
    in_words = any(_is_request(row.lower()) for row in written[:3] if len(row) <= _LONGEST_ROW)
    request = " / ".join(piece for piece in (subject, " ".join(written)) if piece)
    is_request = (in_subject or in_words) and not _NO_REQUEST.search(request.lower())
    return escape_controls(request)[:_LONGEST_REQUEST] if is_request else ""


def _is_request(row: str) -> bool:
    """Return whether a sentence of the line begins with the words by which one unsubscribes."""
    starts = [0, *(end.end() for end in _SENTENCE.finditer(row))]
    return any(_REQUEST.match(row, start) for start in starts[:_MOST_SENTENCES])


def _find_own_lines(text: str) -> list[str]:
    """Return the first lines that are the person's own."""
    rows: list[str] = []
    for row in text[:4_000].split("\n"):
        row = " ".join(row.split())
        if _QUOTE.match(row.lower()):
            break
        if row:
            rows.append(row)
        if len(rows) >= _MOST_ROWS:
            break
    return rows
