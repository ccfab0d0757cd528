"""The check of an email's size."""

from collections.abc import Iterator

from newsletter.checks.checked_email import CheckedEmail
from newsletter.errors import Problem

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
