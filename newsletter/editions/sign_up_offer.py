"""The offer to join: on pages of the website a form or a link, in emails a link for whom one was forwarded to."""

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from newsletter.config import Config

FORWARDED, ARCHIVE = "forwarded", "archive"  # where somebody joins from
_FORM_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_FORM_NAME = 40


@dataclass(frozen=True, kw_only=True)
class SignUpOffer:
    """An offer to join for a template. `link` is the service's page, `action` where a form is posted to.

    `consent` is what readers agree to, `words` the hash by which the service knows it, `source` the form's name. With
    `has_form` the page is one that the service itself serves, and has the form.
    """

    link: str
    action: str
    consent: str
    words: str
    language: str
    source: str
    has_form: bool = False
    ask_name: bool = False


def is_form_name(text: str) -> bool:
    """Return whether a text can name a form: small letters and digits, and hyphens between them."""
    return len(text) <= _LONGEST_FORM_NAME and _FORM_NAME.fullmatch(text) is not None


def find_sign_up_link(config: Config, source: str = "") -> str | None:
    """Return the address of the page where readers join; None where they can't by themselves."""
    if not config.takes_sign_ups:
        return None
    is_own = config.publication.language == config.own.publication.language
    query = {"source": source, "language": "" if is_own else config.publication.language}
    given = urlencode({name: value for name, value in query.items() if value})
    return f"{config.service.url}/subscribe{'?' if given else ''}{given}"


def make_sign_up_offer(config: Config, *, has_form: bool, source: str = ARCHIVE) -> SignUpOffer | None:
    """Return the offer on the publication's pages; None where readers can't join by themselves."""
    link = find_sign_up_link(config)
    if link is None:
        return None
    return SignUpOffer(
        link=link,
        action=f"{config.service.url}/subscribe",
        consent=config.consent_words,
        words=sha256(config.consent_words.encode()).hexdigest(),
        language=config.publication.language,
        source=source,
        has_form=has_form,
        ask_name=config.signup.ask_name,
    )
