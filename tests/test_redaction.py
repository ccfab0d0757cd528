"""Whatever form a peer quotes a secret in, nothing of it is left in what is kept of its words."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from email.message import EmailMessage
from hashlib import md5
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode, auth_xoauth2_encode
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.redaction import HIDDEN, Redactor

SECRET = 'c0rrect "horse"\\ bättery/+%&staple'
SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=4, max_size=40)
_CHALLENGE = b64encode(b"<1896.697170952@mail.example.org>").decode()

FORMS = {
    "raw": lambda secret: secret,
    "in capitals": lambda secret: secret.upper(),
    "IMAP's quotes": lambda secret: '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "JSON": json.dumps,
    "JSON in any letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "Python": repr,
    "bytes of Python": lambda secret: repr(secret.encode()),
    "a URL": lambda secret: quote(secret, safe=""),
    "a URL's path": quote,
    "a form": quote_plus,
    "HTML": escape,
    "hex": lambda secret: secret.encode().hex(),
    "hex in capitals": lambda secret: secret.encode().hex().upper(),
    "another encoding": lambda secret: secret.encode().decode("latin-1"),
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "base64 of URLs": lambda secret: urlsafe_b64encode(f"x{secret}".encode()).decode().rstrip("="),
    "PLAIN": lambda secret: auth_plain_encode("digest", secret).decode(),
    "PLAIN for another": lambda secret: b64encode(f"someone\0digest\0{secret}".encode()).decode(),
    "LOGIN": lambda secret: auth_login_encode("digest", secret)[1].decode(),
    "XOAUTH2": lambda secret: auth_xoauth2_encode("digest", secret).decode(),
    "OAUTHBEARER": lambda secret: b64encode(f"n,a=digest,\x01auth=Bearer {secret}\x01\x01".encode()).decode(),
    "lines": lambda secret: "\r\n ".join(secret),
    "folded base64": lambda secret: re.sub("(.{20})", r"\1\r\n ", b64encode(f"ab{secret}".encode()).decode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_each_form(form: str) -> None:
    quoted = FORMS[form](SECRET)
    said = Redactor([SECRET], "digest")(f"5.7.8 wrong: {quoted} (see https://example.org/help)")
    before, hidden, after = said.partition(HIDDEN)
    assert hidden
    # Quotes in which it stood may be left, or a character of base64 that holds no whole one of the secret's.
    assert len(before) <= len("5.7.8 wrong: b'")
    assert len(after) <= len("\r\n =' (see https://example.org/help)")
    assert before.startswith("5.7.8 wrong: ")
    assert after.endswith(" (see https://example.org/help)")


@given(SECRETS, st.sampled_from(sorted(set(FORMS) - {"in capitals"})), st.text("abc xyz=+/", max_size=8))
def test_nothing_of_any_secret_is_left(secret: str, form: str, around: str) -> None:
    said = Redactor([secret], "digest")(f"{around} {FORMS[form](secret)} {around}")
    assert secret not in said.replace(HIDDEN, "")
    assert b64encode(secret.encode()).decode().rstrip("=")[:-1] not in said
    assert HIDDEN in said


@given(SECRETS, st.binary(max_size=9), st.binary(max_size=9))
@example("HĀĀĀ", b"", b"")
def test_a_secret_is_found_at_any_place_within_base64(secret: str, before: bytes, after: bytes) -> None:
    assert Redactor([secret])(f"x {b64encode(before + secret.encode() + after).decode()} y") == f"x {HIDDEN} y"


def test_an_answer_to_a_challenge_and_half_a_login_are_hidden() -> None:
    redact = Redactor([SECRET], "digest")
    answer = auth_crammd5_verify("digest", SECRET, _CHALLENGE)
    assert redact(f"535 got {answer.decode()} there") == f"535 got {HIDDEN} there"
    digest = md5(b"x", usedforsecurity=False).hexdigest()
    assert redact(f"535 no: digest {digest}") == f"535 no: {HIDDEN}"
    plain = auth_plain_encode("digest", SECRET).decode()
    assert redact(f"501 cut off: AUTH PLAIN {plain[:20]}") == f"501 cut off: AUTH PLAIN {HIDDEN}"
    oauth = auth_xoauth2_encode("digest", SECRET).decode()
    assert redact(f"501 cut off: {oauth[:40]}") == f"501 cut off: {HIDDEN}"


@pytest.mark.parametrize(
    "innocent",
    ["250 2.0.0 Ok: queued as 4XyZab", "535 5.7.8 Username and Password not accepted", "digest is not known here", ""],
)
def test_what_holds_no_secret_stays_as_it_is(innocent: str) -> None:
    assert Redactor([SECRET, "", " "], "digest")(innocent) == innocent
    assert Redactor()(innocent) == innocent


def test_a_traceback_holds_no_secret_either() -> None:
    message = EmailMessage()
    message["X"] = "kept"
    inner = ValueError(b"said hunter2", message, 535)
    outer = RuntimeError("hunter2 again")
    outer.__cause__ = inner
    inner.result = ("NO", [b"not hunter2"])  # type: ignore[attr-defined]  # as imap-tools keeps what was said
    Redactor(["hunter2"]).cleanse(outer)
    assert outer.args == (f"{HIDDEN} again",)
    assert vars(inner) == {"result": ("NO", [f"not {HIDDEN}".encode()])}
    assert inner.args == (f"said {HIDDEN}".encode(), message, 535)
