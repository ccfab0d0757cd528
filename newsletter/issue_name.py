"""The name of an issue, which is its draft's: `2.10` for drafts/2.10.yaml."""

from pathlib import Path
from typing import NewType

# By which an issue is known in the store, in its sent record and on the command line.
IssueName = NewType("IssueName", str)
NO_ISSUE = IssueName("")  # of a mail, or of a link in it, that belongs to no issue


def read_issue_name(draft: Path) -> IssueName:
    """Return the name of the issue that is written in a draft's file."""
    return IssueName(draft.stem)
