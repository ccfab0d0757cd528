"""What was learned of a server stays until it is learned better or forgotten, for one publication and one server."""

from newsletter.ledger.learned_limits import (
    forget_learned_limits,
    list_learned_limits,
    read_learned_limits,
    write_learned_limits,
)
from newsletter.store import Store
from newsletter.throttle.learned import LearnedLimits
from newsletter.workspace import PublicationId

SERVER, OTHER = "mail.example.org:587 desk@example.org", "mail.example.org:587 board@example.org"


def test_what_was_learned_last_is_known_of_each_server(store: Store) -> None:
    with store.transaction() as connection:
        assert read_learned_limits(connection, SERVER) is None
        write_learned_limits(connection, SERVER, LearnedLimits(rate=14.0))
        write_learned_limits(connection, OTHER, LearnedLimits(connections=3))
        write_learned_limits(connection, SERVER, LearnedLimits(rate=28.0))
    with store.reading() as connection:
        known = read_learned_limits(connection, SERVER)
        assert known is not None
        assert known.limits == LearnedLimits(rate=28.0)
        assert [(one.server, one.limits) for one in list_learned_limits(connection)] == [
            (OTHER, LearnedLimits(connections=3)), (SERVER, LearnedLimits(rate=28.0)),
        ]  # fmt: skip


def test_one_server_is_forgotten_or_all_of_this_publication(store: Store) -> None:
    brief = store.of(PublicationId("brief"))
    for one in (store, brief):
        with one.transaction() as connection:
            for server in (SERVER, OTHER):
                write_learned_limits(connection, server, LearnedLimits(rate=1.0))
    with store.transaction() as connection:
        assert forget_learned_limits(connection, SERVER) == 1
        assert forget_learned_limits(connection, SERVER) == 0
        assert [one.server for one in list_learned_limits(connection)] == [OTHER]
        assert forget_learned_limits(connection) == 1
    with brief.reading() as connection:
        assert len(list_learned_limits(connection)) == 2


def test_replies_are_kept_without_the_address_of_a_reader(store: Store) -> None:
    said = "450 4.7.1 <ada@example.org>: sent too much \x1b[2J"
    with store.transaction() as connection:
        write_learned_limits(connection, SERVER, LearnedLimits(rate=14.0, evidence={"rate": said}))
        known = read_learned_limits(connection, SERVER)
    assert known is not None
    assert known.limits.evidence == {"rate": "450 4.7.1 … sent too much \\x1b[2J"}
