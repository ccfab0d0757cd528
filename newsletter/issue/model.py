"""The issue: a frozen value, validated from text, without I/O."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from newsletter.field import Field as ReaderField
from newsletter.issue.blocks import Link, PictureBlock, RichText
from newsletter.issue.field_types import Count, Date, FieldedLine, Line, Prose
from newsletter.issue.image import find_picture
from newsletter.issue.sections import MAX_ITEMS, DraftValue, Image, IssueSection, Item, iterate_links
from newsletter.issue_name import IssueName, name_edition, read_issue_name
from newsletter.validation import fault_error


class Issue(DraftValue):
    """One issue of a publication, an announcement or a correction, named by its file or its volume and number."""

    kind: Literal["issue", "announcement", "correction"] = Field(
        default="issue", description="What it is: one of the series, or a mail beside it."
    )
    corrects: Line | None = Field(default=None, description="The name of the issue that a correction is about.")
    volume: Count | None = Field(default=None, description="As in the file's name, where the series has volumes.")
    number: Count | None = Field(default=None, description="As in the file's name, where the series has numbers.")
    date: Date = Field(description="Year-month-day.")
    title: Line | None = Field(default=None, description="What the issue is called on the web; else its subject.")
    subject: FieldedLine | None = Field(default=None, description="The mail's subject; the first headline if left out.")
    preheader: FieldedLine | None = Field(default=None, description="What an inbox shows after the subject.")
    headlines_title: Line = Field(default="Headlines", description="What stands above the headlines.")
    contents: Literal["auto", "yes", "no"] = Field(
        default="auto", description="Whether the sections' titles are listed first; auto: where there are many."
    )
    intro: Prose | None = Field(default=None, description="A paragraph before the headlines.")
    image: Image | None = None
    items: Annotated[tuple[Item, ...], Field(max_length=MAX_ITEMS)] = Field(
        default=(), description="The headlines with their details."
    )
    sections: Annotated[tuple[IssueSection, ...], Field(max_length=MAX_ITEMS)] = Field(
        default=(), description="Sections, after the items or instead of them."
    )
    note: Prose | None = Field(default=None, description="A closing paragraph, above the standing one.")
    path: Annotated[Path, Field(exclude=True)] = Field(default=Path(), exclude=True)
    _whole: "Issue | None" = PrivateAttr(default=None)
    _language: str = PrivateAttr(default="")
    _is_typeset: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        left = self.seen_by(frozenset())
        # Else some readers, and everyone who opens the PDF, would get an issue with nothing in it.
        if (self.items or self.sections) and not left.items and not left.sections:
            raise fault_error(
                code="only-for",
                message="every section is only for some readers"
                if self.sections
                else "every item is only for some readers",
                next_step="Leave only_for out of one at least.",
            )
        if (self.kind == "correction") != (self.corrects is not None):
            raise fault_error(
                code="correction",
                message="a correction says which issue it corrects, and nothing else does",
                next_step="Write kind: correction and corrects: 2.10, both or neither.",
            )
        return self

    @property
    def name(self) -> IssueName:
        """Return the name: `2.10` by volume and number, `10` by number alone, else that of the draft's file."""
        numbers = ".".join(str(part) for part in (self.volume, self.number) if part)
        return IssueName(numbers) if numbers else read_issue_name(self.path, self._language)

    @property
    def language(self) -> str:
        """Return the language (BCP 47) of a translation; "" for an issue in the publication's own."""
        return self._language

    @property
    def edition_name(self) -> str:
        """Return what the issue's files are named by: `2.10`, and `2.10.ja` for a translation into Japanese."""
        return name_edition(self.name, self._language)

    def as_translation(self, language: str) -> "Issue":
        """Return the issue as a translation into that language, by which its file is named."""
        issue = self.model_copy()
        issue._language = language
        return issue

    @property
    def picture(self) -> Path | None:
        """Return the path of the lead image's file, next to the draft."""
        return find_picture(self.path.parent, self.image.file) if self.image else None

    @property
    def all_items(self) -> tuple[Item, ...]:
        """Return all items in reading order, those of the sections too: `#2` is the second of them."""
        return (*self.items, *(item for section in self.sections for item in section.items))

    @property
    def lead_words(self) -> RichText:
        """Return the words that stand for the issue where it has no subject: its first headline or section's title."""
        if self.all_items:
            return self.all_items[0].headline
        titles = [section.title for section in self.sections if section.title]
        return titles[0] if titles else RichText(())

    def seen_by(self, tags: frozenset[str]) -> "Issue":
        """Return the issue as a reader with these tags gets it."""
        sections = (section.seen_by(tags) for section in self.sections)
        seen = self.model_copy(
            update={
                "items": tuple(item for item in self.items if item.is_for(tags)),
                "sections": tuple(section for section in sections if section),
            }
        )
        seen._whole = self.whole
        return seen

    @property
    def whole(self) -> "Issue":
        """Return the issue with all its items and sections, of which this may be what one reader gets.

        Items and pictures are counted in it, so that a number means the same for every reader.
        """
        return self._whole or self

    def typeset_by(self, typeset: "Callable[[Issue], Issue]") -> "Issue":
        """Return what `typeset` makes of the issue and of the whole that it may be a part of; once typeset, itself."""
        if self._is_typeset:
            return self
        result = typeset(self)
        result._is_typeset = True
        if self._whole is not None:
            result._whole = self._whole.typeset_by(typeset)
        return result

    def with_default_title(self, title: str) -> "Issue":
        """Return the issue with `title` above its headlines, where the draft names none."""
        if "headlines_title" in self.model_fields_set or title == self.headlines_title:
            return self
        titled = self.model_copy(update={"headlines_title": title})
        titled.model_fields_set.discard("headlines_title")  # the draft still says nothing of it
        return titled

    @property
    def visibility_rules(self) -> tuple[tuple[str, ...], ...]:
        """Return the tags of each item and section that is only for some, () for everyone, in reading order.

        What a reader sees follows from which of these they are among.
        """
        sections = (
            rule for section in self.sections for rule in (section.only_for, *(item.only_for for item in section.items))
        )
        return (*(item.only_for for item in self.items), *sections)

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Return the paths of all the issue's pictures, next to the draft, each once, the lead image first."""
        files = dict.fromkeys(image.file for image in self.images())
        return tuple(find_picture(self.path.parent, file) for file in files)

    def texts(self) -> tuple[RichText, ...]:
        """Return every rich text of the issue in reading order."""
        return tuple(self._iterate_texts())

    def lines(self) -> tuple[str, ...]:
        """Return every line of the issue that has neither styles nor fields, and what its pictures show."""
        own = (self.title, self.headlines_title, *(image.alt for image in self.images()))
        return (*(line for line in own if line), *(line for section in self.sections for line in section.lines()))

    def _iterate_texts(self) -> Iterator[RichText]:
        yield from self.image.texts() if self.image else ()
        yield from (self.intro,) if self.intro else ()
        for item in self.items:
            yield from item.texts()
        for section in self.sections:
            yield from section.texts()
        yield from (self.note,) if self.note else ()

    def images(self) -> tuple[Image | PictureBlock, ...]:
        """Return every picture of the issue in reading order, the lead image first."""
        return tuple(self._iterate_images())

    def _iterate_images(self) -> Iterator[Image | PictureBlock]:
        yield from (self.image,) if self.image else ()
        yield from self.intro.pictures() if self.intro else ()
        for item in self.items:
            yield from item.images()
        for section in self.sections:
            yield from section.images()
        yield from self.note.pictures() if self.note else ()

    def links(self) -> tuple[Link, ...]:
        """Return the links that stand by themselves, not within a text."""
        lead = (self.image.link,) if self.image and self.image.link else ()
        return (*lead, *iterate_links(self.items), *(link for section in self.sections for link in section.links()))

    def fields(self) -> "tuple[ReaderField, ...]":
        """Return every field that the draft asks for, once for each place."""
        lines = [piece for line in (self.subject, self.preheader) for piece in line or ()]
        of_lines = [piece for piece in lines if isinstance(piece, ReaderField)]
        of_links = [piece for link in self.links() for piece in link.address if isinstance(piece, ReaderField)]
        return (*of_lines, *(field for text in self.texts() for field in text.fields()), *of_links)
