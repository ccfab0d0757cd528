"""The text of a back issue as Markdown, whatever form its file had."""

import datetime
from dataclasses import dataclass

from newsletter.errors import DraftError


class UnreadableFile(DraftError):
    """A file that no back issue can be read from; the message ends with a full stop and names no path."""


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture that came within a file, such as a Word document or a mail, by the name that the Markdown gives it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ConvertedText:
    """A file's text as Markdown, with what its form says besides: its title, its date, its pictures.

    `notes` say in a sentence each what the conversion had to leave out; they become comments in the draft.
    """

    markdown: str
    title: str | None = None
    date: datetime.date | None = None
    notes: tuple[str, ...] = ()
    pictures: tuple[EmbeddedPicture, ...] = ()
