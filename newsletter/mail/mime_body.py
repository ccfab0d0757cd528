"""A message's body: its text, its HTML and the HTML's pictures, as parts of one MIME message (RFC 2046).

Each part comes as pieces, which a MessageTemplate fills: text and placeholders by turns, or one text without any.
"""

from base64 import encodebytes
from collections.abc import Iterator, Sequence

from newsletter.editions import Picture
from newsletter.mail.message_template import Placeholder
from newsletter.mail.quoted_printable import SOFT_BREAK, encode_quoted_printable


def build_body(
    text: Sequence[str | Placeholder],
    html: Sequence[str | Placeholder],
    images: Sequence[tuple[Picture, str]],
    boundary: str,
) -> tuple[bytes | Placeholder, ...]:
    """Return the body with its header lines: bytes and placeholders by turns, bytes at both ends.

    `images` are the pictures that the HTML shows, each with its Content-ID without brackets; `boundary` is ASCII.
    """
    parts = [_make_image_part(picture, f"<{content_id}>") for picture, content_id in images]
    return tuple(_merge(_wrap_in_mime(_encode_pieces(text), _encode_pieces(html), parts, boundary)))


def _encode_pieces(pieces: Sequence[str | Placeholder]) -> Iterator[bytes | Placeholder]:
    """Encode the static pieces, with the placeholders between them on lines of their own."""
    for number, piece in enumerate(pieces, start=1):
        if isinstance(piece, Placeholder):
            yield piece
        else:
            yield (
                (SOFT_BREAK if number > 1 else b"")
                + encode_quoted_printable(piece)
                + (SOFT_BREAK if number < len(pieces) else b"")
            )


def _wrap_in_mime(
    text_pieces: Iterator[bytes | Placeholder],
    html_pieces: Iterator[bytes | Placeholder],
    images: Sequence[bytes],
    boundary: str,
) -> Iterator[bytes | Placeholder]:
    """Build multipart/alternative with the text first (RFC 2046, section 5.1.4); the pictures belong to the HTML."""
    # "=_" can occur in neither quoted-printable nor base64, so no text can end its part early.
    outer, inner = f"=_a.{boundary}", f"=_r.{boundary}"
    encoding = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    yield _encode_ascii(
        f'Content-Type: multipart/alternative; boundary="{outer}"\r\n\r\n'
        f"--{outer}\r\nContent-Type: text/plain; charset=utf-8\r\n{encoding}"
    )
    yield from text_pieces
    yield _encode_ascii(f"\r\n--{outer}\r\n")
    if images:
        yield _encode_ascii(
            f'Content-Type: multipart/related; type="text/html"; boundary="{inner}"\r\n\r\n--{inner}\r\n'
        )
    yield _encode_ascii(f"Content-Type: text/html; charset=utf-8\r\n{encoding}")
    yield from html_pieces
    if images:
        yield b"".join([_encode_ascii(f"\r\n--{inner}\r\n") + image for image in images]) + _encode_ascii(
            f"--{inner}--\r\n"
        )
    yield _encode_ascii(f"\r\n--{outer}--\r\n")


def _make_image_part(picture: Picture, content_id: str) -> bytes:
    header = (
        f"Content-Type: image/{picture.kind}\r\nContent-Transfer-Encoding: base64\r\nContent-ID: {content_id}\r\n"
        f'Content-Disposition: inline; filename="{picture.name}"\r\n\r\n'
    )
    return _encode_ascii(header) + encodebytes(picture.data).replace(b"\n", b"\r\n")


def _merge(pieces: Iterator[bytes | Placeholder]) -> Iterator[bytes | Placeholder]:
    """Join neighbouring static pieces, so that rendering has as few to join as there can be."""
    static = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            static += piece
        else:
            yield static
            yield piece
            static = b""
    yield static


def _encode_ascii(text: str) -> bytes:
    return text.encode("ascii")
