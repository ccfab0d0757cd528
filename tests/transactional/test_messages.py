"""Mails to single readers as their programs take them apart: headers, signature, both texts, languages and look."""

import re
from datetime import UTC, datetime

import pytest
from browser import barriers
from conftest import ROOT, Publication, copy_sample
from dkim import DKIM
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mail_room import MailRoom
from messages import parsed, texts, well_formed
from PIL import Image
from playwright.sync_api import Browser
from visible_text import Page

from newsletter.address import EmailAddress, SubscriberKey
from newsletter.clock import make_instant
from newsletter.errors import ConfigError
from newsletter.mail.dkim_keys import generate_dkim_key
from newsletter.subscribers.purpose_tokens import PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.tokens import TokenSigner
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.messages import MessageWriter, build_notice_message
from newsletter.transactional.notices import NoticeLinks
from newsletter.transactional.queue import QueuedMail

ADA = "ada@example.org"
RSA, RECORD = generate_dkim_key("rsa")
LINKS = NoticeLinks(
    action="https://news.example.org/confirm/abc.def",
    unsubscribe=["https://news.example.org/u/abc.def", "mailto:leave@example.org?subject=unsubscribe%20abc.def"],
    preferences="https://news.example.org/p/abc.def",
)


def _write(room: MailRoom, kind: MailKind, **what: object) -> bytes:
    """Return the message of a kind, signed where the publication signs."""
    workspace = room.publication.workspace
    mail = QueuedMail(
        **{
            "id": 7, "kind": kind, "subscriber": SubscriberKey(ADA), "address": EmailAddress(ADA), "language": "",
            "request": 41, "issue": None, "attempts": 0, "created_at": make_instant(datetime.now(UTC)), **what,
        }
    )  # fmt: skip
    return MessageWriter(workspace, room.store, require_secret_keys(workspace)).write(mail).data


def _build(publication: Publication, kind: MailKind = MailKind.CONFIRM_JOIN) -> bytes:
    return build_notice_message(publication.context, kind, LINKS, 7, EmailAddress(ADA)).data


@pytest.mark.parametrize("kind", MailKind)
def test_each_kind_says_the_same_in_both_texts_and_nothing_about_its_reader(room: MailRoom, kind: MailKind) -> None:
    data = _write(room, kind)
    well_formed(data)
    message, (plain, html) = parsed(data), texts(data)
    page = Page(html)
    words = [" ".join(one.split()) for one in page.words if one.strip() not in ("", "·")]
    flat = " ".join(plain.split())
    assert [word for word in words if word not in flat] == []
    assert message["Subject"] in flat
    (body,) = [word for word in words if word == message["Subject"]]
    assert body
    shown = [link for link in page.links if link.startswith("https:")]
    assert shown == re.findall(r"https://\S+", plain)
    assert ADA not in plain + html


@pytest.mark.parametrize("kind", MailKind)
def test_the_headers_say_that_no_person_wrote_it_and_how_to_leave_where_one_can(room: MailRoom, kind: MailKind) -> None:
    message = parsed(_write(room, kind))
    assert message["From"] == "Pacific Alliance Digest <digest@example.org>"
    assert message["To"] == ADA
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "Pacific Alliance Digest <digest.example.org>"
    assert message["Message-ID"].endswith("@example.org>")
    can_leave = kind in (MailKind.WELCOME, MailKind.RECONFIRM)
    assert ("List-Unsubscribe" in message, "List-Unsubscribe-Post" in message) == (can_leave, can_leave)
    plain = texts(message.as_bytes())[0]
    assert ("\nUnsubscribe: " in plain, "\nPreferences: " in plain) == (can_leave, can_leave)


def test_links_do_what_their_kind_is_for_and_nothing_else(room: MailRoom) -> None:
    workspace = room.publication.workspace
    keys, list_id = require_secret_keys(workspace), workspace.config.subscriber_list.id
    signer, tokens = PurposeTokenSigner(keys, list_id), TokenSigner(keys, list_id)

    def find_token(kind: MailKind, path: str) -> str:
        (found,) = re.findall(rf"https://news\.example\.org/{path}/(\S+)", texts(_write(room, kind))[0])
        return found

    for kind, path, purpose, reference in (
        (MailKind.CONFIRM_JOIN, "confirm", TokenPurpose.CONFIRM, "41"),
        (MailKind.CONFIRM_NEW_ADDRESS, "confirm", TokenPurpose.CONFIRM, "41"),
        (MailKind.CONFIRM_OLD_ADDRESS, "confirm", TokenPurpose.OLD_ADDRESS, "41"),
        (MailKind.RECONFIRM, "confirm", TokenPurpose.CONFIRM, "41"),
        (MailKind.ACCESS_LINK, "p/access", TokenPurpose.ACCESS, ""),
    ):
        token = find_token(kind, path)
        read = signer.read(purpose, token)
        assert read, kind
        assert (read.subscriber, read.reference) == (ADA, reference)
        assert [one for one in TokenPurpose if one is not purpose and signer.read(one, token)] == []
        assert tokens.read(token) is None
    for kind, path in (
        (MailKind.ALREADY_JOINED, "p"), (MailKind.WELCOME, "u"), (MailKind.WELCOME, "p"), (MailKind.RECONFIRM, "u"),
        (MailKind.RECONFIRM, "p"),
    ):  # fmt: skip
        holder = tokens.read(find_token(kind, path))
        assert holder, kind
        assert (holder.subscriber, holder.issue) == (ADA, "")


def test_a_receiver_accepts_the_signature(room: MailRoom) -> None:
    room.publication.environ |= {"NEWSLETTER_DKIM__SELECTOR": "s1", "NEWSLETTER_DKIM__KEY": RSA.decode()}
    data = _write(room, MailKind.RECONFIRM)
    assert DKIM(data).verify(dnsfunc=lambda _name, timeout=5: RECORD.encode())
    assert b"List-Unsubscribe:" in data.partition(b"\r\n\r\n")[0]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    """Return a publication for a test that changes its settings alone."""
    return copy_sample(tmp_path_factory.mktemp("sample") / "digest")


@settings(max_examples=15)
@given(
    title=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60)
    .map(str.strip)
    .filter(bool)
)
@example(title='"><script>alert(1)</script> {{ 7 * 7 }} {title} <mj-raw>')
@example(title="-- \\ =?utf-8?q?x?= & &amp; \u202e")
def test_a_hostile_title_is_only_a_title(sample: Publication, title: str) -> None:
    sample.environ["NEWSLETTER_PUBLICATION__TITLE"] = title
    try:
        context = sample.context
    except ConfigError:
        return  # settings hold no such title
    data = build_notice_message(context, MailKind.CONFIRM_JOIN, LINKS, 7, EmailAddress(ADA)).data
    well_formed(data)
    plain, html = texts(data)
    sample.environ["NEWSLETTER_PUBLICATION__TITLE"] = "Digest"
    page, known = Page(html), Page(texts(_build(sample))[1])
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in known.tags]
    assert page.links == known.links
    told = context.config.publication.title
    flat = " ".join(told.split())
    assert flat in " ".join(" ".join(page.words).split())
    assert "".join(flat.split()) in "".join(plain.split())
    assert "".join(flat.split()) in "".join(str(parsed(data)["Subject"]).split())


def test_a_text_from_right_to_left_keeps_names_apart(publication: Publication) -> None:
    publication.environ |= {
        "NEWSLETTER_PUBLICATION__LANGUAGE": "ar",
        "NEWSLETTER_PUBLICATION__TITLE": "Policy نشرة",
    }
    data = _build(publication)
    well_formed(data)
    plain, html = texts(data)
    subject = str(parsed(data)["Subject"])
    translate = publication.context.translator.translate
    assert subject == translate("Please confirm that you want {title}", title="\u2068Policy نشرة\u2069")
    assert '<html lang="ar" dir="rtl"' in html
    assert plain.startswith("\u200f\u2067")
    (address,) = [line for line in plain.splitlines() if line.startswith("https:")]
    assert address == LINKS.action, "nothing may stand in a link"
    assert 'align="right"' in html


def test_each_reader_is_written_to_in_their_language_and_else_in_the_publications_own(room: MailRoom) -> None:
    settings_file = room.publication.root / "newsletter.toml"
    settings_file.write_text(
        f'{settings_file.read_text()}\n[languages.ja]\ntitle = "政策ダイジェスト"\n'
        '[languages.ja.words]\n"Unsubscribe" = "もういりません"\n'
    )
    japanese, own, undeclared = (_write(room, MailKind.WELCOME, language=language) for language in ("ja", "", "sw"))
    assert "政策ダイジェスト" in str(parsed(japanese)["Subject"])
    assert parsed(japanese)["Content-Language"] == "ja"
    assert "もういりません" in texts(japanese)[0]
    assert "もういりません" in texts(japanese)[1]
    assert 'lang="ja"' in texts(japanese)[1]
    for data in (own, undeclared):
        assert "Pacific Alliance Digest" in str(parsed(data)["Subject"])


def _with_logo(publication: Publication) -> None:
    (publication.root / "templates").mkdir(exist_ok=True)
    Image.new("RGB", (300, 100)).save(publication.root / "templates/logo.png")
    publication.environ["NEWSLETTER_THEME__LOGO"] = "logo.png"


def test_the_logo_goes_with_it_or_is_linked_as_in_issues(publication: Publication) -> None:
    _with_logo(publication)
    data = _build(publication)
    well_formed(data)
    (image,) = [part for part in parsed(data).walk() if part.get_content_maintype() == "image"]
    (source,) = [values["src"] for tag, values in Page(texts(data)[1]).tags if tag == "img"]
    assert source == f"cid:{image['Content-ID'][1:-1]}"
    publication.environ |= {"NEWSLETTER_EMAIL__IMAGES": "link"}
    linked = _build(publication)
    (source,) = [values["src"] for tag, values in Page(texts(linked)[1]).tags if tag == "img"]
    assert source == "https://example.org/digest/logo.png"
    assert not [part for part in parsed(linked).walk() if part.get_content_maintype() == "image"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("notice.mjml.j2", "<mjml><mj-body></mj-body></mjml>"),
        ("notice.mjml.j2", "{% if %}"),
        ("notice.txt.j2", "nothing of it"),
        ("email.css", "p { color: {{ nothing }} }"),
    ],
)
def test_a_restyled_template_that_lost_its_button_gives_way_to_the_programs_own(
    room: MailRoom, template: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = room.publication.root / "templates"
    folder.mkdir()
    (folder / template).write_text(text)
    plain, html = texts(_write(room, MailKind.CONFIRM_JOIN))
    assert "/confirm/" in plain
    assert "/confirm/" in html
    assert "the program's own look" in caplog.text


def test_a_restyled_template_is_used(room: MailRoom) -> None:
    folder = room.publication.root / "templates"
    folder.mkdir()
    own = (ROOT / "templates/notice.txt.j2").read_text()
    (folder / "notice.txt.j2").write_text(f"Dear reader,\n\n{own}")
    assert texts(_write(room, MailKind.CONFIRM_JOIN))[0].startswith("Dear reader,")


def test_a_logo_that_is_gone_keeps_no_mail_back(room: MailRoom, caplog: pytest.LogCaptureFixture) -> None:
    room.publication.environ["NEWSLETTER_THEME__LOGO"] = "gone.png"
    assert "/confirm/" in texts(_write(room, MailKind.CONFIRM_JOIN))[0]
    assert "the program's own look" in caplog.text


def test_without_a_service_none_can_be_written(room: MailRoom) -> None:
    del room.publication.environ["NEWSLETTER_SERVICE__URL"]
    with pytest.raises(ConfigError, match="links to the service"):
        _write(room, MailKind.WELCOME)


@pytest.mark.slow
def test_it_is_legible_at_each_width_in_light_and_in_dark(publication: Publication, browser: Browser) -> None:
    _with_logo(publication)
    pages = {kind: texts(_build(publication, kind))[1] for kind in (MailKind.CONFIRM_JOIN, MailKind.WELCOME)}
    for scheme in ("light", "dark"):
        for width in (375, 900):
            page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
            for html in pages.values():
                page.set_content(html)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert barriers(page, rules=["color-contrast", "link-name", "document-title", "html-has-lang"]) == []
            page.close()
