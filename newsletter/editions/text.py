"""The plaintext edition: a template over the same issue, worth reading in itself."""

import re
from dataclasses import dataclass
from functools import partial

from wcwidth import wcswidth, wrap

from newsletter.editions.press import FieldWriter, Press
from newsletter.editions.templates import fill
from newsletter.issue.model import Issue
from newsletter.issue.richtext import Link, Paragraph, RichText, Run

TEMPLATE = "email.txt.j2"
WIDTH = 72


def render_text(press: Press, issue: Issue, fields: FieldWriter) -> str:
    """The mail's plain text: wrapped at 72 columns, its links as numbered footnotes below each paragraph."""
    notes = _Footnotes(fields)
    text = fill(
        TEMPLATE,
        press.template_path,
        autoescape=False,
        words=press.words(issue) | {"reader": fields, "footnotes": notes.take},
        filters={"plain": notes.plain, "paragraphs": notes.paragraphs, "wrapped": _wrapped, "underline": _underline},
    )
    return re.sub(r"[ \t]*\n", "\n", re.sub(r"\n(?:[ \t]*\n)+", "\n\n", text.strip())) + "\n"


@dataclass(frozen=True)
class _Footnote:
    number: int
    href: str


class _Footnotes:
    """Numbers an issue's links in reading order, and hands them out where the template wants them."""

    def __init__(self, fields: FieldWriter) -> None:
        self._fields = fields
        self._count = 0
        self._waiting: list[_Footnote] = []

    def plain(self, text: RichText) -> str:
        """The words alone, without their links: for headlines."""
        return " ".join(
            "".join(self._run(run) for run in RichText((paragraph,)).runs()) for paragraph in text.paragraphs
        )

    def paragraphs(self, text: RichText) -> list[str]:
        """Each paragraph with a [number] behind every link."""
        return [self._paragraph(paragraph) for paragraph in text.paragraphs]

    def take(self) -> list[_Footnote]:
        """The footnotes of all that was written since they were last taken."""
        taken, self._waiting = self._waiting, []
        return taken

    def _paragraph(self, paragraph: Paragraph) -> str:
        return "".join(self._link(span) if isinstance(span, Link) else self._run(span) for span in paragraph)

    def _link(self, link: Link) -> str:
        self._count += 1
        self._waiting.append(_Footnote(self._count, link.href))
        return f"{''.join(self._run(run) for run in link.runs)} [{self._count}]"

    def _run(self, run: Run) -> str:
        text = self._fields(run.field, run.text) if run.field else run.text
        mark = "*" if run.strong else "_" if run.emphasis else "`" if run.code else ""
        return f"{mark}{text}{mark}" if text.strip() else text


def _wrapped(text: str, first: str = "", rest: str | None = None, width: int = WIDTH) -> str:
    """`text` within `width` columns, its first line behind `first`, the others behind `rest`."""
    fold = partial(wrap, width=width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(fold(text, initial_indent=first, subsequent_indent=first if rest is None else rest))


def _underline(text: str, mark: str = "-") -> str:
    return f"{text}\n{mark * min(max(wcswidth(text), 1), WIDTH)}"
