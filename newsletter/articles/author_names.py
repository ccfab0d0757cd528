"""Names of authors, from what pages write in their place, with titles, affiliations and addresses of mail.

A wrong author is worse than none, so that what is not clearly a person's or an organisation's name is left out.
"""

import re
from collections.abc import Iterable, Iterator

from newsletter.articles.article import clean_words

MOST_AUTHORS = 50
_LONGEST_NAME = 80
_BY = re.compile(
    r"\A(?:(?:(?:words|text|story|written|reported|posted|published|reviewed|opinion|analysis|report|essay|commentary|column|interview"
    r"|feature|paper|brief|op-ed|blog post|perspective)\s+)?by\b:?"
    r"|(?:texte?|author|authors|autore?s?|autora|auteure?s?|autor(?:in|en|es)?|yazar|schrijver|words|story)\s*:"
    r"|rédigé par|publié par|escrito por|przez)\s+",
    re.IGNORECASE,
)
# These begin names too, as in De Niro: a byline has two words of a name behind them.
_BY_PREPOSITION = re.compile(
    r"\A(?:[Vv]on|[Pp]ar|[Pp]or|[Dd]i|[Dd]e|[Dd]oor|[Aa]v|[Aa]f)\s+(?=[^\W\d_a-z][^\s,]*\s+[^\W\d_])"
)
_BY_JAPANESE = re.compile(
    r"\A(?:文責|取材・文|構成・文|文・写真|文|執筆者?|筆者|著者|記者|作者|撰文|글)\s*[:：=＝/／・]\s*"
)
_BEHIND_JAPANESE = re.compile(r"\s*(?:記者|編集委員|論説委員|特派員|氏|さん|기자)\s*\Z")
_MAIL = re.compile(r"[\[(<]?\b[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+[\])>]?|(?<!\w)@\w{1,40}\b")
_WEB = re.compile(r"https?://\S*|\bwww\.\S*", re.IGNORECASE)
_BRACKETS = re.compile(r"\s*[(（\[【][^()（）\[\]【】]{0,200}[)）\]】]")
_SEPARATORS = re.compile(
    r"\s*[;|•·/／、，]\s*|\s+[-–—~]\s+|\s*[—]\s*|\s*,\s*(?:(?:and|und|et|y|e|og|och|en|with|mit)\s+)?"
    r"|\s*&\s*|\s+(?:and|und|et|y|e|og|och|en|ja|with|mit|avec|con)\s+(?=\S)",
)
_INVERTED = re.compile(
    r"((?:(?:de|la|las|los|del|van|von|der|den|di|da|dos|du|le|el|al|bin|ten|ter)\s)*[^\W\d_][\w'’-]*(?:\s[^\W\d_][\w'’-]*)?),"
    r"\s([^\W\d_][\w'’-]*\.?(?:\s[^\W\d_]\.?)*)",
    re.IGNORECASE,
)
# Words within names that begin with no capital.
_PARTICLES = frozenset(
    ["de", "la", "las", "los", "del", "della", "dela", "van", "von", "vom", "zu", "zur", "der", "den", "di", "da", "do",
     "das", "dos", "du", "des", "le", "el", "al", "bin", "ibn", "ten", "ter", "te", "af", "av", "y", "e", "i"]
)  # fmt: skip
_SUFFIX = re.compile(r"\A(?:jr|sr|ii|iii|iv)\.?\Z", re.IGNORECASE)
_DEGREE = re.compile(
    r"[\s,]+(?:ph\.?\s?d|m\.?d|m\.?a|m\.?sc|b\.?a|j\.?d|r\.?n|mba|cpa|esq|obe|mbe|cbe|frs)\.?\Z", re.IGNORECASE
)
_HONORIFIC = re.compile(
    r"\A(?:(?:dr|prof|mr|mrs|ms|sir|dame|rev|hon)\.?|professor)\s+(?!of\b|emerit)(?=\S)", re.IGNORECASE
)
# What stands behind a name: where somebody writes from, or for whom.
_BEHIND = re.compile(r"\s+(?:in|at|for|from|reports|reporting|writes|is an?|aus|à|en)\s+.*\Z", re.DOTALL)
_ORGANISATION = re.compile(
    r"\b(?:organi[sz]ation|committee|commission|association|ministry|department|institute|council|university|college"
    r"|union|bank|federation|society|agency|nations|foundation|academy|party|group|press)\b",
    re.IGNORECASE,
)
# Behind a name these say for whom somebody writes.
_AFFILIATION = re.compile(
    rf"{_ORGANISATION.pattern}|\A(?:the\s+)?(?:reuters|ap|afp|agence france-presse|dpa|bloomberg|kyodo|upi|efe|ansa)\Z",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"\b(?:staff|editor|editors|editorial|reporter|reporters|correspondent|correspondents|writer|writers|columnist"
    r"|contributor|contributors|journalist|bureau|desk|newsroom|producer|photographer|analyst|fellow|director|professor"
    r"|lecturer|researcher|scientist|economist|manager|president|chair|chairman|head|chief|senior|associate|assistant"
    r"|deputy|vice|intern|partner|founder|co-founder|secretary|minister|ambassador|special to|university|institute"
    r"|college|school|department|faculty|centre|center|academy|laboratory|council|foundation|agency|ministry"
    r"|redaktion|redakteur|redakteurin|korrespondent|korrespondentin|rédaction|journaliste|redacción|periodista"
    r"|redazione|giornalista|updated|published|posted|read|min|minutes|ago|share|follow|subscribe|comments?|photos?"
    r"|photographs?|illustrations?|images?|credit|getty|courtesy)\b",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"\A(?:by|the|ph\.?d|m\.?d|admin(?:istrator)?|webmaster|web team|staff|news|press|guest"
    r"|anonymous|unknown|none|null|undefined|author"
    r"|n/a|user|root|wordpress|online|team|author name|wires?|wire services?|agencies|agenturen|our reporter"
    r"|編集部|.{0,12}編集部|ニュース編集部|取材班|.{0,12}取材班|編輯部|编辑部|본지)\Z",
    re.IGNORECASE,
)


def read_authors(texts: Iterable[str], *, outlets: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the names in the texts that a page gives for its authors, each once, in their order.

    What is only the name of one of the outlets is left out, since it is told already.
    """
    known = {outlet.casefold() for outlet in outlets}
    names: dict[str, str] = {}
    for text in texts:
        for name in _split_names(text):
            key = name.casefold().replace(".", "")
            if key not in names and name.casefold() not in known and key.removeprefix("the ") not in known:
                names[key] = name
        if len(names) >= MOST_AUTHORS:
            break
    return tuple(list(names.values())[:MOST_AUTHORS])


def remove_by(text: str) -> str:
    """Return the text of a byline without the word that says it is one; the text itself where there is none."""
    return _BY_JAPANESE.sub("", _BY_PREPOSITION.sub("", _BY.sub("", text)))


def is_written_as_name(name: str) -> bool:
    """Return whether each word begins with a capital as names do, but for those such as "de" and "von"."""
    words = re.split(r"[\s-]+", name)
    return all(not word[:1].islower() or word.casefold() in _PARTICLES for word in words) and not words[0][:1].isdigit()


def begins_with_by(text: str) -> bool:
    """Return whether a text begins as a byline does."""
    return remove_by(text) != text


def _split_names(text: str) -> Iterator[str]:
    text = clean_words(_WEB.sub(" ; ", _MAIL.sub(" ; ", text[:2000])))
    text = _BRACKETS.sub("", text).strip(" :;,|·•-–—")
    text = remove_by(text)
    if _ORGANISATION.search(text) and len(text) <= _LONGEST_NAME and re.fullmatch(r"[^\W\d_a-z][^,;|@\d]*", text):
        yield text
        return
    inverted = _INVERTED.fullmatch(text)
    if inverted and not _SUFFIX.match(inverted[2]) and not _ROLE.search(text) and not _is_two_people(text):
        text = f"{inverted[2]} {inverted[1]}"
    parts = [part for part in _SEPARATORS.split(text) if part]
    for place, part in enumerate(parts):
        if _SUFFIX.match(part) or (place > 0 and _AFFILIATION.search(part)):
            continue
        name = _clean_name(part)
        if name:
            behind = parts[place + 1] if place + 1 < len(parts) else ""
            yield f"{name} {behind}" if _SUFFIX.match(behind) else name


def _is_two_people(text: str) -> bool:
    """Return whether a comma stands between two whole names, and not between a family's name and a given one."""
    return all(" " in part for part in text.split(", "))


def _clean_name(part: str) -> str:
    name = _BEHIND_JAPANESE.sub("", remove_by(part.strip(' .:;,*|-–—"“”')))
    while (shorter := _DEGREE.sub("", _HONORIFIC.sub("", name))) != name:
        name = shorter
    name = _BEHIND.sub("", name).strip(' .:;,*"“”') if " " in name else name
    if part.rstrip().endswith(".") and re.search(r"\b(?:[A-Z]|Jr|Sr)\Z", name):
        name += "."
    if name.islower() and name.isascii() and " " not in name:  # an account's name
        return ""
    if not name or len(name) > _LONGEST_NAME or len(name.split()) > 7 or _NOBODY.match(name) or _ROLE.search(name):
        return ""
    if re.search(r"[\d@<>{}\[\]=\\#%]", name) or not any(letter.isalpha() for letter in name) or len(name) < 2:
        return ""
    if name.replace("Mc", "MC").isupper() and len(name) > 5 and name.isascii():
        name = re.sub(r"\bMc(\w)", lambda match: f"Mc{match[1].upper()}", name.title())
    return name
