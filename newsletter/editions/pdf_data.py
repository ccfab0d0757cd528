"""An issue as data for the PDF's templates."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.link_targets import LinkTargets, name_item
from newsletter.editions.pdf_text import (
    FEW_LINES,
    MOST_LINES,
    Data,
    TextConverter,
    make_breakable,
    measure_words,
    split_language,
)
from newsletter.editions.pictures import Picture
from newsletter.editions.scripts import DOTTED, WEIGHTED, find_script
from newsletter.editions.typefaces import EMOJI, select_families
from newsletter.issue.model import Issue
from newsletter.issue.sections import Image, IssueSection, Item, KeyFigure, Person, PullQuote, UpcomingEvent

if TYPE_CHECKING:
    from typst import Fonts

# Scripts whose typefaces are large, and so come in one weight; as Typst's regular expression.
_IDEOGRAPHS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u{3000}-\u{303F}\u{FF00}-\u{FFEF}]+"
_IDEOGRAPHIC = re.compile(r"\b(CJK|JP|KR|SC|TC|HK)\b")
_BOLD = 600
_LONG_TITLE = re.compile(r"[!-\u052f]{30,}")


def collect_data(
    context: EditionContext, issue: Issue, fonts: "Fonts", pictures: Mapping[str, Picture], printed: Sequence[str]
) -> Data:
    """Return all that the templates show.

    `pictures` has those of the issue by their files' names in the draft, `printed` the templates' own words.
    """
    families = fonts.families()
    has_bold = any(font.weight >= _BOLD and _IDEOGRAPHIC.search(font.family) for font in fonts.fonts())
    publication, theme, layout = context.config.publication, context.config.theme, context.config.pdf
    public, label = issue.seen_by(frozenset()), context.label(issue)
    language, region = split_language(publication.language)
    converter = TextConverter(
        print_links=layout.print_links,
        columns=layout.columns,
        pictures=pictures,
        resolve=_make_resolver(context.link_targets(public)),
        select_fonts=lambda tag: (
            None
            if find_script(tag) in (None, find_script(publication.language))
            else select_families(theme.font, tag, families)
        ),
    )
    headlines = context.config.layout.headlines
    parts = _PartConverter(context, converter)
    return {
        "publication": {
            "title": publication.title,
            "title_shown": make_breakable(publication.title, _LONG_TITLE),
            "language": language,
            "region": region,
            "direction": publication.direction,
            "contact": publication.contact,
            "website": publication.website,
            "author": context.config.sender.from_.name or publication.title,
        },
        "theme": {
            **{name: theme.on_paper(name) for name in ("text", "link", "accent", "quiet")},
            **{name: getattr(theme, name) for name in ("rule", "masthead", "masthead_text", "dateline")},
            "font": select_families(theme.font, publication.language, families),
            "heading_font": select_families(theme.heading_font, publication.language, families),
            "emoji": EMOJI if EMOJI in families else None,
            "thin": None if has_bold else _IDEOGRAPHS,
            "dotted": f"[{DOTTED}]+",
            "weighted": f"[{WEIGHTED}]+",
        },
        "layout": {
            "paper": layout.paper,
            "columns": layout.columns,
            "print_links": layout.print_links,
            "headlines": headlines,
        },
        "translation": {
            "words_language": context.translator.words_language,
            "direction": context.translator.direction,
            "joins_letters": context.translator.joins_letters,
            "words": {text: context.translator.translate(text) for text in printed},
        },
        "label": label,
        "corrections": [
            {"date": mark.date.strip("\u2068\u2069"), "words": mark.words, "href": mark.address}
            for mark in context.correction_marks(issue)
        ],
        "date": issue.date.isoformat(),
        "date_words": context.template_values(issue)["date"].strip("\u2068\u2069"),
        "headlines_title": issue.headlines_title,
        "keywords": [words for words in (publication.title, label, issue.headlines_title) if words],
        "logo": None,
        "image": parts.convert_image(public.image),
        "contents": bool(context.list_contents(public)),
        "intro": converter.convert(public.intro, level=2),
        "items": [parts.convert_item(item, 3, has_heading=headlines != "list") for item in public.items],
        "tall": sum(measure_words(item.headline.plain()) for item in public.items) > MOST_LINES,
        "sections": [parts.convert_section(section) for section in public.sections],
        "closing_tall": not converter.fit(*(text for text in (public.note, context.about) if text)),
        "note": converter.convert(public.note, level=2),
        "about": converter.convert(context.about, level=2),
    }


def _make_resolver(targets: LinkTargets) -> Callable[[str], str]:
    """Return the function for an address in the draft: an item's leads to its place in the PDF, if it is there."""

    def resolve(href: str) -> str:
        if not href.startswith("#"):
            return targets.whole(href) or href
        place = targets.find_item(href)
        return f"#{name_item(place)}" if place else ""

    return resolve


class _PartConverter:
    """A converter of an issue's items and sections, in reading order; items are counted through the issue."""

    def __init__(self, context: EditionContext, converter: TextConverter) -> None:
        self._context = context
        self._converter = converter
        self._items = 0

    def convert_image(self, image: Image | None) -> Data | None:
        if image is None:
            return None
        return {
            **self._converter.convert_picture(image.file, image.alt),
            "link": self._converter.convert_link(image.link),
            "caption": self._converter.convert_line(image.caption),
            "credit": self._converter.convert_line(image.credit),
        }

    def convert_item(self, item: Item, level: int, *, has_heading: bool) -> Data:
        """Return an item as data. `level` is that of its headline or, where that is no heading, of its sub-headings."""
        self._items += 1
        most = FEW_LINES if has_heading else MOST_LINES
        return {
            "id": name_item(self._items),
            "level": level,
            "headline": self._converter.convert_line(item.headline),
            "tall": bool(item.image) or not self._converter.fit(item.detail, most=most),
            "image": self.convert_image(item.image),
            "detail": self._converter.convert(item.detail, level + has_heading, most),
            "link": self._converter.convert_link(item.link),
        }

    def convert_section(self, section: IssueSection) -> Data:
        level = 3 if section.title else 2
        return {
            "title": self._converter.convert_line(section.title),
            "image": self.convert_image(section.image),
            "text": self._converter.convert(section.text, level, FEW_LINES),
            "figures": [self._convert_figure(figure, level) for figure in section.figures],
            "quote": self._convert_quote(section.quote, level),
            "items": [self.convert_item(item, level, has_heading=True) for item in section.items],
            "events": [self._convert_event(event) for event in section.events],
            "people": [self._convert_person(person, level) for person in section.people],
            "button": section.button
            and {
                "text": make_breakable(section.button.text),
                "link": self._converter.convert_link(section.button.link),
            },
        }

    def _convert_figure(self, figure: KeyFigure, level: int) -> Data:
        return {
            "number": make_breakable(figure.number),
            "link": self._converter.convert_link(figure.link),
            "tall": not self._converter.fit(figure.text, most=FEW_LINES),
            "text": self._converter.convert(figure.text, level, FEW_LINES),
        }

    def _convert_quote(self, quote: PullQuote | None, level: int) -> Data | None:
        if quote is None:
            return None
        return {
            "tall": not self._converter.fit(quote.text, most=FEW_LINES),
            "text": self._converter.convert(quote.text, level, FEW_LINES),
            "by": quote.by and make_breakable(quote.by),
            "link": self._converter.convert_link(quote.link),
        }

    def _convert_event(self, event: UpcomingEvent) -> Data:
        return {
            "when": self._context.format_event_time(event).strip("\u2068\u2069"),
            "link": self._converter.convert_link(event.link),
            "title": self._converter.convert_line(event.title),
            "place": event.place and make_breakable(event.place),
        }

    def _convert_person(self, person: Person, level: int) -> Data:
        return {
            "image": self.convert_image(person.image),
            "name": make_breakable(person.name),
            "link": self._converter.convert_link(person.link),
            "role": person.role and make_breakable(person.role),
            "tall": person.text is not None and not self._converter.fit(person.text, most=FEW_LINES),
            "text": self._converter.convert(person.text, level, FEW_LINES),
        }
