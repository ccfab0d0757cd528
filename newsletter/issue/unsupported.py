"""Detection of markup that is not supported: Markdown, HTML and other programs' fields that readers would see.

Prose has such signs too, so that each rule matches only what nobody writes in prose: "5 * 3", "> 50%", "a < b" and "#1"
are text. A backslash before a sign keeps it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newsletter.issue import markdown_lists
from newsletter.issue.markdown import READ, ParsedParagraph
from newsletter.validation import Fault

_ESCAPE = "If you mean the sign itself, put a backslash before it: "
_CODE_BLOCK = "a block of code begins here, and no line ends it"
_SHORT_CODE = (
    "Put the same mark on a line of its own below the code; short code stands between single backticks: `code`."
)
_PERSONAL = (  # names of a person's fields in word processors and mailing programs
    r"(?:first|last|full|given|family|middle|company|recipient|subscriber|customer|contact)[ _]?name|[fl]name"
    r"|e-?mail[ _]?address"
)
_CENSORED = re.compile(r"[^\w*]*\w+\*{2,}\w+[^\w*]*")
_SIGNIFICANCE = re.compile(r"p ?[<=>≤]", re.IGNORECASE)  # the meaning of stars, below a table
_ELEMENTS = (
    "a abbr address article aside audio b big blockquote body br button caption center cite code col dd del details "
    "dfn div dl dt em embed figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img "
    "input ins kbd label li link main mark meta nav ol option p pre q s samp script section select small source "
    "span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead title tr tt u ul "
    "var video wbr"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A pattern over a paragraph in which READ replaces all supported Markdown; its match begins at the markup."""

    code: str
    pattern: re.Pattern[str]
    message: str
    next_step: str
    unless: Callable[[re.Match[str]], bool]


def _make_rule(
    code: str,
    pattern: str,
    message: str,
    next_step: str,
    unless: Callable[[re.Match[str]], bool] = lambda _match: False,
) -> _Rule:
    compiled = re.compile(pattern.replace("READ", READ), re.MULTILINE | re.IGNORECASE)
    return _Rule(code, compiled, message, next_step, unless)


def _is_citation(match: re.Match[str]) -> bool:
    """Return whether brackets follow each other as references to a list of sources do: [1][2]."""
    return re.match(r"\[[\d, –-]+\]\[", match[0]) is not None


# Every rule's pattern runs over a paragraph once, without nested repeats: its cost is that of its length.
_RULES = (
    _make_rule(
        "merge-tag",
        r"\*\|[^|\n]{1,80}\|\*|%%[A-Za-z_][\w ]{0,60}%%|\{%[^{}%\n]{0,200}%\}|<%[^<>\n]{0,200}%>"
        r"|\$\{[A-Za-z_][\w.]{0,60}\}|(?<![\w%])%[A-Za-z_]{3,40}(?:\.[A-Za-z_]{1,40})?%(?![\w%])"
        rf"|(?<![{{\w])\{{(?:{_PERSONAL}|name|e-?mail|\$[a-z]\w{{0,40}}|[a-z]{{1,20}}_[a-z_]{{1,40}}"
        r"|(?:subscriber|contact|recipient|user)[:.][^{}\n]{1,60})\}(?!\})"
        rf"|<<(?:{_PERSONAL}|name|e-?mail)>>|«(?:{_PERSONAL})»|\[(?:{_PERSONAL}|your name|(?-i:NAME|EMAIL))\]",
        "this is a field of another program's, which would be shown as it is",
        "Write a field as {{ name }} or {{ name | reader }}.",
    ),
    _make_rule(
        "code",
        r"^[ \t]*(?:`{3,}|~{3,})",
        _CODE_BLOCK,
        _SHORT_CODE,
    ),
    _make_rule(
        "rule",
        r"^(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$",
        "a line across stands here, which can't stand in this text",
        "Take the line out.",
    ),
    _make_rule(
        "heading",
        r"^={3,}[ \t]*$",
        "a heading's underline stands here, which would be shown as it is",
        "Write a sub-heading as ### words, and a line across as ---.",
    ),
    _make_rule(
        "table",
        r"^(?!(?:[^\w\s]|\w{1,4}[.)]|o)\t)[^\t\n]*[^\s] ?\t[^\n]*\n[^\t\n]*[^\s] ?\t|"
        r"^\|[^\n]*\|[ \t]*$(?:\n\|[^\n]*\|[ \t]*$)*|^\|?[ \t]*:?-{2,}:?[ \t]*\|[-:| \t]*$",
        "this looks like a table, but can't be read as one",
        "Begin it with a line of headers, | Year | Sum |, and a line with as many parts below it, | --- | --- |.",
    ),
    _make_rule(
        "list",
        r"^[-*+][ \t]+\[[ x]?\][ \t]|\A\+[ \t]+(?=[^\W\d])|^[•◦▪▸‣➢➤∙][ \t]*(?=\S)",
        "this looks like an entry of a list, but its mark can't be shown",
        f"Begin each entry with - and a space, and put no box behind it. {_ESCAPE}\\-",
    ),
    _make_rule(
        "heading",
        r"^#{2,6}[ \t]+(?=\S)|^#[ \t]+(?=[^\s\d])|^#{2,6}(?=[^\W\d])"
        r"|^={2,6}[ \t]+(?=\S)[^\n=]{0,200}[^\s=][ \t]+={2,6}[ \t]*$",
        "this looks like a heading, but is not written as one",
        f"Write a sub-heading as ### words, with a space behind the signs. {_ESCAPE}\\#",
    ),
    _make_rule(
        "quote",
        r"^>[> \t]*(?=[^\s>\d=$€£¥~≈+.-])",
        "this looks like a quotation, which can't stand here",
        f"Write it in quotation marks. {_ESCAPE}\\>",
    ),
    _make_rule(
        "reference",
        r"^\[[^\[\]\n]{1,200}\]:[ \t]*(?=READ|<|/|#|www\.|[a-z]+:)|(?<!\w)\[[^\[\]]{1,300}\]\[[^\[\]]{0,80}\]",
        "this is a link by reference, which can't be read here",
        "Write it as [words](https://example.org/page).",
        unless=_is_citation,
    ),
    _make_rule(
        "reference",
        r"\[\[[^\[\]\n]{1,200}\]\]",
        "this is a link as wikis have them, which can't be read here",
        "Write it as [words](https://example.org/page).",
    ),
    _make_rule(
        "strikethrough",
        r"(?<!~)~~(?=[^\s~])(?=[^~]{1,2000}~~)",
        "these marks strike nothing out, and would be shown as they are",
        f"Strike out whole words, with the marks close to them on both sides: ~~words~~. {_ESCAPE}\\~",
    ),
    _make_rule(
        "strikethrough",
        r"(?<!=)==(?=[^\s=>])(?=[^=\n]{0,300}[^\s=]==(?!=))",
        "highlighted words can't be shown",
        f"Write **strong** words. {_ESCAPE}\\=",
    ),
    _make_rule(
        "language",
        r"(?<!\{)\{(?:lang=[^{}\n]{0,60}|[.#][A-Za-z][^{}\n]{0,60})\}(?!\})",
        "this can't be read as the language of a passage, and would be shown as it is",
        "Write a passage in another language as [words]{lang=ja}, with the language's short name.",
    ),
    _make_rule(
        "markup",
        r"\[(b|i|u|s|url|img|quote|code|list)(?:=[^\[\]\n]{0,200})?\](?=[^\n]{0,300}\[/\1\])|\[/(?:b|i|u|url|img|quote)\]",
        "this is a mark of a forum's, which would be shown as it is",
        "Write **strong**, *emphasis* or [words](https://example.org/page).",
    ),
    _make_rule(
        "html",
        rf"</?(?:{'|'.join(_ELEMENTS.split())})(?:[ \t\n/][^<>]{{0,2000}})?>|<!--|<!doctype\b|<!\[CDATA\["
        r"|</?(?:o|w|v|m|st1):[a-z]{1,20}(?:[ \t\n/][^<>]{0,2000})?>",
        "this is HTML, which would be shown as it is",
        "Take it out; **strong**, *emphasis*, [links](https://example.org/) and blank lines do most of it. "
        f"{_ESCAPE}\\<",
    ),
)  # fmt: skip


# The signs that every match of a rule, and of what _find_links looks for, has one of: most words have none.
_SIGNS = re.compile(r"[\t#%*+<=>\[\]`{|~$«•◦▪▸‣➢➤∙］]|[-_][ \t]*[-_]")


def find_unsupported(source: str, paragraph: ParsedParagraph) -> tuple[list[Fault], bytearray]:
    """Return a fault for each piece of unsupported markup, and for each character whether one of them took it."""
    taken = bytearray(len(source) + 1)
    faults = [*_find_pictures(paragraph, taken), *_find_code_blocks(source, paragraph, taken)]
    has_signs = _SIGNS.search(paragraph.text) is not None
    for rule in _RULES if has_signs else ():
        for match in rule.pattern.finditer(paragraph.text):
            if taken[match.start()] or rule.unless(match):
                continue
            end = max(match.end(), match.start() + 1)
            taken[match.start() : end] = b"\1" * (end - match.start())
            faults.append(Fault(code=rule.code, at=match.start(), message=rule.message, next_step=rule.next_step))
    for fault in markdown_lists.find_lists(paragraph.text):
        if not taken[fault.at or 0]:
            taken[fault.at or 0] = 1
            faults.append(fault)
    if has_signs:
        faults += _find_links(source, paragraph, taken)
    faults += _find_unclosed(paragraph, taken)
    return faults, taken


def _find_pictures(paragraph: ParsedParagraph, taken: bytearray) -> Iterator[Fault]:
    places = [(piece.start - 1, piece.end) for piece in paragraph.markup if piece.kind == "link" and piece.start]
    found = [(start, end) for start, end in places if paragraph.text[start] == "!"]
    found += [
        (match.start(), match.end()) for match in re.finditer(r"!\[[^\[\]]{0,300}\]\[[^\[\]]{0,80}\]", paragraph.text)
    ]
    for start, end in found:
        taken[start:end] = b"\1" * (end - start)
        yield Fault(
            code="picture",
            at=start,
            message="a picture can't stand within a line of words",
            next_step="Put it on a line of its own: ![what it shows](file.jpg), with the file beside the draft. "
            "If you mean the sign itself, put a space or a backslash before [.",
        )


def _find_code_blocks(source: str, paragraph: ParsedParagraph, taken: bytearray) -> Iterator[Fault]:
    """Find blocks between three backticks, which inline Markdown reads as code over several lines."""
    for piece in paragraph.markup:
        if piece.kind == "backticks" and "\n" in source[piece.start : piece.end]:
            line = source[source.rfind("\n", 0, piece.start) + 1 : piece.start]
            if not line.strip() and source.startswith("```", piece.start):
                taken[piece.start] = 1
                yield Fault(code="code", at=piece.start, message=_CODE_BLOCK, next_step=_SHORT_CODE)


def _find_links(source: str, paragraph: ParsedParagraph, taken: bytearray) -> Iterator[Fault]:
    """Find what looks like a link and was not read as one."""
    for match in re.finditer(
        r"\](?:\(|[ \t\n]+\((?=READ)|[ \t\n]+\((?=mailto:))".replace("READ", READ), paragraph.text
    ):
        start, apart = match.start(), match[0] != "]("
        if taken[start] or (apart and not re.match("https?:|mailto:|www", source[match.end() :][:7])):
            continue
        yield Fault(
            code="link-broken",
            at=start,
            message="this looks like a link, but a space stands between its words and its address"
            if apart
            else "this looks like a link, but can't be read as one",
            next_step="Take the space out: [words](https://example.org/page)."
            if apart
            else "Write it as [words](https://example.org/page), with no space in the address.",
        )
    for match in re.finditer(rf"(?:[\]］]（|］\()(?={READ}|mailto:)", paragraph.text):
        yield Fault(
            code="link-broken",
            at=match.start(),
            message="this looks like a link, but its brackets are full-width",
            next_step="Write them as in [words](https://example.org/page), from a keyboard's Latin letters.",
        )
    addresses = {piece.start for piece in paragraph.markup if piece.kind in ("address", "autolink")}
    for match in re.finditer(
        r"(?<![\w\]])\[(?!\d{1,3}\])[^\[\]\n]{1,200}\](?=READ)".replace("READ", READ), paragraph.text
    ):
        if match.end() in addresses and not taken[match.start()]:
            yield Fault(
                code="link-broken",
                at=match.start(),
                message="this looks like a link, but its address has no brackets",
                next_step="Write it as [words](https://example.org/page).",
            )
    # In "[see this (https://example.org/a)]" both are there, and mean themselves.
    for match in re.finditer(
        r"(?<![\w\]])\[[^\[\]()]{1,200}\((?=READ|mailto:|/\w|issue:)[^\[\]()\s]*\)(?![^\[\n]*\])".replace("READ", READ),
        paragraph.text,
    ):
        if not taken[match.start()]:
            yield Fault(
                code="link-broken",
                at=match.start(),
                message="this looks like a link, but the ] behind its words is missing",
                next_step="Write it as [words](https://example.org/page).",
            )
    for match in re.finditer(r"\([^()\n]{1,300}\)\[(?=READ)".replace("READ", READ), paragraph.text):
        if not taken[match.start()]:
            yield Fault(
                code="link-broken",
                at=match.start(),
                message="this looks like a link with its brackets the wrong way round",
                next_step="Write it as [words](https://example.org/page).",
            )


def _is_meant(text: str, start: int, end: int) -> bool:
    """Return whether a run of * stands for itself: 2**10, f**k, f***, 4.0%**, ***p<0.001, five stars."""
    before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
    if before.isalnum() and after.isalnum():
        return before.isdigit() or _CENSORED.fullmatch(_find_word(text, start, end)) is not None
    if before.isspace() and after.isspace():
        return end - start >= 3
    if after.isalnum():
        return _SIGNIFICANCE.match(text, end) is not None
    if before.isalpha():
        return end - start >= 3 and not text[max(0, start - 2) : start - 1].isalnum()
    return before.isdigit() or before in "%‰°€"


def _find_word(text: str, start: int, end: int) -> str:
    """Return the word around a place, up to the blanks at most 40 characters away."""
    before, after = text[max(0, start - 40) : start].split(), text[end : end + 40].split()
    return (before[-1] if before else "") + text[start:end] + (after[0] if after else "")


def _find_unclosed(paragraph: ParsedParagraph, taken: bytearray) -> Iterator[Fault]:
    """Find each ** or __ or ` that opens or closes nothing."""
    text = paragraph.text
    unused = set(paragraph.unused)
    for start in paragraph.unused:
        sign = text[start]
        if start - 1 in unused and text[start - 1] == sign:
            continue
        end = start
        while end in unused and text[end] == sign:
            end += 1
        before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
        if sign == "*":
            counts = end - start >= 2 and not _is_meant(text, start, end)
        else:
            inside, outside = before.isalnum(), after.isalnum()
            counts = end - start == 2 and inside != outside and before != "_" and after != "_"
            counts |= end - start == 1 and before.isspace() and after.isalpha()
        if counts and not taken[start]:
            yield Fault(
                code="unclosed",
                at=start,
                message=f"this {text[start:end]} begins or ends nothing, and would be shown as it is",
                next_step="Strong words have the marks close to them on both sides: **strong**. "
                + _ESCAPE
                + f"\\{sign}",
            )
    for match in re.finditer(r"(?<![\w`])`+(?=[^\s`])(?!n'? )", text):
        if not taken[match.start()]:
            yield Fault(
                code="unclosed",
                at=match.start(),
                message="this backtick begins code that ends nowhere, and would be shown as it is",
                next_step="Put a backtick at the code's end too, or write an apostrophe.",
            )
