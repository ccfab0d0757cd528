"""Many who leave at once are written down as each would be alone."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.store import Store, suppressions
from newsletter.store.erased import add_erased
from newsletter.store.events import remove_events, stream_events
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.secret_keys import SecretKeys

KEYS = SecretKeys(("k" * 40,), "f" * 40)
_LEAVING = st.lists(
    st.builds(
        Event,
        subscriber=st.sampled_from([f"{name}@example.org" for name in ("ann", "ben", "cem", "erased")]),
        kind=st.just(EventKind.UNSUBSCRIBED),
        source=st.sampled_from([EventSource.ONE_CLICK, EventSource.PAGE, EventSource.MAIL]),
        issue=st.sampled_from([None, "2.10", "3.7"]),
        evidence=st.dictionaries(st.sampled_from(["words", "message"]), st.text(max_size=5), max_size=2),
    ),
    max_size=12,
)


@pytest.mark.slow
def test_a_group_is_written_as_each_would_be_alone(store: Store) -> None:
    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(known=_LEAVING, group=_LEAVING)
    def check(known: list[Event], group: list[Event]) -> None:
        found = []
        for at_once in (True, False):
            with store.transaction() as connection:
                for reader in ("ann", "ben", "cem", "erased"):
                    suppressions.unsuppress(connection, f"{reader}@example.org")
                    remove_events(connection, f"{reader}@example.org")
                add_erased(connection, KEYS.digest("erased@example.org"))
            news = []
            for part in (known, group):
                if at_once:
                    news += record_events(store, KEYS, part)
                else:
                    news += [one for event in part for one in record_events(store, KEYS, [event])]
            with store.reading() as connection:
                said = [row[:5] for row in stream_events(connection)]
                gone = [row[:3] for row in suppressions.stream_suppressions(connection)]
            found.append((news, said, gone))
        assert found[0] == found[1]

    check()
