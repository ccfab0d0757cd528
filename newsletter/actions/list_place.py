"""Places of lists as the ledger notes them, and the comparison of an issue with the lists at its places."""

import os
from pathlib import Path

from newsletter.campaigns.list_comparison import ListComparison
from newsletter.issue_name import IssueName
from newsletter.ledger.frozen_lists import OWN_LIST
from newsletter.publication import OpenPublication


def find_list_place(publication: OpenPublication, list_file: Path | None) -> str:
    """Return how the ledger notes a list: one in the workspace relative to it, so that the workspace may move."""
    if list_file is None or publication.subscriber_source(list_file) == publication.subscriber_source():
        return OWN_LIST
    root, path = publication.workspace.root, Path(os.path.abspath(list_file))  # noqa: PTH100  # a link is not followed
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def compare_list(publication: OpenPublication, issue: IssueName, *, list_is_right: bool = False) -> ListComparison:
    """Return the comparison of an issue's waiting recipients with the lists that they were frozen from."""
    root = publication.workspace.root
    return ListComparison(
        store=publication.store,
        issue=issue,
        open_source=lambda place: publication.subscriber_source(root / place if place != OWN_LIST else None),
        unusable=publication.config.subscriber_list.unusable,
        is_right=list_is_right,
    )
