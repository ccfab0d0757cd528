"""Authentication of the address in From, which anybody can write, by one's own mail server (RFC 8601).

A server notes in Authentication-Results what SPF, DKIM and DMARC say of a mail, under a name of its own. Strangers can
write such a field, too; so only the uppermost counts, and none that says what is ambiguous.
"""

import re
from collections.abc import Iterator

from newsletter.address import domain_of
from newsletter.feedback.mail.recognition import MailFeedback

_COMMENT = re.compile(r"\([^()\"\\]{0,500}\)")
# Quoted strings that a server writes by itself; others may hold a stranger's words, out of an envelope.
_QUOTED = re.compile(r'"([A-Za-z0-9+/=@._ -]{0,200})"')
_RESULT = re.compile(r"\s*([a-z0-9-]{1,20})\s*=\s*([a-z]{1,20})\b(.*)", re.DOTALL)
_PROPERTY = re.compile(r"\b(header\.from|header\.d|header\.i|smtp\.mailfrom)\s*=\s*([^\s;]{1,320})")


def authenticate_sender(reading: MailFeedback, authserv_id: str) -> str:
    """Return what the server of this name says for the address in From, such as `dmarc=pass`; empty if nothing.

    Fields above the topmost Received were written by software on this side of it; below, the first of that name is the
    server's own, which has to take away those that arrive with its name (RFC 8601, section 5).
    """
    domain = domain_of(reading.sender).lower()
    if not domain or not authserv_id:
        return ""
    results: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for value in _find_own_fields(reading, authserv_id.lower()):
        for method, result, properties in _parse_results(value):
            results.setdefault(method, []).append((result, properties))
    if dmarc := results.get("dmarc"):
        if any(result not in ("pass", "none", "bestguesspass") for result, _ in dmarc):
            return ""
        if all(result == "pass" and properties.get("header.from", domain) == domain for result, properties in dmarc):
            return "dmarc=pass"
    for method, names in (("dkim", ("header.d", "header.i")), ("spf", ("smtp.mailfrom",))):
        for result, properties in results.get(method, ()):
            domains = [domain_of(properties[name]) for name in names if name in properties]
            if result == "pass" and domains and _is_aligned(domains[0], domain):
                return f"{method}=pass"
    return ""


def _find_own_fields(reading: MailFeedback, authserv_id: str) -> Iterator[str]:
    names = [name for name, _ in reading.trace]
    top = names.index("received") if "received" in names else 0
    own = [
        (place, value.partition(";")[2])
        for place, (name, value) in enumerate(reading.trace)
        if name != "received" and value.partition(";")[0].lower().split()[:1] == [authserv_id]
    ]
    above = [value for place, value in own if place < top]
    yield from above or [value for _, value in own[:1]]


def _parse_results(value: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield each method with its result and properties, in small letters; nothing of a field with two readings."""
    for _ in range(3):  # comments may hold comments
        value = _COMMENT.sub(" ", value)
    value = _QUOTED.sub(lambda quoted: re.sub(r"\s", "", quoted[1]), value)
    if re.search(r'["\\()]', value):
        return
    for part in value.lower().split(";"):
        if match := _RESULT.fullmatch(part):
            properties: dict[str, str] = {}
            for item in _PROPERTY.finditer(match[3]):
                properties.setdefault(item[1], item[2])
            yield match[1], match[2], properties


def _is_aligned(signer: str, domain: str) -> bool:
    """Return whether a proved domain is the one in From, or one above it."""
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
