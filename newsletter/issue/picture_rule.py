"""Parsing of pictures: `![what it shows](file.jpg "caption")` on lines of their own."""

import re
from dataclasses import dataclass

from markdown_it.rules_block import StateBlock

from newsletter.issue.excerpt import Excerpt, cut_lines

# The lengths of blanks and names are bounded, so that no run of them is tried in more than one way.
_PICTURE = re.compile(
    r"!\[(?P<alt>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]"
    r"\(\s{0,5}(?:<(?P<marked>[^<>\n]{1,300})>|(?P<file>[^\s\"“”<>\[\]](?:[^\"“”<>\n\[\]]{0,300}?[^\s\"“”<>\[\]])?)?)"
    r"(?:\s{1,50}[\"“”](?P<caption>(?:[^\\]|\\.)*)[\"“”])?\s{0,50}\)",
    re.DOTALL,
)
_MOST_LINES = 8  # of one picture, whose description and caption may be folded


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A picture as it is written, with the place where it begins."""

    at: int
    file: Excerpt
    alt: Excerpt
    caption: Excerpt | None


def take_picture(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take a picture that has its lines for itself."""
    if not state.src.startswith("![", state.bMarks[first] + state.tShift[first]):
        return False
    for line in range(first, min(end, first + _MOST_LINES)):
        if state.isEmpty(line):
            return False
        # Where its brackets close, the picture may end.
        if state.src[state.bMarks[line] : state.eMarks[line]].rstrip(" \t").endswith(")"):
            excerpt = cut_lines(state, first, line + 1)
            match = _PICTURE.fullmatch(excerpt.text)
            if match and "![" not in (match["caption"] or ""):
                break
    else:
        return False
    if not silent:
        file = match.span("file" if match["marked"] is None else "marked")
        state.push("picture", "", 0).meta = {
            "picture": PictureSource(
                excerpt.place(0),
                excerpt.cut(*file) if file[0] >= 0 else excerpt.cut(0, 0),
                excerpt.cut(*match.span("alt")),
                None if match["caption"] is None else excerpt.cut(*match.span("caption")),
            )
        }
        state.line = line + 1
    return True
