"""The tables of newsletter.toml about mail: who it is from, how it is made and signed, and what comes back."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from newsletter.address import EmailAddress, local_part_of
from newsletter.config import validators
from newsletter.config.section import Section
from newsletter.config.validators import Address, Mailbox, OneLine
from newsletter.validation import fault_error

# RFC 5321, section 4.5.3.1.1: 64 octets; a delimiter and a delivery's mark take up to 28 (subscribers/tokens.py).
_LONGEST_MAILBOX = 64 - 28


def _check_return_path(delimiter: str, info: ValidationInfo) -> str:
    if delimiter and not info.data.get("bounces"):
        raise fault_error(
            code="verp",
            message="the return path is to name each delivery, and there is no address for bounces",
            next_step='Give [sender] bounces = "bounces@your-domain.example", before verp.',
        )
    if delimiter and len(local_part_of(info.data["bounces"])) > _LONGEST_MAILBOX:
        raise fault_error(
            code="verp",
            message="the part before the @ of the address for bounces leaves no room for what names a delivery",
            next_step=f"Shorten it to {_LONGEST_MAILBOX} letters, or take verp out.",
        )
    return delimiter


class SenderSettings(Section):
    """The table [sender]: who the mail is from.

    With `verp`, that character and a tag for the delivery are put into the address `bounces` of each return path.
    `feedback_id` is the name by which Gmail counts complaints about this sender.
    """

    from_: Annotated[Mailbox, BeforeValidator(validators.parse_mailbox)] = Field(alias="from")
    reply_to: Address | None = None
    postal_address: OneLine
    bounces: Address | None = None
    verp: Annotated[Literal["", "+", "-"], AfterValidator(_check_return_path)] = ""
    feedback_id: Annotated[str, AfterValidator(validators.check_feedback_id)] | None = None

    @property
    def envelope(self) -> EmailAddress:
        """Return the address that bounces go to (RFC 5321, MAIL FROM)."""
        return self.bounces or self.from_.address


# The mail clients that `newsletter/checks` knows, by names that an editor would use.
Client = Literal[
    "gmail", "gmail-mobile", "apple-mail", "apple-mail-ios", "outlook-windows", "new-outlook", "outlook-mac",
    "outlook-mobile", "yahoo", "yahoo-mobile", "aol", "samsung", "thunderbird", "protonmail", "fastmail", "hey",
    "gmx", "web-de", "orange", "laposte", "mail-ru",
]  # fmt: skip


class EmailSettings(Section):
    """The table [email]: the subject of drafts without one, how pictures are carried, which clients are checked.

    Without a pattern the subject is the first headline, with title and number where the sender's name lacks them.
    """

    subject: Annotated[str, AfterValidator(validators.check_subject_pattern)] | None = None
    images: Literal["attach", "link"] = "attach"
    clients: Annotated[tuple[Client, ...], BeforeValidator(validators.split_commas), Field(min_length=1)] = (
        "gmail",
        "gmail-mobile",
        "apple-mail",
        "apple-mail-ios",
        "outlook-windows",
        "new-outlook",
        "yahoo",
        "yahoo-mobile",
    )


def _check_selector_is_set(value: object, info: ValidationInfo) -> object:
    if not info.data.get("selector", True):
        raise fault_error(
            code="selector",
            message="there is a key to sign with, and no selector says where its public half is",
            next_step='Write selector = "s1", when the DNS record is s1._domainkey under your domain.',
        )
    return value


class DkimSettings(Section):
    """The table [dkim] (RFC 6376). The selectors' keys are in the files in order, then in NEWSLETTER_DKIM__KEY."""

    selector: Annotated[
        tuple[str, ...],
        BeforeValidator(validators.split_commas),
        AfterValidator(validators.check_selectors),
    ] = ()
    domain: Annotated[str, AfterValidator(validators.check_list_id)] | None = None
    key_file: Annotated[
        tuple[OneLine, ...], BeforeValidator(validators.split_commas), AfterValidator(_check_selector_is_set)
    ] = ()
    key: Annotated[SecretStr | None, AfterValidator(_check_selector_is_set)] = None


class InboxSettings(Section):
    """The table [inbox]: mail that comes back, when soft bounces are too many, and what is done with a mail once read.

    `bounces` is the percentage of the list, `domain_bounces` that of one domain's subscribers, above which bounces of
    one day are held back until a person has decided. `authserv_id` is the name by which the publication's own mail
    server writes Authentication-Results (RFC 8601).
    """

    source: Annotated[str, AfterValidator(validators.check_mailbox_source)] | None = None
    after: Literal["leave", "move"] = "leave"
    soft_bounces: Annotated[int, Field(ge=1, le=100)] = 3
    soft_days: Annotated[float, Field(gt=0, le=3650)] = 90
    bounces: Annotated[float, Field(gt=0, le=100)] = 10
    domain_bounces: Annotated[float, Field(gt=0, le=100)] = 25
    authserv_id: OneLine | None = None
    password: SecretStr | None = None
