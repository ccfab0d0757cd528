"""Signatures that receivers accept, by keys that are kept to oneself."""

import base64
import hashlib
import itertools
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from dkim import DKIM, ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import parsed, well_formed

from newsletter.address import EmailAddress
from newsletter.config import load_config
from newsletter.errors import ConfigError
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.dkim import DkimSigner, hash_message
from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.mail.message import Message
from newsletter.mail.message_template import MessageTemplate

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)
# Made once: an RSA key takes a while.
RSA, RSA_RECORD = generate_dkim_key("rsa")
ED25519, ED25519_RECORD = generate_dkim_key("ed25519")
RECORDS = {"s1._domainkey.example.org.": RSA_RECORD, "e1._domainkey.example.org.": ED25519_RECORD}
VALUES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=120).map(str.strip)


@pytest.fixture
def signer(publication: Publication) -> DkimSigner:
    return _signer(publication, "s1,e1", RSA + ED25519)


def _signer(publication: Publication, selectors: str, pem: bytes, **settings: str) -> DkimSigner:
    variables = {"selector": selectors, "key": pem.decode(), **settings}
    publication.environ |= {f"NEWSLETTER_DKIM__{name.upper()}": value for name, value in variables.items()}
    signer = DkimSigner.from_config(publication.workspace.config, publication.root, publication.workspace.config_path)
    assert signer is not None
    return signer


def _message(publication: Publication, draft: str = "2.10") -> Message:
    template = compile_message(publication.context, load_issue(publication.workspace.find_draft(draft)), "c", DATE)
    return template.render("ada@example.org", "ada@example.org", {"email": "ada@example.org", "name": "Ada"})


def _verdicts(data: bytes, records: dict[str, str] = RECORDS) -> list[bool]:
    """Return what a receiver says of each signature."""

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        record = records.get(name.decode())
        return record.encode() if record else None

    def verdict(index: int) -> bool:
        try:
            return bool(DKIM(data).verify(index, dnsfunc=dns))
        except ValidationError:  # the body's hash is another
            return False

    return [verdict(index) for index in range(len(re.findall(rb"(?m)^DKIM-Signature:", data)))]


@pytest.mark.slow
@pytest.mark.parametrize("draft", ["2.10", "1.4"])
def test_a_receiver_accepts_both_signatures(publication: Publication, signer: DkimSigner, draft: str) -> None:
    message = _message(publication, draft)
    signed = signer.sign(message)
    assert (signed.key, signed.sender, signed.recipient) == (message.key, message.sender, message.recipient)
    assert signed.data.endswith(message.data)
    well_formed(signed.data)
    assert _verdicts(signed.data) == [True, True]
    header = signed.data[: -len(message.data)]
    assert all(len(line) <= 78 for line in header.split(b"\r\n"))
    rsa_one, ed25519_one = parsed(signed.data).get_all("DKIM-Signature", [])
    assert "a=rsa-sha256" in rsa_one
    assert "a=ed25519-sha256" in ed25519_one
    assert "d=example.org" in rsa_one


def test_the_same_message_is_signed_the_same(publication: Publication, signer: DkimSigner) -> None:
    message = _message(publication)
    assert signer.sign(message) == signer.sign(message)


@pytest.mark.parametrize(
    "name",
    ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "List-Id",
     "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "List-Help", "Feedback-ID"],
)  # fmt: skip
def test_what_is_covered_can_neither_be_changed_nor_added_nor_removed(
    publication: Publication, signer: DkimSigner, name: str
) -> None:
    publication.environ["NEWSLETTER_SENDER__FEEDBACK_ID"] = "exampleorg"
    message = _message(publication)
    post = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058, section 3.1
    signed = signer.sign(Message(key="k", sender="a@b.org", recipient="c@d.org", pieces=(post, *message.pieces))).data
    assert _verdicts(signed) == [True, True]
    field = re.search(rb"(?m)^" + name.encode() + rb": [^\r]*", signed)
    assert field is not None
    assert _verdicts(signed.replace(field[0], field[0] + b"x", 1)) == [False, False]
    assert _verdicts(signed[: field.start()] + signed[field.end() + 2 :]) == [False, False]
    added = name.encode() + b": something else <a@example.net>\r\n"
    assert _verdicts(added + signed) == [False, False]
    assert _verdicts(signed[: field.start()] + added + signed[field.start() :]) == [False, False]
    assert _verdicts(signed[: field.end() + 2] + added + signed[field.end() + 2 :]) == [False, False]


def test_what_is_not_there_and_readers_would_see_can_not_be_added(publication: Publication, signer: DkimSigner) -> None:
    publication.environ["NEWSLETTER_SENDER__REPLY_TO"] = "editor@example.org"
    data = re.sub(rb"Reply-To: [^\r]*\r\n", b"", _message(publication).data)
    signed = signer.sign(Message(key="k", sender="a@b.org", recipient="c@d.org", pieces=(data,))).data
    assert _verdicts(signed) == [True, True]
    for added in (b"Reply-To: a@example.net\r\n", b"Cc: a@example.net\r\n"):
        assert _verdicts(added + signed) == [False, False]
    # What a relay and a mailing list add of their own leaves it whole.
    for added in (b"Received: from x by y\r\n", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"):
        assert _verdicts(added + signed) == [True, True]


def test_the_body_can_not_be_changed(publication: Publication, signer: DkimSigner) -> None:
    signed = signer.sign(_message(publication)).data
    assert b"\r\nAda=\r\n" in signed
    assert _verdicts(signed.replace(b"\r\nAda=\r\n", b"\r\nEve=\r\n", 1)) == [False, False]
    assert _verdicts(signed + b"more\r\n") == [False, False]


def test_a_relay_may_fold_the_header_otherwise(publication: Publication, signer: DkimSigner) -> None:
    signed = signer.sign(_message(publication)).data
    assert b"\r\nTo: Ada <" in signed
    folded = signed.replace(b"\r\nTo: Ada <", b"\r\nto:   Ada\r\n\t <", 1)
    assert _verdicts(folded) == [True, True]


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n\r\n\r\n", b"text", b"text\r\n\r\n", b" \r\n"])
def test_empty_lines_at_the_end_make_no_difference(signer: DkimSigner, end: bytes) -> None:
    data = b"From: a@example.org\r\nSubject: x\r\n\r\n" + end
    signed = signer.sign(Message(key="k", sender="a@b.org", recipient="c@d.org", pieces=(data,))).data
    assert _verdicts(signed) == [True, True]
    if end:
        assert _verdicts(re.sub(rb"(\r\n)*\Z", b"\r\n", signed)) == [True, True]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[MessageTemplate, DkimSigner]:
    publication = Publication(tmp_path_factory.mktemp("dkim"))
    (publication.root / "drafts").mkdir()
    (publication.root / "newsletter.toml").write_text((ROOT / "newsletter.toml").read_text())
    lines = "number: 1\nsubject: >-\n  {{ city | x }}: {{ name | you }}\nintro: >-\n  {{ city | y }}"
    text = re.sub(
        r"number: 4(?s:.*?)(?=\nitems:)", f"{lines}\ndate: 2022-08-10", (ROOT / "drafts/1.4.yaml").read_text()
    )
    template = compile_message(publication.context, load_issue(publication.draft("1.1", text)), "c", DATE)
    return template, _signer(publication, "e1", ED25519)


@given(name=VALUES, city=VALUES)
@settings(max_examples=80)
def test_any_readers_message_is_accepted(compiled: tuple[MessageTemplate, DkimSigner], name: str, city: str) -> None:
    template, signer = compiled
    fields = {"email": "ada@example.org", "name": name, "city": city}
    assert _verdicts(signer.sign(template.render("k", "ada@example.org", fields)).data) == [True]


@given(body=st.binary(max_size=60), lines=st.integers(0, 3), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_a_message_in_pieces_is_hashed_as_one(body: bytes, lines: int, cuts: list[int]) -> None:
    data = b"From: ada@example.org\r\nSubject: x\r\n\r\n" + body + b"\r\n" * lines
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(at)]
    message = Message("k", EmailAddress("a@example.org"), EmailAddress("b@example.org"), pieces)
    # RFC 6376, section 3.4.3, of the whole
    simple = re.sub(rb"(\r\n)*\Z", b"", body + b"\r\n" * lines) + b"\r\n"
    assert hash_message(message) == (
        b"From: ada@example.org\r\nSubject: x", base64.b64encode(hashlib.sha256(simple).digest())
    )  # fmt: skip


def test_without_a_selector_nothing_is_signed(publication: Publication) -> None:
    assert (
        DkimSigner.from_config(publication.workspace.config, publication.root, publication.workspace.config_path)
        is None
    )


def test_another_domain_may_sign(publication: Publication) -> None:
    signer = _signer(publication, "s1", RSA, domain="mail.example.org")
    data = signer.sign(_message(publication)).data
    assert _verdicts(data, {"s1._domainkey.mail.example.org.": RSA_RECORD}) == [True]


def test_keys_come_from_files_and_from_one_line_of_the_environment(publication: Publication) -> None:
    (publication.root / "keys").mkdir()
    path = publication.root / "keys/s1.pem"
    path.write_bytes(RSA)
    path.chmod(0o600)
    one_line = ED25519.replace(b"\n", b"\\n")
    signer = _signer(publication, "s1, e1", one_line, key_file="keys/s1.pem")
    assert _verdicts(signer.sign(_message(publication)).data) == [True, True]
    assert "PRIVATE" not in repr(publication.workspace.config)
    assert "PRIVATE" not in publication.workspace.config.model_dump_json()


def _encrypted() -> bytes:
    key = load_pem_private_key(ED25519, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


def _elliptic() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _absent(path: Path) -> None:
    path.unlink()


def _open(path: Path) -> None:
    path.chmod(0o644)


def _in_git(path: Path) -> None:
    for command in (["init", "-q"], ["add", "-f", path.name]):
        subprocess.run(["git", *command], cwd=path.parent, check=True)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_absent, "can't be read: No such file"),
        (_open, "every user of this machine"),
        (_in_git, "is in git"),
        (lambda path: path.write_text("hello"), "holds no private key"),
        (lambda path: path.write_bytes(RSA[:200] + RSA[-60:]), "can't be used"),
        (lambda path: path.write_bytes(_encrypted()), "can't be used"),
        (lambda path: path.write_bytes(_elliptic()), "no receiver takes"),
        (lambda path: path.write_bytes(RSA + ED25519), "1 selector and 2 keys"),
    ],
)
def test_a_key_that_can_not_be_used_is_refused_with_its_place(
    publication: Publication, spoil: Callable[[Path], object], said: str
) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text() + '\n[dkim]\nselector = "s1"\nkey_file = "s1.pem"\n')
    line = toml.read_text().splitlines().index('key_file = "s1.pem"') + 1
    path = publication.root / "s1.pem"
    path.write_bytes(RSA)
    path.chmod(0o600)
    assert (
        DkimSigner.from_config(publication.workspace.config, publication.root, publication.workspace.config_path)
        is not None
    )
    spoil(path)
    with pytest.raises(ConfigError) as caught:
        DkimSigner.from_config(publication.workspace.config, publication.root, publication.workspace.config_path)
    (problem,) = caught.value.problems
    assert said in problem.message
    assert (problem.path, problem.line) == (toml, line)
    assert problem.next_step
    assert "PRIVATE" not in problem.message


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ('selector = "s1"\nkey = "-----BEGIN"', "secret"),
        ('key_file = "s1.pem"', "selector"),
        ('selector = "s 1"\nkey_file = "s1.pem"', "selector"),
        ('selector = ["s1", "s1"]\nkey_file = "s1.pem"', "selector"),
        ('selector = "s1"\ndomain = "x y"', "list-id"),
        ('selectors = "s1"', "unknown-key"),
    ],
)
def test_what_is_wrong_in_the_table_is_said(publication: Publication, table: str, code: str) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(f"{toml.read_text()}\n[dkim]\n{table}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(toml, {})
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.line > toml.read_text().splitlines().index("[dkim]")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_command_makes_a_key_and_the_record_for_it(publication: Publication, kind: str) -> None:
    done = publication.run("dkim", "key", "--selector", "k1", "--type", kind)
    assert done.returncode == 0, done.stderr
    path = publication.root / ".newsletter/dkim-k1.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in done.stdout + done.stderr
    (strings,) = re.findall(r"^k1\._domainkey\.example\.org\. IN TXT (.*)$", done.stdout, re.MULTILINE)
    parts = re.findall('"([^"]*)"', strings)
    assert all(len(part) <= 255 for part in parts)
    toml = publication.root / "newsletter.toml"
    toml.write_text(toml.read_text() + "\n" + done.stdout[done.stdout.index("[dkim]") :])
    signer = DkimSigner.from_config(publication.workspace.config, publication.root, publication.workspace.config_path)
    assert signer is not None
    signed = signer.sign(_message(publication)).data
    assert _verdicts(signed, {"k1._domainkey.example.org.": "".join(parts)}) == [True]
    again = publication.run("dkim", "key", "--selector", "k1")
    assert again.returncode == 1
    assert "--selector s2" in again.stderr
    assert publication.run("dkim", "key", "--selector", "../k").returncode == 2


def test_the_shortest_key_that_a_signer_may_use_is_taken(publication: Publication) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert _signer(publication, "s1", pem) is not None  # RFC 8301, section 3.2
