"""Names of sources, and the errors for names that are none."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, NewsletterError
from newsletter.feedback.mail.sources import open_source
from newsletter.feedback.mail.sources.imap_url import parse_imap_url


def no_password(host: str, username: str) -> str | None:
    raise AssertionError("no password is needed")


def failure(source: str, folder: str = "handled") -> NewsletterError:
    with (
        pytest.raises(NewsletterError) as raised,
        open_source(source, after="move", password=no_password, folder=folder),
    ):
        pass
    return raised.value


@pytest.mark.parametrize(("source", "place", "server", "tls"), [
    ("imaps://ada@mail.example.org", "INBOX of ada at mail.example.org", "mail.example.org:993", True),
    ("imaps://ada@mail.example.org/inbox", "INBOX of ada at mail.example.org", "mail.example.org:993", True),
    ("IMAP://ada@Mail.Example.org:1143/", "INBOX of ada at mail.example.org", "mail.example.org:1143", False),
    ("imaps://ada@example.com@mail.example.org/Bounces", "Bounces of ada@example.com at mail.example.org",
     "mail.example.org:993", True),
    ("imaps://ada%40example.com@mail.example.org/Lists/Back%202",
     "Lists/Back 2 of ada@example.com at mail.example.org", "mail.example.org:993", True),
    ("imap://ada@[::1]:143/B%C3%BCro", "Büro of ada at ::1", "::1:143", False),
])  # fmt: skip
def test_addresses(source: str, place: str, server: str, tls: bool) -> None:
    address = parse_imap_url(source)
    assert (address.place, address.server, address.tls) == (place, server, tls)


@pytest.mark.parametrize("source", [
    "imaps://ada:s3cret@mail.example.org/INBOX",
    "imaps://ada:@mail.example.org/s3cret",
    "imap://ada%40example.org:s3cret@localhost",
    "imaps://ada:s3/cret@mail.example.org/INBOX",
    "imaps://ada:s3#cret@mail.example.org/INBOX",
    "imaps://ada:12/s3cret@mail.example.org/INBOX",
    "imaps://ada@mail.example.org/INBOX?password=s3cret",
    "imaps:/ada:s3cret@mail.example.org/INBOX",
    "imaps//ada:s3cret@mail.example.org/INBOX",
    "pop3s://ada:s3cret@mail.example.org",
])  # fmt: skip
def test_a_password_is_refused_and_never_shown(source: str) -> None:
    error = failure(source)
    assert isinstance(error, ConfigError)
    assert "s3" not in error.message + error.next_step


def test_a_password_is_answered_with_where_it_belongs() -> None:
    error = failure("imaps://ada:secret@mail.example.org/INBOX")
    assert "holds a password" in error.message
    assert "NEWSLETTER_INBOX__PASSWORD" in error.next_step
    assert "keyring" in error.next_step


@pytest.mark.parametrize("source", [
    "imaps://", "imaps:///INBOX", "imaps://mail.example.org/INBOX", "imaps://@mail.example.org", "imaps://ada@",
    "imaps://ada@mail.example.org:port", "imaps://ada@mail.example.org:99999", "imaps://ada@[::1",
    "imaps://ada@mail.example.org/INBOX#x", "imaps://ada@mail.example.org/a%0d%0ab", "imaps://a%00da@mail.example.org/",
])  # fmt: skip
def test_addresses_that_can_t_be_read(source: str) -> None:
    error = failure(source)
    assert isinstance(error, ConfigError)
    assert "imaps://user@mail.example.org" in error.next_step


@given(st.text(max_size=30))
def test_any_address_is_read_or_refused_in_words(text: str) -> None:
    try:
        address = parse_imap_url(f"imaps://{text}")
    except ConfigError:
        return
    assert address.user
    assert address.host
    assert not any(character < " " for character in address.user + address.folder)


@pytest.mark.parametrize("source", ["nowhere", "", "a\0b", "~nobody-of-this-name/Maildir", "x" * 5000])
def test_what_is_not_there(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = failure(source or "no/such")
    assert isinstance(error, ConfigError)
    assert "neither a file nor a folder" in error.message
    assert "Maildir" in error.next_step


def test_a_folder_that_is_no_mailbox_and_a_pipe(tmp_path: Path) -> None:
    assert "neither cur/ and new/" in failure(str(tmp_path)).message
    (tmp_path / "note.txt").touch()
    assert "neither cur/ and new/" in failure(str(tmp_path)).message
    assert "neither a file nor a folder" in failure(str(tmp_path / "note.txt/below")).message
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is no mailbox" in failure(str(tmp_path / "pipe")).message


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    for part in ("new", "cur"):
        (tmp_path / "real" / part).mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    with open_source(str(tmp_path / "link"), after="leave", password=no_password) as source:
        assert len(source) == 0
        assert source.place == str(tmp_path / "link")


@pytest.mark.parametrize("folder", ["", ".", "..", "../outside", "a/b", "/tmp", "a\nb", "\x1b[2J"])
def test_handled_messages_can_t_be_sent_anywhere(folder: str, tmp_path: Path) -> None:
    for part in ("new", "cur"):
        (tmp_path / part).mkdir()
    error = failure(str(tmp_path), folder=folder)
    assert isinstance(error, ConfigError)
    assert "no plain name" in error.message
