"""Running words of the plaintext edition: styles by marks, links by the numbers of their notes."""

import re
from collections.abc import Callable, Iterable, Iterator

from newsletter.editions.plaintext_wrapping import BOUND, BREAK, JOIN
from newsletter.field import FieldWriter
from newsletter.issue.blocks import FootnoteMark, LineBreak, Link, Span, TextRun, runs_of

# The marks that messengers have made known, WhatsApp's above all; Markdown's two tildes are for programmers.
_MARKS = {"strong": "*", "emphasis": "_", "strike": "~", "code": "`"}
_BLANK = f" \t\n{BREAK}"
_RAISED = dict(zip("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_LOWERED = dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True))
# "1st" and "20e" are written so where there is nothing to raise letters with.
_ORDINAL = re.compile(r"[^\W\d_]{2,3}|e")


# Returns the number of the note of a link or a footnote's mark; None for a link without one.
Numberer = Callable[[Link | FootnoteMark], int | None]


def write_spans(spans: Iterable[Span], fields: FieldWriter, number: Numberer) -> str:
    """Return the words of spans with the marks of their styles, and the number of its note behind each link."""
    return write_runs(_number_links(spans, number), fields)


def write_runs(runs: Iterable[TextRun], fields: FieldWriter) -> str:
    """Return words with *strong*, _emphasis_, ~strike~ and `code`: a mark where a style begins and where it ends."""
    written = ""
    open_: list[str] = []
    for run in runs:
        text = fields(run.field, run.text) if run.field else _write_script(run, written)
        styles = [style for style in _MARKS if getattr(run, style)]
        wanted = styles if text.strip(_BLANK) else [style for style in open_ if style != "code"]
        kept = next((n for n, style in enumerate(open_) if style not in wanted), len(open_))
        # A mark is directly at its word: the space before a closing one, and after an opening one, is outside.
        written = _close(written, open_[kept:])
        opening = [style for style in wanted if style not in open_[:kept]]
        bare = text.lstrip(" ") if opening else text
        written += text[: len(text) - len(bare)] + "".join(_MARKS[style] + JOIN for style in opening) + bare
        open_ = open_[:kept] + opening
    return _close(written, open_)


def _close(written: str, styles: list[str]) -> str:
    """Return the words with the marks that end the styles, before the space behind the last word."""
    bare = written.rstrip(f" {BREAK}") if styles else written
    return bare + "".join(JOIN + _MARKS[style] for style in reversed(styles)) + written[len(bare) :]


def _number_links(spans: Iterable[Span], number: Numberer) -> Iterator[TextRun]:
    last = TextRun(text="")
    for span in spans:
        match span:
            case LineBreak():
                yield TextRun(text=BREAK)
                continue
            case Link() | FootnoteMark():
                yield from runs_of(span)
                last = span.runs[-1] if isinstance(span, Link) else last
                note = number(span)
                text = f"{BOUND}[{note}]" if note else ""
                yield TextRun(text=text, strong=last.strong, emphasis=last.emphasis, strike=last.strike)
            case TextRun():
                yield span
                last = span


def _write_script(run: TextRun, before: str) -> str:
    """Return a text above or below the line in Unicode's own characters, or behind a ^ or a _ where there are none."""
    if not run.script or not run.text.strip():
        return run.text
    table, mark = (_RAISED, "^") if run.script == "super" else (_LOWERED, "_")
    if all(letter in table for letter in run.text):
        return "".join(table[letter] for letter in run.text)
    if run.script == "super" and before[-1:].isdigit() and _ORDINAL.fullmatch(run.text):
        return run.text
    return mark + (run.text if re.fullmatch(r"\w+", run.text) else f"({run.text})")
