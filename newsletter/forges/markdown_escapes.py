"""Hostile text in the Markdown of a forge's comment or job summary, where it can be neither markup nor a command."""

import re

from newsletter.text import escape_controls

# What means something in a line of CommonMark (section 2.4 lets it be escaped), and $ for GitHub's formulas; what does
# at its beginning alone; and by what an address becomes a link without further signs.
_MEANS_SOMETHING = re.compile(r"[\\`*_{}\[\]<>~$&@|]|^[#+\-=!]|:(?=//)|(?<=www)\.", re.IGNORECASE)
# Of what forges make references, mentions and pictures, also where it is escaped: they look for it in the finished HTML
# (@name notifies people, #12, !12 and GH-12 leave a trace at the other issue, :100: is an emoji).
_REFERENCE = re.compile(r"(?<=[@#!&~%$^:])(?=[\w\"+-])|(?<=\bGH-)(?=\d)", re.IGNORECASE)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_ZERO_WIDTH_SPACE = "\u200b"


def escape_markdown(text: str) -> str:
    """Return text as one line of Markdown that shows it as it is: no markup, no link, no mention, no command.

    A forge's commands (GitLab's /close) have to begin a line; a text that begins with a slash does not.
    """
    line = _REFERENCE.sub(_ZERO_WIDTH_SPACE, " ".join(escape_controls(text).split()))
    line = _NUMBERED.sub(r"\1\\\2", _MEANS_SOMETHING.sub(r"\\\g<0>", line))
    return f"{_ZERO_WIDTH_SPACE}{line}" if line.startswith("/") else line


def quote_markdown(text: str) -> str:
    """Return text as one line of code in Markdown, in which a forge looks for nothing."""
    line = " ".join(escape_controls(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    edge = " " if "`" in (line[:1], line[-1:]) else ""
    return f"{fence}{edge}{line}{edge}{fence}"
