"""The issue and its parts: frozen values, validated from text, without I/O."""

import datetime
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from newsletter.field import Field as ReaderField
from newsletter.field import TextWithFields, fill_fields
from newsletter.issue.blocks import RichText
from newsletter.issue.image import find_picture
from newsletter.issue.issue_name import IssueName
from newsletter.issue.richtext import parse, parse_headline, parse_line
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
    if re.fullmatch(r"[\w .()+-]+\.(gif|svg|tiff?|bmp|avif|pdf|eps|ai|psd)", value, re.IGNORECASE):
        kind = value.rsplit(".", 1)[1].upper()
        raise fault_error(
            code="image-file",
            message=f"{kind} is not a kind of picture that every edition can carry",
            next_step="Save it as JPEG or PNG.",
        )
    # The name becomes part of an address in the HTML, so it is kept to what needs no quoting there. Composed, an
    # accent is part of its letter.
    composed = unicodedata.normalize("NFC", value)
    if not re.fullmatch(r"\w[\w .()+-]{0,100}\.(jpe?g|png|webp|hei[cf])", composed, re.IGNORECASE):
        raise fault_error(
            code="image-file",
            message=f"{quote_text(value[:120])} can't be the name of a picture beside the draft",
            next_step="Put a .jpg, .png, .webp or .heic next to the draft, named with letters, digits, dots "
            "and hyphens, and write its name alone.",
        )
    return value


def _check_items(items: "tuple[Item, ...]") -> "tuple[Item, ...]":
    # Else some readers, and everyone who opens the PDF, would get an issue with nothing in it.
    if all(item.only_for for item in items):
        raise fault_error(
            code="only-for",
            message="every item is only for some readers",
            next_step="Leave only_for out of one item at least.",
        )
    return items


def _parse_tag(value: str) -> str:
    value = value.casefold()  # as the list's tags are
    if not re.fullmatch(r"[\w.-]+", value):
        raise fault_error(
            code="tag",
            message=f"{quote_text(value)} is not a tag",
            next_step="A tag is one word, as in the list's tags column.",
        )
    return value


MAX_ITEMS = 200  # far more than anyone reads; what each edition costs stays bounded
_TEXT = WithJsonSchema({"type": "string", "minLength": 1})
Prose = Annotated[RichText, PlainValidator(_parse_prose), _TEXT]
Headline = Annotated[RichText, PlainValidator(_parse_headline), _TEXT]
Line = Annotated[str, PlainValidator(_parse_line), WithJsonSchema({"type": "string"})]
FieldedLine = Annotated[TextWithFields, PlainValidator(_parse_line_with_fields), WithJsonSchema({"type": "string"})]
Count = Annotated[int, BeforeValidator(_parse_number), WithJsonSchema({"type": "integer", "minimum": 1})]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Image(_Value):
    """The lead image."""

    file: Annotated[str, AfterValidator(_check_file_name)] = Field(
        description="A picture next to the draft, by its name alone."
    )
    alt: Line = Field(description="What the picture shows, for readers who can't see it.")
    credit: Prose | None = Field(default=None, description="Whose picture it is; may hold a link.")


class Item(_Value):
    """One headline and its detail bullet."""

    headline: Headline = Field(description="One line; it leads to its detail.")
    detail: Prose = Field(description="The bullet; a blank line starts a paragraph within it.")
    only_for: tuple[Annotated[str, AfterValidator(_parse_tag)], ...] = Field(
        default=(), description="Only readers with one of these tags get this item, in the email alone."
    )

    def is_for(self, tags: frozenset[str]) -> bool:
        return not self.only_for or not tags.isdisjoint(self.only_for)


class Issue(_Value):
    """One issue of a publication, named by its volume and number."""

    volume: Count
    number: Count
    date: Annotated[datetime.date, BeforeValidator(_parse_date)] = Field(description="Year-month-day.")
    subject: FieldedLine | None = Field(default=None, description="The mail's subject; the first headline if left out.")
    preheader: FieldedLine | None = Field(default=None, description="What an inbox shows after the subject.")
    headlines_title: Line = Field(default="Headlines", description="What stands above the headlines.")
    intro: Prose | None = Field(default=None, description="A paragraph before the headlines.")
    image: Image | None = None
    items: Annotated[tuple[Item, ...], Field(min_length=1, max_length=MAX_ITEMS), AfterValidator(_check_items)] = Field(
        description="The headlines with their details."
    )
    note: Prose | None = Field(default=None, description="A closing paragraph, above the standing one.")
    path: Annotated[Path, Field(exclude=True)] = Field(default=Path(), exclude=True)

    @property
    def name(self) -> IssueName:
        return IssueName(f"{self.volume}.{self.number}")

    @property
    def label(self) -> str:
        return f"Vol. {self.name}"

    @property
    def picture(self) -> Path | None:
        """Return the path of the lead image's file, next to the draft."""
        return find_picture(self.path.parent, self.image.file) if self.image else None

    def seen_by(self, tags: frozenset[str]) -> "Issue":
        """Return the issue as a reader with these tags gets it."""
        return self.model_copy(update={"items": tuple(item for item in self.items if item.is_for(tags))})

    def texts(self) -> tuple[RichText, ...]:
        """Return every rich text of the issue in reading order."""
        ends = [self.image.credit if self.image else None, self.intro]
        pairs = [text for item in self.items for text in (item.headline, item.detail)]
        return tuple(text for text in (*ends, *pairs, self.note) if text is not None)

    def fields(self) -> "tuple[ReaderField, ...]":
        """Return every field that the draft asks for, once for each place."""
        lines = [piece for line in (self.subject, self.preheader) for piece in line or ()]
        of_lines = [piece for piece in lines if isinstance(piece, ReaderField)]
        return (*of_lines, *(field for text in self.texts() for field in text.fields()))
