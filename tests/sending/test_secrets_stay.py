"""A peer that quotes what it was given puts no secret into the ledger, a report or the terminal."""

from base64 import b64encode
from hmac import digest
from typing import Any

import pytest
from conftest import Publication
from smtp_server import echoing

SECRET = "s3cr\u00e9t/pass"
_ANSWER = digest(SECRET.encode(), b"<1896.697170952@localhost>", "md5").hex()
TRACES = (
    SECRET,
    b64encode(SECRET.encode()).decode()[:12],
    b64encode(f"\0digest\0{SECRET}".encode()).decode()[12:28],
    b64encode(f"user=digest\1auth=Bearer {SECRET}".encode()).decode()[24:44],
    b64encode(f"digest {_ANSWER}".encode()).decode()[12:40],
)


def _all_that_is_kept(publication: Publication, told: str) -> str:
    """Return what commands print, what they write, and every file of the state."""
    for command in (["status", "--json"], ["report", "2.10"], ["report", "2.10", "--json"],
                    ["report", "2.10", "--csv", "-"], ["--debug", "send", "2.10", "--yes"]):  # fmt: skip
        done = publication.run(*command)
        told += done.stdout + done.stderr
    files = [*(publication.root / ".newsletter").rglob("*"), *(publication.root / "build").rglob("*"),
             *publication.root.glob("drafts/*.toml")]  # fmt: skip
    assert (publication.root / "build/2.10/report.html") in files
    return told + "".join(path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file())


@pytest.fixture
def sending(publication: Publication) -> Publication:
    publication.readers(3)
    publication.environ |= {
        "NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__SECURITY": "none",
        "NEWSLETTER_SMTP__USERNAME": "digest", "NEWSLETTER_SMTP__PASSWORD": SECRET,
    }  # fmt: skip
    return publication


def _slow(*names: str) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["PLAIN", *_slow("LOGIN", "CRAM-MD5", "XOAUTH2")])
def test_a_refused_login_that_is_quoted_leaves_its_status_alone(sending: Publication, mechanism: str) -> None:
    sending.environ["NEWSLETTER_SMTP__AUTH"] = "xoauth2" if mechanism == "XOAUTH2" else "password"
    with echoing(mechanism, lets_in=False) as port:
        sending.environ["NEWSLETTER_SMTP__PORT"] = str(port)
        done = sending.run("send", "2.10", "--yes")
        kept = _all_that_is_kept(sending, done.stdout + done.stderr)
    assert "refused the login of digest: 535 5.7.8\n" in done.stderr
    assert [trace for trace in TRACES if trace in kept] == []


@pytest.mark.slow
@pytest.mark.parametrize("refuses", ["RCPT", *_slow("MAIL", "none")])
@pytest.mark.parametrize("mechanism", ["PLAIN", *_slow("CRAM-MD5")])
def test_a_login_that_is_quoted_in_any_later_reply_is_hidden(
    sending: Publication, mechanism: str, refuses: str
) -> None:
    with echoing(mechanism, lets_in=True, refuses=refuses) as port:
        sending.environ["NEWSLETTER_SMTP__PORT"] = str(port)
        done = sending.run("send", "2.10", "--yes")
        kept = _all_that_is_kept(sending, done.stdout + done.stderr)
    assert "[hidden]" in done.stdout + done.stderr
    assert [trace for trace in TRACES if trace in kept] == []
