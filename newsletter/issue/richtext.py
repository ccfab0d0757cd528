"""Inline Markdown as one span stream, which every edition renders for itself.

CommonMark's emphasis, strong, links, code, escapes, entities and autolinks, and the fields of ours
(`{{ name | reader }}`); nothing else, so that raw HTML is shown as text.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from newsletter.validation import Fault

if TYPE_CHECKING:
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

FIELD = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,40})\s*(?:\|\s*([^{}|\n]*?)\s*)?\}\}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\.?")
# Controls, lone surrogates, private use, and the two separators that end a line.
_UNWELCOME = ("Cc", "Cs", "Co", "Zl", "Zp")
_LONGEST_ADDRESS = 2000
LINK_SCHEMES = ("https", "http", "mailto")


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
    href: str
    runs: tuple[Run, ...]


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

    def plain(self) -> str:
        """The words alone, fields by their defaults, paragraphs apart by a blank line."""
        return "\n\n".join("".join(run.text for run in RichText((paragraph,)).runs()) for paragraph in self.paragraphs)


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
    return markdown


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
                yield Link(href=href or "", runs=tuple(inside))
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
        if (message := _address_fault(link.href)) is not None:
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
        return "has a field in its address, and addresses can't hold one yet"
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
            next_step="Write it as {{ name }} or {{ name | reader }}, in small letters.",
        )
