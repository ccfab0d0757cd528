"""The message template: MIME bytes with placeholders, and the message of one recipient when they are filled.

Sending a frozen campaign needs nothing else of this package, so that this module imports nothing that makes editions.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.policy import default as default_policy
from functools import cached_property
from html import escape
from typing import Any, Literal
from urllib.parse import quote

from newsletter.address import EmailAddress
from newsletter.errors import DeliveryError
from newsletter.field import UNSUBSCRIBE_FIELD
from newsletter.mail.headers import (
    HeaderFault,
    derive_message_id,
    format_date_header,
    format_plain_header,
    format_recipient_headers,
    format_text_header,
    refuse_controls,
    refuse_unmailable,
)
from newsletter.mail.message import Message
from newsletter.mail.quoted_printable import encode_quoted_printable

__all__ = ["Form", "HeaderFault", "HeaderLine", "MessageTemplate", "MissingValue", "Placeholder"]

_PAYLOAD_VERSION = 3  # of templates without a Date; with one they are as in version 2
# How a value is written: as text; as HTML, escaped, in text and attributes alike; as a part of a link's address.
Form = Literal["text", "html", "address"]
# Letters that nothing encodes. A token has fewer, whatever the address and the issue (subscribers/token_seal.py).
_LONGEST_TOKEN = 750
_TOKEN = re.compile(f"[A-Za-z0-9_.-]{{1,{_LONGEST_TOKEN}}}")


class MissingValue(ValueError):
    """A field without a default, for which a recipient has no value."""

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name)
        self.field = field_name


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place for a recipient's value, with its default and the form in which it is written."""

    field: str
    default: str
    form: Form

    def fill(self, fields: Mapping[str, str]) -> str:
        """Return the recipient's value as it stands there, before any transfer encoding."""
        text = fields.get(self.field) or self.default
        if self.form == "html":
            return escape(text)
        return quote(text, safe="") if self.form == "address" else text


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """A line of the header that differs by recipient: built from its whole value for each, never spliced.

    A `text` is folded and encoded as needed; any other value is ASCII and is written as it is (RFC 5322, section 2.2).
    """

    name: str
    text: bool
    pieces: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> Sequence[Placeholder]:
        """Return the placeholders in the line."""
        return [piece for piece in self.pieces if isinstance(piece, Placeholder)]

    @property
    def differs(self) -> bool:
        """Return whether the line has a placeholder."""
        return bool(self.placeholders)

    def fill(self, fields: Mapping[str, str]) -> bytes:
        """Return the line for one recipient. Raises HeaderFault."""
        value = "".join(piece if isinstance(piece, str) else piece.fill(fields) for piece in self.pieces)
        return format_text_header(self.name, value) if self.text else format_plain_header(self.name, value)


@dataclass(frozen=True, kw_only=True)
class MessageTemplate:
    """A campaign's message, compiled.

    Message-IDs are made of `seed`. `header` has the lines that all recipients share, `lines` those that differ, other
    than To and Message-ID. `body` has pieces and placeholders by turns, a piece at both ends; all pieces are
    quoted-printable already. `undated`: the header has no Date, since each batch of the campaign has its own.
    """

    seed: str
    sender: EmailAddress
    domain: str
    header: bytes
    lines: tuple[HeaderLine, ...] = ()
    body: tuple[bytes | Placeholder, ...]
    undated: bool = False

    def decode_header(self, name: str) -> str:
        """Return a header decoded for people; a field in it shows its default, or its own name."""
        for line in self.lines:
            if line.name == name:
                pieces = (
                    piece if isinstance(piece, str) else piece.default or f"[{piece.field}]" for piece in line.pieces
                )
                return "".join(pieces)
        return str(message_from_bytes(self.header, policy=default_policy)[name])

    def fill_with_names(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the values, and the name of each field with neither value nor default: for a reader of no list."""
        return {**fields, **{name: f"[{name}]" for name in self.find_missing_fields(fields)}}

    def find_missing_fields(self, fields: Mapping[str, str]) -> list[str]:
        """Return the fields that have neither a value in `fields` nor a default, each once, in the text's order."""
        return list(dict.fromkeys(name for name, default in self._wanted if not default and not fields.get(name)))

    def check_recipient(self, address: EmailAddress, fields: Mapping[str, str]) -> None:
        """Check that the message can be rendered, in a fraction of the time. Raises what `render` would."""
        texts = [fields.get(name) or default for name, default in self._wanted]
        if "" in texts:
            raise MissingValue(self._wanted[texts.index("")][0])
        # One look at all of them, since nearly none has what a header can't hold.
        refuse_unmailable("To", address)
        if not "".join([fields.get("name", ""), *texts]).isprintable():
            refuse_controls("the reader's name", fields.get("name", ""))
            for (name, _), text in zip(self._wanted, texts, strict=True):
                refuse_controls(f"the reader's {name}", text)
        for line in self._unfoldable:
            line.fill(fields)

    def render(
        self, key: str, address: EmailAddress, fields: Mapping[str, str], date: datetime | None = None
    ) -> Message:
        """Return the message for one reader, sent at `date` unless the template is dated already.

        Raises MissingValue, and HeaderFault for a value that no message can hold.
        """
        self.check_recipient(address, fields)
        return self.render_checked(key, address, fields, date)

    def render_checked(
        self, key: str, address: EmailAddress, fields: Mapping[str, str], date: datetime | None = None
    ) -> Message:
        """Return the message for a reader who was checked with this template before, as everyone in the ledger was."""
        own = [
            format_recipient_headers(fields.get("name", ""), address, derive_message_id(self.seed, key, self.domain))
        ]
        if self.undated:
            if date is None:
                raise ValueError("this template has no date of its own")
            own.insert(0, format_date_header(date))
        token = fields.get(UNSUBSCRIBE_FIELD, "")
        if self.takes_token and not token:
            raise MissingValue(UNSUBSCRIBE_FIELD)
        cuts = self._cuts if _TOKEN.fullmatch(token) else {}
        own += [
            token.encode("ascii").join(cuts[number]) if number in cuts else line.fill(fields)
            for number, line in enumerate(self.lines)
        ]
        values = [encode_quoted_printable(placeholder.fill(fields)) for placeholder in self._placeholders]
        pieces = self._pieces.copy()
        pieces[1] = b"".join(own)
        pieces[3::2] = [values[number] for number in self._order]
        return Message(key, self.sender, address, pieces)

    @cached_property
    def _cuts(self) -> dict[int, Sequence[bytes]]:
        """Return, by number, the lines that differ by the token alone, cut where it stands.

        Each was built with the longest token once: what it is refused for, or where it is folded, does not depend on
        the token. This saves half of what a message with a token costs.
        """
        longest = "A" * _LONGEST_TOKEN
        cuts: dict[int, Sequence[bytes]] = {}
        for number, line in enumerate(self.lines):
            if not line.text and all(place.field == UNSUBSCRIBE_FIELD for place in line.placeholders):
                with suppress(HeaderFault):  # it is looked at for each reader
                    cuts[number] = line.fill({UNSUBSCRIBE_FIELD: longest}).split(longest.encode("ascii"))
        return cuts

    @cached_property
    def takes_token(self) -> bool:
        """Return whether each recipient's unsubscribe link carries a token."""
        return any(piece.field == UNSUBSCRIBE_FIELD for piece in self._all_placeholders)

    @cached_property
    def _pieces(self) -> list[bytes]:
        """Return all that is joined into a message, with room after the header and for each placeholder."""
        return [self.header, b"", *(b"" if isinstance(piece, Placeholder) else piece for piece in self.body)]

    @property
    def least_size(self) -> int:
        """Return how many bytes every message has at least, whatever stands for its reader."""
        return sum(map(len, self._pieces))

    @cached_property
    def _placeholders(self) -> list[Placeholder]:
        """Return the body's placeholders, each once: a name that is used ten times is encoded once."""
        return list(dict.fromkeys(piece for piece in self.body if isinstance(piece, Placeholder)))

    @cached_property
    def _order(self) -> list[int]:
        numbers = {placeholder: number for number, placeholder in enumerate(self._placeholders)}
        return [numbers[piece] for piece in self.body if isinstance(piece, Placeholder)]

    @cached_property
    def _wanted(self) -> list[tuple[str, str]]:
        """Return the fields of the list and their defaults, in the message's order."""
        return list(
            dict.fromkeys(
                (placeholder.field, placeholder.default)
                for placeholder in self._all_placeholders
                if placeholder.field != UNSUBSCRIBE_FIELD
            )
        )

    @cached_property
    def _all_placeholders(self) -> list[Placeholder]:
        pieces: Iterable[bytes | str | Placeholder] = [
            *(piece for line in self.lines for piece in line.pieces),
            *self.body,
        ]
        return [piece for piece in pieces if isinstance(piece, Placeholder)]

    @cached_property
    def _unfoldable(self) -> list[HeaderLine]:
        """Return the lines that can't be folded, which a long value makes longer than a line may be.

        One that differs by the token alone is looked at here, once for all recipients.
        """
        found: list[HeaderLine] = []
        for line in self.lines:
            if not line.text and all(place.field == UNSUBSCRIBE_FIELD for place in line.placeholders):
                line.fill({})
            elif not line.text:
                found.append(line)
        return found

    def to_bytes(self) -> bytes:
        """Return the template as the store keeps it: a later version of the program sends the same bytes from it."""
        return json.dumps(
            {
                "version": _PAYLOAD_VERSION if self.undated else 2,
                "campaign": self.seed,
                "sender": self.sender,
                "domain": self.domain,
                "header": self.header.decode("ascii"),
                "lines": [[line.name, line.text, [_dump_piece(piece) for piece in line.pieces]] for line in self.lines],
                "body": [
                    _dump_piece(piece.decode("ascii") if isinstance(piece, bytes) else piece) for piece in self.body
                ],
            }
        ).encode()

    @classmethod
    def from_bytes(cls, payload: bytes) -> "MessageTemplate":
        """Read what `to_bytes` made in this version or an earlier one. Raises DeliveryError for a later one's."""
        data: dict[str, Any] = json.loads(payload)
        if data["version"] > _PAYLOAD_VERSION:
            raise DeliveryError(
                "This issue's text was frozen by a newer version of the program.",
                next_step="Go on with that version, or a later one: pip install --upgrade newsletter-press",
            )
        body = (_load_piece(piece) for piece in data["body"])
        lines = data.get("lines", [])  # version 1 had none
        return cls(
            seed=data["campaign"],
            sender=data["sender"],
            domain=data["domain"],
            header=data["header"].encode("ascii"),
            lines=tuple(
                HeaderLine(name, text, tuple(_load_piece(piece) for piece in pieces)) for name, text, pieces in lines
            ),
            body=tuple(piece.encode("ascii") if isinstance(piece, str) else piece for piece in body),
            undated=data["version"] > 2,
        )


def _dump_piece(piece: str | Placeholder) -> str | list[str]:
    return piece if isinstance(piece, str) else [piece.field, piece.default, piece.form]


def _load_piece(kept: Any) -> str | Placeholder:
    """Read a piece as the store has it; version 1 said of a placeholder whether it stands in HTML."""
    if isinstance(kept, str):
        return kept
    field, default, form = kept
    return Placeholder(field, default, {True: "html", False: "text"}.get(form, form))
