"""The plaintext edition: a template over the same issue, with wrapped lines and numbered links."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wcwidth import wcswidth

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.template_engine import fill_template
from newsletter.field import FieldWriter
from newsletter.issue.blocks import Link, RichText, Spans, TextRun, runs_of
from newsletter.issue.model import Issue

TEMPLATE = "email.txt.j2"
WIDTH = 72
# Between a link's words and its footnote's number, so that no line begins with the number. Drafts hold no
# character of private use, so none of theirs is taken for it.
_BOUND = "\ue000"
# Scripts that are written without spaces: kana, Han, Hangul's neighbours, and their full-width signs.
_UNSPACED = re.compile("[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_ADDRESS = re.compile(r"([a-z]+://[!-~]+)")
_MARKS = {"strong": "*", "emphasis": "_", "code": "`"}


def render_text(context: EditionContext, issue: Issue, fields: FieldWriter) -> str:
    """Return the mail's plain text: wrapped at 72 columns, its links as numbered footnotes below each paragraph."""
    notes = _Footnotes(fields)
    text = fill_template(
        TEMPLATE,
        context.template_path,
        autoescape=False,
        words=context.template_values(issue, fields) | {"reader": fields, "footnotes": notes.take},
        filters={"plain": notes.plain, "paragraphs": notes.paragraphs, "wrapped": _wrap, "underline": _underline},
    ).replace(_BOUND, " ")
    return re.sub(r"[ \t]*\n", "\n", re.sub(r"\n(?:[ \t]*\n)+", "\n\n", text.strip())) + "\n"


@dataclass(frozen=True)
class _Footnote:
    number: int
    href: str


class _Footnotes:
    """The footnotes of an issue: links numbered in reading order, for the template to print in groups."""

    def __init__(self, fields: FieldWriter) -> None:
        self._fields = fields
        self._count = 0
        self._waiting: list[_Footnote] = []

    def plain(self, text: RichText) -> str:
        """Return the words alone, without their links: for headlines."""
        return " ".join(self._mark_styles(run for span in spans for run in runs_of(span)) for spans in text.paragraphs)

    def paragraphs(self, text: RichText) -> list[str]:
        """Return each paragraph with a [number] behind every link."""
        return [self._mark_styles(self._number_links(paragraph)) for paragraph in text.paragraphs]

    def take(self) -> list[_Footnote]:
        """Return the footnotes of all links that were written since the last call."""
        taken, self._waiting = self._waiting, []
        return taken

    def _number_links(self, paragraph: Spans) -> Iterator[TextRun]:
        for span in paragraph:
            yield from runs_of(span)
            if not isinstance(span, Link):
                continue
            self._count += 1
            self._waiting.append(_Footnote(self._count, span.to(self._fields)))
            last = span.runs[-1]
            yield TextRun(text=f"{_BOUND}[{self._count}]", strong=last.strong, emphasis=last.emphasis)

    def _mark_styles(self, runs: Iterable[TextRun]) -> str:
        """Write *strong*, _emphasis_ and `code`, with a mark where a style begins and where it ends."""
        written = ""
        open_: list[str] = []
        for run in runs:
            text = self._fields(run.field, run.text) if run.field else run.text
            styles = [style for style in _MARKS if getattr(run, style)]
            wanted = styles if text.strip() else [style for style in open_ if style != "code"]
            kept = next((n for n, style in enumerate(open_) if style not in wanted), len(open_))
            # A mark is directly at its word: the space before a closing one, and after an opening one, is outside.
            ending = "".join(_MARKS[style] for style in reversed(open_[kept:]))
            if ending:
                bare = written.rstrip(" ")
                written = bare + ending + written[len(bare) :]
            opening = [style for style in wanted if style not in open_[:kept]]
            bare = text.lstrip(" ") if opening else text
            written += text[: len(text) - len(bare)] + "".join(_MARKS[style] for style in opening) + bare
            open_ = open_[:kept] + opening
        bare = written.rstrip(" ")
        return bare + "".join(_MARKS[style] for style in reversed(open_)) + written[len(bare) :]


def _wrap(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> str:
    """Wrap `text` at `width` columns, with `first` before its first line and `rest` before the others.

    Words stay whole, addresses above all; text in a script without spaces is broken where Unicode's line
    breaking algorithm (UAX 14) allows it, so that no line begins with a full stop.
    """
    rest = first if rest is None else rest
    text = re.sub(rf"[ \t\n]+{_BOUND}", _BOUND, text)  # a link's words may end with a space
    lines, line, empty = [], first, True
    for word in re.split("[ \t\n]+", text.strip(" \t\n")):  # a no-break space is part of a word
        for index, piece in enumerate(_split_word(word)):
            space = " " if index == 0 and not empty else ""
            if not empty and _count_columns(line) + len(space) + _count_columns(piece) > width:
                lines.append(line)
                line, space = rest, ""
            line, empty = line + space + piece, False
    return "\n".join([*lines, line])


def _split_word(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    # Only here, where it is needed: its tables take a while to load.
    from uniseg.linebreak import line_break_units

    parts = _ADDRESS.split(word)  # every second one is an address
    pieces: list[str] = []
    for number, part in enumerate(parts):
        for piece in [part] if number % 2 else line_break_units(part):
            if pieces and piece.startswith(_BOUND):
                pieces[-1] += piece
            elif piece:
                pieces.append(piece)
    return pieces


def _count_columns(text: str) -> int:
    return max(0, wcswidth(text))


def _underline(text: str, mark: str = "-") -> str:
    return f"{text}\n{mark * max([1, *map(_count_columns, text.splitlines())])}"
