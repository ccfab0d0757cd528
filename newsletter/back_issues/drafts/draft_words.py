"""Writing of words as a draft's Markdown: spans become a source that reads back as the same words and links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urljoin, urlsplit

from newsletter.back_issues.markdown.source_text import Comments
from newsletter.issue.blocks import FootnoteMark, LineBreak, Link, Span, Spans, TextRun, runs_of
from newsletter.issue.cjk import join_lines
from newsletter.issue.richtext import parse

PLAIN, CAREFUL, STRICT = 0, 1, 2  # how much is escaped: nothing that reads well, likely marks, every sign
_HARMLESS = "\"'(),.!?;:/-%+$@="  # signs that stand for themselves anywhere but at a line's start
_STRICT = re.compile(r"[!-/:-@\[-`{-~]")
_CAREFUL = re.compile(r"[\\`*_\[\]<>&~^|{}#]")
_BACKSLASH = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_STARTS = re.compile(r"([-+#>=|]|\*(?= ))|([•◦▪▸‣➢➤∙·●○■□◆◇▲△►§–—―]|o(?=\s{2}))")
_COUNTED = re.compile(r"([0-9]{1,9})([.)])(?=\s)")
_BEYOND = re.compile("[•◦▪▸‣➢➤∙·●○■□◆◇▲△►«»①-⑨、]")


def escape_words(text: str, care: int) -> str:
    """Return text as Markdown that shows it as it is; how much is escaped says `care`."""
    if care == PLAIN:
        return _BACKSLASH.sub(r"\\\\", text)
    if care == CAREFUL:
        return _CAREFUL.sub(r"\\\g<0>", text)
    return _BEYOND.sub(_write_entity, _STRICT.sub(_escape_strictly, text))


def _escape_strictly(sign: re.Match[str]) -> str:
    return sign[0] if sign[0] in "\"',()" else f"\\{sign[0]}"


def _write_entity(sign: re.Match[str]) -> str:
    return f"&#{ord(sign[0])};"


def escape_line_start(text: str) -> str:
    """Escape what would begin a list, a heading, a quotation or another block at the start of a text."""
    if match := _STARTS.match(text):
        return (f"\\{match[1]}" if match[1] else _write_entity(match)) + text[match.end() :]
    return _COUNTED.sub(r"\1\\\2", text, count=1) if _COUNTED.match(text) else text


class WordsWriter:
    """A writer of spans, which keeps remarks on links that a draft can't hold.

    `base` is the address that the text had on the web, by which its relative links are whole.
    """

    def __init__(self, comments: Comments, base: str | None = None) -> None:
        self._comments = comments
        self._base = base

    def find_address(self, link: Link) -> str | None:
        """Return a link's address if a draft can hold it, made whole by the base; None with a remark if not."""
        href = str(link.address[0]) if link.address else ""
        whole = _complete_address(href, self._base)
        if whole is not None and is_address(whole):
            return whole
        if not href.startswith("#"):  # a place within the same page
            words = " ".join("".join(run.text for run in link.runs).split())
            if href.startswith(UNDEFINED):
                self._comments.add(
                    "Links that the file doesn't define", f"“{words}” [{unquote(href)[len(UNDEFINED) :]}]"
                )
            else:
                self._comments.add("Links that can't be followed from here", f"“{words}” ({href})")
        return None

    def write_spans(self, spans: Spans, care: int, *, with_links: bool = True) -> str:
        """Return spans as Markdown, in one line but for line breaks."""
        resolved = [part for span in spans for part in self._resolve(span, with_links=with_links)]
        passages: list[_StyledPassage] = []
        for span in _join_runs(tuple(resolved)):
            style, text = _find_style(span), _write_unstyled(span, care)
            if passages and passages[-1].style == style:
                passages[-1] = _StyledPassage(style, passages[-1].text + text)
            else:
                passages.append(_StyledPassage(style, text))
        written = _write_passages(passages)
        return (written if "\\\n" in written else join_lines([written])[0]).strip()

    def _resolve(self, span: Span, *, with_links: bool) -> tuple[Span, ...]:
        """Return a link with its address made whole; its words alone where a draft can't hold it."""
        if not isinstance(span, Link):
            return (span,)
        address = self.find_address(span) if with_links else None
        if address is None:
            return span.runs
        before, _, after = _part_blanks("".join(run.text for run in span.runs))
        link = Link(address=(address,), runs=_strip_runs(span.runs))
        return (*_make_blank(before), link, *_make_blank(after))


UNDEFINED = "undefined:"  # what an address of a reference that the text does not define begins with


def write_address(address: str) -> str:
    """Return an address as it stands between the brackets of a link."""
    return f"<{address}>" if re.search(r"[()\\ ]", address) else address


@lru_cache(maxsize=10_000)
def is_address(address: str) -> bool:
    """Return whether a draft may hold a link to this address."""
    text, faults = parse(f"[x]({write_address(address)})")
    return not faults and len(list(text.links())) == 1 and not re.search(r"[<>\n]", address)


def _complete_address(href: str, base: str | None) -> str | None:
    """Return an address with its scheme and host, None where they are not known."""
    if re.match(r"www\.[\w-]+\.", href, re.IGNORECASE):
        return f"https://{href}"
    if href.startswith("//"):
        return f"https:{href}"
    try:
        parts = urlsplit(href)
        if parts.scheme or href.startswith("#"):
            return href if parts.scheme in ("http", "https", "mailto") else None
        return urljoin(base, href) if base and href else None
    except ValueError:
        return None


def _join_runs(spans: Spans | tuple[TextRun, ...]) -> list[Span]:
    """Join neighbouring runs of the same style, so that no two pairs of marks meet."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if isinstance(span, TextRun) and isinstance(last, TextRun) and _styles(span) == _styles(last):
            joined[-1] = _with_text(last, last.text + span.text)
        else:
            joined.append(span)
    return joined


def _styles(run: TextRun) -> tuple[object, ...]:
    return run.strong, run.emphasis, run.strike, run.code, run.script


def _with_text(run: TextRun, text: str) -> TextRun:
    return TextRun(
        text=text, strong=run.strong, emphasis=run.emphasis, strike=run.strike, code=run.code, script=run.script
    )


def _part_blanks(text: str) -> tuple[str, str, str]:
    """Return the blanks before a text, the text, and the blanks behind it."""
    inner = text.strip()
    start = text.find(inner) if inner else len(text)
    return text[:start], inner, text[start + len(inner) :]


def _make_blank(text: str) -> tuple[TextRun, ...]:
    return (TextRun(text=text),) if text else ()


def _strip_runs(runs: tuple[TextRun, ...]) -> tuple[TextRun, ...]:
    """Return the runs of a link without blanks at either end."""
    kept = [run for run in runs if run.text]
    while kept and not kept[0].text.strip():
        kept.pop(0)
    while kept and not kept[-1].text.strip():
        kept.pop()
    if kept:
        kept[0] = _with_text(kept[0], kept[0].text.lstrip())
        kept[-1] = _with_text(kept[-1], kept[-1].text.rstrip())
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _StyledPassage:
    """Words in one style, written without its marks. `style` has the marks that open it."""

    style: str
    text: str


def _find_style(span: Span) -> str:
    """Return the marks of the style that all of a span is in."""
    runs = runs_of(span)
    if not runs:
        return ""
    strike, strong = all(run.strike for run in runs), all(run.strong for run in runs)
    return ("~~" if strike else "") + ("**" if strong else "") + ("*" if all(run.emphasis for run in runs) else "")


def _write_unstyled(span: Span, care: int) -> str:
    """Return a span as Markdown, without the marks of the style that all of it is in."""
    match span:
        case LineBreak():
            return "\\\n"
        case FootnoteMark(number=number):
            return f"[^{number}]"
        case Link(address=address, runs=runs):
            passages = [_StyledPassage(_find_style(run), _write_run(run, care)) for run in runs]
            if len({passage.style for passage in passages}) == 1:
                passages = [_StyledPassage("", passage.text) for passage in passages]
            return f"[{_write_passages(passages)}]({write_address(str(address[0]))})"
        case TextRun():
            return _write_run(span, care)


def _write_passages(passages: Sequence[_StyledPassage]) -> str:
    """Return passages with the marks of their styles, but where the marks would stand within a word or meet others."""
    written = ""
    for at, passage in enumerate(passages):
        before, words, after = _part_blanks(passage.text)
        following = after or (passages[at + 1].text if at + 1 < len(passages) else "")
        previous = before or written
        is_free = not re.search(r"[\w*~`\])]\Z", previous) and not re.match(r"[\w*~`\[]", following)
        marks = passage.style if words and is_free and "\\\n" not in words else ""
        written += f"{before}{marks}{words}{marks[::-1]}{after}"
    return written


def _write_run(run: TextRun, care: int) -> str:
    """Return a run as Markdown, raised or lowered where it is so, without the marks of other styles."""
    before, words, after = _part_blanks(run.text)
    if not words:
        return run.text
    written = _write_code(" ".join(words.split())) if run.code else escape_words(words, care)
    mark = {"super": "^", "sub": "~"}.get(run.script, "")
    mark = mark if re.fullmatch(r"[^\W_]{1,60}", words) else ""
    return f"{before}{mark}{written}{mark}{after}"


def _write_code(text: str) -> str:
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1 if longest else 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"
