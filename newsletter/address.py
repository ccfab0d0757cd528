"""One spelling for a mail address, for the configuration and for the list alike."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

# Parts before the @ that stay as they are; small letters, since some of those in capitals do not.
_SIMPLE = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*")
_LONGEST_LOCAL, _LONGEST = 64, 254  # RFC 5321, section 4.5.3.1


def normalise_address(address: str) -> str:
    """The address as it is mailed: domain in small letters and ASCII. Raises ValueError with the reason.

    A part before the @ that is not ASCII would need SMTPUTF8, which many servers lack, and is refused. So is `=?`, by
    which an encoded word begins (RFC 2047, section 2): some programs decode it in an address, and mail another one.
    """
    address = address.strip()
    local, _, domain = address.partition("@")
    # A list has few domains beside its readers: each is looked at once.
    if len(address) <= _LONGEST and len(local) <= _LONGEST_LOCAL and _SIMPLE.fullmatch(local):
        known = _domain(domain)
        if known and len(local) + 1 + len(known) <= _LONGEST:
            return f"{local}@{known}"
    return _validated(address)


@lru_cache(maxsize=20_000)
def _domain(domain: str) -> str:
    """The domain in its one spelling; empty for one that no mail can go to."""
    try:
        return _validated(f"x@{domain}").removeprefix("x@")
    except ValueError:
        return ""


def _validated(address: str) -> str:
    if "=?" in address:
        raise ValueError("some mail programs would read another address out of the =? in it.")
    try:
        valid = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return valid.ascii_email or valid.normalized
