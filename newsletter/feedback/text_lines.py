"""Lines of other people's text, as many and as long as are looked at."""

from collections.abc import Iterator


def cut_lines(text: str, most: int, longest: int) -> Iterator[str]:
    """Yield the first `most` lines of a text, each cut to `longest` characters, in time linear in what is yielded."""
    start = 0
    for _ in range(most):
        if start > len(text) - 1:
            return
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start : min(end, start + longest)]
        start = end + 1
