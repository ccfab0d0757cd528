"""Authentication-Results of one's own server (RFC 8601), and fields of strangers that look like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feedback.mail.authentication_results import authenticate_sender
from newsletter.feedback.mail.recognition import recognise_mail

OURS = "mx.example.org"
RECEIVED = "Received: from a by mx.example.org; Tue, 3 Nov 2026 09:00:08 +0000\n"
PASS = f"Authentication-Results: {OURS}; dmarc=pass header.from=example.com\n"
FAIL = f"Authentication-Results: {OURS}; dmarc=fail header.from=example.com\n"


def _vouched(header: str, sender: str = "ada@example.com", authserv_id: str = OURS) -> str:
    return authenticate_sender(
        recognise_mail(f"{header}From: {sender}\nSubject: unsubscribe\n\n".encode()), authserv_id
    )


def _field(results: str) -> str:
    return f"{RECEIVED}Authentication-Results: {OURS}; {results}\n"


@pytest.mark.parametrize(
    ("header", "by"),
    [
        (PASS, "dmarc=pass"),
        (PASS + RECEIVED, "dmarc=pass"),
        (RECEIVED + PASS, "dmarc=pass"),
        (PASS.replace(OURS, OURS.upper()) + RECEIVED, "dmarc=pass"),
        (PASS.replace(f"{OURS};", f"{OURS} 1;") + RECEIVED, "dmarc=pass"),
        # As OpenDKIM, OpenDMARC, rspamd, Google and Microsoft write them.
        (_field('dkim=pass (2048-bit key; unprotected) header.d=example.com header.i=@example.com header.b="AbC+/="'),
         "dkim=pass"),
        (_field("dkim=pass header.i=@mail.example.com header.s=s1; spf=pass smtp.mailfrom=b@example.com"), "spf=pass"),
        (_field("spf=pass (google.com: domain of b@example.com designates 192.0.2.1 as permitted sender) "
                "smtp.mailfrom=b@example.com; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com"),
         "dmarc=pass"),
        (_field("dmarc=none header.from=example.com; dkim=pass header.d=example.com"), "dkim=pass"),
        (_field("dkim=fail header.d=example.com;\n\tspf=pass smtp.mailfrom=example.com"), "spf=pass"),
        (_field("dkim=pass header.d=other.example; dkim=pass header.d=example.com"), "dkim=pass"),
        # Several fields above the topmost Received are all this side's.
        (f"Authentication-Results: {OURS}; spf=none\n{PASS}{RECEIVED}", "dmarc=pass"),
    ],
)  # fmt: skip
def test_who_is_vouched_for(header: str, by: str) -> None:
    assert _vouched(header) == by


@pytest.mark.parametrize(
    "header",
    [
        "",
        RECEIVED,
        FAIL,
        # A stranger's own, below what one's server wrote.
        FAIL + RECEIVED + PASS,
        RECEIVED + FAIL + PASS,
        RECEIVED + FAIL + RECEIVED + PASS,
        FAIL + PASS + RECEIVED,
        f"Authentication-Results: {OURS}; spf=none\n{RECEIVED}{PASS}",
        # Another server's word.
        PASS.replace(OURS, "mx.evil.example"),
        PASS.replace(OURS, f"{OURS}.evil.example"),
        PASS.replace(OURS, f"evil{OURS}"),
        PASS.replace("Authentication-Results", "ARC-Authentication-Results"),
        PASS.replace("Authentication-Results", "X-Authentication-Results"),
        # For another domain than that of From.
        PASS.replace("header.from=example.com", "header.from=evil.example"),
        _field("dkim=pass header.d=evil.example"),
        _field("dkim=pass header.d=com"),
        _field("dkim=pass header.d=evil-example.com"),
        _field("dkim=pass header.d=sub.example.com"),
        _field("spf=pass smtp.mailfrom=example.com.evil.example"),
        _field("spf=pass smtp.helo=example.com"),
        _field("dkim=pass"),
        _field("none"),
        _field("dkim=fail header.d=example.com; spf=softfail smtp.mailfrom=a@example.com"),
        _field("dmarc=fail header.from=example.com; dkim=pass header.d=example.com"),
        _field("dmarc=pass header.from=example.com; dmarc=fail header.from=example.com"),
        # Out of an envelope that its sender chose.
        _field('spf=fail smtp.mailfrom="x; dmarc=pass header.from=example.com; y"@evil.example'),
        _field('spf=fail (of "a) ; dmarc=pass header.from=example.com (b"@evil.example) smtp.mailfrom=evil.example'),
        _field("spf=fail smtp.mailfrom=x\\; dmarc=pass"),
        _field("spf=fail (unclosed; dmarc=pass header.from=example.com"),
    ],
)  # fmt: skip
def test_who_is_not(header: str) -> None:
    assert _vouched(header) == ""


def test_two_senders_or_none_are_nobody() -> None:
    assert _vouched(PASS, "ada@example.com, ben@example.com") == ""
    assert _vouched(PASS, "") == ""
    assert _vouched(PASS, authserv_id="") == ""


@given(st.text(max_size=300))
def test_nothing_that_is_written_makes_it_fail(text: str) -> None:
    one_line = "".join(letter for letter in text if letter.isprintable())
    assert _vouched(f"{RECEIVED}Authentication-Results: {OURS}; {one_line}\n") in {
        "", "dmarc=pass", "dkim=pass", "spf=pass",
    }  # fmt: skip
