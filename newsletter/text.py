"""Characters of a text as people see them."""

import re

# Zero width no-break spaces, operators and annotations that nothing shows, and the place of an object left behind.
_NOTHING = "\ufeff\u180e\u2061-\u2064\u206a-\u206f\ufff9-\ufffc\U0001d173-\U0001d17a"
# Scripts without spaces between words, in which a zero width space says where a line may break (UAX 14, SA and ID).
_UNSPACED = "\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IDLE_SPACE = re.compile(rf"(?<![{_UNSPACED}])\u200b|\u200b(?![{_UNSPACED}])")


def without_invisible(text: str) -> str:
    """Return the text without characters that nobody sees and that carry nothing: they are pasted along unnoticed.

    Joiners, soft hyphens, marks of direction and the zero width spaces of scripts like Thai carry something, and stay.
    """
    text = re.sub(f"[{_NOTHING}]+", "", text)
    return _IDLE_SPACE.sub("", re.sub("\u200b{2,}", "\u200b", text))
