"""Conversion of a saved mail: its HTML, or else its text, with title, date and the pictures that came along."""

import datetime
import email
import re
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime

from newsletter.back_issues.converted_text import ConvertedText, UnreadableFile
from newsletter.back_issues.flowed_text import drop_signature, join_flowed
from newsletter.back_issues.html.html_to_markdown import read_html
from newsletter.back_issues.html.page_charset import read_page_text
from newsletter.back_issues.markdown.source_lines import is_markdown, mark_plain_text
from newsletter.back_issues.page_text.block_markdown import write_blocks
from newsletter.back_issues.page_text.picture_data import take_picture_data

_MOST_PARTS = 500  # of one mail, parts within parts counted
_DEEPEST = 20
_ENDLESS = f"The mail has more than {_MOST_PARTS} parts, or parts within parts without end."
_REPLY = re.compile(r"^(?:\s*(?:re|fwd?|aw|wg|tr|rv|sv|vs)\s*:)+\s*", re.IGNORECASE)
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def convert_mail(data: bytes) -> ConvertedText:
    """Convert a saved mail (RFC 5322). Raises UnreadableFile."""
    message = _parse_message(data)
    parts = _list_parts(message)
    encrypted = any(part.get_content_type() in _ENCRYPTED and not _is_signed(part) for part in parts)
    html = [part for part in parts if part.get_content_type() == "text/html" and not _is_attached(part)]
    plain = [part for part in parts if part.get_content_type() == "text/plain" and not _is_attached(part)]
    title, date = _read_subject(message), _read_date(message)
    if encrypted and not html and (not plain or message.get_content_type() in _ENCRYPTED):
        raise UnreadableFile(
            "The mail is encrypted.", next_step="Save it from your mail program as a web page (.html)."
        )
    best = max(html, key=_measure, default=None)
    if best is not None and _measure(best):
        page = read_html(read_page_text(_decode_body(best), _read_charset(best)), whole=True)
        blocks, pictures = take_picture_data(page.blocks, _find_attached(parts))
        return ConvertedText(write_blocks(blocks), title, date, page.notes, pictures)
    if plain and (text := "\n\n".join(_read_text(part) for part in plain)).strip():
        return ConvertedText(text, title, date)
    raise UnreadableFile("The mail has no text: neither HTML nor plain text is in it.")


def _parse_message(data: bytes) -> Message:
    """Parse a mail; one that is forwarded as an attachment, with no words of its own, stands for what holds it."""
    try:
        message = email.message_from_bytes(data.lstrip(b"\r\n"), policy=policy.compat32)
    except RecursionError as error:
        raise UnreadableFile(_ENDLESS) from error
    if not message.keys():
        raise UnreadableFile("This is not a mail, whatever its name says: it has no headers.")
    forwarded = [part for part in _list_parts(message) if part.get_content_type() == "message/rfc822"]
    own = [
        part
        for part in _list_parts(message, within=False)
        if part.get_content_maintype() == "text" and not _is_attached(part) and len(_decode_body(part).strip()) > 200
    ]
    if len(forwarded) == 1 and not own:
        inner = forwarded[0].get_payload()
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            return inner[0]
    return message


def _list_parts(message: Message, *, within: bool = True) -> list[Message]:
    """Return a mail's parts in their order; those of forwarded mails only with `within`. Raises UnreadableFile."""
    parts: list[Message] = []
    waiting = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        parts.append(part)
        if len(parts) > _MOST_PARTS or depth > _DEEPEST:
            raise UnreadableFile(_ENDLESS)
        inner = part.get_payload()
        if isinstance(inner, list) and (within or part.get_content_type() != "message/rfc822"):
            waiting += [(each, depth + 1) for each in reversed(inner) if isinstance(each, Message)]
    return parts


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_signed(part: Message) -> bool:
    """Return whether a part of S/MIME is signed alone, so that its words stand in it in clear."""
    return str(part.get_param("smime-type") or "").lower() == "signed-data"


def _measure(part: Message) -> int:
    return len(re.sub(rb"<[^>]*>|\s", b"", _decode_body(part)))


def _decode_body(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _read_charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (LookupError, ValueError):
        return None


def _read_text(part: Message) -> str:
    """Return a text part's words as Markdown: flowed lines joined, the signature left out."""
    text = read_page_text(_decode_body(part), _read_charset(part))
    if str(part.get_param("format") or "").lower() == "flowed":
        text = join_flowed(text, without_space=str(part.get_param("delsp") or "").lower() == "yes")
    text = drop_signature(text)
    return text if is_markdown(text) else mark_plain_text(text)


def _read_subject(message: Message) -> str | None:
    """Return the subject without the marks of answers and of forwarding (RFC 2047 decoded)."""
    raw = message.get("Subject")
    if raw is None:
        return None
    try:
        subject = str(make_header(decode_header(str(raw))))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        subject = str(raw)
    subject = _REPLY.sub("", " ".join(subject.split()))
    return "".join(letter for letter in subject if letter.isprintable()) or None


def _read_date(message: Message) -> datetime.date | None:
    try:
        return parsedate_to_datetime(str(message.get("Date") or "")).date()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _find_attached(parts: list[Message]) -> dict[str, bytes]:
    """Return the pictures of a mail by their Content-ID."""
    return {
        str(part["Content-ID"]).strip().strip("<>"): _decode_body(part)
        for part in parts
        if part.get_content_maintype() == "image" and part["Content-ID"]
    }
