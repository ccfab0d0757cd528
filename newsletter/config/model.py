"""What newsletter.toml holds: its tables, and what each value may be."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from newsletter.address import normalise
from newsletter.config.theme import Theme
from newsletter.field import fielded
from newsletter.validation import rejected

BACKEND_GROUP = "newsletter.backends"


class Mailbox(BaseModel):
    """An address with the name shown beside it: `Pacific Alliance Digest <digest@example.org>`."""

    model_config = ConfigDict(frozen=True)
    name: str
    address: str


def _address(text: str) -> str:
    try:
        return normalise(text)
    except ValueError as error:
        raise rejected(
            code="address",
            message=f"{text!r} is not an email address: {error}",
            next_step="Write it as name@example.org.",
        ) from error


def _mailbox(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r'\s*(?:(?:"([^"]*)"|([^"<>]*?))\s*<([^<>]+)>|([^<>"]+))\s*', value)
    if not match:
        raise rejected(
            code="address", message=f"{value!r} is not a sender", next_step="Write it as Name <name@example.org>."
        )
    name = match[1] or match[2] or ""
    return Mailbox(name=_one_line(name) if name else "", address=_address(match[3] or match[4]))


def _one_line(text: str) -> str:
    kinds = {unicodedata.category(character) for character in text}
    if not text.strip() or kinds & {"Cc", "Cs", "Co", "Zl", "Zp"} or re.search("[\ufdd0-\ufdef\ufffe\uffff]", text):
        raise rejected(
            code="value",
            message="this has to be one line of text",
            next_step="Write something, without line breaks and control characters.",
        )
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise rejected(
            code="timezone",
            message=f"{text!r} is not a time zone",
            next_step='Write one such as "America/New_York" or "UTC".',
        ) from error
    return text


def _language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise rejected(
            code="language",
            message=f"{text!r} is not a language tag",
            next_step='Write one such as "en", "en-GB" or "ja".',
        )
    return text


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and re.fullmatch(_URL_CHARACTERS, text)
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise rejected(
            code="website",
            message=f"{text!r} is not the address of a website",
            next_step="Write it in full, beginning with https://, without spaces, ?, # or letters that are not ASCII.",
        )
    return text


def _mailto(text: str) -> str:
    address, mark, query = text.removeprefix("mailto:").partition("?")
    words = [piece for piece in fielded(query) if isinstance(piece, str)]
    if not text.startswith("mailto:") or not all(re.fullmatch(_URL_CHARACTERS, part) for part in words):
        raise rejected(
            code="unsubscribe",
            message=f"{text!r} can't take unsubscribe mails",
            next_step="Write it as mailto:leave@example.org, or mailto:leave@example.org?subject=leave%20{{ email }}.",
        )
    return f"mailto:{_address(address)}{mark}{query}"


def _store_url(text: str) -> str:
    """A path for SQLite, or where a PostgreSQL database is, in libpq's own form; never a password."""
    _one_line(text)
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
        raise rejected(
            code="secret",
            message="'url' holds a password, which would be shared through git and shown in messages",
            next_step="Take it out, and set NEWSLETTER_STORE__PASSWORD, or put it into ~/.pgpass.",
        )
    if not good:
        # Not shown, since a password may stand somewhere in it all the same.
        raise rejected(
            code="store",
            message="'url' names no state that this version can keep",
            next_step="Write sqlite:/// and a path, as in sqlite:///.newsletter/state.db, "
            "or postgresql://user@host:5432/database.",
        )
    return text


def _list_id(text: str) -> str:
    # RFC 2919, section 2: a dotted name under a domain that the publication owns.
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text) or len(text) > 255:
        raise rejected(
            code="list-id",
            message=f"{text!r} can't name a mailing list",
            next_step="Write a dotted name such as digest.example.org.",
        )
    return text


def _comma_separated(value: object) -> object:
    """An environment variable can hold a list only as text."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _small(value: object) -> object:
    """A4 is a4."""
    return value.lower() if isinstance(value, str) else value


# RFC 3986, section 2, without the quotes and brackets that end an address in a header.
_URL_CHARACTERS = r"[A-Za-z0-9%?=&+.,!*'()/:;@_~$#-]+"
# What of libpq's connection parameters a URL may carry: where a socket is, how TLS is checked, the search path.
_LIBPQ_OPTIONS = {"host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert"}
_TLS_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
Address = Annotated[str, AfterValidator(_address)]
Line = Annotated[str, AfterValidator(_one_line)]


class Section(BaseModel):
    """The base of each table of newsletter.toml, a backend's own included."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Publication(Section):
    title: Line
    language: Annotated[str, AfterValidator(_language)] = "en"
    cadence: Literal["weekly", "biweekly", "monthly"] = "biweekly"
    new_volume: Literal["yearly", "never"] = "yearly"
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    about: str = ""
    contact: Address
    website: Annotated[str, AfterValidator(_web_address)] | None = None

    def address(self, name: str) -> str | None:
        """Where the site has the file `name`, once `export site` was put there; None without a website."""
        return f"{self.website.rstrip('/')}/{name}" if self.website else None

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return "rtl" if self.language.split("-")[0] in {"ar", "dv", "fa", "he", "ps", "ur", "yi"} else "ltr"


class Sender(Section):
    from_: Annotated[Mailbox, BeforeValidator(_mailbox)] = Field(alias="from")
    reply_to: Address | None = None
    postal_address: Line
    bounces: Address | None = None

    @property
    def envelope(self) -> str:
        """The address that bounces go to (RFC 5321, MAIL FROM)."""
        return self.bounces or self.from_.address


class ReaderList(Section):
    file: Line = "subscribers.csv"
    id: Annotated[str, AfterValidator(_list_id)]
    unsubscribe: Annotated[str, AfterValidator(_mailto)]

    @property
    def unsubscribe_link(self) -> str:
        """The address that a click or a mail client uses, fields and all; a subject is asked for if none is named."""
        return self.unsubscribe if "?" in self.unsubscribe else f"{self.unsubscribe}?subject=unsubscribe"


# The mail clients that `newsletter/checks` knows, by names that an editor would use.
Client = Literal[
    "gmail", "gmail-mobile", "apple-mail", "apple-mail-ios", "outlook-windows", "new-outlook", "outlook-mac",
    "outlook-mobile", "yahoo", "yahoo-mobile", "aol", "samsung", "thunderbird", "protonmail", "fastmail", "hey",
    "gmx", "web-de", "orange", "laposte", "mail-ru",
]  # fmt: skip


class Email(Section):
    """How the mail carries its pictures, and which clients it is checked against."""

    images: Literal["attach", "link"] = "attach"
    clients: Annotated[tuple[Client, ...], BeforeValidator(_comma_separated), Field(min_length=1)] = (
        "gmail",
        "gmail-mobile",
        "apple-mail",
        "apple-mail-ios",
        "outlook-windows",
        "new-outlook",
        "yahoo",
        "yahoo-mobile",
    )


def _linkable(email: Email, info: ValidationInfo) -> Email:
    publication = info.data.get("publication")
    if email.images == "link" and publication and not publication.website:
        raise rejected(
            code="website",
            message="images are to be linked, and the publication has no web address",
            next_step="Give [publication] a website (where you put what `newsletter export site` makes), "
            'or write images = "attach".',
        )
    return email


class Pdf(Section):
    """The PDF's layout. With `print_links`, addresses stand as footnotes, for readers on paper."""

    columns: Annotated[int, Field(ge=1, le=2)] = 1
    paper: Annotated[Literal["us-letter", "a4"], BeforeValidator(_small)] = "us-letter"
    print_links: bool = False


# What may be asked of an issue before it leaves, see newsletter/delivery/approval.py.
Requirement = Literal["clean-checks", "committed", "tested"]


class Send(Section):
    """How issues leave. `retries` are minutes to wait before each further try of a reader whom the server puts off;
    `refusals` is the percentage of refused readers at which a send stops and asks."""

    backend: str = "smtp"
    testers: Annotated[tuple[Address, ...], BeforeValidator(_comma_separated)] = ()
    require: Annotated[tuple[Requirement, ...], BeforeValidator(_comma_separated)] = ()
    retries: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1440)], ...], BeforeValidator(_comma_separated), Field(max_length=20)
    ] = (1, 5, 15)
    refusals: Annotated[float, Field(gt=0, le=100)] = 10


class Store(Section):
    """Where the state is. The password is PostgreSQL's; libpq looks for one in ~/.pgpass by itself."""

    url: Annotated[str, AfterValidator(_store_url)] = "sqlite:///.newsletter/state.db"
    password: SecretStr | None = None


def _selectors(names: tuple[str, ...]) -> tuple[str, ...]:
    # RFC 6376, section 3.1: labels of a domain name, since the public key is looked for under it.
    label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    for name in names:
        if not re.fullmatch(rf"{label}(?:\.{label})*", name) or names.count(name) > 1:
            raise rejected(
                code="selector",
                message=f"{name!r} can't be a key's selector",
                next_step="Write a word such as s1, of letters, digits and hyphens, and another one for each key.",
            )
    return names


def _selected(value: object, info: ValidationInfo) -> object:
    if not info.data.get("selector", True):
        raise rejected(
            code="selector",
            message="there is a key to sign with, and no selector says where its public half is",
            next_step='Write selector = "s1", when the DNS record is s1._domainkey under your domain.',
        )
    return value


class Dkim(Section):
    """Signing (RFC 6376). Each selector has a key: in the files in their order, then in NEWSLETTER_DKIM__KEY."""

    selector: Annotated[tuple[str, ...], BeforeValidator(_comma_separated), AfterValidator(_selectors)] = ()
    domain: Annotated[str, AfterValidator(_list_id)] | None = None
    key_file: Annotated[tuple[Line, ...], BeforeValidator(_comma_separated), AfterValidator(_selected)] = ()
    key: Annotated[SecretStr | None, AfterValidator(_selected)] = None


class Config(BaseModel):
    """A publication's whole configuration. `backends` holds each named backend's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    publication: Publication
    sender: Sender
    reader_list: ReaderList = Field(alias="list")
    theme: Theme = Theme()
    email: Annotated[Email, AfterValidator(_linkable)] = Email()
    pdf: Pdf = Pdf()
    send: Send = Send()
    store: Store = Store()
    dkim: Dkim = Dkim()
    backends: Mapping[str, Section] = Field(default={}, exclude=True)
