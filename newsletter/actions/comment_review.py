"""The comment on a pull request: the summary of a review that was written before, by another job."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from newsletter.actions.review import SUMMARY
from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.forges.review_comment import TOKEN_VARIABLE, comment_review, find_pull_request


def comment_on_pull_request(
    folder: Path, environ: Mapping[str, str] = os.environ
) -> Literal["made", "changed", "unchanged"]:
    """Put the summary in a review's folder on the pull request for which this process runs; return what was done.

    The folder is data of somebody else's job: nothing in it is run, and no workspace is opened. Raises DecisionNeeded
    without a summary, ConfigError without a pull request or a token, and NewsletterError when the forge refuses.
    """
    summary = folder / SUMMARY
    if summary.is_symlink() or not summary.is_file():
        raise DecisionNeeded(
            f"{summary} is not there: {folder} is not the folder of a review.",
            next_step="Name the folder that `newsletter review -o` has written.",
        )
    pull_request = find_pull_request(environ)
    token = environ.get(TOKEN_VARIABLE)
    if not token:
        raise ConfigError(
            f"No token is in {TOKEN_VARIABLE}, so nobody can comment.",
            next_step="Give that job the token of its run, as the workflow of `newsletter init --ci` does.",
        )
    return comment_review(pull_request, token, summary.read_text(encoding="utf-8", errors="replace"))
