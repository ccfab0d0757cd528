"""Maildirs and folders of .eml files: each message once, nothing lost, nothing outside touched."""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, NewsletterError
from newsletter.feedback.mail.sources import MOST, AfterProcessing, MailSource, StoredMail, open_source

MESSAGE = b"From: postmaster@example.org\nSubject: Undelivered\n\nuser unknown\n"


def no_password(host: str, username: str) -> str | None:
    raise AssertionError("no password is needed")


@contextmanager
def opened(path: Path, after: AfterProcessing = "leave") -> Iterator[MailSource]:
    with open_source(str(path), after=after, password=no_password) as source:
        yield source


def read(path: Path, after: AfterProcessing = "leave") -> list[StoredMail]:
    """Return every message, each filed when it was handled."""
    with opened(path, after) as source:
        mails = []
        for mail in source.mails(lambda _key: False):
            mails.append(mail)
            source.file(mail)
        return mails


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return new_maildir(tmp_path / "Maildir")


def new_maildir(path: Path) -> Path:
    for part in ("tmp", "new", "cur"):
        (path / part).mkdir(parents=True)
    return path


def test_new_and_seen_messages_come_in_the_order_of_their_names(maildir: Path) -> None:
    for name in (
        "cur/1700000002.b.host:2,S",
        "new/1700000001.a.host",
        "new/1700000003.c.host",
        "cur/1700000000.d.host:2,",
    ):
        (maildir / name).write_bytes(MESSAGE + name.encode())
    for name in ("tmp/1700000000.e.host", "new/.hidden", "cur/.nfs0001"):
        (maildir / name).write_bytes(MESSAGE)
    with opened(maildir) as source:
        assert len(source) == 4
        mails = list(source.mails(lambda _key: False))
    assert [mail.name for mail in mails] == [
        "cur/1700000000.d.host:2,",
        "new/1700000001.a.host",
        "cur/1700000002.b.host:2,S",
        "new/1700000003.c.host",
    ]
    assert mails[1].data == MESSAGE + b"new/1700000001.a.host"
    assert not mails[1].cut_off


def test_what_is_known_is_passed_over_wherever_it_lies_now(maildir: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    (maildir / "new/2.b").write_bytes(MESSAGE + b"another")
    known = {mail.key for mail in read(maildir)}
    assert len(known) == 2
    (maildir / "new/1.a").rename(maildir / "cur/1.a:2,S")  # a mail program has shown it
    (maildir / "new/3.c").write_bytes(MESSAGE + b"a third")
    with opened(maildir) as source:
        assert [mail.name for mail in source.mails(known.__contains__)] == ["new/3.c"]


def test_left_is_as_it_was(maildir: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    (maildir / "cur/2.b:2,F").write_bytes(MESSAGE)
    before = files(maildir)
    read(maildir)
    assert files(maildir) == before
    assert sorted(path.name for path in maildir.iterdir()) == ["cur", "new", "tmp"]


def test_handled_messages_are_moved_with_their_flags_and_marked_as_seen(maildir: Path) -> None:
    contents = {"new/1.a": b"1", "cur/2.b:2,FT": b"2", "cur/3.c:2,S": b"3", "cur/4.d": b"4", "new/5.e:1,odd": b"5"}
    for name, content in contents.items():
        (maildir / name).write_bytes(content)
    assert len(read(maildir, "move")) == 5
    assert files(maildir) == {
        ".handled/cur/1.a:2,S": b"1",
        ".handled/cur/2.b:2,FST": b"2",
        ".handled/cur/3.c:2,S": b"3",
        ".handled/cur/4.d:2,S": b"4",
        ".handled/cur/5.e:2,S": b"5",
    }
    assert {path.name for path in (maildir / ".handled").iterdir()} == {"tmp", "new", "cur"}
    assert read(maildir, "move") == []


def test_the_handled_folder_lies_beside_one_that_is_a_folder_itself(maildir: Path) -> None:
    bounces = new_maildir(maildir / ".Bounces")
    (bounces / "new/1.a").write_bytes(MESSAGE)
    assert len(read(bounces, "move")) == 1
    assert files(maildir) == {".Bounces.handled/cur/1.a:2,S": MESSAGE}


def test_what_an_interrupted_run_handled_and_did_not_move_is_moved_by_the_next(maildir: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    known = {mail.key for mail in read(maildir)}
    with opened(maildir, "move") as source:
        assert list(source.mails(known.__contains__)) == []
    assert files(maildir) == {".handled/cur/1.a:2,S": MESSAGE}


def test_a_move_that_stopped_halfway_is_ended(maildir: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    new_maildir(maildir / ".handled")
    (maildir / ".handled/cur/1.a:2,S").hardlink_to(maildir / "new/1.a")
    read(maildir, "move")
    assert files(maildir) == {".handled/cur/1.a:2,S": MESSAGE}


def test_nothing_is_overwritten(maildir: Path) -> None:
    new_maildir(maildir / ".handled")
    (maildir / ".handled/cur/1.a:2,S").write_bytes(b"another with the same name")
    (maildir / "new/1.a").write_bytes(MESSAGE)
    read(maildir, "move")
    (maildir / "new/1.a").write_bytes(MESSAGE)
    read(maildir, "move")
    kept = files(maildir)
    assert sorted(kept.values()) == sorted([b"another with the same name", MESSAGE, MESSAGE])
    assert kept[".handled/cur/1.a:2,S"] == b"another with the same name"
    assert all(name.startswith(".handled/cur/") and name.endswith(":2,S") for name in kept)


def test_the_longest_name_can_be_moved(maildir: Path) -> None:
    (maildir / "new" / ("1." + "n" * 253)).write_bytes(MESSAGE)
    read(maildir, "move")
    assert list(files(maildir)) == [f".handled/cur/{hashlib.sha256(MESSAGE).hexdigest()}-0:2,S"]


def test_hard_links_of_one_file_are_one_message_to_know_and_two_files_to_move(maildir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(MESSAGE)
    (maildir / "new/1.a").hardlink_to(elsewhere)
    (maildir / "new/2.b").hardlink_to(elsewhere)
    mails = read(maildir, "move")
    assert len({mail.key for mail in mails}) == 1
    assert sorted(files(maildir)) == [".handled/cur/1.a:2,S", ".handled/cur/2.b:2,S"]
    assert elsewhere.read_bytes() == MESSAGE


def test_a_link_out_of_the_maildir_is_not_followed(maildir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"Subject: secret\n\n")
    (maildir / "new/1.a").symlink_to(outside / "secret")
    (maildir / "new/2.b").symlink_to(outside)
    (maildir / "new/3.c").write_bytes(MESSAGE)
    with opened(maildir, "move") as source:
        assert [mail.name for mail in source.mails(lambda _key: False)] == ["new/3.c"]
        assert [(str(problem.path), problem.code) for problem in source.unread] == [
            (f"{maildir}/new/1.a", "not-a-file"),
            (f"{maildir}/new/2.b", "not-a-file"),
        ]
    assert files(outside) == {"secret": b"Subject: secret\n\n"}


def test_a_handled_folder_that_leads_elsewhere_is_refused(maildir: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "cur").mkdir(parents=True)
    (maildir / ".handled").symlink_to(outside)
    (maildir / "new/1.a").write_bytes(MESSAGE)
    with pytest.raises(NewsletterError, match=r"new/1\.a can't be moved out of .*Maildir"):
        read(maildir, "move")
    assert files(outside) == {}
    assert (maildir / "new/1.a").read_bytes() == MESSAGE


def test_cur_or_new_that_lead_elsewhere_make_no_maildir(maildir: Path, tmp_path: Path) -> None:
    (maildir / "cur").rmdir()
    (tmp_path / "outside").mkdir()
    (maildir / "cur").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigError, match="neither cur/ and new/"):
        read(maildir)


def test_a_named_pipe_a_socket_and_a_folder_are_named_and_passed_over(maildir: Path) -> None:
    os.mkfifo(maildir / "new/1.pipe")
    (maildir / "cur/2.folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(maildir / "new/3.socket"))  # its name has 108 octets at most
        (maildir / "new/4.a").write_bytes(MESSAGE)
        with opened(maildir) as source:
            assert len(source) == 1
            assert [mail.name for mail in source.mails(lambda _key: False)] == ["new/4.a"]
            assert len(source.unread) == 3


@pytest.mark.parametrize("becomes", ["pipe", "link", "nothing"])
def test_a_file_that_becomes_something_else_meanwhile_stops_nobody(maildir: Path, becomes: str) -> None:
    for name in ("1.a", "2.b", "3.c"):
        (maildir / "new" / name).write_bytes(MESSAGE + name.encode())
    with opened(maildir) as source:
        mails = source.mails(lambda _key: False)
        assert next(mails).name == "new/1.a"
        (maildir / "new/2.b").unlink()
        if becomes == "pipe":
            os.mkfifo(maildir / "new/2.b")
        elif becomes == "link":
            (maildir / "new/2.b").symlink_to("/etc/hostname")
        assert [mail.name for mail in mails] == ["new/3.c"]
        assert len(source.unread) == (0 if becomes == "nothing" else 1)


def test_a_message_that_somebody_took_away_need_not_be_moved(maildir: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    with opened(maildir, "move") as source:
        for mail in source.mails(lambda _key: False):
            (maildir / "new/1.a").unlink()
            source.file(mail)


def test_names_are_shown_on_one_line_and_moved_as_they_are(maildir: Path) -> None:
    name = "1.\x1b[2J\nSubject- x\t\u202e\udcff"
    (maildir / "new" / name).write_bytes(MESSAGE)
    (mail,) = read(maildir, "move")
    assert mail.name == r"new/1.\x1b[2J\nSubject- x\t\u202e\udcff"
    assert (maildir / ".handled/cur" / f"{name}:2,S").read_bytes() == MESSAGE


def test_an_empty_file_is_a_message(maildir: Path) -> None:
    (maildir / "new/1.a").touch()
    (mail,) = read(maildir)
    assert mail.data == b""


def test_only_the_beginning_of_a_large_message_is_handed_over(maildir: Path) -> None:
    (maildir / "new/1.exact").write_bytes(b"x" * MOST)
    (maildir / "new/2.more").write_bytes(b"x" * MOST + b"y")
    (maildir / "new/3.other").write_bytes(b"x" * MOST + b"z")
    exact, more, other = read(maildir)
    assert (len(exact.data), exact.cut_off) == (MOST, False)
    assert (len(more.data), more.cut_off) == (MOST, True)
    assert more.data == other.data
    assert more.key != other.key


@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=50),
       content=st.binary(max_size=200))  # fmt: skip
def test_whatever_a_file_is_named_it_is_read_and_moved_or_hidden(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        maildir = new_maildir(Path(folder) / "Maildir")
        if name in (".", ".."):
            return
        (maildir / "new" / name).write_bytes(content)
        mails = read(maildir, "move")
        assert [mail.data for mail in mails] == ([] if name.startswith(".") else [content])
        assert all("\n" not in mail.name and "\x1b" not in mail.name for mail in mails)
        assert list(files(maildir).values()) == [content]


@contextmanager
def somebody_else() -> Iterator[None]:
    """As nobody, when this runs as root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_message_that_may_not_be_read_is_named_and_a_folder_that_may_not_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        maildir = new_maildir(Path(name) / "Maildir")
        (maildir / "new/1.a").write_bytes(MESSAGE)
        (maildir / "new/1.a").chmod(0)
        (maildir / "new/2.b").write_bytes(MESSAGE)
        maildir.chmod(0o555)
        with somebody_else(), opened(maildir) as source:
            assert [mail.name for mail in source.mails(lambda _key: False)] == ["new/2.b"]
            (problem,) = source.unread
            assert str(problem).startswith(f"{maildir}/new/1.a: Permission denied [unreadable]")
        with (
            somebody_else(),
            pytest.raises(NewsletterError, match=r"new/2\.b can't be moved .* Permission denied") as raised,
        ):
            read(maildir, "move")
        assert 'after = "leave"' in raised.value.next_step
        (maildir / "new").chmod(0)
        with somebody_else(), pytest.raises(NewsletterError, match=r"Maildir can't be read: Permission denied\."):
            read(maildir)
        (maildir / "new").chmod(0o700)
        maildir.chmod(0o755)
        Path(name).chmod(0)
        with somebody_else(), pytest.raises(NewsletterError, match=r"Maildir can't be read: Permission denied\."):
            read(maildir)
        Path(name).chmod(0o700)


def test_somebody_else_s_file_that_can_t_be_linked_is_moved_all_the_same() -> None:
    """Linux's fs.protected_hardlinks: who may write there may move a file of another's, and not link it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        maildir = new_maildir(Path(name) / "Maildir")
        for folder in (maildir, maildir / "new", new_maildir(maildir / ".handled"), maildir / ".handled/cur"):
            folder.chmod(0o777)
        (maildir / "new/1.a").write_bytes(b"1")
        (maildir / "new/2.b").write_bytes(b"2")
        (maildir / ".handled/cur/1.a:2,S").write_bytes(b"another with the same name")
        with somebody_else():
            read(maildir, "move")
        kept = files(maildir)
        assert sorted(kept.values()) == [b"1", b"2", b"another with the same name"]
        assert kept[".handled/cur/1.a:2,S"] == b"another with the same name"
        assert kept[".handled/cur/2.b:2,S"] == b"2"


def test_the_folder_above_need_not_be_readable() -> None:
    with tempfile.TemporaryDirectory() as name:
        maildir = new_maildir(Path(name) / "Maildir")
        (maildir / "new/1.a").write_bytes(MESSAGE)
        Path(name).chmod(0o311)
        with somebody_else():
            assert len(read(maildir)) == 1
        Path(name).chmod(0o700)


def test_root_moves_messages_to_where_the_mailbox_s_owner_can_read_them(maildir: Path) -> None:
    if os.geteuid() != 0:
        # The kernel lets nobody else do what this is about; CI runs as root.
        pytest.skip("nobody but root can give files away")
    maildir.chmod(0o750)
    os.chown(maildir, 65534, 65534)
    (maildir / "new/1.a").write_bytes(MESSAGE)
    read(maildir, "move")
    for path in (maildir / ".handled", maildir / ".handled/cur"):
        status = path.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (65534, 65534, 0o750)


def test_a_folder_of_eml_files(tmp_path: Path) -> None:
    for name in ("b.eml", "a.EML", "notes.txt", ".c.eml"):
        (tmp_path / name).write_bytes(MESSAGE + name.encode())
    with opened(tmp_path) as source:
        assert len(source) == 2
        assert [mail.name for mail in source.mails(lambda _key: False)] == ["a.EML", "b.eml"]
    (tmp_path / "handled").mkdir()
    (tmp_path / "handled/b.eml").write_bytes(b"an older one")
    assert len(read(tmp_path, "move")) == 2
    kept = files(tmp_path)
    assert {name for name in kept if not name.startswith("handled/")} == {"notes.txt", ".c.eml"}
    assert kept["handled/b.eml"] == b"an older one"
    assert kept["handled/a.EML"] == MESSAGE + b"a.EML"
    assert [name for name in kept if name.endswith("-0.eml")]
    assert read(tmp_path) == []  # empty now, and still what it was


def test_the_same_octets_have_the_same_key_in_a_maildir_and_a_folder(maildir: Path, tmp_path: Path) -> None:
    (maildir / "new/1.a").write_bytes(MESSAGE)
    (tmp_path / "a.eml").write_bytes(MESSAGE)
    assert [mail.key for mail in read(maildir)] == [mail.key for mail in read(tmp_path)]
    assert [mail.key for mail in read(maildir)] == [mail.key for mail in read(tmp_path / "a.eml")]


# What is measured must not be the tests' own memory; a copy has no use for what was read.
_PEAK = textwrap.dedent("""
    import sys
    sys.path.insert(0, sys.argv.pop(1))
    from memory import peak
    from newsletter.feedback.mail.sources import open_source
    def run(path):
        with open_source(path, after=sys.argv[3], password=lambda _host, _username: None) as source:
            count = 0
            for mail in source.mails(lambda key: False):
                count += 1
                source.file(mail)
            assert count == len(source), (count, len(source))
            return count
    run(sys.argv[1])
    before = peak()
    print(run(sys.argv[2]), peak() - before)
""")


def peak(small: Path, large: Path, after: AfterProcessing = "leave") -> tuple[int, int]:
    """How many messages `large` has, and by how many MB reading it took more memory than reading `small`."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, ROOT / "tests", small, large, after],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    count, kilobytes = done.stdout.split()
    return int(count), int(kilobytes) // 1024


def test_large_messages_are_read_in_bounded_memory(tmp_path: Path) -> None:
    small, large = new_maildir(tmp_path / "small"), new_maildir(tmp_path / "large")
    (small / "new/1.a").write_bytes(MESSAGE)
    for name in ("1.a", "2.b", "3.c"):
        with (large / "new" / name).open("wb") as file:
            file.truncate(50_000_000)
    count, megabytes = peak(small, large)
    assert count == 3
    assert megabytes < 16


@pytest.mark.slow
@pytest.mark.parametrize("after", ["leave", "move"])
def test_ten_thousand_messages_are_read_in_bounded_memory(tmp_path: Path, after: AfterProcessing) -> None:
    small, large = new_maildir(tmp_path / "small"), new_maildir(tmp_path / "large")
    (small / "new/1.a").write_bytes(MESSAGE)
    for number in range(10_000):
        (large / "new" / f"17000{number:05}.M{number}P1.host").write_bytes(MESSAGE * 200 + b"%d" % number)
    count, megabytes = peak(small, large, after)
    assert count == 10_000
    assert megabytes < 16
    moved = len(list((large / ".handled/cur").iterdir())) if after == "move" else 0
    assert moved == (10_000 if after == "move" else 0)
