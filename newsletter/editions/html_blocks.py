"""Rich text as HTML: the blocks of a text as elements, for the email and for web pages."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from markupsafe import Markup

from newsletter.editions.html_emphasis import write_emphasis
from newsletter.editions.html_tables import write_table
from newsletter.field import FieldWriter, write_default
from newsletter.issue.blocks import (
    Block,
    Blocks,
    CodeBlock,
    FootnoteMark,
    Heading,
    LineBreak,
    Link,
    ListBlock,
    Paragraph,
    PictureBlock,
    Quotation,
    RichText,
    Span,
    Spans,
    TableBlock,
    TextRun,
    ThematicBreak,
)
from newsletter.issue.model import Issue
from newsletter.translation import find_direction

# How far each of these is set in, in pixels, as the style sheets say: there a picture has less room.
_LIST_INDENT, _QUOTE_INDENT = 26, 22
# Returns the address to which a link's leads, None where it leads nowhere in this edition.
AddressFinder = Callable[[str], str | None]
# Returns a picture's `src`, `width` and `height` by the name of its file.
PictureFinder = Callable[[str], Mapping[str, Any]]
_HIGHEST_HEADING = 6


def is_rich(issue: Issue, *more: RichText) -> bool:
    """Return whether an issue holds more than headlines with paragraphs, which wants more styles.

    The short form is spared them: they are half as long as a short issue, and Gmail cuts off long mails.
    """
    shown = [issue.image] if issue.image else []
    return bool(
        issue.sections
        or any(image.link or image.caption for image in shown)
        or any(item.image or item.link for item in issue.items)
        or not all(_is_plain(text) for text in (*issue.texts(), *more))
    )


def _is_plain(text: RichText) -> bool:
    return (
        not text.footnotes
        and all(isinstance(block, Paragraph) for block in text.blocks)
        and not any(run.script for run in text.runs())
    )


class HtmlWriter:
    """The writer of one issue's texts as HTML.

    `is_email` writes what mail clients need: anchors by name, and no elements that Word's engine does not know. `page`
    is the page's address before its anchors, "" on the page itself. `language` is the publication's.
    """

    def __init__(
        self,
        fields: FieldWriter,
        language: str,
        find_address: AddressFinder,
        find_picture: PictureFinder,
        *,
        is_email: bool,
        page: str = "",
    ) -> None:
        self._fields = fields
        self._language = language
        self._direction = find_direction(language)
        self._find_address = find_address
        self._find_picture = find_picture
        self.is_email = is_email
        self._page = page
        self._noted = 0  # texts with footnotes so far, which makes their anchors unique
        self._marked: set[str] = set()  # marks of footnotes that have an anchor: a note may be marked twice

    def inline(self, text: RichText | Spans) -> Markup:
        """Return words for a line: a headline, a credit, a cell."""
        if isinstance(text, RichText):
            return Markup("<br>").join(map(self._write_spans, text.paragraphs))
        return self._write_spans(text)

    def paragraphs(self, text: RichText) -> list[Markup]:
        """Return each paragraph's words. Raises ValueError for a text that holds other blocks, which would be lost."""
        if text.footnotes or not all(isinstance(block, Paragraph) for block in text.blocks):
            raise ValueError("this text holds more than paragraphs: write {{ block }} for each of `text | blocks`")
        return [self._write_spans(spans) for spans in text.paragraphs]

    def address(self, link: Link) -> str | None:
        """Return the address of a link that stands by itself; None where it leads nowhere in this edition."""
        return self._find_address(link.to(self._fields))

    def blocks(
        self, text: RichText, kind: str = "", level: int = 2, anchor: str = "", room: int | None = None
    ) -> list[Markup]:
        """Return each block of a text as an element, its footnotes as the last.

        `kind` is the class of paragraphs and lists, `level` that of its sub-headings, `anchor` a name by which links
        reach its beginning, `room` the width that a picture may take, in pixels.
        """
        self._noted += bool(text.footnotes)
        first = self._write_anchor(anchor) if anchor else Markup("")
        writer = _BlockWriter(self, kind=kind, level=min(level, _HIGHEST_HEADING), room=room, first=first)
        written = writer.write(text.blocks)
        if text.footnotes:
            notes = [self._write_note(writer, note.number, note.blocks) for note in text.footnotes]
            role = Markup("") if self.is_email else Markup(' role="doc-endnotes"')
            written.append(Markup('<div class="notes"{}>\n{}\n</div>').format(role, Markup("\n").join(notes)))
        return written

    def _write_note(self, writer: "_BlockWriter", number: int, blocks: Blocks) -> Markup:
        note, mark = self._name_note(number), self._name_mark(number)
        role = Markup("") if self.is_email else Markup(' role="doc-backlink"')
        back = Markup('{}<sup><a href="{}#{}"{}>{}</a></sup> ').format(
            self._write_anchor(note), self._page, mark, role, number
        )
        return Markup("\n").join(writer.within(kind="footnote", first=back).write(blocks))

    def _name_note(self, number: int) -> str:
        return f"note-{self._noted}-{number}"

    def _name_mark(self, number: int) -> str:
        return f"mark-{self._noted}-{number}"

    def _write_anchor(self, name: str) -> Markup:
        # Gmail and Outlook jump to an empty anchor's name; on a web page it is an id alone that is valid.
        if self.is_email:
            return Markup('<a id="{0}" name="{0}"></a>').format(name)
        return Markup('<a id="{}"></a>').format(name)

    def _write_spans(self, spans: Spans) -> Markup:
        return Markup("").join(map(self._write_span, spans))

    def _write_span(self, span: Span) -> Markup:
        match span:
            case TextRun():
                return self._write_run(span)
            case Link():
                inside = Markup("").join(map(self._write_run, span.runs))
                address = self._find_address(span.to(self._fields))
                return inside if address is None else Markup('<a href="{}">{}</a>').format(address, inside)
            case LineBreak():
                return Markup("<br>")
            case FootnoteMark(number):
                return self._write_mark(number)

    def _write_mark(self, number: int) -> Markup:
        name, anchor = self._name_mark(number), Markup("")
        if name not in self._marked:
            self._marked.add(name)
            form = Markup(' id="{0}" name="{0}"') if self.is_email else Markup(' id="{0}"')
            anchor = form.format(name)
        role = Markup("") if self.is_email else Markup(' role="doc-noteref"')
        return Markup('<sup><a{} href="{}#{}"{}>{}</a></sup>').format(
            anchor, self._page, self._name_note(number), role, number
        )

    def _write_run(self, run: TextRun) -> Markup:
        text = self._fields(run.field, run.text) if run.field else run.text
        html = escape(text)
        if run.emphasis and not run.code:
            html = write_emphasis(text, run.language or self._language, is_email=self.is_email)
        if run.code:
            html = f'<code dir="ltr">{html}</code>'  # a word of code is itself within a right-to-left sentence, too
        script = {"": "", "super": "sup", "sub": "sub"}[run.script]
        for tag, on in (
            (script, run.script),
            ("s", run.strike),
            ("em", run.emphasis and run.code),
            ("strong", run.strong),
        ):
            if on:
                html = f"<{tag}>{html}</{tag}>"
        if run.language:
            direction = find_direction(run.language)
            along = "" if direction == self._direction else f' dir="{direction}"'
            html = f'<span lang="{escape(run.language)}"{along}>{html}</span>'
        return Markup(html)  # noqa: S704  # escaped above, tags of ours around it

    def write_picture(self, picture: PictureBlock, room: int | None, first: Markup) -> Markup:
        """Return a picture within a text, with its caption below; in the email `first` stands in its paragraph.

        Word's engine sets a list's number on the line of the entry's first paragraph: an empty one would hide it.
        """
        shown = self._find_picture(picture.file)
        width = shown["width"] if room is None else min(shown["width"], room)
        if self.is_email:
            # Without a height, which a client that blocks pictures would keep free; all work it out from the width.
            image = Markup('<img class="picture" src="{0}" alt="{1}" width="{2}" style="max-width: {2}px">').format(
                shown["src"], picture.alt, width
            )
            caption = Markup('<p class="caption">{}</p>') if picture.caption else Markup("{}")
            return Markup('<p class="figure">{}{}</p>{}').format(
                first, image, caption.format(self._write_spans(picture.caption))
            )
        image = Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
            shown["src"], picture.alt, shown["width"], shown["height"]
        )
        caption = Markup("<figcaption>{}</figcaption>") if picture.caption else Markup("{}")
        return _write_alone(first) + Markup('<figure class="picture">{}{}</figure>').format(
            image, caption.format(self._write_spans(picture.caption))
        )


def make_page_writer(language: str) -> HtmlWriter:
    """Return the writer for pages that belong to no issue, whose texts hold no pictures."""

    def find_picture(file: str) -> Mapping[str, Any]:
        raise ValueError(f"the picture {file} belongs to no issue")

    return HtmlWriter(write_default, language, lambda href: href, find_picture, is_email=False)


class _BlockWriter:
    """The writer of the blocks of one text, at one depth in it. `first` stands before the first words."""

    def __init__(self, html: HtmlWriter, *, kind: str, level: int, room: int | None, first: Markup) -> None:
        self._html = html
        self._kind = kind
        self._level = level
        self._room = room
        self._first = first

    def within(self, *, kind: str | None = None, first: Markup | None = None, indent: int = 0) -> "_BlockWriter":
        """Return a writer for blocks within a block, set in by `indent` pixels."""
        room = None if self._room is None else self._room - indent
        kind = self._kind if kind is None else kind
        return _BlockWriter(
            self._html, kind=kind, level=self._level, room=room, first=self.take_first() if first is None else first
        )

    def write(self, blocks: Blocks) -> list[Markup]:
        return [self._write_block(block) for block in blocks]

    def take_first(self) -> Markup:
        taken, self._first = self._first, Markup("")
        return taken

    def _write_block(self, block: Block) -> Markup:
        match block:
            case Paragraph(spans):
                return Markup("<p{}>{}{}</p>").format(self._class(), self.take_first(), self._html.inline(spans))
            case Heading(spans):
                words = self._html.inline(spans)
                return Markup('<h{0} class="subhead">{1}{2}</h{0}>').format(self._level, self.take_first(), words)
            case ListBlock():
                return self._write_list(block)
            case Quotation(blocks):
                inside = Markup("\n").join(self.within(kind="", indent=_QUOTE_INDENT).write(blocks))
                return Markup('<blockquote class="quotation">\n{}\n</blockquote>').format(inside)
            case PictureBlock():
                return self._html.write_picture(block, self._room, self.take_first())
            case TableBlock():
                table = write_table(block, self._html.inline, is_email=self._html.is_email)
                return _write_alone(self.take_first()) + table
            case CodeBlock(text=text):
                # The first line's end would be dropped (HTML, 13.1.2.5).
                lines = "\n" + text if text.startswith("\n") else text
                code = Markup('<pre dir="ltr"><code>{}</code></pre>').format(lines)
                return _write_alone(self.take_first()) + (_frame_code(code) if self._html.is_email else code)
            case ThematicBreak():
                return _write_alone(self.take_first()) + Markup('<hr class="across">')

    def _class(self, *also: str) -> Markup:
        names = " ".join(name for name in (*also, self._kind) if name)
        return Markup(' class="{}"').format(names) if names else Markup("")

    def _write_list(self, block: ListBlock) -> Markup:
        tag = "ul" if block.first is None else "ol"
        start = Markup(' start="{}"').format(block.first) if block.first not in (None, 1) else Markup("")
        tight = block.is_tight  # asked once: it looks at every entry
        entries = Markup("\n").join(self._write_entry(entry, tight=tight) for entry in block.entries)
        also = "bullets" if block.first is None else "numbers"
        return Markup("<{0}{1}{2}>\n{3}\n</{0}>").format(tag, self._class(also), start, entries)

    def _write_entry(self, entry: Blocks, *, tight: bool) -> Markup:
        writer = self.within(indent=_LIST_INDENT)
        if tight and entry and isinstance(entry[0], Paragraph):
            begin, rest = writer.take_first() + self._html.inline(entry[0].spans), entry[1:]
        else:
            begin, rest = Markup(""), entry
        inside = Markup("\n").join([*([begin] if begin else []), *writer.write(rest)])
        return Markup("<li>{}</li>").format(inside)


def _write_alone(first: Markup) -> Markup:
    """Return what stands before the first words in a paragraph of its own, for a block that has no words to begin."""
    return Markup('<p class="anchor">{}</p>').format(first) if first else first


def _frame_code(code: Markup) -> Markup:
    """Return code on a ground, with room below.

    By the cells of a table: Word's engine makes a paragraph of each line of a <pre>, and gives the margin that the
    <pre> has to every one of them, but never its padding.
    """
    return Markup(
        '<table class="code" role="presentation" cellpadding="0" cellspacing="0" border="0" width="100%">'
        '<tr><td class="ground">{}</td></tr><tr><td class="gap"></td></tr></table>'
    ).format(code)
