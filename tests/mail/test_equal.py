"""A compiled message says what the standard library would have said, to the letter, or it is refused."""

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import Header
from email.message import EmailMessage
from html import escape
from urllib.parse import quote

import pytest
from conftest import ROOT, Publication
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import named, one_spaced, parsed, well_formed

from newsletter.editions import render_html, render_text
from newsletter.errors import DraftError
from newsletter.field import FieldWriter
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.headers import HeaderFault, format_text_header
from newsletter.mail.message_template import HeaderLine, MessageTemplate, MissingValue, Placeholder
from newsletter.mail.quoted_printable import encode_quoted_printable, encode_without_shortcut

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)
_HARD = st.sampled_from(
    ["=", ".", "..\n.", "\r", "\n", "\r\n", "\0", "\t", "\x1b", "\x85", "\u2028", "\ud800", "\udfff", "\N{BALLOON}",
     "👩‍👩‍👧", "שלום", "مرحبا", "\u202e", "\u200f", "\xa0", "\xad", "e\u0301", "a" * 80, "ü" * 90, " ", "  ",
     "<b>", "&amp;", "\"'", "%", "%%", "%s", "{{", "}}", "{{ name }}", "=?utf-8?q?x?=", "?", "#", "/", "@", ";", "\\"]
)  # fmt: skip
ANY = st.lists(st.text(max_size=40) | _HARD, max_size=6).map("".join)
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
LETTERS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
# What a list's check lets through.
LISTED = ANY.map(lambda text: CONTROLS.sub("", text).strip()) | st.text(LETTERS, max_size=500).map(str.strip)
# What a draft takes, besides.
_UNFIT = re.compile(r"[{}\[\]()<>\\`\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U0001fffe-\U0010ffff]")
WRITTEN = LISTED.map(lambda text: _UNFIT.sub("", text)) | ANY

DRAFT = """\
volume: 1
number: 1
date: 2023-01-02
subject: >-
  {{ name | reader }}, news from {{ city | there }}: .a = b
preheader: >-
  {{ city }} before {{ name | all }}
intro: >-
  {{ name | reader }} from {{ city | there }}: .a
items:
  - headline: >-
      For **{{ name | reader }}**
    detail: >-
      [{{ city | there }} = {{ name | reader }}](https://example.org/{{ city | a/b }}?who={{ email }}&n={{city}}#x)
      or [write](mailto:desk@example.org?subject={{ name | no name }}%20{{ city }})
"""
UNSUBSCRIBE = "mailto:leave@example.org?subject=leave%20{{ email }}&body={{ name | nobody }}"


class Compiled:
    """A template, and its texts with marks where the template has slots."""

    def __init__(self, publication: Publication, draft: str) -> None:
        path = publication.root / "drafts/1.1.yaml"
        path.write_bytes(draft.encode("utf-8", "surrogatepass"))
        issue = load_issue(path)
        context = publication.context
        self._places: list[tuple[str, str]] = []
        self.template = compile_message(context, issue, "c", DATE)
        # Lines are wrapped once for all readers, by marks as long as the compiler's own.
        mark: FieldWriter = self._mark
        self.text = render_text(context, issue, mark)
        self.html = render_html(context, issue, mark, lambda picture: "cid:x")
        self.subject = context.subject(issue, mark)
        self.unsubscribe = context.unsubscribe_link(mark)

    def _mark(self, name: str, default: str) -> str:
        self._places.append((name, default))
        return f"m,{len(self._places) - 1:016}m"

    def filled(self, rendered: str, fields: dict[str, str], *, html: bool = False) -> str:
        def value(found: re.Match[str]) -> str:
            name, default = self._places[int(found[2])]
            text = fields.get(name) or default
            return quote(text, safe="") if found[1] == "%2C" else escape(text) if html else text

        return re.sub(r"m(,|%2C)(\d{16})m", value, rendered)

    def by_the_library(self, fields: dict[str, str]) -> EmailMessage:
        """Return the same message as the standard library makes it."""
        message = EmailMessage(policy=policy.SMTP)
        message["Subject"] = self.filled(self.subject, fields)
        message.set_content(self.filled(self.text, fields))
        message.add_alternative(self.filled(self.html, fields, html=True), subtype="html")
        return message


def _publication(folder: pytest.TempPathFactory) -> Publication:
    publication = Publication(folder.mktemp("compiled"), {"NEWSLETTER_LIST__UNSUBSCRIBE": UNSUBSCRIBE})
    (publication.root / "drafts").mkdir()
    (publication.root / "newsletter.toml").write_text((ROOT / "newsletter.toml").read_text())
    return publication


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    return _publication(tmp_path_factory)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return Compiled(_publication(tmp_path_factory), DRAFT)


def _same(compiled: Compiled, fields: dict[str, str], data: bytes) -> None:
    well_formed(data)
    expected = compiled.by_the_library(fields)
    again = message_from_bytes(expected.as_bytes(), policy=policy.default)
    message = parsed(data)
    for mine, theirs in zip(message.iter_parts(), again.iter_parts(), strict=True):
        assert mine.get_content_type() == theirs.get_content_type()
        assert mine.get_content().replace("\r\n", "\n") == theirs.get_content().replace("\r\n", "\n")
    subject = compiled.filled(compiled.subject, fields)
    assert one_spaced(message["Subject"]) == one_spaced(subject)
    if subject.isascii() and "=?" not in subject:  # else the library loses a space here and there (Python 3.11)
        assert one_spaced(message["Subject"]) == one_spaced(again["Subject"])
    assert message["List-Unsubscribe"] == f"<{compiled.filled(compiled.unsubscribe, fields)}>"


@given(name=LISTED, city=LISTED)
@settings(max_examples=80)
def test_any_reader_gets_what_the_standard_library_would_have_sent(compiled: Compiled, name: str, city: str) -> None:
    fields = {"email": "ada+1@example.org", "name": name, "city": city or "Ulm"}
    if len(f"List-Unsubscribe: <{compiled.filled(compiled.unsubscribe, fields)}>") > 998:
        with pytest.raises(HeaderFault, match="longer"):
            compiled.template.render("ada@example.org", "ada@example.org", fields)
        return
    data = compiled.template.render("ada@example.org", "ada@example.org", fields).data
    _same(compiled, fields, data)
    assert named(data) == (name, "ada@example.org")


@given(name=ANY, city=ANY)
@settings(max_examples=80)
def test_a_value_with_a_control_character_is_refused(compiled: Compiled, name: str, city: str) -> None:
    fields = {"email": "ada@example.org", "name": name, "city": city or "Ulm"}
    if CONTROLS.search(name + city):
        with pytest.raises(HeaderFault):
            compiled.template.render("k", "ada@example.org", fields)
    else:
        fields["name"] = name[:60]  # a longer one makes the unsubscribe address too long
        _same(compiled, fields, compiled.template.render("k", "ada@example.org", fields).data)


@given(subject=WRITTEN, preheader=WRITTEN, intro=WRITTEN, detail=WRITTEN, default=WRITTEN, name=LISTED)
@settings(max_examples=40)
def test_any_text_is_what_the_standard_library_would_have_sent(
    anywhere: Publication, subject: str, preheader: str, intro: str, detail: str, default: str, name: str
) -> None:
    draft = {
        "volume": "1",
        "number": "1",
        "date": "2023-01-02",
        "subject": f"{subject} {{{{ name | {default} }}}} s",
        "preheader": f"{preheader} p",
        "intro": f"{intro} {{{{ name | {default} }}}}i",
        "items": [{"headline": "h", "detail": f".{detail} [d](https://example.org/?a={{{{ name | {default} }}}})"}],
    }
    try:
        compiled = Compiled(anywhere, json.dumps(draft, ensure_ascii=False))
    except DraftError:  # what a draft may hold is tests/issue's concern
        return
    fields = {"email": "ada@example.org", "name": name[:60].strip() or "Ada"}
    _same(compiled, fields, compiled.template.render("k", "ada@example.org", fields).data)


@given(key=ANY, address=ANY | st.just("ada@example.org"), name=ANY | LISTED, city=ANY | LISTED)
@settings(max_examples=120)
def test_proving_raises_exactly_when_rendering_would(
    compiled: Compiled, key: str, address: str, name: str, city: str
) -> None:
    fields = {"email": address, "name": name, "city": city}
    assert _raised(lambda: compiled.template.check_recipient(address, fields)) == _raised(
        lambda: compiled.template.render(key, address, fields)
    )


def test_proving_needs_what_each_place_needs() -> None:
    slots = {"subject": Placeholder("subject", "", "text"), "link": Placeholder("link", "", "address")}
    lines = (
        HeaderLine("Subject", True, ("a ", slots["subject"])),
        HeaderLine("List-Unsubscribe", False, ("<", slots["link"], ">")),
    )
    body = (b"", Placeholder("body", "", "html"), b"")
    template = MessageTemplate(seed="c", sender="a@b.org", domain="b.org", header=b"", lines=lines, body=body)
    whole = {"subject": "s", "link": "l", "body": "b"}
    template.check_recipient("a@example.org", whole)
    for name in whole:
        with pytest.raises(MissingValue, match=name):
            template.check_recipient("a@example.org", {**whole, name: ""})
        with pytest.raises(HeaderFault, match=name):
            template.check_recipient("a@example.org", {**whole, name: "a\r\nBcc: x@example.org"})
    with pytest.raises(HeaderFault, match="longer"):
        template.check_recipient("a@example.org", {**whole, "link": "x" * 999})
    template.check_recipient("a@example.org", {**whole, "subject": "x" * 5000, "body": "x" * 5000})
    with pytest.raises(HeaderFault, match="ASCII"):
        template.check_recipient("ä@example.org", whole)
    assert template.find_missing_fields({}) == ["subject", "link", "body"]


def _raised(act: object) -> tuple[type[Exception], str] | None:
    try:
        act()  # type: ignore[operator]
    except (MissingValue, HeaderFault) as error:
        return type(error), str(error)
    return None


@given(
    ANY
    | LISTED
    | st.text(st.characters(max_codepoint=127), max_size=100)
    | st.text(st.sampled_from("a.-"), min_size=60, max_size=400)  # as long as tokens are, and longer
    | st.text(st.sampled_from("aé. \t=\n"), max_size=100)
)
@settings(max_examples=200)
def test_the_shortcut_of_quoted_printable_is_no_other_encoding(text: str) -> None:
    text = re.sub("[\ud800-\udfff]", "", text)
    assert encode_quoted_printable(text) == encode_without_shortcut(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
@settings(max_examples=120)
def test_the_shortcut_of_a_subject_folds_it_no_other_way(text: str) -> None:
    line = format_text_header("Subject", text)
    # The standard library makes lines of nothing but spaces where there are many (RFC 5322, section 3.2.2 forbids it).
    if "=?" not in text and (len(text) < 67 or all(0 < len(word) < 67 for word in text.split(" "))):
        header = Header(text, "us-ascii", maxlinelen=76, header_name="Subject", continuation_ws=" ")
        assert line == b"Subject: " + header.encode(linesep="\r\n").encode() + b"\r\n"


def test_exactly_the_characters_that_act_instead_of_being_read_are_refused() -> None:
    template = MessageTemplate(seed="c", sender="a@b.org", domain="b.org", header=b"", body=(b"",))
    refused = []
    for code in range(0x110000):
        try:
            template.check_recipient("a@example.org", {"name": chr(code)})
        except HeaderFault:
            refused.append(chr(code))
    assert refused == [chr(code) for code in range(0x110000) if CONTROLS.match(chr(code))]
