"""The parts of an issue: images, items, and sections with what they may hold."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from newsletter.issue.blocks import Link, PictureBlock, RichText
from newsletter.issue.field_types import (
    Caption,
    Date,
    FileName,
    Headline,
    Line,
    PartId,
    Prose,
    Tag,
    TimeOfDay,
    WebAddress,
)
from newsletter.validation import fault_error

MAX_ITEMS = 200  # far more than anyone reads; what each edition costs stays bounded
Tags = tuple[Tag, ...]


class DraftValue(BaseModel):
    """The base of all values of a draft: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)  # as parts of an issue alone


class Image(DraftValue):
    """A picture: the lead image of an issue, or that of an item, a section or a person."""

    file: FileName = Field(description="A picture next to the draft, by its name alone.")
    alt: Line = Field(description="What the picture shows, for readers who can't see it.")
    caption: Caption | None = Field(default=None, description="What stands below the picture.")
    credit: Caption | None = Field(default=None, description="Whose picture it is; may hold a link.")
    link: WebAddress | None = Field(default=None, description="Where the picture leads.")

    def texts(self) -> Iterator[RichText]:
        """Yield the texts below the picture, in reading order."""
        yield from (text for text in (self.caption, self.credit) if text)


class Item(DraftValue):
    """One headline and its detail bullet."""

    id: PartId | None = Field(default=None, description="A name by which the same item is known in translations.")
    headline: Headline = Field(description="One line; it leads to its detail.")
    detail: Prose = Field(description="The bullet; a blank line starts a paragraph within it.")
    link: WebAddress | None = Field(default=None, description="The item's source, shown at its end.")
    image: Image | None = Field(default=None, description="A picture of the item's own.")
    only_for: Tags = Field(
        default=(), description="Only readers with one of these tags get this item, in the email alone."
    )

    def is_for(self, tags: frozenset[str]) -> bool:
        return not self.only_for or not tags.isdisjoint(self.only_for)

    def images(self) -> Iterator[Image | PictureBlock]:
        """Yield the item's pictures in reading order, those within its detail too."""
        yield from (self.image,) if self.image else ()
        yield from self.detail.pictures()

    def texts(self) -> Iterator[RichText]:
        """Yield the item's texts in reading order."""
        yield self.headline
        yield from self.image.texts() if self.image else ()
        yield self.detail


class KeyFigure(DraftValue):
    """A number that says something by itself, and what it says."""

    number: Line = Field(description='The number with its unit, as in "$2.9 billion".')
    text: Prose = Field(description="What it is the number of.")
    link: WebAddress | None = Field(default=None, description="Where the number stands.")


class UpcomingEvent(DraftValue):
    """An event to come: a day or several, what it is, and where."""

    date: Date = Field(description="The day, or the first of several: year-month-day.")
    time: TimeOfDay | None = Field(default=None, description='When it begins, as in "14:00".')
    until: Date | None = Field(default=None, description="The last of several days.")
    title: Headline = Field(description="What it is, in one line.")
    place: Line | None = Field(default=None, description="Where it is.")
    link: WebAddress | None = Field(default=None, description="Where more is to be read.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until and self.until < self.date:
            raise fault_error(
                code="date",
                message=f"the event ends on {self.until}, before it begins on {self.date}",
                next_step="Mend date: or until:.",
            )
        return self


class PullQuote(DraftValue):
    """Somebody's words, set apart."""

    text: Prose = Field(description="The words, without quotation marks around them.")
    by: Line | None = Field(default=None, description="Who said or wrote them.")
    link: WebAddress | None = Field(default=None, description="Where they stand.")


class Person(DraftValue):
    """A person: somebody new at the institute, an author, a guest."""

    name: Line = Field(description="The person's name.")
    role: Line | None = Field(default=None, description="What the person is, as in Senior Fellow.")
    text: Prose | None = Field(default=None, description="A few words about the person.")
    image: Image | None = Field(default=None, description="A picture of the person.")
    link: WebAddress | None = Field(default=None, description="The person's own page.")


class Button(DraftValue):
    """A link that is meant to be pressed."""

    text: Line = Field(description="What stands on the button.")
    link: WebAddress = Field(description="Where it leads.")


class IssueSection(DraftValue):
    """A section of an issue. Whatever it holds is shown in the order of these fields."""

    id: PartId | None = Field(default=None, description="A name by which the same section is known in translations.")
    title: Headline | None = Field(default=None, description="The section's heading.")
    image: Image | None = Field(default=None, description="A picture.")
    text: Prose | None = Field(default=None, description="Running text.")
    figures: tuple[KeyFigure, ...] = Field(default=(), description="Numbers, each with what it says.")
    quote: PullQuote | None = Field(default=None, description="Somebody's words, set apart.")
    items: Annotated[tuple[Item, ...], Field(max_length=MAX_ITEMS)] = Field(
        default=(), description="Headlines with their details."
    )
    events: tuple[UpcomingEvent, ...] = Field(default=(), description="What is to come.")
    people: tuple[Person, ...] = Field(default=(), description="People, each with a few words.")
    button: Button | None = Field(default=None, description="A link that is meant to be pressed.")
    only_for: Tags = Field(
        default=(), description="Only readers with one of these tags get this section, in the email alone."
    )

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not any(
            (self.image, self.text, self.figures, self.quote, self.items, self.events, self.people, self.button)
        ):
            raise fault_error(
                code="empty",
                message="this section holds nothing",
                next_step="Give it a text:, items:, events:, a quote:, figures:, people:, an image: or a button:.",
            )
        return self

    def is_for(self, tags: frozenset[str]) -> bool:
        return not self.only_for or not tags.isdisjoint(self.only_for)

    def seen_by(self, tags: frozenset[str]) -> "IssueSection | None":
        """Return the section as a reader with these tags gets it; None where nothing of it is left."""
        if not self.is_for(tags):
            return None
        kept = tuple(item for item in self.items if item.is_for(tags))
        if (
            self.items
            and not kept
            and not any((self.image, self.text, self.figures, self.quote, self.events, self.people, self.button))
        ):
            return None
        return self if len(kept) == len(self.items) else self.model_copy(update={"items": kept})

    def images(self) -> Iterator[Image | PictureBlock]:
        """Yield the section's pictures in reading order, those within its texts too."""
        yield from (self.image,) if self.image else ()
        yield from self.text.pictures() if self.text else ()
        for figure in self.figures:
            yield from figure.text.pictures()
        yield from self.quote.text.pictures() if self.quote else ()
        for item in self.items:
            yield from item.images()
        for person in self.people:
            yield from (person.image,) if person.image else ()
            yield from person.text.pictures() if person.text else ()

    def texts(self) -> Iterator[RichText]:
        """Yield the section's rich texts in reading order."""
        if self.title:
            yield self.title
        if self.image:
            yield from self.image.texts()
        if self.text:
            yield self.text
        yield from (figure.text for figure in self.figures)
        if self.quote:
            yield self.quote.text
        for item in self.items:
            yield from item.texts()
        yield from (event.title for event in self.events)
        for person in self.people:
            if person.image:
                yield from person.image.texts()
            if person.text:
                yield person.text

    def lines(self) -> Iterator[str]:
        """Yield the section's lines, which have no styles, in reading order, without what pictures show."""
        yield from (figure.number for figure in self.figures)
        yield from (self.quote.by,) if self.quote and self.quote.by else ()
        yield from (event.place for event in self.events if event.place)
        for person in self.people:
            yield person.name
            yield from (person.role,) if person.role else ()
        yield from (self.button.text,) if self.button else ()

    def links(self) -> Iterator[Link]:
        """Yield the links that stand by themselves, not within a text."""
        held = (self.image, *self.figures, self.quote, *self.items, *self.events, *self.people, self.button)
        yield from iterate_links(part for part in held if part)


def iterate_links(
    parts: Iterable[Image | Item | KeyFigure | UpcomingEvent | PullQuote | Person | Button],
) -> Iterator[Link]:
    """Yield the link of each part and of the picture that it has, in reading order."""
    for part in parts:
        if isinstance(part, Item | Person) and part.image and part.image.link:
            yield part.image.link
        if part.link:
            yield part.link
