"""Each copy carries its reader's way out, in the header, the text and the HTML, and, when wanted, a return path."""

import re
from pathlib import Path

import pytest
from conftest import Publication
from messages import parsed, texts
from smtp_server import Server
from visible_text import Page

from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.subscribers.secret_keys import create_secret_keys, require_secret_keys
from newsletter.subscribers.tokens import TokenHolder, TokenSigner, parse_verp_tag

ADA = "ada@example.com"
URL = "https://news.example.org"


@pytest.fixture
def served(digest: Publication) -> Publication:
    """Return the publication with a mail server, a web service, and keys."""
    create_secret_keys(digest.root)
    digest.environ["NEWSLETTER_SERVICE__URL"] = f"{URL}/"
    (digest.root / "subscribers.csv").write_text(f"email,name\n{ADA},Ada\nben@example.com,Ben\n")
    return digest


def _tokens(publication: Publication) -> TokenSigner:
    return TokenSigner(require_secret_keys(publication.workspace), "digest.example.org")


def _send(publication: Publication, *more: str) -> None:
    done = publication.run("send", "2.10", *(more or ("--yes",)))
    assert done.returncode == 0, done.stdout + done.stderr


def _token(link: str) -> str:
    return link.removeprefix(f"{URL}/u/")


def test_one_link_in_header_text_and_html(served: Publication, server: Server) -> None:
    _send(served)
    message = parsed(server.message(ADA))
    page, mail = re.findall("<(.+?)>", message["List-Unsubscribe"])
    assert mail == "mailto:leave@example.org?subject=unsubscribe"
    assert _tokens(served).read(_token(page)) == TokenHolder(ADA, "2.10")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = texts(server.message(ADA))
    assert f"Unsubscribe: {page}\n" in text
    assert page in Page(html).links
    assert page not in server.message("ben@example.com").decode()
    # No address stands in the link, however it is looked at.
    assert "ada" not in page.lower()


@pytest.mark.slow
def test_a_signature_covers_both_lines(served: Publication, server: Server) -> None:
    pem, _ = generate_dkim_key("ed25519")
    served.environ |= {"NEWSLETTER_DKIM__SELECTOR": "s1", "NEWSLETTER_DKIM__KEY": pem.decode()}
    _send(served)
    signature = re.sub(r"\s", "", parsed(server.message(ADA))["DKIM-Signature"])
    covered = re.search("h=([^;]+);", signature)
    assert covered
    assert {"List-Unsubscribe", "List-Unsubscribe-Post"} <= set(covered[1].split(":"))


def test_what_is_exported_later_is_what_was_sent(served: Publication, server: Server) -> None:
    _send(served)
    done = served.run("export", "eml", "2.10", "--as", ADA)
    assert done.returncode == 0, done.stderr
    assert (served.root / "build/2.10/2.10.reader.eml").read_bytes() == server.message(ADA)


@pytest.mark.slow
def test_a_test_has_a_link_that_works(served: Publication, server: Server) -> None:
    _send(served, "--test", ADA)
    (link,) = [link for link in Page(texts(server.message(ADA))[1]).links if link.startswith(f"{URL}/u/")]
    assert _tokens(served).read(_token(link)) == TokenHolder(ADA, "2.10")


@pytest.mark.slow
def test_a_dry_run_has_each_reader_s_link(served: Publication) -> None:
    _send(served, "--dry-run")
    files = sorted((served.root / "build/2.10/dry-run").iterdir())
    pages = [re.findall("<(.+?)>", parsed(path.read_bytes())["List-Unsubscribe"])[0] for path in files]
    assert [_tokens(served).read(_token(page)) for page in pages] == [
        TokenHolder(ADA, "2.10"),
        TokenHolder("ben@example.com", "2.10"),
    ]


@pytest.mark.slow
def test_what_nobody_gets_has_a_link_that_opens_nothing(served: Publication) -> None:
    done = served.run("export", "all", "2.10")
    assert done.returncode == 0, done.stderr
    html = (served.root / "build/2.10/2.10.email.html").read_text()
    assert f"{URL}/u/sample" in Page(html).links
    assert f"<{URL}/u/sample>" in parsed((served.root / "build/2.10/2.10.eml").read_bytes())["List-Unsubscribe"]
    assert _tokens(served).read("sample") is None


@pytest.mark.slow
def test_without_a_service_a_mail_can_say_whose_it_is(digest: Publication, server: Server) -> None:
    create_secret_keys(digest.root)
    digest.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=leave%20{{ token }}"
    _send(digest)
    reader = "jorgensen@example.net"
    message = parsed(server.message(reader))
    assert message["List-Unsubscribe-Post"] is None
    (mail,) = re.findall("<(.+?)>", message["List-Unsubscribe"])
    assert _tokens(digest).read(mail.removeprefix("mailto:leave@example.org?subject=leave%20")) == TokenHolder(
        reader, "2.10"
    )
    assert mail in Page(texts(server.message(reader))[1]).links


@pytest.mark.slow
def test_on_this_machine_alone_there_is_no_one_click(served: Publication, server: Server) -> None:
    # RFC 8058, section 3.1 wants https.
    served.environ["NEWSLETTER_SERVICE__URL"] = "http://127.0.0.1:8600"
    _send(served)
    message = parsed(server.message(ADA))
    assert message["List-Unsubscribe"].startswith("<http://127.0.0.1:8600/u/")
    assert message["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    "environ",
    [
        {"NEWSLETTER_SERVICE__URL": URL},
        {"NEWSLETTER_SENDER__VERP": "+"},
        {"NEWSLETTER_LIST__UNSUBSCRIBE": "mailto:leave@example.org?subject={{ token }}"},
    ],
)
def test_without_keys_it_is_told_before_anything_is_frozen(
    digest: Publication, server: Server, environ: dict[str, str]
) -> None:
    digest.environ |= environ
    for command in (("send", "2.10", "--yes"), ("send", "2.10", "--test", ADA), ("send", "2.10", "--dry-run")):
        done = digest.run(*command)
        assert done.returncode == 2
        assert "There are no keys here" in done.stderr
        assert "newsletter keys new" in done.stderr
    assert server.stored == []
    assert digest.run("status").stdout == "Nothing has been sent from here yet.\n"


@pytest.mark.slow
def test_keys_that_are_lost_half_way_stop_the_send_before_a_byte_leaves(served: Publication, server: Server) -> None:
    server.refuse = {ADA: "450 4.2.1 later"}
    served.run("send", "2.10", "--yes")
    assert set(server.copies()) == {"ben@example.com"}
    server.refuse = {}
    kept = (served.root / ".newsletter/keys.toml").rename(served.root / "kept.toml")
    del served.environ["NEWSLETTER_SERVICE__URL"]  # or the configuration would ask for them
    done = served.run("send", "2.10", "--yes", "--continue")
    assert done.returncode == 2
    assert "the keys that sign them are gone" in done.stderr
    assert set(server.copies()) == {"ben@example.com"}
    kept.rename(served.root / ".newsletter/keys.toml")
    assert served.run("send", "2.10", "--yes", "--continue").returncode == 0
    assert server.copies() == {ADA: 1, "ben@example.com": 1}


@pytest.mark.slow
@pytest.mark.parametrize("delimiter", ["+", "-"])
def test_the_return_path_names_the_delivery(served: Publication, server: Server, delimiter: str) -> None:
    served.environ["NEWSLETTER_SENDER__VERP"] = delimiter
    _send(served)
    assert len(server.senders) == 2
    marks = set()
    for sender in server.senders:
        found = re.fullmatch(rf"bounces{re.escape(delimiter)}(\d+-[a-z2-7]{{16}})@example\.org", sender)
        assert found, sender
        number = parse_verp_tag(found[1])
        assert number is not None
        marks |= {
            reader for reader in (ADA, "ben@example.com") if _tokens(served).is_verp_tag(found[1], number, reader)
        }
    assert marks == {ADA, "ben@example.com"}
    # A reader sees nothing of it.
    assert b"Return-Path" not in server.message(ADA)


@pytest.mark.slow
def test_a_new_text_takes_the_new_way_out_along(served: Publication, server: Server) -> None:
    del served.environ["NEWSLETTER_SERVICE__URL"]
    server.refuse = {ADA: "450 4.2.1 later"}
    served.run("send", "2.10", "--yes")
    server.refuse = {}
    served.environ["NEWSLETTER_SERVICE__URL"] = URL
    _send(served, "--yes", "--with-changes")
    assert f"<{URL}/u/" in parsed(server.message(ADA))["List-Unsubscribe"]
    assert URL not in parsed(server.message("ben@example.com"))["List-Unsubscribe"]


@pytest.mark.slow
def test_bounces_come_to_where_they_are_read_today(served: Publication, server: Server) -> None:
    toml = served.root / "newsletter.toml"
    kept = toml.read_text()
    toml.write_text(re.sub("(?m)^bounces = .*$", "", kept))
    server.refuse = {ADA: "450 4.2.1 later"}
    served.run("send", "2.10", "--yes")
    server.refuse = {}
    server.senders.clear()
    toml.write_text(kept)
    served.environ["NEWSLETTER_SENDER__VERP"] = "+"
    _send(served, "--yes", "--continue")
    (sender,) = server.senders
    assert sender.startswith("bounces+")


def test_a_return_path_has_to_fit(publication: Publication) -> None:
    publication.environ |= {
        "NEWSLETTER_SENDER__BOUNCES": f"{'b' * 37}@example.org",
        "NEWSLETTER_SENDER__VERP": "+",
    }
    done = publication.run("draft", "check")
    assert done.returncode == 2
    assert "Shorten it to 36 letters" in done.stderr


def test_verp_needs_an_address_for_bounces(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(re.sub("(?m)^bounces = .*$", 'verp = "+"', toml.read_text()))
    done = publication.run("draft", "check")
    assert done.returncode == 2
    assert "there is no address for bounces" in done.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://news.example.org", "Write it with https://"),
        ("news.example.org", "not the address of a website"),
        ("https://a.example/?x", "not the address of a website"),
        ("https://", "not the address of a website"),
        ("https://a.example:99999", "has a port that is none"),
        ("https://a.example:0", "has a port that is none"),
        ("https://a.example:x", "has a port that is none"),
        ("http://[2001:db8::1]:8600", "http://localhost:8600"),
        ("https://[::1", "not the address of a website"),
        ("http://[localhost]:8600", "not the address of a website"),
        ("http://localhost.example.org", "Write it with https://"),
        ("https://a.example//b", "between single slashes"),
        ("https://a.example/b//", "between single slashes"),
        ("https://a.example/di%20gest", "between single slashes"),
        ("https://a.example/$(x)'b*", "between single slashes"),
        ("https://a.example/b/../c", "between single slashes"),
        ("https://a.example/.", "between single slashes"),
        ("https://ann:secret@a.example", "without a user's name or a password"),
        ("https://secret@a.example:99999/", "without a user's name or a password"),
    ],
)
def test_an_address_that_readers_could_not_use_is_refused(publication: Publication, url: str, words: str) -> None:
    publication.environ["NEWSLETTER_SERVICE__URL"] = url
    done = publication.run("draft", "check")
    assert done.returncode == 2
    assert "NEWSLETTER_SERVICE__URL" in done.stderr
    assert words in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example:8443/",
        "https://a.example/~ann/digest-2/v.1",
        "http://127.0.0.1:8600",
        "https://a.example:",
        "http://LOCALHOST:8600",
        "http://localhost.:8600",
        "http://[::1]:8600",
        "http://[::1]/digest",
    ],
)
def test_an_address_that_readers_can_use(publication: Publication, url: str) -> None:
    publication.environ["NEWSLETTER_SERVICE__URL"] = url
    assert publication.workspace.config.service.url == url.rstrip("/")


def test_a_service_is_the_website_where_no_other_is_named(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(re.sub("(?m)^website = .*$", "", toml.read_text()))
    publication.environ["NEWSLETTER_SERVICE__URL"] = URL
    assert publication.workspace.config.publication.address("2.10.html") == f"{URL}/2.10.html"


def test_the_longest_address_has_room_in_the_header(served: Publication, server: Server, tmp_path: Path) -> None:
    longest = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 53}.example"
    assert len(longest) == 254
    (served.root / "subscribers.csv").write_text(f"email\n{longest}\n")
    served.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=unsubscribe%20{{ token }}"
    _send(served)
    page, mail = re.findall("<(.+?)>", parsed(server.message(longest))["List-Unsubscribe"])
    assert _tokens(served).read(_token(page)) == TokenHolder(longest, "2.10")
    assert mail.endswith(_token(page))
