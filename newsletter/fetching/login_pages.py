"""Login pages, known by their addresses and by the form in the page."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(
    r"(?:log-?in|sign-?in|log-?on|sso|idp|auth|accounts|openathens|wayf|shibboleth|passport)\..+"
    r"|.+\.(?:okta|auth0|onelogin|b2clogin)\.com|login\..+",
    re.IGNORECASE,
)
# A step of a path: login, sign_in, wp-login.php, UserLogin.aspx, authwall (LinkedIn), anmelden.
_STEP = re.compile(
    r"(?:wp|user|member|account|customer)?[-_]?(?:log|sign)[-_]?(?:in|on)(?:[-_]?(?:form|page|required))?(?:\.\w{2,5})?"
    r"|authwall|sso|saml2?|oauth2?|authori[sz]e|authenticate|anmelden|einloggen|connexion|accedi|iniciar-sesion",
    re.IGNORECASE,
)
# Without a parser, whose time grows with the square of a hostile page's length.
_PASSWORD = re.compile(rb"<input\b[^<>]*\btype\s*=\s*[\"']?\s*password\b", re.IGNORECASE)


def is_login_address(address: str) -> bool:
    """Return whether an address is that of a page to log in, by its host or a step of its path."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(_HOST.fullmatch(host)) or any(map(_STEP.fullmatch, parts.path.split("/")))


def has_password_form(page: bytes) -> bool:
    """Return whether a page asks for a password. Whatever the encoding, the names of tags are ASCII."""
    return _PASSWORD.search(page) is not None
