"""Inline Markdown as one span stream, which every edition renders for itself.

CommonMark's emphasis, strong, links, code, escapes, entities and autolinks, and the fields of ours
(`{{ name | reader }}`), in text and within a link's address; nothing else, so that raw HTML is shown as text.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import mdurl
from markdown_it import MarkdownIt, helpers
from markdown_it.common.normalize_url import normalizeLink

from newsletter.field import FIELD, Field, Fielded, FieldWriter, address, default_fields, fielded, takes_field
from newsletter.validation import Fault

if TYPE_CHECKING:
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")
# Controls, lone surrogates, private use, and the two separators that end a line.
_UNWELCOME = ("Cc", "Cs", "Co", "Zl", "Zp")
_LONGEST_ADDRESS = 2000
LINK_SCHEMES = ("https", "http", "mailto")
# What hides a field in an address from CommonMark's rules. Of private use, and so a fault in any draft.
_MARK, _FILLING = "\ue001", "\ue002"
_UNESCAPED_FIELD = re.compile(rf"(?<!\\){FIELD.pattern}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Text in one style. When `field` names what differs by reader, `text` is its default."""

    text: str
    strong: bool = False
    emphasis: bool = False
    code: bool = False
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Words that lead somewhere. The fields of an address stand behind its host alone."""

    address: Fielded
    runs: tuple[Run, ...]

    @property
    def href(self) -> str:
        """The address where no single reader is meant: its fields by their defaults."""
        return self.to(default_fields)

    def to(self, fields: FieldWriter) -> str:
        """The address with what `fields` writes in it, percent-encoded."""
        return address(self.address, fields)


Paragraph = tuple[Run | Link, ...]


@dataclass(frozen=True, slots=True)
class RichText:
    """Paragraphs of runs and links."""

    paragraphs: tuple[Paragraph, ...]

    def runs(self) -> Iterator[Run]:
        for paragraph in self.paragraphs:
            for span in paragraph:
                yield from span.runs if isinstance(span, Link) else (span,)

    def links(self) -> Iterator[Link]:
        return (span for paragraph in self.paragraphs for span in paragraph if isinstance(span, Link))

    def fields(self) -> Iterator[Field]:
        """Every field, in the words and in the links' addresses."""
        yield from (Field(run.field, run.text) for run in self.runs() if run.field)
        yield from (piece for link in self.links() for piece in link.address if isinstance(piece, Field))

    def plain(self, fields: FieldWriter = default_fields) -> str:
        """The words alone, fields as `fields` writes them, paragraphs apart by a blank line."""
        return "\n\n".join(
            "".join(fields(run.field, run.text) if run.field else run.text for run in RichText((paragraph,)).runs())
            for paragraph in self.paragraphs
        )


def parse(source: str) -> tuple[RichText, list[Fault]]:
    """Read inline Markdown; a blank line starts a paragraph. Returns the text and all that is wrong in it."""
    faults = list(control_characters(source))
    paragraphs: list[Paragraph] = []
    for part in re.split(r"\n[ \t]*\n", source.strip()):
        tokens = _markdown().parseInline(part)[0].children or []
        paragraphs.append(tuple(_spans(tokens)))
        # An entity such as &#13; shows its character only now.
        words = RichText((paragraphs[-1],)).plain()
        faults += [fault for fault in control_characters(words) if fault.needle not in part]
        faults += _link_faults(paragraphs[-1])
        faults += _leftover_faults(part, paragraphs[-1])
    return RichText(tuple(paragraphs)), faults


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("zero").enable(["emphasis", "link", "backticks", "escape", "entity", "autolink"])
    markdown.inline.ruler.before("escape", "field", _field_rule)
    # Every address becomes a link here and is judged below, where the writer can be told why.
    markdown.validateLink = lambda _url: True  # type: ignore[method-assign, assignment]  # documented so
    markdown.normalizeLink = _normalised  # type: ignore[method-assign]  # documented so
    markdown.helpers = SimpleNamespace(  # type: ignore[assignment]  # a module by default, asked for these three
        parseLinkDestination=_destination,
        parseLinkLabel=helpers.parseLinkLabel,
        parseLinkTitle=helpers.parseLinkTitle,
    )
    return markdown


def _destination(source: str, start: int, end: int) -> Any:
    """A link's address as CommonMark reads it, except that a field in it is whole, spaces and all."""
    hidden = _UNESCAPED_FIELD.sub(lambda field: _MARK + _FILLING * (len(field[0]) - 1), source)
    found = helpers.parseLinkDestination(hidden, start, end)
    if found.ok and _MARK in found.str:
        first, *others = re.split(f"{_MARK}{_FILLING}+", found.str)
        fields = _UNESCAPED_FIELD.finditer(source, start, end)
        # What stands behind a field is never the host, so it is encoded without being taken apart.
        rest = [field[0] + mdurl.encode(part) for field, part in zip(fields, others, strict=False)]
        found.str = normalizeLink(first) + "".join(rest)
    return found


def _normalised(url: str) -> str:
    """An address in ASCII. One with a field was made so when it was read; between < and > none is taken."""
    return url if FIELD.search(url) else normalizeLink(url)


def _field_rule(state: "StateInline", silent: bool) -> bool:
    match = FIELD.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        token = state.push("field", "", 0)
        token.content = match[2] or ""
        token.meta = {"name": match[1]}
    state.pos = match.end()
    return True


def _spans(tokens: "list[Token]") -> Iterator[Run | Link]:
    style = Run(text="")
    href: str | None = None
    inside: list[Run] = []
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                style = replace(style, strong=token.nesting == 1)
            case "em_open" | "em_close":
                style = replace(style, emphasis=token.nesting == 1)
            case "link_open":
                href, inside = str(token.attrs["href"]), []
            case "link_close":
                yield Link(address=fielded(href or ""), runs=tuple(inside))
                href = None
            case _:
                # A hard break is a line's end after a backslash: a space, as every line's end is.
                text = " " if token.type == "hardbreak" else re.sub(r"[ \t\n]+", " ", token.content)
                run = replace(
                    style,
                    text=text,
                    code=token.type == "code_inline",
                    field=token.meta["name"] if token.type == "field" else None,
                )
                if href is not None and (text or run.field):
                    inside.append(run)
                elif text or run.field:
                    yield run


def control_characters(source: str) -> Iterator[Fault]:
    """A fault for each character that would act on a terminal or a header instead of being read."""
    for character in sorted(set(source)):
        unwelcome = unicodedata.category(character) in _UNWELCOME or is_noncharacter(character)
        if unwelcome and character not in "\n\t":
            yield Fault(
                code="control-character",
                needle=character,
                message=f"the control character {character!a} stands in this text",
                next_step="Delete it.",
            )


def is_noncharacter(character: str) -> bool:
    """Code points that will never be characters (Unicode, 23.7), and that XML can't hold."""
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _link_faults(paragraph: Paragraph) -> Iterator[Fault]:
    for link in RichText((paragraph,)).links():
        label = "".join(run.text for run in link.runs)
        if not label.strip():
            yield Fault(
                code="link-text",
                message=f"the link to {link.href} has no text",
                needle="[](",
                next_step="Put the words to click between the brackets.",
            )
        start = link.address[0] if link.address and isinstance(link.address[0], str) else ""
        if any(isinstance(piece, Field) for piece in link.address) and not takes_field(start):
            yield Fault(
                code="link-address",
                message=f"the link {label!r} has a field in its address where it could lead anywhere",
                needle=f"]({start}{{{{",
                next_step="Put it behind the web site's name, as in https://example.org/?who={{ email }}, "
                "or behind the ? of a mailto: address.",
            )
        elif (message := _address_fault(link.href)) is not None:
            yield Fault(
                code="link-address",
                message=f"the link {label!r} {message}",
                needle=f"]({link.href}",
                next_step="Give it an address beginning with https://, http:// or mailto:.",
            )


def _address_fault(href: str) -> str | None:
    if href.strip("#") == "":
        return f"leads nowhere ({href!r})"
    if "%7B%7B" in href.upper():
        return "has what looks like a field in its address, and can't be read as one"
    if len(href) > _LONGEST_ADDRESS:
        return f"has an address of {len(href):,} characters"
    try:
        parts = urlsplit(href)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        return f"has an address that can't be read ({href})"
    if parts.scheme not in LINK_SCHEMES:
        return f"has an address that readers can't follow ({href})"
    if parts.scheme == "mailto":
        return None if "@" in parts.path else f"names no mail address ({href})"
    return None if _HOST.fullmatch(host or "") else f"names no web site ({href})"


def _leftover_faults(source: str, paragraph: Paragraph) -> Iterator[Fault]:
    """Marks that look like a link or a field, and were read as neither."""
    text = "".join(run.text for run in RichText((paragraph,)).runs() if not run.code and not run.field)
    if "](" in text and "\\]" not in source:
        yield Fault(
            code="link-broken",
            message="this looks like a link, but can't be read as one",
            needle=text[text.index("](") :].split(" ")[0],
            next_step="Write it as [words](https://example.org/page), with no space in the address.",
        )
    elif match := re.search(r"\] +\((?:https?|mailto):", text):
        yield Fault(
            code="link-broken",
            message="this looks like a link, but a space stands between its words and its address",
            needle=match[0],
            next_step="Take the space out: [words](https://example.org/page).",
        )
    if ("{{" in text or "}}" in text) and "\\{" not in source and "\\}" not in source:
        yield Fault(
            code="field",
            message="this looks like a field, but can't be read as one",
            needle=text[text.index("{{") :][:6] if "{{" in text else "}}",
            next_step="Write it as {{ name }} or {{ name | reader }}, in small letters; in an address as "
            "[words](https://example.org/?who={{ email }}).",
        )
