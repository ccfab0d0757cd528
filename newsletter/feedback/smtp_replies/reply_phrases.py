"""Phrases by which mail servers say why they refuse, in many languages, one list for each meaning.

The words decide where no code does, and correct a code that is known to be given for anything. Each pattern is a chain
of plain words with gaps of bounded length, so that no text is slow to search.
"""

import re

_WHO = (
    r"(?:user|recipient|mailbox|mail box|account|address|addressee|alias|local part|mail-box|userid|user id|login|"
    r"user ?name|e-?mail (?:address|account|box)|subscriber|person|maildrop|customer|member)"
)


def compile_phrases(text: str) -> re.Pattern[str]:
    """Compile a pattern of phrases, with " | " or a new line between them; an indented line goes on with the last.

    They are regular expressions in small letters, for text that `lower` was called on. " ... " is a gap of a few
    words, "WHO" each name that servers have for a recipient. Parentheses only group.
    """
    rows = re.sub(r"\n {8}", "", text.rstrip()).split("\n")
    pattern = "|".join(row.strip() for row in rows if row.strip())
    for short, meant in ((" | ", "|"), (" ... ", ".{0,60}"), ("WHO", _WHO)):
        pattern = pattern.replace(short, meant)
    return re.compile(re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern))


# The reply is about the sender, whatever else it says: their address, name or server was looked up in vain. Google
# Groups say in one sentence that a group may not exist, or that the sender may not post to it.
SENDER = compile_phrases(r"""
    sender ... (reject|denied|not (allowed|permitted|accepted)|refus|unknown|not exist|not found|not verif|
        invalid|verif\w* fail|blocked|black|block)
    my name was rejected | (verify|validate|verifying|validating|callout).{0,20}sender | domain of sender
    sender (verify|verification|callout|domain)
    (mail from|return[- ]path|envelope from|from address|from:? domain|helo|ehlo) ... (reject|not exist|
        not found|unknown|invalid|denied|refus)
    (can(no|')t|could not|unable to|not) (resolve|verify|find) (the |your )?(sender|client|host ?name|reverse)
    cannot find your (host|reverse)
    your (e?mail )?(address|domain|ip|server|host) ... (not exist|unknown|not found|reject|invalid)
    (invalid|bad|fake|forged|unknown|illegal) sender\b | (invalid|bad) dns (mx|ptr|a\b)
    ([ée]metteur|exp[ée]diteur|remitente|mittente|remetente) ... (inv[aá]lid|non valid|refus|inconnu|rejet|rechazad|
        desconocid|rifiutat|sconosciut|recusad|rejeitad|n'existe|no existe|non esiste)
    absender ... (ungültig|abgelehnt|unbekannt|abgewiesen|gesperrt|nicht (erlaubt|gefunden|zulässig|akzeptiert))
    отправител\w* ... (отклон|отверг|не (существует|найден)|заблокирован)
    (发件人|寄件者|寄件人).{0,20}(拒|不存在|无效)
    groups\.google\.com/support
""")

# RFC 3463, section 3.3: X.2.2 and X.3.1. The address is good.
FULL = compile_phrases(r"""
    (mail ?box|mail-box|mailfolder|inbox|account|user|recipient|disk|storage|mail ?drop|
        mail ?directory)\b ... \b(full|over ?(its |the )?(disk )?(quota|limit)|exceed\w* ... (quota|limit|
        storage|space|size|capacity)|out of (space|storage))
    (over|out of|exceeds?|exceeded|exceeding|above|beyond) ... (quota|storage|disk space|mailbox size|
        mailbox limit|space limit)
    over ?quota | quota ... (exceed|exhaust|reached|full|violat|overdrawn) | disk quota | mailfull | mbox ?full
    boxfull
    (insufficient|not enough|no|lack of|too little) (system |disk |free |mailbox |available )?(storage|space|
        disk)
    storage quota | mailbox size limit | too much mail | too many messages (in|on) th
    (mailbox|postfach|postbus|caixa|casella|buz[oó]n|bo[iî]te) ... (voll|überfüllt|\bvol\b|pleine|satur[ée]e|
        llen[oa]|piena|cheia|lotad[ao]|repleto|excedi)
    speicherplatz | quota (dépassé|superad|excedid)
    (espace|espacio|spazio|espaço) ... (insuffisant|insuficiente|esaurito|disco)
    ящик ... (переполнен|заполнен) | превышен ... (квот|размер|лимит) | переповнен | przepełnion
    skrzynka ... pełna | schránka ... plná
    (邮箱|郵箱|信箱|空间|空間|容量).{0,20}(已满|满了|滿|不足|超过|超出|超過) | 配额
    容量(が|を)?(一杯|超え|超過) | メールボックス ... (一杯|いっぱい|満杯|超)
    (편지함|메일함|용량).{0,20}(가득|초과) | kutusu ... dolu | postilaatikko ... täynnä
    (postkasse|inkorg|brevlåda|postboks) ... (full|fuld)
""")

# X.1.x and X.2.1: there is no such person, or no longer.
GONE = compile_phrases(r"""
    (unknown|no such|invalid|nonexist[ae]nt|non-exist[ae]nt|inexistent|not a (valid|known)|not valid|bad|
        illegal|undeliverable|wrong|incorrect|unrecogni[sz]ed|inactive|disabled|expired|deactivated|closed|
        cancel+ed|suspended|obsolete|unavailable|unrouteable|undefined)[ _](final delivery |local |destination |
        virtual |forward |mail ?|email |e-mail |recipient |delivery )?WHO\b(?! syntax)
    WHO( ?(name|part|s))?\b ... \b(unknown|not found|(isn'?t|wasn'?t|can(no|')t be|could ?n[o']t be|
        could not be) found|does not exist|doesn'?t exist|doesnt exist|do not exist|don'?t exist|not exist|
        nonexist[ae]nt|non-exist[ae]nt|not known|not recogni[sz]ed|not listed|not (a )?local|unlisted|undefined)
    WHO( ?(name|part|s))?\b.{0,25}?\b(not valid|isn'?t valid|invalid|disabled|inactive|suspended|est bloqu|
        has moved|not (currently )?active|not available here|not in (our|the|my)|no longer (exist|valid|in use|
        active|available|here|with|work|employ|accept)|(is|was|been|are|,|:) (currently |temporarily )?(inactiv|
        deactivated|discontinued|closed|terminated|expired|deleted|removed|cancel+ed|blocked|locked|ambiguous))
    no (such |valid |known |matching |matched )?(user|recipient|mailbox|account|address|person|one|body|
        mail ?box|local part)\b ... (here|by (this|that) name|exist|found|with (this|that) (name|address)|known|
        of that name|available|at (this|that))
    no such (user|recipient|mailbox|account|address|person|mail ?box|local|alias|email|e-mail|mail ?drop|
        addressee)
    no (mailbox|recipients?|account) (here|found|by) | nobody by that name | no one here by | no mailbox
    no valid recipients? | user(id)?unknown | unknownuser | nosuchuser | userdoesnotexist | recip(ient)?notfound
    invalid ?recipients?\b | invalidmailbox | mailboxnotfound | unknown ?recipient | recipient ?unknown
    user_unknown | nouser | no_such_user | badrcptto | 5\d\d ... mailbox( \S{1,60}@\S{1,60})? unavailable
    (does|do|did|dos)( not|n'?t) (exist|have an? (mail)?(box|account|mailbox|\S{1,30} account))
    (has|have|had) no (mail)?(box|account)
    is not (a )?(known|registered|valid) (here|user|address|email|account|member|subscriber)
    not (a )?(known|valid|registered|listed) (recipient|user|address|here|account|mailbox|member)
    not our customer | not listed in | isn'?t (listed|in)\b | not a user here
    don'?t know (that|this|the) (user|address|recipient)
    (couldn'?t|could not|can'?t|cannot|unable to) find (the |that |this |any )?(user|recipient|mailbox|address|
        account|person)
    wasn'?t found | unknown or illegal alias | unable to validate recipient | recipient verif\w+ fail
    not on this (system|server) | this address is not (valid|known|in use) | address (is )?unknown | addressee unknown
    undeliverable address | address not (present|found)
    recipient( address(es)?)? rejected ?: (undeliverable|access denied|user|unknown|no|invalid) | unroutable mailbox
    @[\w.-]{1,80} is no longer (valid|in use|active)
    no existe | no such recipient | i'?m no longer (with|at) | dead (address|account|letter)
    delivery to ... is not allowed here | mailbox (is )?(frozen|disabled|inactive)
    left the (company|organi[sz]ation)
    (unbekannt|existiert nicht|nicht (gefunden|bekannt|vorhanden)|ungültige) ... (empfänger|adresse|benutzer|
        postfach)
    (empfänger|adresse|benutzer|postfach|nutzer|konto) ... (unbekannt|existiert nicht|nicht (gefunden|bekannt|
        vorhanden)|ungültig|gibt es nicht|gesperrt|deaktiviert)
    existiert nicht
    (utilisateur|destinataire|adresse|compte|bo[iî]te) ... (inconnue?|n'existe (pas|plus)|introuvable|invalide|
        désactivée?|inexistante?)
    n'existe (pas|plus)
    (usuario|destinatario|direcci[oó]n|cuenta|buz[oó]n) ... (desconocid|no existe|inexistente|
        no (se ha )?encontrad|inv[aá]lid|no es v[aá]lid)
    (utente|destinatario|indirizzo|casella|account) ... (sconosciut|inesistente|non (esiste|trovato|valido)|
        disabilitat)
    (usu[aá]rio|destinat[aá]rio|endere[cç]o|conta|caixa) ... (desconhecid|n[aã]o (existe|encontrad|
        foi encontrad)|inexistente|inv[aá]lid|desativad)
    non esiste | n[aã]o existe | bestaat niet
    (gebruiker|adres|ontvanger) ... (onbekend|niet gevonden|ongeldig) | nie istnieje
    (użytkownik|adresat|konto) ... (nieznan|nie (został )?znalezion) | neexistuje
    (uživatel|adresát) ... neznám | nem létezik | (címzett|felhasználó) ... (ismeretlen|nem található)
    finns (inte|ej) | fin(de|ne)s ikke
    (mottagare|modtager|mottaker|användare|bruger) ... (okänd|ukendt|ukjent) | ei ole olemassa
    (vastaanottaja|käyttäjä) ... tuntematon | (kullanıcı|alıcı|adres) ... (bulunamadı|mevcut değil|yok|geçersiz)
    nu există | не существует | несуществующ | не найден | неизвестн\w* (пользовател|получател|адрес)
    пользовател\w* ... (неизвест|не зарегистрирован|отключ|заблокирован) | нет такого | не зарегистрирован
    не існує | не знайдено | δεν υπάρχει | لا يوجد | غير موجود | לא קיים | לא נמצא | 不存在 | 查无此 | 查無此
    无此用户 | 無此 | 收件人(地址)?(无效|無效|错误) | 用户(被(锁定|禁用)|未找到)
    找不到.{0,20}(收件|用户|使用者|邮箱|地址) | リストにありません
    (宛先|あて先|ユーザー?|アドレス|メールアドレス|受信者) ... (不明|見つかりません|存在し(ません|ない)|
        ありません|確認できません|無効)
    存在しません | (주소|사용자|수신자|계정) ... (존재하지|찾을 수 없|없습니다|없는) | 존재하지 않
""")

# X.1.2 and X.4.4: there is no such place. RFC 7505: a domain that says it takes no mail.
NO_HOST = compile_phrases(r"""
    (host|domain|domain name|host or domain name|server|site|destination|mx)\b[^:]{0,30}(not found|unknown|
        does not exist|doesn'?t exist|not exist|nonexist|non-exist|invalid|nxdomain|is not (known|registered)|
        can'?t be found|could not be found|couldn'?t be found|no longer (exists|in use|valid))
    (unknown|no such|bad|illegal|invalid|non-?exist[ae]nt) (mail ?)?(host|domain|destination host|
        destination domain)
    nxdomain | unrouteable | unroutable (address|domain|mail)
    (couldn'?t|could not|can'?t|cannot|unable to) (find|resolve|locate) (any |a |the )?(host|domain|
        mail exchange|mx)
    host unknown | no mx (record|host) | no mail ?(server|exchanger|host)s? (for|found) | nullmx | null mx
    does not accept mail | all relevant mx records point to non-?existent | no route to (domain|address)
    dns (domain|name) ... does not exist | name or service not known
    (hôte|domaine|dominio|domínio|domein|домен|域名|ドメイン|ホスト) ... (inconnu|introuvable|n'existe|
        no existe|non esiste|inesistente|n[aã]o existe|niet gevonden|не (найден|существует)|不存在|不明|
        見つかり)
""")

# X.7.x: the message was not taken for what it is or whom it comes from.
POLICY = compile_phrases(r"""
    spam | junk | bulk mail | unsolicited | virus | malware | phish | infected | black ?list | block ?list
    blocklisted | \bdnsbl | \brbl\b | spamhaus | spamcop | barracuda | reputation | \bspf\b | \bdkim\b | dmarc
    \bptr\b | reverse dns | \brdns\b | relay(ing)? (denied|not|access|is|prohibit|attempt)
    (unable|not allowed|not permitted|denied|refus\w*|won'?t|cannot|does not|no) (to )?relay
    not (a |an )?(open )?relay | policy | policies | content (reject|filter|not)
    rejected (for|due to|by) (content|security|administrat) | prohibited | authenticat | not authori[sz]ed
    unauthori[sz]ed | unauthenticated | authori[sz]ation | greylist | graylist | rate ?limit
    too (many (?!hops)|frequent|fast) | throttl | access (is )?denied | permission | restrict | blocked | banned
    firewall | filter | suspicious | not accepted from | (not|only) accept\w* (mail|messages?|e-?mail) from
    rejected by (the )?(recipient|user|owner) | administrative | violat | attachment | security | tls
    certificate | complian | syntax error | bad (header|sequence) | bare lf | 8bit | spoof | disallowed
    as a relay | ask your postmaster
    (message|e-?mail|mail|content)( (is|was|has been))? (not allowed|rejete|rejet[ée]|reject|refused|denied|declined)
    垃圾 | 反垃圾 | 拒绝 | ブロック | 迷惑メール | スパム | спам | заблокирован
""")

# X.7.x, X.4.5: mail comes too fast, or over too many connections at once.
RATE = compile_phrases(r"""
    (connection|sending|submission|message|mail|e-?mail|delivery) (rate|frequency) | frequency limit
    (concurrent|simultaneous|parallel) (smtp )?(connections|sessions) | thread limit | messages? per connection
    sender has exceeded | max(imum)? (e-?mails|messages) per (hour|day) | queue quota
    rate limited | temporarily rate | sending (limit|quota) | daily message quota
""")

# X.2.3, X.3.4: the message is too large.
LARGE = compile_phrases(r"""
    (message|mail|size|e-?mail|body|attachment)\b ... ((?<!queue )(?<!for )too (large|big|long)|
        exceed\w* ... (size|limit|maximum|max)|larger than|bigger than|over the (size|maximum))
    (size|length) limit | too (large|big)\b | maximum (message )?size | zu groß | trop (grand|volumineu|gros)
    demasiado grande | troppo grande | слишком больш | 超过.{0,10}大小 | サイズ.{0,20}(超|大き)
""")

# X.4.x, X.3.x: the message could not be delivered in this attempt, or in the days of trying.
LATER = compile_phrases(r"""
    time[ds]?[- ]?out | timeout | connection (was )?(refused|reset|closed|lost|dropped|failed|died|aborted)
    refused to (talk|connect) | \bloop | too many hops | hop count | received headers
    (could not|couldn'?t|can'?t|cannot|unable to|failed to|wasn'?t able to|not able to|not) (be )?(connect|
        establish|contact|reach|open|deliver(ed)? (within|after|in time))
    lost connection | no route to host | unreachable | not responding | did not respond | no (answer|response)
    retry | try(ing)? again | later | temporar | transient | deferred | delayed | delay\b | expired | too old
    (has|have) been in the queue | not been (able|delivered) | still being | in (the )?queue | busy | overload
    resources | system (error|failure|problem) | i/o error | lookup fail | service (not |un)available
    shutting down | out of memory | dns (error|fail|server) | server failure | name service error | name server
    too many connections | keine verbindung | zeitüberschreitung | delai | délai | später | plus tard
    más tarde | più tardi | mais tarde | временн | позже | позднее | 超时 | 逾時 | 稍后 | タイムアウト | 後ほど
""")

# The server goes on trying.
DELAYED = compile_phrases(r"""
    (will|shall) (be retried|(keep|continue) (on )?(to )?try\w*|retry|keep|try again|be re-?tried|be attempted|
        continue)
    still (being )?(tr(ied|ying)|attempt|not been delivered) | do( not|n'?t) need to resend
    no action is required | this is (just )?(only )?a warning | warning message only
    delivery attempts will continue | (has|have) been delayed | is (being )?delayed | delivery delayed
    delayed mail | could not be delivered yet | has not yet been delivered | not yet been delivered
    will be attempted | for the (past|last) \d+ (hours|minutes) | wird weiter versucht | weitere zustellversuche
    verzögert | retardée? | retrasad | ritardat | atrasad | задерж | 延迟 | 遅延 | 遅れて
""")

# The message was delivered: said in a subject, or in a notice's words.
ARRIVED = compile_phrases(r"""
    \(success\) | \bsuccess(ful|fully)? (mail )?deliver | delivered successfully
    (was|were|has been|have been) (successfully )?(delivered|relayed)
    (erfolgreich|wurde) zugestellt
""")

# The message could not be delivered: said in a subject, or in a notice's first words.
BOUNCED = compile_phrases(r"""
    undeliver | non[- ]?deliver | not? (be )?deliver | un(able|successful) (to |mail )?deliver
    return(ed|ing)? (mail|message|e-?mail|to sender)
    (mail|message|e-?mail|delivery).{0,20}(fail|return|error|problem|reject|bounce|blocked|refused)
    fail(ed|ure)?.{0,20}(mail|message|deliver|notice|recipient)
    delivery (status|report|notification|failure|problem|delay|error|warning|has)
    (could|can)( ?not|n'?t) (be )?(send|sent|deliver) | (was|were|has|have)( not|n'?t) (been )?(sent|deliver)
    bounced?\b | (error|problem).{0,20}(sending|deliver) | user unknown | nondelivery | \bndn\b | \bndr\b
    address (unknown|not found) | recipient (unknown|not found|rejected) | delayed
    warning ... (could not|still|mail|message) | mail system error | rejected | unknown (user|address|recipient)
    no such (user|address) | mailbox.{0,20}(full|unavailable|not) | unzustellbar
    nicht (zugestellt|zustellbar|übermittelt|ausgeliefert) | zustell(ung|fehler|bericht)
    (non|échec).{0,12}(remise?|distribu|livr|délivr|envoi) | remise impossible | impossible de (remettre|distribuer)
    no (se (ha|pudo|puede)|ha sido).{0,20}(entreg|envi) | no (entregad|entregable) | devuelto | error de entrega
    mancato recapito | non (recapitabil|consegnat|inviat|recapitat) | impossibile (recapitare|consegnare)
    n[aã]o (entreg|foi (poss[ií]vel|entregue)) | devolvid | falha (na|de|no) | onbestelbaar
    niet (bezorgd|afgeleverd|verzonden) | nie (można|dostarczon|doręczon) | niedostarczon | zwrot | nedoručiteln
    nelze doručit | nedoručen | kézbesíthetetlen | nem (kézbesíthető|sikerült) | olevererbart
    inte (levereras|skickas) | kan ikke (leveres|sendes) | kunne ikke (leveres|sendes)
    toimitus.{0,20}epäonnistu | ei voitu (toimittaa|lähettää) | teslim edilemedi | iletilemedi | gönderilemedi
    не (доставлен|может быть доставлен|удалось доставить|удается доставить) | недоставлен | невозможно доставить
    ошибка доставки | возврат (письма|почты) | не доставлено | не вдалося доставити | 退信 | 退回 | 无法投递 | 無法投遞
    投递失败 | 无法送达 | 無法傳遞 | 無法送達 | 未送达 | 未送達 | 发送失败 | 系统退信 | 配信(不能|エラー|失敗)
    送信(できません|エラー|失敗) | お届けできません | 配信できません | エラーメール | メールエラー
    メールの?(送信|配信) | 届けることが | 반송 | 전달(되지|할 수) | 배달 (실패|불가) | 발송 실패 | 전송 실패
    لم يتم تسليم | תקלה במסירה | δεν (ήταν δυνατή|παραδόθηκε)
""")
