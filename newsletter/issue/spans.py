"""Building of spans from the tokens of one paragraph, a heading or a cell."""

from collections.abc import Sequence
from dataclasses import replace

from markdown_it.token import Token

from newsletter.field import split_fields
from newsletter.issue.blocks import FootnoteMark, LineBreak, Link, Span, Spans, TextRun, runs_of
from newsletter.issue.cjk import join_lines
from newsletter.issue.links import LinkPlace


def build_spans(tokens: Sequence[Token], marks: dict[str, int]) -> tuple[Spans, list[LinkPlace]]:
    """Return the spans of inline tokens as they are written, and the place of each link among them.

    `marks` has the numbers of the footnotes by their labels; that of each new mark is added.
    """
    spans: list[Span] = []
    places: list[LinkPlace] = []
    style = TextRun(text="")
    languages: list[str] = []
    href: str | None = None
    inside: list[TextRun] = []
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                style = replace(style, strong=token.nesting == 1)
            case "em_open" | "em_close":
                style = replace(style, emphasis=token.nesting == 1)
            case "s_open" | "s_close":
                style = replace(style, strike=token.nesting == 1)
            case "sup_open" | "sup_close":
                style = replace(style, script="super" if token.nesting == 1 else "")
            case "sub_open" | "sub_close":
                style = replace(style, script="sub" if token.nesting == 1 else "")
            case "language_open":
                languages.append(style.language)
                style = replace(style, language=str(token.attrs["lang"]))
            case "language_close":
                style = replace(style, language=languages.pop())
            case "link_open":
                href, inside = str(token.attrs["href"]), []
                places.append(LinkPlace(token.meta["start"], token.meta["address"]))
            case "link_close":
                spans.append(Link(address=split_fields(href or ""), runs=tuple(inside)))
                href = None
            case "footnote_ref":
                spans.append(FootnoteMark(marks.setdefault(token.meta["label"], len(marks) + 1)))
            case "hardbreak" if href is None:
                spans.append(LineBreak())
            case _:
                run = replace(
                    style,
                    text=" " if token.type == "hardbreak" else token.content,
                    code=token.type == "code_inline",
                    field=token.meta["name"] if token.type == "field" else None,
                )
                if not (run.text or run.field):
                    continue
                if href is None:
                    spans.append(run)
                else:
                    inside.append(run)
    return tuple(spans), places


def join_spans(spans: Spans) -> Spans:
    """Return spans in one line, with a space where their lines end, or nothing in Chinese and Japanese."""
    lines = iter(join_lines([run.text for span in spans for run in runs_of(span)]))

    def joined(run: TextRun) -> TextRun:
        return replace(run, text=next(lines))

    whole: list[Span] = []
    for span in spans:
        match span:
            case Link(address=address, runs=runs):
                whole.append(Link(address=address, runs=tuple(map(joined, runs))))
            case TextRun():
                run = joined(span)
                if whole and isinstance(whole[-1], LineBreak) and run.field is None:
                    run = replace(run, text=run.text.lstrip(" "))
                if run.text or run.field:
                    whole.append(run)
            case LineBreak():
                _end_line(whole)
                whole.append(span)
            case _:
                whole.append(span)
    return tuple(whole)


def _end_line(spans: list[Span]) -> None:
    """Take the spaces before a line break away."""
    last = spans[-1] if spans else None
    if isinstance(last, TextRun) and last.field is None:
        spans[-1:] = [replace(last, text=words)] if (words := last.text.rstrip(" ")) else []
