"""What was learned of a server stays until it is learned better or forgotten, for one publication and one server."""

from newsletter.ledger.learned_limits import (
    forget_learned_limits,
    list_learned_limits,
    read_learned_limits,
    write_learned_limits,
)
from newsletter.store import Store
from newsletter.workspace import PublicationId

SERVER, OTHER = "mail.example.org:587 desk@example.org", "mail.example.org:587 board@example.org"


def test_what_was_learned_last_is_known_of_each_server(store: Store) -> None:
    with store.transaction() as connection:
        assert read_learned_limits(connection, SERVER) is None
        write_learned_limits(connection, SERVER, '{"rate": 14.0}')
        write_learned_limits(connection, OTHER, '{"connections": 3}')
        write_learned_limits(connection, SERVER, '{"rate": 28.0}')
    with store.reading() as connection:
        known = read_learned_limits(connection, SERVER)
        assert known is not None
        assert known.limits == '{"rate": 28.0}'
        assert [(one.server, one.limits) for one in list_learned_limits(connection)] == [
            (OTHER, '{"connections": 3}'), (SERVER, '{"rate": 28.0}'),
        ]  # fmt: skip


def test_one_server_is_forgotten_or_all_of_this_publication(store: Store) -> None:
    brief = store.of(PublicationId("brief"))
    for one in (store, brief):
        with one.transaction() as connection:
            for server in (SERVER, OTHER):
                write_learned_limits(connection, server, "{}")
    with store.transaction() as connection:
        assert forget_learned_limits(connection, SERVER) == 1
        assert forget_learned_limits(connection, SERVER) == 0
        assert [one.server for one in list_learned_limits(connection)] == [OTHER]
        assert forget_learned_limits(connection) == 1
    with brief.reading() as connection:
        assert len(list_learned_limits(connection)) == 2
