"""Text from drafts in the Markdown of a forge's comment, where it can be neither markup nor a command."""

import re

from newsletter.text import escape_controls

# CommonMark's section 2.4 lets each sign of ASCII punctuation be escaped; these are the ones that mean something, among
# them GitHub's $ for formulas, and : and . by which a bare address becomes a link.
_MEANS_SOMETHING = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~:@$&^=]")
# What forges make references and mentions of, also where it is escaped: they look for it in the finished HTML
# (@name notifies people, #12 and !12 leave a trace at the other issue).
_REFERENCE = re.compile(r"(?<=[@#!&~%$^])(?=[\w\"])")
_ZERO_WIDTH_SPACE = "\u200b"


def escape_markdown(text: str) -> str:
    """Return text as one line of Markdown that shows it as it is: no markup, no link, no mention, no command.

    A forge's commands (GitLab's /close) have to begin a line; a text that begins with a slash does not.
    """
    line = " ".join(escape_controls(text).split())
    line = _MEANS_SOMETHING.sub(r"\\\g<0>", _REFERENCE.sub(_ZERO_WIDTH_SPACE, line))
    return f"{_ZERO_WIDTH_SPACE}{line}" if line.startswith("/") else line
