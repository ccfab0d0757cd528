"""The draft of a translation: that of the issue, each text marked as still to be translated."""

import re

from newsletter.issue.draft_source import DraftSource
from newsletter.issue.translation_parts import UNTRANSLATED
from newsletter.issue.yamltext import YamlScalar, split_lines

# A dash behind the mark, since "TK: " would be a key in YAML's plain style.
_BESIDE = f"{UNTRANSLATED} – "
# Beginnings of blocks, before which no words may stand in the same line: lists, headings, quotes, tables, code.
_BLOCK = re.compile(r"[-*+] |\d{1,9}[.)] |#{1,6} |>|\||```|~~~|!\[|\[\^[^\]]+\]:|(?:[-*_] *){3,}$", re.MULTILINE)


def compose_translation(main: DraftSource) -> str:
    """Return the text of a draft with a mark before each text that readers see, and all else as it is."""
    lines = split_lines(main.text)
    ends = re.findall("\r\n|[\n\r\x85\u2028\u2029]", main.text)
    for text in reversed(list(main.texts())):
        if text.text.strip():
            _mark(lines, main, text, ends[0] if ends else "\n")
    return "".join(f"{line}{end}" for line, end in zip(lines, [*ends, ""], strict=True))


def _mark(lines: list[str], main: DraftSource, text: YamlScalar, line_end: str) -> None:
    """Put the mark before a text, in a paragraph of its own where the text begins with a block."""
    words = main.map_text(text)
    first = len(words.text) - len(words.text.lstrip())
    place = words.place(first)
    line, column = lines[place.line - 1], place.column - 1
    if _BLOCK.match(words.text, first) and text.style in ("|", ">"):
        lines[place.line - 1] = f"{line[:column]}{UNTRANSLATED}{line_end}{line_end}{line}"
    elif _BLOCK.match(words.text, first) and text.style == '"':
        lines[place.line - 1] = f"{line[:column]}{UNTRANSLATED}\\n\\n{line[column:]}"
    else:
        lines[place.line - 1] = f"{line[:column]}{_BESIDE}{line[column:]}"
