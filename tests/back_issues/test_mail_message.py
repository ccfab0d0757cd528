"""Saved mails: the HTML or the text of a sent newsletter, whatever it is wrapped in."""

import datetime
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from newsletter.back_issues.converted_text import UnreadableFile
from newsletter.back_issues.mail_message import convert_mail

PNG = b"\x89PNG\r\n\x1a\n1"


def write_mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"Subject": "Issue 4", "Date": "Wed, 01 May 2024 10:00:00 +0900", **headers}.items():
        message[name] = value
    return message


def test_html_with_its_title_date_and_pictures() -> None:
    message = write_mail(Subject="Fwd: RE: 港町だより、第八十八号")
    message.set_content("the text")
    message.add_alternative(
        '<p>The <b>HTML</b></p><img src="cid:a%40b" alt="Chart"><img src="cid:gone" alt="x">', subtype="html"
    )
    list(message.iter_parts())[1].add_related(PNG, "image", "png", cid="<a@b>")  # type: ignore[attr-defined]  # typed as Message

    converted = convert_mail(message.as_bytes())

    assert converted.markdown == "The **HTML**\n\n![Chart](picture-1.png)\n"
    assert converted.title == "港町だより、第八十八号"
    assert converted.date == datetime.date(2024, 5, 1)
    assert [(picture.name, picture.data) for picture in converted.pictures] == [("picture-1.png", PNG)]


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit"])
@pytest.mark.parametrize(("charset", "words"), [("utf-8", "Zürich 港"), ("windows-1252", "“Zürich” – 5 €")])
def test_encodings_of_parts(encoding: str, charset: str, words: str) -> None:
    message = write_mail()
    message.set_content(f"<p>{words}</p>", subtype="html", charset=charset, cte=encoding)

    assert convert_mail(message.as_bytes()).markdown == f"{words}\n"


def test_japanese_in_iso_2022_jp() -> None:
    data = (
        b"Subject: =?ISO-2022-JP?B?GyRCOUFEL0ImGyhC?=\nContent-Type: text/plain; charset=ISO-2022-JP\n\n"
        + "港町だより".encode("iso2022_jp")
    )

    assert convert_mail(data).markdown.strip() == "港町だより"


def test_flowed_text_without_its_signature() -> None:
    data = b"Subject: x\nContent-Type: text/plain; format=flowed\n\nOne \nline *here*.\n\n From us.\n-- \nThe Editors\n"

    assert convert_mail(data).markdown.strip() == "One line \\*here\\*.\n\nFrom us."


def test_flowed_text_in_japanese() -> None:
    data = "Subject: x\nContent-Type: text/plain; format=flowed; delsp=yes; charset=utf-8\n\n港町 \nだより\n".encode()

    assert convert_mail(data).markdown.strip() == "港町だより"


def test_a_mail_within_wrappers() -> None:
    """A mailing list's footer, a signature, an invitation and an attached page are not the issue."""
    inner = MIMEMultipart("alternative")
    inner.attach(MIMEText("text"))
    inner.attach(MIMEText("<p>The issue's own words</p>", "html"))
    invitation = MIMEBase("text", "calendar")
    invitation.set_payload("BEGIN:VCALENDAR")
    inner.attach(invitation)
    attached = MIMEText(f"<p>{'Attached ' * 50}</p>", "html")
    attached["Content-Disposition"] = "attachment; filename=page.html"
    signed = MIMEMultipart("signed")
    mixed = MIMEMultipart("mixed")
    for part in (inner, attached, MIMEImage(PNG, "png"), MIMEText("_____\nlist footer")):
        mixed.attach(part)
    signed.attach(mixed)
    signed.attach(MIMEApplication(b"x", "pgp-signature"))
    signed["Subject"] = "Signed"

    assert convert_mail(signed.as_bytes()).markdown == "The issue's own words\n"


def test_a_mail_forwarded_as_an_attachment() -> None:
    forwarded = write_mail(Subject="The issue")
    forwarded.set_content("<p>Its words</p>", subtype="html")
    outer = MIMEMultipart("mixed")
    outer["Subject"] = "Fwd: FYI"
    outer.attach(MIMEText("See below."))
    outer.attach(MIMEMessage(forwarded))

    converted = convert_mail(outer.as_bytes())

    assert (converted.title, converted.markdown) == ("The issue", "Its words\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no headers at all\n", "not a mail"),
        (b"Subject: x\n\n", "no text"),
        (b"Subject: x\nContent-Type: application/pdf\n\nx", "no text"),
        (b"Subject: x\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIAG", "encrypted"),
        (b"Subject: x\nContent-Type: multipart/encrypted; boundary=a\n\n--a\n\nVersion: 1\n--a--", "encrypted"),
        (
            b"Subject: x\n"
            + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300)),
            "without end",
        ),
        (b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 600, "without end"),
    ],
    ids=["no mail", "empty", "only a PDF", "S/MIME", "OpenPGP", "deep", "many parts"],
)
def test_what_holds_no_issue_is_one_line(data: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as caught:
        convert_mail(data)

    assert "\n" not in caught.value.message


def test_broken_headers_are_no_error() -> None:
    data = (
        b"Subject: =?utf-99?B?!!?= \x1b[31mred\nDate: Wed, 99 Foo 0000\nContent-Type: text/html; charset=idna\n\nWords"
    )

    converted = convert_mail(data)

    assert converted.markdown == "Words\n"
    assert converted.date is None
    assert "\x1b" not in (converted.title or "")
