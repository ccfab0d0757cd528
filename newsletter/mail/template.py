"""Compiles an issue's two mail editions once into MIME bytes with slots for what differs by reader.

Stages: render with a nonce in each slot's place, split there, encode each piece, wrap it all in MIME.
A reader's message is then the pieces with the reader's values between them, and a header of their own.
"""

import json
import re
from base64 import encodebytes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from email import message_from_bytes
from email.policy import default as default_policy
from html import escape
from secrets import token_hex
from typing import Any

from newsletter.audience.subscribers import Subscriber, unlisted
from newsletter.editions import Picture, Press, render_html, render_text
from newsletter.editions.html import TEMPLATE as HTML_TEMPLATE
from newsletter.editions.templates import broken, find
from newsletter.issue.model import Issue
from newsletter.mail.headers import campaign_headers, message_id, reader_headers
from newsletter.mail.message import Message
from newsletter.mail.quoted import SOFT_BREAK, encode

_PAYLOAD_VERSION = 1
# A reader of whom nothing is known.
NOBODY = unlisted("reader@example.org")


class MissingValue(ValueError):
    """A reader has no value for a field, and the field has no default."""

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name)
        self.field = field_name


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a reader's value: in HTML it is escaped, which serves text and attributes alike."""

    field: str
    default: str
    html: bool


@dataclass(frozen=True, kw_only=True)
class MessageTemplate:
    """A campaign's message, compiled: header bytes, body pieces and slots, all quoted-printable already."""

    campaign: str
    sender: str
    domain: str
    header: bytes
    body: tuple[bytes | Slot, ...]

    def shown(self, name: str) -> str:
        """A header that is the same for every reader, decoded for people."""
        return str(message_from_bytes(self.header, policy=default_policy)[name])

    def with_names(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """For a message to nobody on the list: a field with neither value nor default shows its name."""
        return {**fields, **{name: f"[{name}]" for name in self.lacking(fields)}}

    def lacking(self, fields: Mapping[str, str]) -> list[str]:
        """The fields that have neither a value in `fields` nor a default, each once, in the text's order."""
        slots = [piece for piece in self.body if isinstance(piece, Slot)]
        return list(dict.fromkeys(slot.field for slot in slots if not slot.default and not fields.get(slot.field)))

    def render(self, key: str, address: str, fields: Mapping[str, str]) -> Message:
        """The message for one reader. Raises MissingValue, and HeaderFault for a value no header can hold."""
        own = reader_headers(fields.get("name", ""), address, message_id(self.campaign, key, self.domain))
        body = b"".join(piece if isinstance(piece, bytes) else self._value(piece, fields) for piece in self.body)
        return Message(key=key, sender=self.sender, recipient=address, data=self.header + own + body)

    def _value(self, slot: Slot, fields: Mapping[str, str]) -> bytes:
        text = fields.get(slot.field) or slot.default
        if not text:
            raise MissingValue(slot.field)
        return encode(escape(text) if slot.html else text)

    def to_bytes(self) -> bytes:
        """The template as the store keeps it: a later version of the program sends the same bytes from it."""
        body = [
            piece.decode("ascii") if isinstance(piece, bytes) else [piece.field, piece.default, piece.html]
            for piece in self.body
        ]
        return json.dumps(
            {
                "version": _PAYLOAD_VERSION,
                "campaign": self.campaign,
                "sender": self.sender,
                "domain": self.domain,
                "header": self.header.decode("ascii"),
                "body": body,
            }
        ).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "MessageTemplate":
        data: dict[str, Any] = json.loads(payload)
        body = tuple(piece.encode("ascii") if isinstance(piece, str) else Slot(*piece) for piece in data["body"])
        return cls(
            campaign=data["campaign"],
            sender=data["sender"],
            domain=data["domain"],
            header=data["header"].encode("ascii"),
            body=body,
        )


def compile_message(press: Press, issue: Issue, campaign: str, date: datetime, mark: str = "") -> MessageTemplate:
    """The template of one campaign's messages; `mark` stands before the subject, as in "[TEST] "."""
    config = press.config
    domain = config.sender.from_.address.partition("@")[2]
    slots = _Slots()
    text = render_text(press, issue, slots.place)
    attached = press.pictures(issue) if config.email.images == "attach" else []

    def content_id(picture: Picture) -> str:
        return f"{picture.stem}.{campaign}@{domain}"

    def place(picture: Picture) -> str:
        return f"cid:{content_id(picture)}" if attached else config.publication.address(picture.name) or picture.name

    html = render_html(press, issue, slots.place, place)
    slots.refuse_addresses(html, press)
    header = campaign_headers(
        config.sender, config.reader_list, config.publication.title, mark + press.subject(issue), date
    )
    body = _mime(
        text_pieces=slots.split(text, html=False),
        html_pieces=slots.split(html, html=True),
        images=[_image_part(picture, f"<{content_id(picture)}>") for picture in attached],
        boundary=campaign,
    )
    return MessageTemplate(
        campaign=campaign, sender=config.sender.envelope, domain=domain, header=header, body=tuple(_merged(body))
    )


def single_message(
    press: Press, issue: Issue, reader: Subscriber, campaign: str, date: datetime, mark: str = ""
) -> Message:
    """The issue for one reader, outside of a sending: a field with neither value nor default shows its name."""
    template = compile_message(press, issue.seen_by(reader.tags), campaign, date, mark)
    return template.render(reader.reader, reader.address, template.with_names(reader.fields))


def sample_message(press: Press, issue: Issue) -> dict[str, bytes]:
    """The message as a file: to a reader of whom the list says nothing, so every field shows its default."""
    date = datetime.combine(issue.date, time(), UTC)
    return {f"{issue.name}.eml": single_message(press, issue, NOBODY, f"sample.{issue.name}", date).data}


class _Slots:
    """Hands out nonces, and finds them again in what was rendered.

    Small letters and digits pass autoescape, MJML and premailer whole, in text and in attributes.
    """

    def __init__(self) -> None:
        self._token = f"zslot{token_hex(4)}"
        self._places: list[tuple[str, str]] = []

    def place(self, name: str, default: str) -> str:
        self._places.append((name, default))
        return f"{self._token}{len(self._places) - 1:05}z"

    def split(self, rendered: str, *, html: bool) -> Iterator[bytes | Slot]:
        """Static pieces, encoded, with slots between them on lines of their own."""
        parts = re.split(rf"{self._token}(\d{{5}})z", rendered)
        for index, part in enumerate(parts):
            if index % 2:
                yield Slot(*self._places[int(part)], html)
            else:
                before = SOFT_BREAK if index > 0 else b""
                after = SOFT_BREAK if index < len(parts) - 1 else b""
                yield before + encode(part) + after

    def refuse_addresses(self, html: str, press: Press) -> None:
        """A value in a link's address would need another encoding, and a style or script none is safe in."""
        for slot in re.finditer(self._token, html):
            before = html[: slot.start()]
            tag = before.rfind("<")
            attribute = (
                re.search(r"""([\w:-]+)\s*=\s*["']?[^"'>]*$""", before[tag:]) if tag > before.rfind(">") else None
            )
            in_sheet = any(before.rfind(f"<{name}") > before.rfind(f"</{name}") for name in ("style", "script"))
            if in_sheet or (attribute and re.fullmatch(r"href|src|style|on\w+", attribute[1].lower())):
                template = find(HTML_TEMPLATE, press.template_path)
                raise broken(
                    template, 0, "reader(...) stands in a link's address or a style, where it can't be filled in"
                )


def _mime(
    text_pieces: Iterator[bytes | Slot], html_pieces: Iterator[bytes | Slot], images: Sequence[bytes], boundary: str
) -> Iterator[bytes | Slot]:
    """multipart/alternative with the text first (RFC 2046, section 5.1.4); the pictures are related to the HTML."""
    # "=_" can occur in neither quoted-printable nor base64, so no text can end its part early.
    outer, inner = f"=_a.{boundary}", f"=_r.{boundary}"
    encoding = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    yield _ascii(
        f'Content-Type: multipart/alternative; boundary="{outer}"\r\n\r\n'
        f"--{outer}\r\nContent-Type: text/plain; charset=utf-8\r\n{encoding}"
    )
    yield from text_pieces
    yield _ascii(f"\r\n--{outer}\r\n")
    if images:
        yield _ascii(f'Content-Type: multipart/related; type="text/html"; boundary="{inner}"\r\n\r\n--{inner}\r\n')
    yield _ascii(f"Content-Type: text/html; charset=utf-8\r\n{encoding}")
    yield from html_pieces
    if images:
        yield b"".join([_ascii(f"\r\n--{inner}\r\n") + image for image in images]) + _ascii(f"--{inner}--\r\n")
    yield _ascii(f"\r\n--{outer}--\r\n")


def _image_part(picture: Picture, content_id: str) -> bytes:
    header = (
        f"Content-Type: image/{picture.kind}\r\nContent-Transfer-Encoding: base64\r\nContent-ID: {content_id}\r\n"
        f'Content-Disposition: inline; filename="{picture.name}"\r\n\r\n'
    )
    return _ascii(header) + encodebytes(picture.data).replace(b"\n", b"\r\n")


def _merged(pieces: Iterator[bytes | Slot]) -> Iterator[bytes | Slot]:
    """Neighbouring static pieces as one, so that rendering joins as few as there can be."""
    static = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            static += piece
        else:
            yield static
            yield piece
            static = b""
    yield static


def _ascii(text: str) -> bytes:
    return text.encode("ascii")
