"""The types of a draft's values: prose, headlines, lines, numbers, dates, file names and addresses, from text."""

import datetime
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from newsletter.field import Field as ReaderField
from newsletter.field import TextWithFields, fill_fields
from newsletter.issue.blocks import Link, Paragraph, RichText, TextRun
from newsletter.issue.image import find_file_name_fault
from newsletter.issue.inline_text import parse_headline, parse_line, parse_paragraphs
from newsletter.issue.richtext import parse
from newsletter.text import quote_text
from newsletter.validation import Fault, fault_error, faults_error


def _reject_non_text() -> PydanticCustomError:
    return fault_error(
        code="shape",
        message="this should be a text",
        next_step="Put >- here and the text on the next line, indented.",
    )


def _parse_prose(value: object) -> RichText:
    return _parse_rich_text(value, parse)


def _parse_caption(value: object) -> RichText:
    return _parse_rich_text(value, parse_paragraphs)


def _parse_rich_text(value: object, read: Callable[[str], tuple[RichText, list[Fault]]]) -> RichText:
    if not isinstance(value, str):
        raise _reject_non_text()
    if not value.strip():
        raise fault_error(
            code="empty",
            message="this text is empty",
            next_step="Write it, after >- on a line of its own, or delete the key.",
        )
    text, faults = read(value)
    if faults:
        raise faults_error(*faults)
    return text


def _parse_headline(value: object) -> RichText:
    text = _parse_rich_text(value, parse_headline)
    if len(text.paragraphs) > 1:
        raise fault_error(
            code="headline-paragraphs", message="a headline is one paragraph", next_step="Take the blank line out."
        )
    if not text.plain().strip():
        raise fault_error(
            code="empty",
            message="a headline is never empty, not for the PDF's readers either",
            next_step="Write words that can be seen, and give a field a default: {{ name | reader }}.",
        )
    return text


def _parse_line_with_fields(value: object) -> TextWithFields:
    if not isinstance(value, str):
        raise _reject_non_text()
    if not value.strip():
        raise fault_error(code="empty", message="this text is empty", next_step="Write it, or delete the key.")
    pieces, faults = parse_line(value)
    if faults:
        raise faults_error(*faults)
    if not fill_fields(pieces).strip():
        raise fault_error(
            code="empty",
            at=value.find("{{"),
            message="this is never empty, not on the web page either",
            next_step="Write words beside the field, or give it a default: {{ name | reader }}.",
        )
    return pieces


def _parse_line(value: object) -> str:
    pieces = _parse_line_with_fields(value)
    if any(isinstance(piece, ReaderField) for piece in pieces):
        raise fault_error(
            code="field",
            at=str(value).find("{{"),
            message="a field can't stand here",
            next_step="Fields belong in the subject, preheader, intro, headlines, details and note.",
        )
    return fill_fields(pieces)


def _show(value: object) -> str:
    """Return a value for a message: a text in quotes; a list or a table has no short form."""
    return quote_text(value) if isinstance(value, str) else "this"


def _parse_number(value: object) -> object:
    # Lax parsing would take "1_0" for 10; a draft's numbers are digits alone.
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}", value) or int(value) == 0:
        raise fault_error(
            code="number",
            message=f"{_show(value)} is not a whole number",
            next_step="Write digits alone, from 1 on, for example 10.",
        )
    return int(value)


def _parse_date(value: object) -> object:
    # Lax parsing would take "1685491200" for a day.
    try:
        if isinstance(value, str) and re.fullmatch(r"[12]\d{3}-\d\d-\d\d", value):
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise fault_error(
        code="date", message=f"{_show(value)} is not a date", next_step="Write year-month-day, for example 2023-05-31."
    )


def _check_file_name(value: str) -> str:
    if fault := find_file_name_fault(value):
        raise faults_error(fault)
    return value


def _parse_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        return datetime.time.fromisoformat(value.zfill(5))
    raise fault_error(
        code="time", message=f"{_show(value)} is not a time of day", next_step='Write hours and minutes, as in "14:00".'
    )


def _parse_link(value: object) -> Link:
    """Read an address that stands alone; the link's words are the name of its web site, or the mail address."""
    if not isinstance(value, str) or not value.strip():
        raise fault_error(code="link-address", message="this is no address", next_step=_ADDRESS)
    before = "[.]("
    text, faults = parse(f"{before}{value.strip()})")
    if faults:
        raise faults_error(
            *(
                replace(
                    fault,
                    at=max(0, (fault.at or 0) - len(before)),
                    message=fault.message.replace(" link '.' ", " link ", 1),  # it has no words of its own
                )
                for fault in faults
            )
        )
    match text.blocks:
        case (Paragraph(spans=(Link(address=address) as link,)),):
            parts = urlsplit(link.href)
            words = parts.path if parts.scheme == "mailto" else (parts.hostname or link.href).removeprefix("www.")
            return Link(address=address, runs=(TextRun(text=words),))
    raise fault_error(code="link-address", message=f"{quote_text(value)} is not one address", next_step=_ADDRESS)


_ADDRESS = "Write one address alone, beginning with https://, http:// or mailto:."


def _parse_tag(value: str) -> str:
    value = value.casefold()  # as the list's tags are
    if not re.fullmatch(r"[\w.-]+", value):
        raise fault_error(
            code="tag",
            message=f"{quote_text(value)} is not a tag",
            next_step="A tag is one word, as in the list's tags column.",
        )
    return value


def _check_id(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*", value) or len(value) > _LONGEST_ID:
        raise fault_error(
            code="id",
            message=f"{quote_text(value)} can't name a part of an issue",
            next_step="Write a word of small letters from a to z, with digits and hyphens in it, as in trade-talks.",
        )
    return value


_LONGEST_ID = 60  # characters
_TEXT = WithJsonSchema({"type": "string", "minLength": 1})
Prose = Annotated[RichText, PlainValidator(_parse_prose), _TEXT]
Caption = Annotated[RichText, PlainValidator(_parse_caption), _TEXT]
Headline = Annotated[RichText, PlainValidator(_parse_headline), _TEXT]
Line = Annotated[str, PlainValidator(_parse_line), WithJsonSchema({"type": "string"})]
FieldedLine = Annotated[TextWithFields, PlainValidator(_parse_line_with_fields), WithJsonSchema({"type": "string"})]
Count = Annotated[int, BeforeValidator(_parse_number), WithJsonSchema({"type": "integer", "minimum": 1})]
Date = Annotated[datetime.date, BeforeValidator(_parse_date), WithJsonSchema({"type": "string", "format": "date"})]
TimeOfDay = Annotated[datetime.time, BeforeValidator(_parse_time), WithJsonSchema({"type": "string"})]
FileName = Annotated[str, AfterValidator(_check_file_name)]
Tag = Annotated[str, AfterValidator(_parse_tag)]
PartId = Annotated[str, AfterValidator(_check_id)]
WebAddress = Annotated[Link, PlainValidator(_parse_link), WithJsonSchema({"type": "string"})]
