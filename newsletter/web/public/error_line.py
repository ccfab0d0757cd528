"""An error as one line of the log."""

from newsletter.errors import explain
from newsletter.text import escape_controls


def error_line(error: Exception) -> str:
    """Return what is wrong, where, and the next step, without line breaks."""
    explained = explain(error)
    steps = [explained.next_step, *(problem.next_step for problem in explained.problems)]
    faults = [f"{problem.place}: {problem.message}" for problem in explained.problems]
    return escape_controls(" ".join(" ".join([explained.message, *faults, next(filter(None, steps), "")]).split()))
