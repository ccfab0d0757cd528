"""Lists that a campaign's recipients were frozen from, and in which state those who wait were compared with them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from newsletter.issue_name import IssueName
from newsletter.store.publication_facts import read_fact, remove_facts, write_fact

OWN_LIST = ""  # the list that newsletter.toml names, whatever that is by now
_LISTS, _COMPARED = "frozen_from:", "list_compared:"  # facts, with the issue's name: JSON, and a fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenLists:
    """Lists by their places: OWN_LIST, or a path that is relative to the workspace; none where it was not noted.

    `compared` is the fingerprint of the lists that everyone who waits was last compared with, empty when they have to
    be compared.
    """

    places: Sequence[str] = ()
    compared: str = ""


def read_frozen_lists(connection: Connection, issue: IssueName) -> FrozenLists:
    """Return the lists of a campaign."""
    noted = read_fact(connection, f"{_LISTS}{issue}")
    return FrozenLists(places=json.loads(noted) if noted else (), compared=read_fact(connection, f"{_COMPARED}{issue}"))


def note_frozen_list(
    connection: Connection, issue: IssueName, place: str, fingerprint: str, *, replaces_campaign: bool
) -> None:
    """Note that a batch was frozen from the list at a place; with `replaces_campaign` all that wait are of it.

    Of a campaign that an earlier version began it stays unknown which lists its recipients are of.
    """
    before = () if replaces_campaign else read_frozen_lists(connection, issue).places
    if not before and not replaces_campaign:
        return
    write_fact(connection, f"{_LISTS}{issue}", json.dumps(list(dict.fromkeys([*before, place]))))
    note_comparison(connection, issue, fingerprint if replaces_campaign else "")


def note_comparison(connection: Connection, issue: IssueName, fingerprint: str) -> None:
    """Note that everyone who waits was compared with lists of this fingerprint."""
    write_fact(connection, f"{_COMPARED}{issue}", fingerprint)


def forget_comparison(connection: Connection, issue: IssueName) -> None:
    """Have those who wait compared with the lists once more, since there are others among them."""
    remove_facts(connection, [f"{_COMPARED}{issue}"])
