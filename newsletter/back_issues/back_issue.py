"""A back issue as it was found: the parts of a draft, as Markdown that drafts may hold."""

import datetime
from dataclasses import dataclass

Comments = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPicture:
    """A picture that an issue shows. `source` is how the text names it: a path, an address or an embedded name."""

    source: str
    alt: str = ""
    caption: str = ""
    credit: str = ""
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """A headline with its detail; `comments` say in a line each what could not be decided about it."""

    headline: str
    detail: str
    link: str | None = None
    comments: Comments = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSection:
    """A section: a title, a text and items, each of which may be absent."""

    title: str = ""
    text: str = ""
    items: tuple[FoundItem, ...] = ()
    comments: Comments = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackIssue:
    """An issue in another form, as far as its text says what is what. Its texts are Markdown that drafts may hold."""

    volume: int | None = None
    number: int | None = None
    date: datetime.date | None = None
    slug: str | None = None
    title: str = ""
    headlines_title: str = ""
    intro: str = ""
    picture: FoundPicture | None = None
    items: tuple[FoundItem, ...] = ()
    sections: tuple[FoundSection, ...] = ()
    note: str = ""
    comments: Comments = ()
