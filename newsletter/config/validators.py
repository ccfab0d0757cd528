"""Validators of single values in newsletter.toml. Each returns it, or raises its fault in words for an editor."""

import re
import unicodedata
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails

from newsletter.address import EmailAddress, normalise_address
from newsletter.config.shared_settings import NAME_RULE, is_publication_name
from newsletter.fetching import AllowedHosts
from newsletter.field import split_fields
from newsletter.host import is_loopback
from newsletter.text import without_invisible
from newsletter.translation import describe_language, find_word_faults, suggest_language
from newsletter.validation import fault_error, faults_error


class Mailbox(BaseModel):
    """An address with the name shown beside it (RFC 5322, section 3.4): `Pacific Digest <digest@example.org>`."""

    model_config = ConfigDict(frozen=True)
    name: str
    address: EmailAddress


def check_address(text: str) -> EmailAddress:
    try:
        return normalise_address(text)
    except ValueError as error:
        raise fault_error(
            code="address",
            message=f"{text!r} is not an email address: {error}",
            next_step="Write it as name@example.org.",
        ) from error


def parse_mailbox(value: object) -> object:
    if isinstance(value, Mailbox):
        return value
    match = re.fullmatch(r'\s*(?:(?:"([^"]*)"|([^"<>]*?))\s*<([^<>]+)>|([^<>"]+))\s*', str(value))
    if not match or not isinstance(value, str):
        raise fault_error(
            code="address", message=f"{value!r} is not a sender", next_step="Write it as Name <name@example.org>."
        )
    name = match[1] or match[2] or ""
    return Mailbox(name=check_one_line(name) if name else "", address=check_address(match[3] or match[4]))


def check_one_line(text: str) -> str:
    kinds = {unicodedata.category(character) for character in text}
    if not text.strip() or kinds & {"Cc", "Cs", "Co", "Zl", "Zp"} or re.search("[\ufdd0-\ufdef\ufffe\uffff]", text):
        raise fault_error(
            code="value",
            message="this has to be one line of text",
            next_step="Write something, without line breaks and control characters.",
        )
    return without_invisible(text)


def check_timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise fault_error(
            code="timezone",
            message=f"{text!r} is not a time zone",
            next_step='Write one such as "America/New_York" or "UTC".',
        ) from error
    return text


_LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"


def is_language(text: str) -> bool:
    """Return whether a text has the form of a language tag (BCP 47)."""
    return re.fullmatch(_LANGUAGE, text) is not None


def check_language(text: str) -> str:
    """Return a language tag (BCP 47)."""
    if is_language(text):
        return text
    tag = suggest_language(text)
    raise fault_error(
        code="language",
        message=f"{text!r} is not a language tag",
        next_step=f'Write "{tag}", which is {describe_language(tag)}.'
        if tag
        else 'Write one such as "en", "en-GB" or "ja".',
    )


def check_words(words: Mapping[str, str]) -> Mapping[str, str]:
    """Return the publication's own words by the English texts that they stand for; each fault has its own place."""
    faults = [
        InitErrorDetails(type=faults_error(fault), loc=(english,), input=words[english])
        for english, fault in find_word_faults(words)
    ]
    if faults:
        raise ValidationError.from_exception_data("words", faults)
    return words


def check_web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and re.fullmatch(_URL_CHARACTERS, text)
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise fault_error(
            code="website",
            message=f"{text!r} is not the address of a website",
            next_step="Write it in full, beginning with https://, without spaces, ?, # or letters that are not ASCII.",
        )
    return text


def check_service_url(text: str) -> str:
    """Return the service's address without a slash at its end; only one on this machine needs no TLS (RFC 8058)."""
    if "@" in text:
        # The value is not shown, since there may be a password before the @.
        raise fault_error(
            code="service",
            message="'url' holds an @, which the address of a service has no place for",
            next_step="Write it without a user's name or a password: https://news.example.org",
        )
    literal = re.match(r"https?://\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]", text)
    if literal and not is_loopback(literal[1]):
        raise fault_error(
            code="service",
            message=f"{text!r} names its host by a number of IPv6, which mail clients may not take for a link",
            next_step="Write its name, or for a trial on this machine http://localhost:8600.",
        )
    check_web_address(text.replace(f"[{literal[1]}]", "localhost", 1) if literal else text)
    parts = urlsplit(text)
    try:
        good = parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise fault_error(
            code="service",
            message=f"{text!r} has a port that is none",
            next_step="Ports are 1 to 65535. Leave it out where the web server listens at the usual one.",
        )
    if not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*/?", parts.path):
        raise fault_error(
            code="service",
            message=f"the path in {text!r} is none that web servers leave as it is",
            next_step="Write it with letters, digits, '-', '_', '.' and '~' between single slashes, "
            "as in https://example.org/digest.",
        )
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise fault_error(
            code="service",
            message=f"{text!r} is no address that mail clients would answer to",
            next_step="Write it with https://; docs/operators/service.md shows how to get there.",
        )
    return text.rstrip("/")


def check_mailbox_source(text: str) -> str:
    """Check where mail comes back to: a path, or an IMAP address without a password. feedback/mail reads it."""
    check_one_line(text)
    user, at, _ = text.rpartition("@")
    if at and "://" in user and ":" in user.partition("://")[2]:
        # The value is not shown, since it holds the password.
        raise fault_error(
            code="secret",
            message="'source' holds a password, which would be shared through git and shown in messages",
            next_step="Take it out, and set NEWSLETTER_INBOX__PASSWORD, or store it in the system's keyring.",
        )
    return text


def check_mailto(text: str) -> str:
    address, mark, query = text.removeprefix("mailto:").partition("?")
    words = [piece for piece in split_fields(query) if isinstance(piece, str)]
    if not text.startswith("mailto:") or not all(re.fullmatch(_URL_CHARACTERS, part) for part in words):
        raise fault_error(
            code="unsubscribe",
            message=f"{text!r} can't take unsubscribe mails",
            next_step="Write it as mailto:leave@example.org, or mailto:leave@example.org?subject=leave%20{{ email }}.",
        )
    return f"mailto:{check_address(address)}{mark}{query}"


def check_store_url(text: str) -> str:
    """Check the path of an SQLite file, or the address of a PostgreSQL database in libpq's form, without a password."""
    check_one_line(text)
    if text.startswith("sqlite:///") and text != "sqlite:///":
        return text
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        secret = parts.password is not None or "password" in options
        good = (
            parts.scheme == "postgresql"
            and re.fullmatch("/[^/]+", parts.path)
            and not parts.fragment
            and parts.port != 0  # raises ValueError for one that is no number, or too large
            and options.keys() <= _LIBPQ_OPTIONS
            and options.get("sslmode", "require") in _TLS_MODES
        )
    except ValueError:
        secret = good = False
    if secret:
        raise fault_error(
            code="secret",
            message="'url' holds a password, which would be shared through git and shown in messages",
            next_step="Take it out, and set NEWSLETTER_STORE__PASSWORD, or put it into ~/.pgpass.",
        )
    if not good:
        # The value is not shown, since it may hold a password all the same.
        raise fault_error(
            code="store",
            message="'url' names no state that this version can keep",
            next_step="Write sqlite:/// and a path, as in sqlite:///.newsletter/state.db, "
            "or postgresql://user@host:5432/database.",
        )
    return text


def check_list_id(text: str) -> str:
    """Return a mailing list's identifier: a dotted name under a domain that the publication owns (RFC 2919)."""
    return _require_form(
        text,
        r"(?=.{1,255}\Z)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
        code="list-id",
        fault="can't name a mailing list",
        next_step="Write a dotted name such as digest.example.org.",
    )


def check_publication_id(text: str) -> str:
    """Return the name of a publication in its store."""
    if not is_publication_name(text):
        raise fault_error(
            code="publication-id",
            message=f"{text!r} can't name a publication",
            next_step=f"Write {NAME_RULE}: spring-fair.",
        )
    return text


def check_feedback_id(text: str) -> str:
    """Return the last word of Gmail's Feedback-ID, which has 5 to 15 characters; colons divide that header's words."""
    return _require_form(
        text,
        r"[A-Za-z0-9_-]{5,15}",
        code="feedback-id",
        fault="is no name by which complaints can be counted",
        next_step="Write 5 to 15 letters, digits, '-' and '_', such as exampleorg, and keep it.",
    )


def _require_form(text: str, form: str, *, code: str, fault: str, next_step: str) -> str:
    """Return a text that has the form of a regular expression, else raise its fault, which says that it `fault`."""
    if not re.fullmatch(form, text):
        raise fault_error(code=code, message=f"{text!r} {fault}", next_step=next_step)
    return text


def split_commas(value: object) -> object:
    """Split the text of an environment variable, which can hold no list, at its commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def check_subject_pattern(text: str) -> str:
    """Check the pattern of a subject: words, and names of parts in braces."""
    check_one_line(text)
    left = SUBJECT_PART.sub("", text)
    if "{" in left or "}" in left or not SUBJECT_PART.search(text):
        raise fault_error(
            code="subject",
            message=f"{text!r} can't make a subject for each issue",
            next_step="Write words and any of {headline}, {title}, {number} and {date}, each in braces.",
        )
    return text


def lower(value: object) -> object:
    """Return a text in small letters, so that A4 means a4."""
    return value.lower() if isinstance(value, str) else value


def check_selectors(names: tuple[str, ...]) -> tuple[str, ...]:
    # RFC 6376, section 3.1: labels of a domain name, since the public key is looked for under it.
    label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    for name in names:
        if not re.fullmatch(rf"{label}(?:\.{label})*", name) or names.count(name) > 1:
            raise fault_error(
                code="selector",
                message=f"{name!r} can't be a key's selector",
                next_step="Write a word such as s1, of letters, digits and hyphens, and another one for each key.",
            )
    return names


# A placeholder for a part of an issue in [email] subject.
SUBJECT_PART = re.compile(r"\{(headline|title|number|date)\}")
# RFC 3986, section 2, without the quotes and brackets that end an address in a header.
_URL_CHARACTERS = r"[A-Za-z0-9%?=&+.,!*'()/:;@_~$#-]+"
# The connection parameters of libpq that a URL may carry: for a socket, for the checks of TLS and login, for the search
# path.
_LIBPQ_OPTIONS = {
    "channel_binding", "host", "options", "require_auth", "sslcert", "sslkey", "sslmode", "sslrootcert",
}  # fmt: skip
_TLS_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
Address = Annotated[EmailAddress, AfterValidator(check_address)]
OneLine = Annotated[str, AfterValidator(check_one_line)]


def check_allowed_hosts(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        try:
            AllowedHosts.parse([entry])
        except ValueError as error:
            raise fault_error(
                code="host",
                message=f"{entry!r} is neither a server's name nor an address or network",
                next_step='Write it as "intranet.example.org", "10.1.2.3" or "10.0.0.0/8".',
            ) from error
    return entries


def check_networks(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and networks of IPv4 and IPv6, such as 127.0.0.1, 10.0.0.0/8 and fd00::/8."""
    for entry in entries:
        try:
            ip_network(entry)
        except ValueError as error:
            raise fault_error(
                code="network",
                message=f"{entry!r} is neither an address nor a network of the internet",
                next_step='Write it as "127.0.0.1", "10.0.0.0/8" or "fd00::/8", with zeros behind the network\'s part.',
            ) from error
    return entries
