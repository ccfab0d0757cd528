"""The sizes of an email that matter: of its HTML, and of the whole with its pictures."""

from collections.abc import Iterator

from newsletter.checks.checked_email import CheckedEmail
from newsletter.errors import Problem

HEAVY_AT = 800_000  # what Salesforce's guidelines for marketers give as the most, pictures included
REFUSED_AT = 10_240_000  # Postfix refuses larger messages unless it is told to take them (message_size_limit)
CLIPPED_AT = 102_000  # Gmail shows about 102 kB of a message's HTML, and the rest behind a link


def check_clipping(email: CheckedEmail) -> Iterator[Problem]:
    """Find a mail so long that Gmail hides its end, and with it the unsubscribe link."""
    size = measure_html(email.html)
    if size > CLIPPED_AT and any(client.startswith("gmail") for client in email.clients):
        yield Problem(
            path=email.draft or email.place,
            code="clipped",
            message=f"the mail has {size:,} bytes of HTML, and Gmail shows only the first {CLIPPED_AT:,} or so",
            next_step="Shorten the issue: the end that is cut off holds the link to unsubscribe.",
        )


def measure_html(html: str) -> int:
    """Return the size in bytes, in UTF-8 as it is sent."""
    return len(html.encode(errors="surrogatepass"))


def measure_encoded(octets: int) -> int:
    """Return the size of a picture as a mail carries it: in base64, in lines of 76 letters (RFC 2045, section 6.8)."""
    return -(-octets // 57) * 78
