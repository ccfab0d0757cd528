"""Fields: the places where copies differ by reader, `{{ name }}`, or with a default `{{ name | reader }}`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

# A default begins and ends with what is no space, so that no run of spaces is tried in more than one way.
FIELD = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,40})\s*(?:\|\s*(?:([^{}|\s](?:[^{}|\n]*[^{}|\s])?)\s*)?)?\}\}")
# Past the host, or past the ? of a mailto: no value there changes where a link leads.
_OPEN_TO_FIELDS = re.compile(r"(?:https?://[^/?#\s\\]+[/?#]|mailto:[^?]*\?)", re.IGNORECASE)

# The field that the unsubscribe token fills. No column of a list has a name that begins so.
UNSUBSCRIBE_FIELD = "_token"
SAMPLE_TOKEN = "sample"  # noqa: S105 - for what no reader gets; it opens nothing
# Returns the text for a field, given its name and default: the default, a placeholder, a reader's value.
FieldWriter = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Field:
    """A place for a reader's value, and the default for a reader who has none."""

    name: str
    default: str = ""


# A text and the fields in it, in order.
TextWithFields = tuple[str | Field, ...]


def write_default(_name: str, default: str) -> str:
    """Return the default: the FieldWriter of editions for no single reader, the PDF and the web page."""
    return default


def split_fields(text: str) -> TextWithFields:
    """Split a text into words and fields, in their order; what only looks like a field is words."""
    # Each match gives three parts: the words before it, its name, its default.
    parts: list[str | None] = FIELD.split(text)
    pieces: list[str | Field] = [parts[0] or ""]
    for name, default, words in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pieces += [Field(name or "", default or ""), words or ""]
    return tuple(piece for piece in pieces if piece != "")


def fill_fields(pieces: Sequence[str | Field], fields: FieldWriter = write_default) -> str:
    """Return the text with what `fields` writes in the place of each field."""
    return "".join(piece if isinstance(piece, str) else fields(piece.name, piece.default) for piece in pieces)


def fill_address(pieces: Sequence[str | Field], fields: FieldWriter = write_default) -> str:
    """Return a link's address with its fields filled, each percent-encoded (RFC 3986, section 2.1) to stay one part."""
    return fill_fields(pieces, lambda name, default: quote(fields(name, default), safe=""))


def accepts_field(before: str) -> bool:
    """Return whether a field may follow in an address that begins so: not in its scheme, host or mailbox."""
    return _OPEN_TO_FIELDS.match(before) is not None
