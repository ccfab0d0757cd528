"""What a mail log proves: whole messages and no others, whatever else stands in it."""

import gzip
import io
import re
import smtplib
import ssl
import time
from pathlib import Path

import pytest
from browser import needed
from hypothesis import given
from hypothesis import strategies as st
from postfix import PASSWORD, USER, Postfix, postfix, unavailable

from newsletter.errors import NewsletterError
from newsletter.mail.headers import derive_message_id
from newsletter.reconcile import mail_log
from newsletter.reconcile.mail_log import FoundMessageIds, find_arrivals, find_message_ids, open_log

OURS = [derive_message_id("c", f"r{number}@example.org", "example.org") for number in range(6)]
STRANGERS = [derive_message_id("other", f"r{number}@example.org", "example.org") for number in range(3)]
STRANGERS += ["<plain@example.org>", "<>", "no id at all", f"{OURS[0][1:33]}@example.org.example.net>"]


def _id(text: str) -> bytes:
    return text.strip("<>").encode()


KNOWN = {_id(text) for text in OURS}


def _ids_in(text: bytes) -> FoundMessageIds:
    found_ids = FoundMessageIds()
    find_message_ids(io.BytesIO(text), KNOWN, found_ids)
    return found_ids


def _arrivals_in(text: bytes) -> FoundMessageIds:
    found_ids = FoundMessageIds()
    find_arrivals(io.BytesIO(text), KNOWN, found_ids)
    return found_ids


@given(st.binary(max_size=3000), st.lists(st.sampled_from([*OURS, *STRANGERS]), max_size=5))
def test_any_text_may_stand_around_an_id(junk: bytes, ids: list[str]) -> None:
    text = b"\n".join(junk + b" " + text.encode() + b" " + junk for text in ids)
    assert _ids_in(text).arrived == {_id(text) for text in ids} & KNOWN


@given(st.integers(1, 120), st.sampled_from([*OURS, STRANGERS[-1]]), st.integers(0, 200), st.booleans())
def test_an_id_is_found_wherever_the_reading_is_cut(chunk: int, text: str, before: int, after: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail_log, "_CHUNK", chunk)
        found = _ids_in(b"x " * before + text.encode().strip(b"<>") + b"," * after).arrived
    assert found == {_id(text)} & KNOWN


def test_a_domain_is_written_in_any_letters() -> None:
    assert _ids_in(_id(OURS[0]).replace(b"example.org", b"EXAMPLE.org")).arrived == {_id(OURS[0])}


@given(st.lists(st.binary(max_size=300), max_size=30))
def test_no_log_makes_the_reader_stumble(lines: list[bytes]) -> None:
    start = b"Nov 22 11:44:01 mx postfix/cleanup[1]: 4XyZab: message-id=" + OURS[0].encode()
    found_ids = _arrivals_in(b"\n".join([start, *lines]))
    assert found_ids.arrived <= KNOWN
    assert found_ids.begun <= KNOWN


class Postfixed:
    """Messages that Postfix would have logged, each with its fate; queue ids come again when they are free."""

    def __init__(self, text: str, fate: str, queue_id: str, stamp: str, host: str) -> None:
        def line(program: str, words: str) -> bytes:
            return f"{stamp} {host} postfix/{program}[12]: {queue_id}: {words}\n".encode()

        self.fate, self.id = fate, _id(text)
        self.lines = [line("smtpd", "client=localhost[127.0.0.1]"), line("cleanup", f"message-id={text}")]
        if fate == "queued":
            self.lines += [line("qmgr", "from=<bounces@example.org>, size=36000, nrcpt=1 (queue active)")]
        if fate == "delivered":
            self.lines += [line("smtp", "to=<r@example.org>, relay=x, delay=1, dsn=2.0.0, status=sent (250 ok)"),
                           line("qmgr", "removed")]  # fmt: skip
        if fate == "rejected":
            self.lines += [line("cleanup", "milter-reject: END-OF-MESSAGE from x: 5.7.1 no; from=<a@b> to=<c@d>")]


@st.composite
def _logs(draw: st.DrawFn) -> tuple[list[Postfixed], bytes, bool]:
    """Each message's lines in their order, those of several mingled, some cut off, with strange ones between."""
    messages = []
    stamp = draw(st.sampled_from(["Nov  2 11:44:01", "2026-11-22T11:44:01.123456+00:00"]))
    lanes: list[list[bytes]] = [[] for _ in range(draw(st.integers(1, 4)))]
    fates = st.sampled_from(["begun", "queued", "delivered", "rejected"])
    # The same queue id on another host is another message's.
    names = [("4XyZ1bQwz", "mx1"), ("4XyZ1bQwz", "mx2"), ("9AC03212", "mx1"), ("BBBBBB", "mx1")]
    for text in draw(st.lists(st.sampled_from([*OURS, *STRANGERS]), max_size=8, unique=True)):
        lane = draw(st.integers(0, len(lanes) - 1))
        message = Postfixed(text, draw(fates), names[lane][0], stamp, names[lane][1])
        messages.append(message)
        lanes[lane] += message.lines
    lines = []
    while filled := [lane for lane in lanes if lane]:
        lines.append(draw(st.sampled_from(filled)).pop(0))
    cuts = False
    for number in range(len(lines)):
        if draw(st.integers(0, 15)) == 0:
            cuts = True
            lines[number] = lines[number][: draw(st.integers(0, len(lines[number])))] + b"\n"
    strange = [b"", b"\n", b"Nov 22 mx kernel: postfix/qmgr[1]: removed\n", b"\xff\xfe\0\n", b"]: : [\n"]
    between = st.sampled_from(strange)
    return messages, b"".join(line + draw(between) for line in lines), cuts


@given(_logs())
def test_postfix_shows_what_it_has_whole(log: tuple[list[Postfixed], bytes, bool]) -> None:
    messages, text, cuts = log
    whole = {message.id for message in messages if message.fate in ("queued", "delivered")} & KNOWN
    begun = {message.id for message in messages if message.fate in ("begun", "rejected")} & KNOWN
    found_ids = _arrivals_in(text)
    if cuts:
        # A line that is lost may cost a proof. It must not make one, but for the message that had the queue id before.
        assert found_ids.arrived <= KNOWN & {message.id for message in messages}
    else:
        assert (found_ids.arrived, found_ids.begun) == (whole, begun)


def test_what_a_file_says_of_a_queue_id_means_nothing_in_another() -> None:
    lines = Postfixed(OURS[0], "queued", "BBBBBB", "Nov  2 11:44:01", "mx").lines
    found_ids = FoundMessageIds()
    for part in (lines[:2], lines[2:]):
        find_arrivals(io.BytesIO(b"".join(part)), KNOWN, found_ids)
    assert found_ids.arrived == set()
    assert found_ids.begun == {_id(OURS[0])}


def test_a_line_too_long_for_a_log_proves_nothing() -> None:
    lines = Postfixed(OURS[0], "queued", "BBBBBB", "Nov  2 11:44:01", "mx").lines
    inside = b"x" * (1 << 14) + b" " + lines[2]
    assert _arrivals_in(lines[1] + inside).arrived == set()
    assert _arrivals_in(lines[1] + inside + lines[2]).arrived == {_id(OURS[0])}


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22 14:00:05 1tE9xG-000000001Ab-0aBc <= bounces@example.org H=(x) [127.0.0.1] P=esmtps S=36000 id={}",
        '2026-11-22 14:00:05.123 +0100 [99] 1tE9xG-0000Ab-1B <= a@example.org H=x P=esmtp S=36000 id={} T="id=a"',
        "Nov 22 14:00:05 mx exim[9]: 2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org H=x S=9 id={} for r@b.org",
        '2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= "a b"@example.org H=x S=9 RT=0.1s id={} from <a@b> for r@b.org',
        "2026-11-22T14:00:05.123456+01:00 mx exim4[9]: [77] 1tE9xG-0000Ab-1B <= <> U=root P=local S=9 id={}",
        "<22>Nov  2 14:00:05 mx exim: 1tE9xG-0000Ab-1B <= a@example.org P=local S=9 id={}",
    ],
)
def test_exim_shows_what_it_has_whole(line: str) -> None:
    text = (line + "\n").format(OURS[0].strip("<>")) + (line + "\n").format("somebody@else.example")
    found_ids = _arrivals_in(text.encode())
    assert found_ids.arrived == {_id(OURS[0])}
    assert found_ids.has_lines
    other = text.replace("<=", "=>").encode()
    assert _arrivals_in(other).arrived == set()


@pytest.mark.parametrize(
    "line",
    [
        # A sender, a HELO name, a certificate and a subject are whoever's who sends there.
        '2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= "x S=9 id={}"@example.org H=x P=esmtp S=36000',
        "2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org H=(x S=9 id={}) [192.0.2.1] P=esmtp S=36000 id=b@b.org",
        '2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org H=x DN="CN=x S=9 id={}" P=esmtp S=36000 id=b@b.org',
        '2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org H=x P=esmtp S=36000 id=b@b.org T="a" S=9 id={}"',
        "2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org H=x P=esmtp S=36000 for id={}",
        # And so is what other programs say of somebody.
        "2026-11-22 14:00:05 rejected HELO from [192.0.2.1]: 1tE9xG-0000Ab-1B <= a@example.org S=9 id={}",
        "Nov 22 14:00:05 mx sshd[9]: Invalid user 2026-11-22 14:00:05 1tE9xG-0000Ab-1B <= a@example.org S=9 id={}",
        "Nov 22 14:00:05 mx sshd[9]: Invalid user x exim[9]: 1tE9xG-0000Ab-1B <= a@example.org S=9 id={}",
        " 1tE9xG-0000Ab-1B <= a@example.org S=9 id={}",
    ],
)
def test_words_of_others_in_a_log_of_exims_prove_nothing(line: str) -> None:
    assert _arrivals_in(line.format(OURS[0].strip("<>")).encode() + b"\n").arrived == set()


def test_words_of_others_in_a_log_of_postfixs_prove_nothing() -> None:
    start = b"Nov 22 14:00:05 mx kernel: port x postfix/"
    lines = b"%bcleanup[1]: AAAAAA: message-id=%b\n%bqmgr[1]: AAAAAA: removed\n"
    found_ids = _arrivals_in(lines % (start, OURS[0].encode(), start))
    assert (found_ids.arrived, found_ids.begun) == (set(), set())


def test_any_other_log_is_no_log(tmp_path: Path) -> None:
    found_ids = _arrivals_in(f"Nov 22 11:44:01 mx sendmail[1]: from=<a@b>, msgid={OURS[0]}\n".encode())
    assert not found_ids.has_lines
    assert found_ids.arrived == set()


def test_a_packed_log_is_unpacked_and_a_broken_one_refused(tmp_path: Path) -> None:
    packed = tmp_path / "mail.log.2.gz"
    packed.write_bytes(gzip.compress(b"".join(Postfixed(OURS[1], "delivered", "BBBBBB", "Nov  2 1:1:1", "mx").lines)))
    found_ids = FoundMessageIds()
    pipe = io.BufferedReader(io.BytesIO())
    with open_log(packed, pipe) as file:
        find_arrivals(file, KNOWN, found_ids)
    assert found_ids.arrived == {_id(OURS[1])}
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(NewsletterError, match="can't be read to its end"), open_log(packed, pipe) as file:
        find_arrivals(file, KNOWN, found_ids)


def _hand_over(server: Postfix, text: str, part: slice) -> None:
    """Hand the server a message, or a part of one, and hang up without waiting for a word."""
    with smtplib.SMTP("localhost", server.port, timeout=30) as session:
        session.starttls(context=ssl.create_default_context(cafile=server.certificate))
        session.login(f"{USER}@localhost", PASSWORD)
        for command in ("MAIL FROM:<bounces@example.org>", "RCPT TO:<r@example.org>", "DATA"):
            code, words = session.docmd(command)
            assert code < 400, words
        body = f"Message-ID: {text}\r\nSubject: s\r\n\r\n".encode() + b"text\r\n" * 2000 + b".\r\n"
        session.send(body[part])
        session.close()


@pytest.mark.slow
def test_a_real_postfix_says_what_it_has() -> None:
    needed(unavailable() or "Postfix", not unavailable())
    with postfix(keep=False) as server:
        _hand_over(server, OURS[0], slice(None))
        _hand_over(server, OURS[1], slice(0, 8000))
        _hand_over(server, OURS[2], slice(0, 20))
        until = time.monotonic() + 30
        while len(re.findall("queue active|lost connection after DATA", server.log())) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        log = server.log()
    found_ids = _arrivals_in(log.encode())
    assert found_ids.arrived == {_id(OURS[0])}, log
    assert found_ids.begun <= {_id(OURS[1])}, log
    assert found_ids.has_ids
