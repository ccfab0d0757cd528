"""The check for leftovers: marks for texts to be written, example texts, letters damaged by an encoding."""

import re
from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.issue.skeleton import EXAMPLE_LINK, find_unwritten
from newsletter.issue.yamltext import YamlScalar
from newsletter.text import format_count, quote_text

# Marks of editors and programmers for "to come", such as TK; in backticks one is only mentioned.
_MARK = re.compile(
    r"(?<![\w`/-])(\[[Ii](?:nsert|NSERT) [^\[\]\n]{1,80}\](?!\()"
    r"|\[[Nn]ame of (?![^\]]*(?:withheld|removed|changed|redacted))[^\[\]\n]{1,80}\](?!\()"
    r"|[$€£](?:XX+|\?\?+)(?!\w)|XX+(?= ?%)|\?\?+(?= ?%)"
    r"|(?:TODO|FIXME|TKTK|tktk|TK|XXX+|TBD|TBC|[Ll]orem ipsum)(?![\w`-]))"
)
_PERHAPS_MEANT = ("TBD", "TBC")
_NAME_BEHIND, _NAME_BEFORE = re.compile(r"\s+[A-Z]"), re.compile(r"[A-Z]\w+\s+$")  # TK Maxx, Super Bowl XXX
_AMOUNT = re.compile(r"\s+[0-9]")  # taka
_CAPITALS = re.compile(r"\s+(?!FIXME|TODO)[^\W\d_a-z]{2,}(?![^\W\d_])")  # TODO CAMBIA: "everything", in Spanish
_REPLACEMENT = "\ufffd"
_BEYOND_ASCII = re.compile("[\u0080-\U0010ffff]")


def find_unfinished_marks(source: DraftSource) -> Iterator[Finding]:
    """Find `TODO`, `TK` and the like; a note where it may be a name, or is meant for readers."""
    for text in source.texts():
        for mark in _MARK.finditer(text.text):
            name = mark[1] in ("TK", "XXX") and (
                _NAME_BEHIND.match(text.text, mark.end()) or _NAME_BEFORE.search(text.text[: mark.start()])
            )
            name = name or (mark[1] == "TK" and _AMOUNT.match(text.text, mark.end()))
            name = name or (mark[1] == "TODO" and _CAPITALS.match(text.text, mark.end()))
            problem = source.at_words(
                mark[1],
                within=text,
                nth=text.text.count(mark[1], 0, mark.start()),  # code and addresses too
                code="unfinished",
                message=f"{quote_text(mark[1])} looks like a mark for what is still to be written",
                next_step="Write it. Where the word itself is meant, put it in backticks.",
            )
            yield Finding(problem, note=bool(name) or mark[1] in _PERHAPS_MEANT)


def find_damaged_letters(source: DraftSource) -> Iterator[Finding]:
    """Find text that was written in one encoding and read in another, as in â€™ for an apostrophe."""
    for text in source.texts():
        if _REPLACEMENT in text.text:
            problem = source.at_words(
                _REPLACEMENT,
                within=text,
                code="encoding",
                message="a letter was lost here: it was replaced by \ufffd (U+FFFD) when the text was converted",
                next_step="Write it again, or copy the text once more from where it came.",
            )
            yield Finding(problem)
        yield from _find_misread(source, text)


def _find_misread(source: DraftSource, text: YamlScalar) -> Iterator[Finding]:
    words = [word for word in text.text.split() if _BEYOND_ASCII.search(word)]
    if not words:
        return
    from ftfy import fix_encoding  # a fifth of a second, which a text in ASCII should not cost
    from ftfy.badness import is_bad

    for word in dict.fromkeys(words):
        right = fix_encoding(word) if is_bad(word) else word
        if right != word:
            problem = source.at_words(
                word,
                within=text,
                code="encoding",
                message=f"{quote_text(word)} was damaged by a wrong encoding; "
                + (
                    "the letter itself was lost"
                    if _REPLACEMENT in right
                    else f"it should probably be {quote_text(right)}"
                ),
                next_step=("Write the word again" if _REPLACEMENT in right else "Write it so")
                + ", or copy the text once more from where it came.",
            )
            yield Finding(problem)


def find_example_texts(source: DraftSource, issue: Issue) -> Iterator[Finding]:
    """Find what `draft new` wrote for the editor to replace, which `send` refuses."""
    if texts := find_unwritten(issue):
        problem = source.at_words(
            texts[0][:25],
            code="example",
            message=f"{format_count(len(texts), 'text')} still to be written; the first is {quote_text(texts[0])}",
            next_step="Write your own, or take the items out: `send` refuses them.",
        )
        yield Finding(problem)
        return
    links = [*(link for text in issue.texts() for link in text.links()), *issue.links()]
    if any(link.href == EXAMPLE_LINK for link in links):
        marked = f"]({EXAMPLE_LINK})"
        problem = source.at_words(
            marked if marked in source.text else EXAMPLE_LINK,
            code="example",
            message=f"a link leads to {EXAMPLE_LINK}, as in a new draft",
            next_step="Give it the address that is meant.",
        )
        yield Finding(problem, note=True)
