"""Text of mails whose lines are broken for the way (RFC 3676, format=flowed), joined again."""

_SIGNATURE = "-- "


def join_flowed(text: str, *, without_space: bool = False) -> str:
    """Return text whose soft line ends are gone. `without_space` is DelSp=yes: the space before them goes too."""
    paragraphs: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        if line == _SIGNATURE:
            goes_on = False
            paragraphs.append(line)
            continue
        words = line.removeprefix(" ")  # which is put before a line that begins with a space, > or "From "
        if goes_on:
            paragraphs[-1] += words
        else:
            paragraphs.append(words)
        goes_on = words.endswith(" ")
        if goes_on and without_space:
            paragraphs[-1] = paragraphs[-1][:-1]
    return "\n".join(line if line == _SIGNATURE else line.rstrip(" ") for line in paragraphs)


def drop_signature(text: str) -> str:
    """Return text up to the line that begins its signature (RFC 3676, section 4.3)."""
    lines = text.split("\n")
    return "\n".join(lines[: lines.index(_SIGNATURE)]) if _SIGNATURE in lines else text
