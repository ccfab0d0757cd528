"""The sample's message, part by part; and each part's own promises."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.policy import default as default_policy
from quopri import decodestring

import pytest
from conftest import ROOT, Publication
from hypothesis import example, given
from hypothesis import strategies as st
from messages import named, one_spaced, parsed, well_formed

from newsletter.config import Mailbox
from newsletter.errors import ConfigError
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.headers import HeaderFault, format_address_header, format_text_header
from newsletter.mail.message_template import HeaderLine, MessageTemplate, MissingValue, Placeholder
from newsletter.mail.quoted_printable import SOFT_BREAK, encode_quoted_printable

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)


@pytest.fixture
def template(publication: Publication) -> MessageTemplate:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    return compile_message(publication.context, issue, "0123456789abcdef", DATE)


def _headers(publication: Publication) -> Message:
    template = compile_message(publication.context, load_issue(publication.workspace.find_draft("2.10")), "c", DATE)
    return parsed(template.header)


def test_complaints_are_counted_by_issue_and_list_where_the_sender_has_a_name_for_it(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SENDER__FEEDBACK_ID"] = "exampleorg"
    assert _headers(publication).get_all("Feedback-ID") == ["2.10:digest.example.org:exampleorg"]


@pytest.mark.parametrize("written", ["four", "sixteen-letters-", "a:b:c:d", "a b c d e", "exämple", "abcde\r\nX: y"])
def test_a_name_that_no_provider_counts_by_is_refused(publication: Publication, written: str) -> None:
    publication.environ["NEWSLETTER_SENDER__FEEDBACK_ID"] = written
    with pytest.raises(ConfigError) as refused:
        _ = publication.workspace.config
    assert [problem.code for problem in refused.value.problems] == ["feedback-id"]


def test_the_archive_is_the_service_where_there_is_no_other_website(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(re.sub("(?m)^website = .*$", "", toml.read_text()))
    assert _headers(publication)["List-Archive"] is None
    publication.environ["NEWSLETTER_SERVICE__URL"] = "http://localhost:8600"
    assert _headers(publication)["List-Archive"] == "<http://localhost:8600/>"


def test_an_address_for_help_is_written_as_a_link(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__CONTACT"] = "a+b&c?d%e@example.org"
    assert _headers(publication)["List-Help"] == "<mailto:a+b%26c%3Fd%25e@example.org?subject=help>"


def test_the_whole_message(publication: Publication, template: MessageTemplate) -> None:
    data = template.render("ada@example.org", "ada@example.org", {"email": "ada@example.org", "name": "Ada"}).data
    well_formed(data)
    message = parsed(data)
    assert message["From"] == "Pacific Alliance Digest <digest@example.org>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Reply-To"] == "editor@example.org"
    assert message["Subject"].startswith("Leaders align")
    assert message["Date"] == "Wed, 31 May 2023 09:00:00 +0000"
    assert message["List-Id"] == "Pacific Alliance Digest <digest.example.org>"
    assert message["List-Unsubscribe"] == "<mailto:leave@example.org?subject=unsubscribe>"
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", message["Message-ID"])
    assert message["List-Archive"] == "<https://example.org/digest/>"
    assert message["List-Help"] == "<mailto:digest@example.org?subject=help>"
    assert message["Feedback-ID"] is None
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, image = related.iter_parts()
    assert html.get_content_type() == "text/html"
    assert image.get_content_type() == "image/jpeg"
    lead = publication.context.lead_picture(load_issue(publication.workspace.find_draft("2.10")))
    assert lead is not None
    assert image.get_content() == lead.data
    assert image["Content-ID"] == "<2.10-lead.0123456789abcdef@example.org>"
    assert f"cid:{image['Content-ID'][1:-1]}" in html.get_content()
    assert f"cid:{image['Content-ID'][1:-1]}" in html.get_content()
    assert "Dear Ada, the second half" in text.get_content()
    assert "Dear Ada, the second half" in " ".join(html.get_content().split())
    assert "This issue went to ada@example.org." in text.get_content()


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=300), min_size=1, max_size=5))
def test_pieces_of_quoted_printable_stand_side_by_side(pieces: list[str]) -> None:
    encoded = SOFT_BREAK.join(encode_quoted_printable(piece) for piece in pieces)
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
    line = format_address_header("To", Mailbox(name=name, address="ada@example.org"))
    assert all(len(part) <= 78 for part in line.split(b"\r\n")) or len(name) == 300
    parsed(line + b"\r\n")
    assert named(line + b"\r\n") == (name, "ada@example.org")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=300))
def test_any_subject_survives_its_header(subject: str) -> None:
    message = parsed(format_text_header("Subject", subject) + b"\r\n")
    assert one_spaced(message["Subject"]) == one_spaced(subject)


@pytest.mark.parametrize(
    "subject",
    ["How =?utf-8?b?w6k=?= to", "Break =?utf-8?q?a=0D=0ABcc=3A_x?=", "x" * 1200, f"https://x.org/{'a' * 80} is out"],
)
def test_a_subject_that_ascii_would_spoil_is_encoded(subject: str) -> None:
    line = format_text_header("Subject", subject)
    assert all(len(part) <= 78 for part in line.split(b"\r\n"))
    assert str(make_header(decode_header(str(message_from_bytes(line)["Subject"])))) == subject


def test_a_dot_and_a_full_line_stay_within_76_columns() -> None:
    for length in range(60, 90):
        encoded = SOFT_BREAK.join([b"", encode_quoted_printable("." + "a" * length), b""])
        assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


def test_prose_that_looks_like_an_attribute_is_prose(publication: Publication) -> None:
    path = publication.draft("1.1", (publication.root / "drafts/1.4.yaml").read_text().replace(
        "number: 4", 'number: 1\nintro: >-\n  style={{ name | x }} href="{{ name | y }}"'))  # fmt: skip
    template = compile_message(publication.context, load_issue(path), "c", DATE)
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": "Ada"}).data
    assert 'style=Ada href="Ada"' in parsed(data).get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: victim@example.org", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x85b", "a\u2028b", "\ud800"]
)
def test_no_value_adds_a_header(template: MessageTemplate, bad: str) -> None:
    with pytest.raises(HeaderFault):
        template.render("k", "ada@example.org", {"email": "ada@example.org", "name": bad})
    with pytest.raises(HeaderFault):
        template.render("k", f"ada@example.org{bad}", {"email": "ada@example.org", "name": "Ada"})
    with pytest.raises(HeaderFault):
        format_text_header("Subject", bad)


def test_a_value_is_text_in_html(template: MessageTemplate) -> None:
    name = '<img src=x onerror="alert(1)">&amp;'
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": name}).data
    text, related = parsed(data).iter_parts()
    html = next(iter(related.iter_parts())).get_content()
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;amp;" in html
    assert name in " ".join(text.get_content().split())


def test_a_copy_is_known_by_its_message_id(template: MessageTemplate) -> None:
    def ids(key: str) -> str:
        return str(parsed(template.render(key, "a@example.org", {"email": "a", "name": ""}).data)["Message-ID"])

    assert ids("a@example.org") == ids("a@example.org") != ids("b@example.org")


def test_a_value_that_is_missing_isnamed(publication: Publication) -> None:
    path = publication.draft("1.1", (publication.root / "drafts/1.4.yaml").read_text().replace(
        "number: 4", "number: 1\nintro: >-\n  Dear {{ title }} {{ name | reader }}"))  # fmt: skip
    template = compile_message(publication.context, load_issue(path), "c", DATE)
    with pytest.raises(MissingValue, match="title"):
        template.render("k", "a@example.org", {"email": "a@example.org", "name": "Ada"})


def test_a_value_in_an_attribute_is_escaped(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    text = (ROOT / "templates/email.mjml.j2").read_text()
    (folder / "email.mjml.j2").write_text(text.replace("<h1>", """<h1 title="{{ reader('name', 'Reader') }}">"""))
    template = compile_message(publication.context, load_issue(publication.workspace.find_draft("1.4")), "c", DATE)
    data = template.render("k", "a@example.org", {"email": "a@example.org", "name": 'x" onclick="y'}).data
    _, html = parsed(data).iter_parts()
    assert 'title="x&quot; onclick=&quot;y"' in " ".join(html.get_content().split())


@given(st.lists(st.text(st.sampled_from("abc=?.-"), max_size=30), min_size=1, max_size=20), st.booleans())
@example(words=["", "", "", "====", "====", "=" * 23, "=" * 23, "", ""], wide=True)
@example(words=["a" * 30, *[""] * 90, "b"], wide=False)
def test_a_header_of_ascii_is_folded_and_read_back_as_it_was(words: list[str], wide: bool) -> None:
    value = ("  " if wide else " ").join(words)
    data = format_text_header("Subject", value)
    assert all(len(line) <= 78 and line.strip() for line in data.decode("ascii").split("\r\n")[:-1])
    assert str(message_from_bytes(data + b"\r\n", policy=default_policy)["Subject"]).strip() == value.strip()


_LINKS = (
    HeaderLine("X-One", False, ("<https://example.org/u/", Placeholder("_token", "", "address"), ">")),
    HeaderLine(
        "List-Unsubscribe",
        False,
        (
            "<https://example.org/u/", Placeholder("_token", "", "address"),
            ">, <mailto:leave@example.org?subject=leave%20", Placeholder("_token", "", "address"), ">",
        ),
    ),
    HeaderLine("X-Two", False, ("<", Placeholder("_token", "", "address"), Placeholder("id", "7", "address"), ">")),
    HeaderLine("X-Long", False, ("x" * 400, Placeholder("_token", "", "text"))),
    HeaderLine("Subject", True, ("For ", Placeholder("_token", "", "text"), " alone")),
)  # fmt: skip


@given(st.from_regex(r"[A-Za-z0-9._-]{1,900}", fullmatch=True) | st.text(min_size=1, max_size=60))
@example("x" * 590)
@example("x" * 751)
def test_lines_that_differ_by_the_token_alone_are_those_that_would_be_built(token: str) -> None:
    template = MessageTemplate(
        seed="c", sender="s@example.org", domain="example.org", header=b"", lines=_LINKS, body=(b"",)
    )
    fields = {"_token": token, "id": "12"}

    def attempt(act: Callable[[], bytes]) -> bytes | str:
        try:
            return act()
        except HeaderFault as fault:
            return str(fault)

    expected = attempt(lambda: b"".join(line.fill(fields) for line in _LINKS))
    data = attempt(lambda: template.render_checked("key", "ada@example.org", fields).data)
    assert data.endswith(expected) if isinstance(data, bytes) and isinstance(expected, bytes) else data == expected


def test_a_line_of_a_token_is_built_once_for_all_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    template = MessageTemplate(
        seed="c", sender="s@example.org", domain="example.org", header=b"", lines=_LINKS[:2], body=(b"",)
    )
    first = template.render_checked("key", "ada@example.org", {"_token": "a" * 90}).data
    monkeypatch.delattr(HeaderLine, "fill")
    assert template.render_checked("key", "ada@example.org", {"_token": "b" * 90}).data == first.replace(
        b"a" * 90, b"b" * 90
    )
