"""SMTP's dialogue word for word: what is said, when, and what a server's reply means for whom."""

import pytest
from feeds import message
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.backends import SenderRefused, SessionLost
from newsletter.backends.smtp.dialogue import Dialogue
from newsletter.backends.smtp.extensions import Extensions
from newsletter.backends.smtp.reply_reader import ReplyReader
from newsletter.backends.smtp.transaction import DialogueStage
from newsletter.mail.message import Message, Outcome, Result

ADA, BOB, EVE = message("ada"), message("bob"), message("eve")
PIPELINING = Extensions(pipelining=True)
CHUNKING = Extensions(pipelining=True, chunking=True)


def _envelope(to: Message, parameters: str = "") -> bytes:
    return f"MAIL FROM:<{to.sender}>{parameters}\r\nRCPT TO:<{to.recipient}>\r\n".encode()


def _chunk(to: Message) -> bytes:
    return b"%sBDAT %d LAST\r\n%sRSET\r\n" % (_envelope(to), len(to.data), to.data)


def _give(dialogue: Dialogue, *messages: Message) -> bytes:
    for each in messages:
        assert dialogue.room
        dialogue.give(each)
    return b"".join(dialogue.outgoing())


def _say(dialogue: Dialogue, words: bytes) -> bytes:
    dialogue.receive(words)
    return b"".join(dialogue.outgoing())


def _outcomes(dialogue: Dialogue) -> dict[str, tuple[Outcome, str, int | None]]:
    return {result.key: (result.outcome, result.stage, result.code) for result in dialogue.results}


def _returned(dialogue: Dialogue) -> list[Message]:
    return [each for each, _ in dialogue.returned]


def test_one_command_at_a_time_where_nothing_is_announced() -> None:
    dialogue = Dialogue(Extensions())
    assert _give(dialogue, ADA) == b"MAIL FROM:<bounces@example.org>\r\n"
    assert _say(dialogue, b"250 ok\r\n") == b"RCPT TO:<ada@example.org>\r\n"
    assert _say(dialogue, b"250 ok\r\n") == b"DATA\r\n"
    assert _say(dialogue, b"354 go\r\n") == ADA.data + b".\r\n"
    assert not dialogue.room
    assert _say(dialogue, b"250 2.0.0 queued\r\n") == b""
    assert _outcomes(dialogue) == {"ada": (Outcome.ACCEPTED, "text", 250)}
    assert dialogue.room
    assert dialogue.awaits is None


def test_after_a_refused_reader_the_transaction_is_reset_before_the_next() -> None:
    dialogue = Dialogue(Extensions())
    _give(dialogue, ADA)
    _say(dialogue, b"250 ok\r\n")
    assert _say(dialogue, b"550 5.1.1 no such user\r\n") == b""
    assert _outcomes(dialogue) == {"ada": (Outcome.REFUSED, "rcpt", 550)}
    assert _give(dialogue, BOB) == b"RSET\r\n"
    assert _say(dialogue, b"250 ok\r\n") == b"MAIL FROM:<bounces@example.org>\r\n"


def test_a_text_travels_with_the_next_envelope() -> None:
    dialogue = Dialogue(PIPELINING)
    assert _give(dialogue, ADA) == _envelope(ADA) + b"DATA\r\n"
    assert not dialogue.room
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert _give(dialogue, BOB) == ADA.data + b".\r\n" + _envelope(BOB) + b"DATA\r\n"
    assert not dialogue.room
    assert dialogue.awaits is DialogueStage.TEXT
    dialogue.receive(b"250 2.0.0 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.ACCEPTED, "text", 250)}
    assert b"".join(dialogue.outgoing()) == BOB.data + b".\r\n"


def test_no_text_leaves_before_its_354() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    assert _say(dialogue, b"250 ok\r\n250 ok\r\n") == b""
    assert _say(dialogue, b"354 go") == b""
    assert _say(dialogue, b"\r\n") == ADA.data + b".\r\n"


@pytest.mark.parametrize(
    ("replies", "fate"),
    [
        (b"250 ok\r\n550 5.1.1 unknown\r\n503 need RCPT\r\n", (Outcome.REFUSED, "rcpt", 550)),
        (b"250 ok\r\n451 4.7.1 greylisted\r\n554 no valid recipients\r\n", (Outcome.DEFERRED, "rcpt", 451)),
        (b"451 4.3.0 later\r\n503 need MAIL\r\n503 need RCPT\r\n", (Outcome.DEFERRED, "mail", 451)),
        (b"250 ok\r\n250 ok\r\n452 4.3.1 disk full\r\n", (Outcome.DEFERRED, "data", 452)),
    ],
)
def test_a_failure_is_the_first_failing_replys(replies: bytes, fate: tuple[Outcome, str, int]) -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    assert _say(dialogue, replies) == b""
    assert _outcomes(dialogue) == {"ada": fate}
    assert _give(dialogue, BOB) == b"RSET\r\n" + _envelope(BOB) + b"DATA\r\n"
    assert _say(dialogue, b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n") == BOB.data + b".\r\n"


def test_a_354_after_a_refused_reader_is_answered_with_a_lone_dot() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n550 unknown\r\n354 go\r\n")
    assert _give(dialogue, BOB) == b".\r\nRSET\r\n" + _envelope(BOB) + b"DATA\r\n"
    dialogue.receive(b"250 an empty message for nobody\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.REFUSED, "rcpt", 550)}
    assert b"".join(dialogue.outgoing()) == BOB.data + b".\r\n"


@pytest.mark.parametrize("extensions", [Extensions(), PIPELINING, CHUNKING])
def test_a_server_that_will_not_reset_is_left(extensions: Extensions) -> None:
    dialogue = Dialogue(extensions, window=1)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n")
    dialogue.outgoing()
    dialogue.receive(b"550 unknown\r\n" + (b"" if extensions == Extensions() else b"503 no\r\n"))
    _give(dialogue, BOB)
    dialogue.receive(b"502 5.5.1 RSET?\r\n")
    assert str(dialogue.end) == "502 5.5.1 RSET?"
    assert _outcomes(dialogue)["ada"] == (Outcome.REFUSED, "rcpt", 550)


def test_the_enhanced_code_is_told_from_the_words() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    _say(dialogue, b"250 ok\r\n250 ok\r\n354 go\r\n")
    dialogue.receive(b"450-4.7.28 too many\r\n450 \tfrom you today\r\n")
    (result,) = dialogue.results
    assert (result.code, result.enhanced, result.reply) == (450, "4.7.28", "too many from you today")


def test_letters_of_another_charset_are_kept() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive("250 ok\r\n550 5.1.1 Empfänger unbekannt\r\n".encode("latin-1"))
    assert dialogue.results[0].reply == "Empf\udce4nger unbekannt"


@pytest.mark.parametrize("extensions", [Extensions(), PIPELINING])
@pytest.mark.parametrize("reply", [b"550 5.7.1 not you", b"530 5.7.0 login", b"555 5.5.4 what?"])
def test_a_refused_sender_ends_it_for_everyone(extensions: Extensions, reply: bytes) -> None:
    dialogue = Dialogue(extensions)
    _give(dialogue, ADA)
    assert _say(dialogue, reply + b"\r\n") == b""
    assert isinstance(dialogue.end, SenderRefused)
    assert reply.decode() in str(dialogue.end)
    assert _returned(dialogue) == [ADA]
    assert not dialogue.room


def test_a_login_wanted_after_a_text_is_about_everyone_too() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    _give(dialogue, BOB)
    dialogue.receive(b"530 5.7.0 login\r\n")
    assert isinstance(dialogue.end, SenderRefused)
    assert _returned(dialogue) == [ADA, BOB]


@pytest.mark.parametrize("extensions", [Extensions(), PIPELINING, CHUNKING])
def test_what_is_larger_than_the_server_takes_is_refused_here(extensions: Extensions) -> None:
    limit = Extensions(pipelining=extensions.pipelining, chunking=extensions.chunking, size=len(ADA.data) - 1)
    dialogue = Dialogue(limit)
    assert _give(dialogue, ADA) == b""
    assert _outcomes(dialogue) == {"ada": (Outcome.REFUSED, "mail", None)}
    assert f"{len(ADA.data):,} bytes" in dialogue.results[0].reply
    assert dialogue.room


@pytest.mark.parametrize("size", [0, len(ADA.data)])
def test_the_size_is_said_where_the_server_asks_for_it(size: int) -> None:
    dialogue = Dialogue(Extensions(pipelining=True, size=size))
    assert _give(dialogue, ADA) == _envelope(ADA, f" SIZE={len(ADA.data)}") + b"DATA\r\n"


def test_too_large_for_the_server_after_all_is_about_this_message() -> None:
    dialogue = Dialogue(Extensions(pipelining=True, size=0))
    _give(dialogue, ADA)
    dialogue.receive(b"552 5.3.4 too large\r\n503 no\r\n503 no\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.REFUSED, "mail", 552)}
    assert dialogue.room


@pytest.mark.parametrize("extensions", [Extensions(), PIPELINING, Extensions(pipelining=True, size=0)])
@pytest.mark.parametrize(
    "reply",
    [
        b"552 5.3.4 Message size exceeds fixed limit",
        b"552 too large",
        b"550 5.4.5 Daily user sending limit exceeded",
        b"550 You have reached your monthly sending limit",
    ],
)
def test_a_message_or_a_quota_that_mail_is_refused_for_is_no_refused_sender(
    extensions: Extensions, reply: bytes
) -> None:
    dialogue = Dialogue(extensions)
    _give(dialogue, ADA)
    _say(dialogue, reply + b"\r\n")
    assert dialogue.end is None
    assert list(_outcomes(dialogue).values()) == [(Outcome.REFUSED, "mail", int(reply[:3]))]


def test_a_lost_connection_has_the_reply_that_ended_it() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    _say(dialogue, b"250 ok\r\n421 4.7.0 mx Error: too many errors\r\n")
    assert isinstance(dialogue.end, SessionLost)
    assert (dialogue.end.code, dialogue.end.enhanced, dialogue.end.stage) == (421, "4.7.0", "rcpt")
    assert dialogue.end.reply == "mx Error: too many errors"
    assert _returned(dialogue) == [ADA]


@pytest.mark.parametrize(
    "address", ["a>b@example.org", "a b@example.org", "a@example.org\r\nDATA", "ä@example.org", ""]
)
def test_no_address_can_add_a_command(address: str) -> None:
    dialogue = Dialogue(PIPELINING)
    strange = Message(key="x", sender="bounces@example.org", recipient=address, pieces=(b"hello\r\n",))
    assert _give(dialogue, strange) == b""
    assert _outcomes(dialogue) == {"x": (Outcome.REFUSED, "mail", None)}


@pytest.mark.parametrize("words", [b"421 4.3.2 going down\r\n", b"421-4.3.2 going\r\n421 down\r\n"])
def test_a_server_that_closes_while_nothing_is_under_way(words: bytes) -> None:
    dialogue = Dialogue(PIPELINING)
    dialogue.receive(words)
    assert isinstance(dialogue.end, SessionLost)
    assert dialogue.end.code == 421
    assert "421 4.3.2 going down" in str(dialogue.end)


def test_a_server_that_closes_piece_by_piece_while_a_command_leaves() -> None:
    dialogue = Dialogue(PIPELINING)
    dialogue.receive(b"42")
    _give(dialogue, ADA)
    dialogue.receive(b"1 bye\r\n")
    assert str(dialogue.end) == "421 bye"
    assert _returned(dialogue) == [ADA]


def test_a_server_that_closes_after_a_text_has_not_taken_it() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    _give(dialogue, BOB)
    dialogue.receive(b"421 4.4.2 timeout\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.DEFERRED, "text", 421)}
    assert dialogue.returned == [(BOB, "421 4.4.2 timeout")]


@pytest.mark.parametrize("extra", [b"250 ok\r\n", b"2", b"nonsense\r\n"])
def test_a_reply_that_was_there_before_its_command_answers_nothing(extra: bytes) -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n" + extra)
    dialogue.outgoing()
    dialogue.receive(b"50 ok\r\n")
    assert isinstance(dialogue.end, SessionLost)
    assert Outcome.ACCEPTED not in {result.outcome for result in dialogue.results}


def test_a_lost_connection_leaves_the_text_unknown_and_the_next_envelope_untouched() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    _give(dialogue, BOB)
    dialogue.lose("the connection broke")
    assert _outcomes(dialogue) == {"ada": (Outcome.UNKNOWN, "text", None)}
    assert dialogue.returned == [(BOB, "the connection broke")]


def test_a_text_that_was_never_written_is_untouched() -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    dialogue.lose("the connection broke")
    assert dialogue.results == []
    assert _returned(dialogue) == [ADA]
    assert dialogue.outgoing() == []


@pytest.mark.parametrize("reply", [b"x" * 10_000, b"250 " + b"x" * 10_000 + b"\r\n", b"250-x\r\n" * 2000])
def test_a_reply_without_an_end_is_not_kept(reply: bytes) -> None:
    whole, piecemeal = Dialogue(PIPELINING), Dialogue(PIPELINING)
    for dialogue, step in ((whole, len(reply)), (piecemeal, 7)):
        _give(dialogue, ADA)
        for start in range(0, len(reply), step):
            dialogue.receive(reply[start : start + step])
        assert isinstance(dialogue.end, SessionLost)
        assert len(str(dialogue.end)) < 9000
        assert _returned(dialogue) == [ADA]


def test_a_window_of_whole_transactions() -> None:
    dialogue = Dialogue(CHUNKING, window=2)
    assert _give(dialogue, ADA, BOB) == _chunk(ADA) + _chunk(BOB)
    assert not dialogue.room
    dialogue.receive(b"250 ok\r\n" * 3)
    assert _outcomes(dialogue) == {"ada": (Outcome.ACCEPTED, "text", 250)}
    assert _give(dialogue, EVE) == _chunk(EVE)
    dialogue.receive(b"250 ok\r\n" * 9)
    assert set(_outcomes(dialogue)) == {"ada", "bob", "eve"}
    assert dialogue.awaits is None


def test_in_a_window_each_failure_finds_its_message() -> None:
    dialogue = Dialogue(CHUNKING, window=3)
    _give(dialogue, ADA, BOB, EVE)
    dialogue.receive(b"250 ok\r\n550 5.1.1 unknown\r\n503 no recipient\r\n250 reset\r\n")
    dialogue.receive(b"250 ok\r\n250 ok\r\n452 4.3.1 full\r\n250 reset\r\n")
    dialogue.receive(b"250 ok\r\n250 ok\r\n250 queued\r\n250 reset\r\n")
    assert _outcomes(dialogue) == {
        "ada": (Outcome.REFUSED, "rcpt", 550),
        "bob": (Outcome.DEFERRED, "text", 452),
        "eve": (Outcome.ACCEPTED, "text", 250),
    }
    assert dialogue.end is None


def test_a_text_for_nobody_that_is_taken_reaches_nobody() -> None:
    dialogue = Dialogue(CHUNKING, window=1)
    _give(dialogue, ADA)
    dialogue.receive(b"250 ok\r\n550 unknown\r\n250 taken\r\n250 reset\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.REFUSED, "rcpt", 550)}


def test_a_text_that_is_taken_after_a_refused_mail_is_unknown() -> None:
    dialogue = Dialogue(CHUNKING, window=1)
    _give(dialogue, ADA)
    dialogue.receive(b"451 later\r\n250 ok\r\n250 taken\r\n250 reset\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.UNKNOWN, "text", None)}
    assert isinstance(dialogue.end, SessionLost)


def test_a_lost_connection_leaves_a_window_unknown_but_for_what_was_answered() -> None:
    dialogue = Dialogue(CHUNKING, window=3)
    _give(dialogue, ADA, BOB, EVE)
    dialogue.receive(b"250 ok\r\n250 ok\r\n250 queued\r\n250 reset\r\n250 ok\r\n550 unknown\r\n")
    dialogue.lose("the connection broke")
    assert _outcomes(dialogue) == {
        "ada": (Outcome.ACCEPTED, "text", 250),
        "bob": (Outcome.REFUSED, "rcpt", 550),
        "eve": (Outcome.UNKNOWN, "text", None),
    }


@pytest.mark.parametrize("replies", [b"", b"250 ok\r\n"])
def test_a_server_that_closes_has_read_nothing_behind_the_command_it_answers_so(replies: bytes) -> None:
    dialogue = Dialogue(CHUNKING, window=3)
    _give(dialogue, ADA, BOB, EVE)
    dialogue.receive(b"250 ok\r\n" * 4 + replies + b"421 4.7.0 enough for one connection\r\n")
    assert _outcomes(dialogue) == {"ada": (Outcome.ACCEPTED, "text", 250)}
    assert _returned(dialogue) == [BOB, EVE]
    assert isinstance(dialogue.end, SessionLost)
    assert dialogue.end.code == 421


def test_a_refused_sender_in_a_window_waits_for_what_is_under_way() -> None:
    dialogue = Dialogue(CHUNKING, window=3)
    _give(dialogue, ADA, BOB, EVE)
    refused = b"550 5.7.1 not you\r\n503 no\r\n503 no\r\n250 reset\r\n"
    dialogue.receive(refused)
    assert dialogue.end is None
    assert not dialogue.room
    dialogue.receive(b"250 ok\r\n" * 4)
    dialogue.receive(refused)
    assert isinstance(dialogue.end, SenderRefused)
    assert _outcomes(dialogue) == {"bob": (Outcome.ACCEPTED, "text", 250)}
    assert _returned(dialogue) == [ADA, EVE]


def test_a_refused_sender_in_a_window_is_not_forgotten_when_the_connection_breaks() -> None:
    dialogue = Dialogue(CHUNKING, window=3)
    _give(dialogue, ADA, BOB)
    dialogue.receive(b"550 5.7.1 not you\r\n")
    dialogue.lose("the connection broke")
    assert isinstance(dialogue.end, SenderRefused)
    assert _outcomes(dialogue) == {"bob": (Outcome.UNKNOWN, "text", None)}
    assert _returned(dialogue) == [ADA]


def test_a_window_needs_pipelining() -> None:
    dialogue = Dialogue(Extensions(chunking=True), window=16)
    assert _give(dialogue, ADA) == b"MAIL FROM:<bounces@example.org>\r\n"
    assert not dialogue.room


_GOOD = [b"250 2.0.0 Ok: queued as 4C8\r\n", b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n", b"354 End with .\r\n"]
_OTHERS = [
    b"250 \r\n", b"250\r\n", b"251 forwarded\r\n", b"252 perhaps\r\n", b"250-two\r\n250 lines\r\n", b"250 no return\n",
    b"250 a\rb\r\n", b"250 " + b"x" * 600 + b"\r\n", b"250 " + b"x" * 8300 + b"\r\n", b"250 \xff\xc3\xa9\r\n",
    b"354\r\n", b"354-go\r\n354 on\r\n", b"421 4.3.2 going down\r\n", b"450 4.2.0 later\r\n", b"550 5.1.1 no\r\n",
    b"530 5.7.0 login\r\n", b"25 \r\n", b"\r\n", b"", b"220 again\r\n", b"2500 ok\r\n",
]  # fmt: skip


@given(
    st.tuples(*[st.just(good) | st.sampled_from(_GOOD + _OTHERS) for good in _GOOD]),
    st.sampled_from([b"", b"", b"", b"250 more\r\n", b"2"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=300)
def test_good_replies_that_come_together_are_taken_as_the_reply_reader_takes_them(
    replies: tuple[bytes, ...], more: bytes, refused_before: bool, has_begun: bool
) -> None:
    said = b"".join(replies) + more
    ends = []
    for pieces in ([said], [said[:1], said[1:]]):  # what comes in pieces is the reply reader's
        dialogue = Dialogue(PIPELINING)
        _give(dialogue, ADA)
        if refused_before:
            _say(dialogue, b"250 ok\r\n550 5.1.1 no\r\n503 5.5.1 no\r\n")
            _give(dialogue, EVE)
        _say(dialogue, b"".join([b"250 ok\r\n"] * (3 if refused_before else 2)) + b"354 go\r\n")
        _give(dialogue, BOB)
        if has_begun:
            dialogue.receive(b"2")
            pieces = [pieces[0][1:], *pieces[1:]] if pieces[0][:1] == b"2" else pieces
        count = sum([dialogue.receive(piece) for piece in pieces])
        ends.append(
            (
                count,
                b"".join(dialogue.outgoing()),
                dialogue.results,
                dialogue.returned,
                repr(dialogue.end),
                dialogue.awaits,
                dialogue.room,
                dialogue.receive(b"250 2.0.0 the next\r\n"),
                dialogue.results,
                repr(dialogue.end),
            )
        )
    assert ends[0] == ends[1]


def test_four_good_replies_are_taken_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    dialogue = Dialogue(PIPELINING)
    _give(dialogue, ADA)
    _say(dialogue, b"250 ok\r\n250 ok\r\n354 go\r\n")
    _give(dialogue, BOB)
    monkeypatch.delattr(ReplyReader, "read")
    assert _say(dialogue, b"".join(_GOOD)) == BOB.data + b".\r\n"
    assert dialogue.results == [Result("ada", Outcome.ACCEPTED, "text", 250, "2.0.0", "Ok: queued as 4C8")]
