"""The list ids of a database's publications, by which two of them are told apart.

Tokens, return paths and Message-IDs are bound to a publication's list id (RFC 2919). Two publications with one list id
could read each other's; and one publication id with two list ids is two publications, of which each would take the
other's subscribers and campaigns for its own.
"""

from sqlalchemy import select

from newsletter.config.example import DOMAIN
from newsletter.errors import ConfigError
from newsletter.store.engine import Store, publication_of
from newsletter.store.publication_facts import read_fact, write_fact
from newsletter.store.schema import facts

_LIST_ID = "list_id"


def require_identity(store: Store, list_id: str, *, note: bool) -> None:
    """Raise ConfigError where the store's publication has another list id, or another publication has this one.

    With `note`, the list id is written down where it is not known yet. The one that `newsletter init` wrote as an
    example counts as not known: a test may be sent, or tried to be, before the editor has written their own.
    """
    list_id = list_id.lower()
    with store.reading() as connection:
        known = read_fact(connection, _LIST_ID)
        mine = publication_of(connection)
        theirs = select(facts.c.publication).where(facts.c.key == _LIST_ID, facts.c.value == list_id)
        known = "" if known and DOMAIN in known else known
        other = connection.scalar(theirs.where(facts.c.publication != mine).limit(1))
    if other is not None:
        raise ConfigError(
            f"The list id {list_id} is that of another publication in {store.place}: {other}.",
            next_step="Give this one an id of its own under [list], by which readers' links and bounces are told "
            f'apart. If it is the same publication, say so under [publication]: id = "{other}"',
        )
    if known and known != list_id:
        raise ConfigError(
            f"The publication {mine} in {store.place} has the list id {known}, and newsletter.toml says {list_id}.",
            next_step="If this is another publication, give it a name of its own under [publication]: id = "
            '"another-name". If its list id was changed, write the former one again: links that readers have work by '
            "it. To go on with the new one all the same: newsletter state adopt",
        )
    if note and not known:
        note_list_id(store, list_id)


def note_list_id(store: Store, list_id: str) -> None:
    """Write down the list id of the store's publication, over what was known."""
    with store.transaction() as connection:
        write_fact(connection, _LIST_ID, list_id.lower())
