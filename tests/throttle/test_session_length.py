"""How many messages a session carries."""

from newsletter.throttle.session_length import SessionLength


def _learned(length: int) -> SessionLength:
    sessions = SessionLength(None, None)
    sessions.record_ended(length)
    sessions.record_ended(length)
    assert sessions.find() == length
    return sessions


def test_of_all_sessions_at_once_a_single_one_tries_whether_more_are_borne() -> None:
    sessions = _learned(20)
    for _ in range(60):
        sessions.record_closed(20)
    begun = [sessions.begin_session() for _ in range(10)]
    assert begun == [26] + [20] * 9
    assert sessions.find() == 20


def test_a_longer_session_that_was_borne_is_the_length_from_then_on() -> None:
    sessions = _learned(20)
    sessions.record_closed(26)
    assert sessions.begin_session() == sessions.find() == 26


def test_a_longer_session_that_was_not_borne_is_not_tried_again_at_once() -> None:
    sessions = _learned(20)
    for _ in range(60):
        sessions.record_closed(20)
    sessions.begin_session()
    sessions.record_ended(20)
    assert [sessions.begin_session() for _ in range(10)] == [20] * 10


def test_no_session_is_longer_than_configured() -> None:
    sessions = SessionLength(22, 20)
    for _ in range(60):
        sessions.record_closed(20)
    assert sessions.begin_session() == 22
