"""Reads what somebody has typed into a form to join, their own or a website's: all of it is a stranger's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsletter.address import EmailAddress, normalise_address
from newsletter.editions.sign_up_offer import is_form_name
from newsletter.web.public.form_reading import LONGEST_TYPED, clean_line

OWN_FORM, ELSEWHERE = "page", "website"  # names of forms
_LONGEST_NAME = 100
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpForm:
    """A form to join as it was sent. `typed` is the address as it was typed, `address` None when no mail can go there.

    `remark` is what nobody sees and programs fill in. `language` is one of the publication's, or empty.
    """

    typed: str
    address: EmailAddress | None
    name: str
    words: str
    source: str
    language: str
    stamp: str
    remark: str
    proof: str


def read_sign_up_form(fields: Mapping[str, str], languages: Sequence[str]) -> SignUpForm:
    """Return the form that has these fields. Nothing in it is refused; what can't be, is empty."""
    typed = fields.get("email", "")[:LONGEST_TYPED]
    try:
        address = normalise_address(typed)
    except ValueError:
        address = None
    words = fields.get("words", "").strip().lower()
    return SignUpForm(
        typed=clean_line(typed),
        address=address,
        name=clean_line(fields.get("name", ""))[:_LONGEST_NAME].strip(),
        words=words if _DIGEST.fullmatch(words) else "",
        source=find_source(fields.get("source", "")),
        language=find_language(fields.get("language", ""), languages),
        stamp=fields.get("stamp", ""),
        remark=fields.get("remark", ""),
        proof=fields.get("altcha", ""),
    )


def find_source(text: str) -> str:
    """Return the name of a form; that of any website's for what is no name."""
    return text if is_form_name(text) else ELSEWHERE


def find_language(text: str, languages: Sequence[str]) -> str:
    """Return the publication's language that a text names, whatever its case; empty for its own, and for any other."""
    return next((tag for tag in languages[1:] if tag.lower() == text.strip().lower()), "")
