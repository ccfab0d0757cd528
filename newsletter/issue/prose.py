"""Prose in YAML: text that YAML would drop or misread, and how lines become paragraphs."""

import re
from collections.abc import Iterator

from newsletter.issue.yamltext import Place, YamlFault, YamlNode, YamlScalar, iterate_texts
from newsletter.text import quote_text
from newsletter.validation import Fault

PROSE_KEYS = frozenset(
    {
        "subject",
        "preheader",
        "headlines_title",
        "title",
        "intro",
        "note",
        "alt",
        "caption",
        "credit",
        "headline",
        "detail",
    }
    | {"text", "by", "place", "name", "role"}
)
_PUT_MARK = "Put >- after the colon, and the text on the next line, indented."


def advise(error: YamlFault, lines: list[str]) -> Fault:
    """libyaml's complaint, led back to the prose that most likely caused it."""
    if error.fault.next_step:
        return error.fault
    for number in range(min(error.place.line, len(lines)), 0, -1):
        match = re.match(r"\s*(?:- )?([a-z_]+):[ \t]+(\S.*)", lines[number - 1])
        if match and match[1] in PROSE_KEYS and re.match(r"[>|][-+]? +[^#\s]", match[2]):
            return Fault(
                code="yaml",
                message=f"the text of {quote_text(match[1])} stands in the same line as its {match[2][0]}",
                next_step="Begin the text on the next line, indented.",
            )
        if match and match[1] in PROSE_KEYS and not match[2].startswith((">", "|")):
            return Fault(
                code="yaml",
                next_step=_PUT_MARK,
                message=f"the text of {quote_text(match[1])} in line {number} is taken for YAML "
                f"({error.fault.message})",
            )
        if match:
            break
    return Fault(
        code="yaml",
        message=f"this is not YAML: {error.fault.message}",
        next_step="Check the indentation and the colons here and in the line above: "
        "a text after >- is indented deeper than its key, every line of it.",
    )


def find_cut_texts(root: YamlNode, lines: list[str]) -> Iterator[tuple[Place, Fault]]:
    """Prose that YAML takes for a comment and drops in silence."""
    for key, value in iterate_texts(root):
        if key.text in PROSE_KEYS and not value.style:
            # An empty value has the place of whatever comes next, so it is looked for after its key.
            end = value.end if value.text else key.end
            rest = lines[end.line - 1][end.column - 1 :]
            if match := re.match(r":?\s+#", rest):
                yield (
                    Place(end.line, end.column + match.end() - 1),
                    Fault(
                        code="cut-off",
                        next_step=f"{_PUT_MARK[:-1]}: `{key.text}: >-`.",
                        message=f"the rest of {quote_text(key.text)} from # on would be lost, since YAML takes it for "
                        "a comment",
                    ),
                )
        elif key.text in PROSE_KEYS and value.style in (">", "|"):
            yield from _cut_below(key, value, lines)


def _cut_below(key: YamlScalar, value: YamlScalar, lines: list[str]) -> Iterator[tuple[Place, Fault]]:
    """Find lines such as `#1 in the world` under a text, indented less, which YAML takes for comments."""
    indent = 0
    for number in range(value.start.line, len(lines)):
        line = lines[number]
        depth = len(line) - len(line.lstrip(" "))
        indent = indent or (depth if line.strip() else 0)
        if line.strip() and depth < indent:
            if re.match(r" *#[^\s#]", line) and lines[number - 1].strip():
                yield (
                    Place(number + 1, depth + 1),
                    Fault(
                        code="cut-off",
                        message=f"this line below {quote_text(key.text)} would be lost, since YAML takes it for a "
                        "comment",
                        next_step="Indent it like the lines above; or put a space after # if it is a comment.",
                    ),
                )
            return


def unfold(node: YamlScalar) -> str:
    """One rule for paragraphs in all of YAML's styles: a blank line in the draft, a blank line here.

    Folding has made one line break of a blank line already, except in the literal style (|), and except
    around lines that are indented deeper (YAML 1.1, section 9.3.3), which happens by accident.
    """
    if node.style == "|":
        return node.text
    text = node.text.strip("\n")
    if node.style != ">":
        return re.sub(r"\n+", "\n\n", text)
    words, before = "", ""
    for line in text.split("\n"):
        accident = before and line and (before[0] in " \t" or line[0] in " \t")
        if words:
            words += " " if accident else "\n\n"
        words += line.strip(" \t")
        before = line
    return re.sub(r"\n{3,}", "\n\n", words)
