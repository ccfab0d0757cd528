"""The check of mailto: links, which nobody is asked about."""

from urllib.parse import unquote, urlsplit

from newsletter.address import normalise_address
from newsletter.text import quote_text


def find_mail_fault(address: str) -> str | None:
    """Return what is wrong with the mail addresses of a mailto: link (RFC 6068, section 2); None when nothing is."""
    for part in urlsplit(address).path.split(","):
        try:
            normalise_address(unquote(part))
        except ValueError as error:
            return f"{quote_text(unquote(part))} is not a mail address: {error}"
    return None
