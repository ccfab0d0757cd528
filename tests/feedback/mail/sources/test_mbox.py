"""An mbox in each of its forms, or a single message in a file."""

import mailbox
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, DeliveryError
from newsletter.feedback.mail.sources import MOST, StoredMail, open_source

FROM = b"From MAILER-DAEMON Sun Nov 22 10:00:00 2026\n"


def no_password(host: str, username: str) -> str | None:
    raise AssertionError("no password is needed")


def read(path: Path) -> list[StoredMail]:
    with open_source(str(path), after="leave", password=no_password) as source:
        mails = list(source.mails(lambda _key: False))
        assert list(source.mails({mail.key for mail in mails}.__contains__)) == []
        return mails


def texts(path: Path) -> list[bytes]:
    return [mail.data for mail in read(path)]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "bounces.mbox"


def test_messages_come_in_their_order_without_what_parts_them(box: Path) -> None:
    box.write_bytes(
        FROM + b"Subject: 1\n\none\n\n" + FROM + b"Subject: 2\n\ntwo\n\nmore\n\n\n" + FROM + b"Subject: 3\n\n"
    )
    assert texts(box) == [b"Subject: 1\n\none\n", b"Subject: 2\n\ntwo\n\nmore\n\n", b"Subject: 3\n"]
    assert [mail.name for mail in read(box)] == ["mbox:1", "mbox:2", "mbox:3"]
    with open_source(str(box), after="leave", password=no_password) as source:
        assert len(source) == 3


def test_a_message_has_the_same_key_when_others_follow_or_the_mail_server_marked_it(box: Path) -> None:
    box.write_bytes(FROM + b"Subject: 1\n\none\n\n")
    (alone,) = read(box)
    box.write_bytes(
        FROM
        + b"Subject: 1\nStatus: RO\nX-Status: A\nX-UID: 7\nX-Mozilla-Status: 0001\n\none\n\n"
        + FROM
        + b"Subject: 2\n\n"
    )
    marked, other = read(box)
    assert marked.key == alone.key != other.key
    assert b"X-UID: 7\n" in marked.data
    box.write_bytes(FROM + b"Subject: 1\n\none\nStatus: 5.1.1\n\n")
    (spoken,) = read(box)
    box.write_bytes(FROM + b"Subject: 1\n\none\nStatus: 4.1.1\n\n")
    assert read(box)[0].key != spoken.key


def test_a_from_in_the_text_is_as_it_was_written(box: Path) -> None:
    box.write_bytes(FROM + b"Subject: 1\n\n>From me\n>>From him\n> From the archive\n>Frommage\n\n")
    assert texts(box) == [b"Subject: 1\n\nFrom me\n>From him\n> From the archive\n>Frommage\n"]


def test_a_sentence_that_begins_with_from_is_no_new_message(box: Path) -> None:
    text = b"Subject: 1\n\nFrom here on, all is well\n\nFrom the context of the editor\n"
    box.write_bytes(FROM + text + b"\n" + FROM + b"Subject: 2\n\n")
    assert texts(box) == [text, b"Subject: 2\n"]


@pytest.mark.parametrize("line", [
    b"From bounces@example.org Sun Nov 22 10:00:00 2026\n",
    b"From - Sun Nov 22 10:00:00 2026\n",
    b"From MAILER-DAEMON Sun Nov  2 10:00:00 +0100 2026\n",
    b"From MAILER-DAEMON Sun Nov 22 10:00 CET 2026\n",
    b'From "Ada Lovelace"@example.org Sun Nov 22 10:00:00 2026 remote from relay\n',
    b"From a@example.org Sun, 22 Nov 2026 10:00:00 +0000\n",
    b"From \n",
    b"From MAILER-DAEMON\n",
])  # fmt: skip
def test_from_lines_of_many_programs_part_messages(box: Path, line: bytes) -> None:
    box.write_bytes(line + b"Subject: 1\n\none\n\n" + line + b"Subject: 2\n\ntwo\n")
    assert texts(box) == [b"Subject: 1\n\none\n", b"Subject: 2\n\ntwo\n"]


def test_lines_may_end_in_crlf(box: Path) -> None:
    crlf = FROM.replace(b"\n", b"\r\n")
    box.write_bytes(crlf + b"Subject: 1\r\n\r\n>From me\r\n\r\n" + crlf + b"Subject: 2\r\n\r\ntwo\r\n\r\n")
    assert texts(box) == [b"Subject: 1\r\n\r\nFrom me\r\n", b"Subject: 2\r\n\r\ntwo\r\n"]


def test_a_content_length_says_how_far_the_text_goes(box: Path) -> None:
    text = b"one\n\n" + FROM + b">From him\n"
    box.write_bytes(
        FROM + b"Content-Length: %d\nSubject: 1\n\n%b\n" % (len(text), text) + FROM + b"Subject: 2\n\ntwo\n"
    )
    assert texts(box) == [b"Content-Length: %d\nSubject: 1\n\n%b" % (len(text), text), b"Subject: 2\n\ntwo\n"]


@pytest.mark.parametrize("length", [b"0", b"3", b"17", b"70", b"100000", b"999999999999999", b"-4", b"1e3", b"9" * 400])
def test_a_content_length_that_leads_nowhere_is_not_believed(box: Path, length: bytes) -> None:
    box.write_bytes(FROM + b"Content-Length: " + length + b"\n\none\nand more\n\n" + FROM + b"Subject: 2\n\ntwo\n\n")
    assert [text.partition(b"\n\n")[2] for text in texts(box)] == [b"one\nand more\n", b"two\n"]


def test_an_empty_mailbox_has_no_messages_and_blank_lines_are_none(box: Path) -> None:
    box.touch()
    assert texts(box) == []
    box.write_bytes(b"\n\n" + FROM + b"Subject: 1\n\none\n")
    assert texts(box) == [b"Subject: 1\n\none\n"]


def test_a_file_that_begins_with_a_header_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "bounce\n\x1b.eml"
    text = b"Received: from a\n by b\nSubject: 1\n\none\n\n" + FROM + b"still the same\n"
    path.write_bytes(text)
    (mail,) = read(path)
    assert (mail.data, mail.name) == (text, r"bounce\n\x1b.eml")


@pytest.mark.parametrize(
    "content", [b"email,name\na@example.org,Ada\n", b"\x7fELF\x02\x01", b"%PDF-1.7\n", b"\0" * 100]
)
def test_other_files_are_no_mailbox(box: Path, content: bytes) -> None:
    box.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bounces\.mbox is no mailbox: it begins with no From line") as raised:
        read(box)
    assert "Maildir" in raised.value.next_step


def test_messages_are_not_moved_out_of_a_file(box: Path) -> None:
    box.write_bytes(FROM + b"Subject: 1\n\n")
    with (
        pytest.raises(ConfigError, match="can't be moved out of it: it belongs to the mail server") as raised,
        open_source(str(box), after="move", password=no_password),
    ):
        pass
    assert 'after = "leave"' in raised.value.next_step
    assert box.read_bytes() == FROM + b"Subject: 1\n\n"


def test_a_mailbox_that_is_being_written_to_is_read_later(box: Path) -> None:
    box.write_bytes(FROM + b"Subject: 1\n\n")
    holding = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl; f = open({str(box)!r}, 'ab'); fcntl.lockf(f, fcntl.LOCK_EX);"
         "print('held', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holding.stdout
    assert holding.stdout.readline() == b"held\n"
    with pytest.raises(DeliveryError, match=r"Another program is writing to .*bounces\.mbox"):
        read(box)
    holding.communicate(b"\n")
    assert len(read(box)) == 1


def test_what_is_added_meanwhile_is_left_to_the_next_run_and_nobody_is_kept_from_adding(box: Path) -> None:
    box.write_bytes(FROM + b"Subject: 1\n\none")
    adding = (
        f"import fcntl; f = open({str(box)!r}, 'ab'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB);"
        f"f.write({b' and more' + FROM + b'Subj'!r})"
    )
    with open_source(str(box), after="leave", password=no_password) as source:
        subprocess.run([sys.executable, "-c", adding], check=True)
        assert [mail.data for mail in source.mails(lambda _key: False)] == [b"Subject: 1\n\none"]
    assert b"and more" in read(box)[0].data


def test_a_large_message_is_cut_off_and_the_next_one_found(box: Path) -> None:
    long_line = b"x" * (31 << 16)  # so that what follows is at the beginning of what is read at once
    box.write_bytes(FROM + b"Subject: 1\n\n" + long_line + b"From a 10:00\n\n" + FROM + b"Subject: 2\n\ntwo\n")
    large, other = read(box)
    assert (len(large.data), large.cut_off, other.cut_off) == (MOST, True, False)
    assert other.data == b"Subject: 2\n\ntwo\n"


LINES = [b"", b"From me", b">From 10:00", b"From a 10:00 2026", b"text", b"From "]
PIECES = [
    FROM,
    b"From \n",
    b"\n",
    b"\r\n",
    b"Content-Length: 9\n",
    b"A: b\n",
    b"\0\xff",
    b">From ",
    b"no end",
    b"From ",
]


@given(bodies=st.lists(st.lists(st.sampled_from(LINES)), max_size=6))
def test_what_python_writes_is_read_as_it_was(bodies: list[list[bytes]]) -> None:
    messages = [b"Subject: %d\n\n" % number + b"".join(line + b"\n" for line in lines)
                for number, lines in enumerate(bodies)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        written = mailbox.mbox(path)
        for message in messages:
            # mboxrd: Python writes mboxo, and so puts nothing before a line that has a > already.
            written.add(message.replace(b"\n>From ", b"\n>>From "))
        written.close()
        assert texts(path) == messages


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_file_has_an_end(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        path.write_bytes(FROM + b"".join(pieces))
        assert len(read(path)) >= 1


@pytest.mark.slow
def test_an_mbox_of_200_mb_is_read_in_bounded_memory(tmp_path: Path) -> None:
    script = """if True:
        import sys
        sys.path.insert(0, sys.argv.pop(1))
        from memory import peak
        from newsletter.feedback.mail.sources import open_source
        def run(path):
            with open_source(path, after="leave", password=lambda _host, _username: None) as source:
                return len(source), sum(1 for mail in source.mails(lambda key: False))
        run(sys.argv[1])
        before = peak()
        print(*run(sys.argv[2]), peak() - before)
    """
    for name, count in (("small", 1), ("large", 2_000)):
        with (tmp_path / name).open("wb") as file:
            for number in range(count):
                file.write(
                    FROM + b"Subject: %d\n\n" % number + b"A line of an ordinary length, more or less.\n" * 2300 + b"\n"
                )
    done = subprocess.run(
        [sys.executable, "-c", script, ROOT / "tests", tmp_path / "small", tmp_path / "large"],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    announced, count, kilobytes = map(int, done.stdout.split())
    assert announced == count == 2_000
    assert kilobytes < 16 * 1024
