"""Blocks of a page's text: what a reader of the page sees, without the page's layout."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

BREAK = "\n"  # the text of a run that ends a line; other runs have no line ends


class Style(NamedTuple):
    """The look of words that Markdown can say, and where they lead."""

    strong: bool = False
    emphasis: bool = False
    strike: bool = False
    script: Literal["", "^", "~"] = ""
    code: bool = False
    href: str = ""


class Run(NamedTuple):
    """Words of one style, a line's end, or the mark of a footnote, whose label is in `note`."""

    text: str
    style: Style = Style()
    note: str = ""


Runs = list[Run]


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """A quotation, a list's entry or a footnote, which holds blocks. Entries of one list have the same `group`."""

    kind: Literal["quote", "entry", "note"]
    marker: str = ""
    group: int = 0


@dataclass(slots=True)
class PageBlock:
    """A paragraph, heading, table, picture, piece of code or line across, within its containers."""

    kind: Literal["paragraph", "heading", "table", "picture", "code", "rule"]
    containers: tuple[Container, ...] = ()
    runs: Runs = field(default_factory=list)  # of a picture: its caption
    level: int = 0
    rows: list[list[Runs]] = field(default_factory=list)
    text: str = ""  # of code: its lines; of a picture: what it shows
    source: str = ""

    @property
    def words(self) -> str:
        return "".join(" " if run.text == BREAK else run.text for run in self.runs).strip()


def find_linked(runs: Runs) -> list[str]:
    """Return the words of each link."""
    words: dict[str, str] = {}
    for run in runs:
        if run.style.href:
            words[run.style.href] = words.get(run.style.href, "") + run.text
    return list(words.values())
