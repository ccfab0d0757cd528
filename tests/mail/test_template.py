"""A compiled message says what the standard library would have said, to the letter."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from html import escape
from quopri import decodestring

import pytest
from conftest import ROOT, Publication
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import Mailbox
from newsletter.editions import render_html, render_text
from newsletter.errors import TemplateError
from newsletter.issue.draft import load_issue
from newsletter.mail.headers import HeaderFault, address_header, text_header
from newsletter.mail.quoted import SOFT_BREAK, encode
from newsletter.mail.template import MessageTemplate, MissingValue, Slot, compile_message

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)
# What a list's check lets through: no control characters, no lone surrogates.
VALUES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200).map(str.strip)


def _parsed(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    for part in message.walk():
        assert part.defects == []
        for _, value in part.items():
            assert not getattr(value, "defects", ())
    assert isinstance(message, EmailMessage)
    return message


def _well_formed(data: bytes) -> None:
    assert b"\0" not in data
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert all(len(line) <= 998 and not line.startswith(b".") for line in lines)
    assert data.isascii()


@pytest.fixture
def template(publication: Publication) -> MessageTemplate:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    return compile_message(publication.press, issue, "0123456789abcdef", DATE)


def test_the_whole_message(publication: Publication, template: MessageTemplate) -> None:
    data = template.render("ada@example.org", "ada@example.org", {"email": "ada@example.org", "name": "Ada"}).data
    _well_formed(data)
    message = _parsed(data)
    assert message["From"] == "Pacific Alliance Digest <digest@example.org>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Reply-To"] == "editor@example.org"
    assert message["Subject"].startswith("Pacific Alliance Digest Vol. 2.10: Leaders align")
    assert message["Date"] == "Wed, 31 May 2023 09:00:00 +0000"
    assert message["List-Id"] == "Pacific Alliance Digest <digest.example.org>"
    assert message["List-Unsubscribe"] == "<mailto:leave@example.org?subject=unsubscribe>"
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", message["Message-ID"])
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, image = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert image.get_content_type() == "image/jpeg"
    lead = publication.press.lead(load_issue(publication.workspace.find_draft("2.10")))
    assert lead is not None
    assert image.get_content() == lead.data
    assert image["Content-ID"] == "<2.10-lead.0123456789abcdef@example.org>"
    assert f"cid:{image['Content-ID'][1:-1]}" in html.get_content()
    assert f"cid:{image['Content-ID'][1:-1]}" in html.get_content()
    assert "Dear Ada, the second half" in text.get_content()
    assert "Dear Ada, the second half" in " ".join(html.get_content().split())
    assert "This issue went to ada@example.org." in text.get_content()


DRAFT = """\
volume: 1
number: 1
date: 2023-01-02
intro: >-
  {{ name | reader }} from {{ city | there }}: .a
items:
  - headline: >-
      For **{{ name | reader }}**
    detail: >-
      [{{ city | there }} = {{ name | reader }}](https://example.org/)
"""


class Compiled:
    """A template, and its two editions with marks where the template has slots."""

    def __init__(self, publication: Publication) -> None:
        issue = load_issue(publication.draft("1.1", DRAFT))
        self._places: list[tuple[str, str]] = []
        self.template = compile_message(publication.press, issue, "c", DATE)
        # Lines are wrapped once for all readers, by marks as long as the compiler's own.
        self.text = render_text(publication.press, issue, self._mark)
        self.html = render_html(publication.press, issue, self._mark, lambda picture: "cid:x")

    def _mark(self, name: str, default: str) -> str:
        self._places.append((name, default))
        return f"m{len(self._places) - 1:017}m"

    def filled(self, rendered: str, fields: dict[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = self._places[int(found[1])]
            return fields[name] or default

        return re.sub(r"m(\d{17})m", value, rendered)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    publication = Publication(tmp_path_factory.mktemp("compiled"))
    (publication.root / "drafts").mkdir()
    (publication.root / "newsletter.toml").write_text((ROOT / "newsletter.toml").read_text())
    return Compiled(publication)


@given(name=VALUES, city=VALUES)
def test_any_reader_gets_what_the_standard_library_would_have_sent(compiled: Compiled, name: str, city: str) -> None:
    fields = {"email": "ada@example.org", "name": name, "city": city}
    data = compiled.template.render("ada@example.org", "ada@example.org", fields).data
    _well_formed(data)
    expected = EmailMessage(policy=policy.SMTP)
    expected.set_content(compiled.filled(compiled.text, fields))
    escaped = {key: escape(value) for key, value in fields.items()}
    expected.add_alternative(compiled.filled(compiled.html, escaped), subtype="html")
    message = _parsed(data)
    for mine, theirs in zip(message.iter_parts(), expected.iter_parts(), strict=True):
        assert mine.get_content_type() == theirs.get_content_type()
        assert mine.get_content().replace("\r\n", "\n") == theirs.get_content().replace("\r\n", "\n")
    assert _named(data) == (name, "ada@example.org")


def _named(data: bytes) -> tuple[str, str]:
    """To, decoded as RFC 2047 has it; the new parser of Python 3.11 puts spaces between encoded words."""
    name, address = parseaddr(str(message_from_bytes(data)["To"]).replace("\r\n", ""))
    return str(make_header(decode_header(name))), address


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=300), min_size=1, max_size=5))
def test_pieces_of_quoted_printable_stand_side_by_side(pieces: list[str]) -> None:
    encoded = SOFT_BREAK.join(encode(piece) for piece in pieces)
    assert all(len(line) <= 76 and not line.startswith(b".") for line in encoded.split(b"\r\n"))
    whole = "".join(piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces)
    assert decodestring(encoded).replace(b"\r\n", b"\n").decode() == whole


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        "Jørgensen, Søren",
        'Jane "JJ" O\'Connor',
        "田中 美香" * 20,
        "a" * 300,
        "x@y <z>",
        "=?utf-8?q?x?=",
        "Dot. Com",
        r"back\slash",
        "(comment)",
        "a  b",
        "🎈" * 60,
    ],
)
def test_any_name_survives_its_header(name: str) -> None:
    line = address_header("To", Mailbox(name=name, address="ada@example.org"))
    assert all(len(part) <= 78 for part in line.split(b"\r\n")) or len(name) == 300
    _parsed(line + b"\r\n")
    assert _named(line + b"\r\n") == (name, "ada@example.org")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=300))
def test_any_subject_survives_its_header(subject: str) -> None:
    message = _parsed(text_header("Subject", subject) + b"\r\n")
    assert _spaces(message["Subject"]) == _spaces(subject)


@pytest.mark.parametrize(
    "subject",
    ["How =?utf-8?b?w6k=?= to", "Break =?utf-8?q?a=0D=0ABcc=3A_x?=", "x" * 1200, f"https://x.org/{'a' * 80} is out"],
)
def test_a_subject_that_ascii_would_spoil_is_encoded(subject: str) -> None:
    line = text_header("Subject", subject)
    assert all(len(part) <= 78 for part in line.split(b"\r\n"))
    assert str(make_header(decode_header(str(message_from_bytes(line)["Subject"])))) == subject


def test_a_dot_and_a_full_line_stay_within_76_columns() -> None:
    for length in range(60, 90):
        encoded = SOFT_BREAK.join([b"", encode("." + "a" * length), b""])
        assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def test_prose_that_looks_like_an_attribute_is_prose(publication: Publication) -> None:
    path = publication.draft("1.1", (publication.root / "drafts/1.4.yaml").read_text().replace(
        "number: 4", 'number: 1\nintro: >-\n  style={{ name | x }} href="{{ name | y }}"'))  # fmt: skip
    template = compile_message(publication.press, load_issue(path), "c", DATE)
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": "Ada"}).data
    assert 'style=Ada href="Ada"' in _parsed(data).get_body(("plain",)).get_content()


def _spaces(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: victim@example.org", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x85b", "a\u2028b", "\ud800"]
)
def test_no_value_adds_a_header(template: MessageTemplate, bad: str) -> None:
    with pytest.raises(HeaderFault):
        template.render("k", "ada@example.org", {"email": "ada@example.org", "name": bad})
    with pytest.raises(HeaderFault):
        template.render("k", f"ada@example.org{bad}", {"email": "ada@example.org", "name": "Ada"})
    with pytest.raises(HeaderFault):
        text_header("Subject", bad)


def test_a_value_is_text_in_html(template: MessageTemplate) -> None:
    name = '<img src=x onerror="alert(1)">&amp;'
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": name}).data
    text, related = _parsed(data).iter_parts()
    html = next(iter(related.iter_parts())).get_content()
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;amp;" in html
    assert name in " ".join(text.get_content().split())


def test_the_store_gives_back_the_same_template(template: MessageTemplate) -> None:
    again = MessageTemplate.from_bytes(template.to_bytes())
    assert again == template
    assert {piece.field for piece in again.body if isinstance(piece, Slot)} == {"name", "email"}


def test_a_copy_is_known_by_its_message_id(template: MessageTemplate) -> None:
    def ids(key: str) -> str:
        return str(_parsed(template.render(key, "a@example.org", {"email": "a", "name": ""}).data)["Message-ID"])

    assert ids("a@example.org") == ids("a@example.org") != ids("b@example.org")


def test_a_value_that_is_missing_is_named(publication: Publication) -> None:
    path = publication.draft("1.1", (publication.root / "drafts/1.4.yaml").read_text().replace(
        "number: 4", "number: 1\nintro: >-\n  Dear {{ title }} {{ name | reader }}"))  # fmt: skip
    template = compile_message(publication.press, load_issue(path), "c", DATE)
    with pytest.raises(MissingValue, match="title"):
        template.render("k", "a@example.org", {"email": "a@example.org", "name": "Ada"})


def test_a_slot_in_an_address_is_refused(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    text = (ROOT / "templates/email.mjml.j2").read_text()
    (folder / "email.mjml.j2").write_text(
        text.replace('<a href="{{ unsubscribe }}">', '<a href="https://example.org/?r={{ reader("email", "") }}">')
    )
    with pytest.raises(TemplateError) as caught:
        compile_message(publication.press, load_issue(publication.workspace.find_draft("1.4")), "c", DATE)
    assert "address" in caught.value.problems[0].message


def test_a_value_in_an_attribute_is_escaped(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    text = (ROOT / "templates/email.mjml.j2").read_text()
    (folder / "email.mjml.j2").write_text(text.replace("<h1>", """<h1 title="{{ reader('name', 'Reader') }}">"""))
    template = compile_message(publication.press, load_issue(publication.workspace.find_draft("1.4")), "c", DATE)
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": 'x" onclick="y'}).data
    _, html = _parsed(data).iter_parts()
    assert 'title="x&quot; onclick=&quot;y"' in " ".join(html.get_content().split())
