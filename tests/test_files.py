"""Files with an address, a token or a key are their owner's alone, whatever the umask and whatever stood there."""

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Publication

from newsletter import files
from newsletter.cli import cli
from newsletter.errors import NewsletterError
from newsletter.store import copying, find_store, open_store

STRANGER = 4_242  # nobody has this number


@pytest.fixture(params=[0o000, 0o022], ids=["umask 000", "umask 022"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.slow
@pytest.mark.usefixtures("umask")
def test_no_other_account_can_read_what_commands_write_about_readers(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(publication.root)
    monkeypatch.setenv("NEWSLETTER_SEND__BACKEND", "maildir")
    publication.readers(2)

    def run(*args: str) -> None:
        done = CliRunner().invoke(cli, args, catch_exceptions=False)
        assert done.exit_code == 0, done.output

    build = publication.root / "build"
    (build / "2.10").mkdir(parents=True)
    for name in ("2.10/2.10.reader.eml", "all.csv", "list.csv"):
        (build / name).write_text("an earlier version left it so")
        (build / name).chmod(0o644)
    run("keys", "new")
    run("subscribers", "suppress", "reader0001@example.org")
    run("send", "2.10", "--dry-run")
    run("send", "2.10", "--yes")
    run("export", "eml", "2.10", "--as", "reader0000@example.org")
    run("report", "2.10", "--csv", "build/all.csv")
    run("report", "2.10")
    run("subscribers", "export", "build/list.csv", "--yes")
    run("dkim", "key", "--selector", "s1", "--type", "ed25519")

    about_readers = [path for path in build.rglob("*") if path.is_file()]
    assert {path.name for path in about_readers} >= {
        "000001.eml", "not-accepted.csv", "2.10.reader.eml", "all.csv", "report.html", "list.csv"
    }  # fmt: skip
    state = publication.root / ".newsletter"
    assert {path.name for path in state.iterdir()} >= {"state.db", "keys.toml", "dkim-s1.pem"}
    kept = [*state.iterdir()]
    about_readers.remove(build / "2.10/report.html")  # no address is in it, and it is passed around
    loose = {str(path): oct(_mode(path)) for path in [*about_readers, *kept, state] if _mode(path) & 0o077}
    assert not loose


@pytest.mark.usefixtures("umask")
def test_a_state_beside_the_workspace_is_private_with_its_log_and_leaves_the_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "digest"
    folder.mkdir(mode=0o755)
    before = _mode(folder)
    with closing(open_store(folder / "state.db")):
        made = {path.name: _mode(path) for path in folder.iterdir()}
    assert made == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert _mode(folder) == before


def test_a_state_that_others_could_read_is_tightened_at_opening(tmp_path: Path) -> None:
    path = tmp_path / ".newsletter" / "state.db"
    with closing(open_store(path)) as store:
        for ending in ("", "-wal", "-shm"):
            path.with_name(f"state.db{ending}").chmod(0o644)
        path.parent.chmod(0o755)
        again = find_store(path)
        assert again
        again.close()
        assert [_mode(one) for one in (path.parent, *sorted(path.parent.glob("state.db*")))] == [0o700] + [0o600] * 3
        store.close()


def test_a_link_to_no_state_yet_leads_to_a_private_one(tmp_path: Path) -> None:
    (tmp_path / "state.db").symlink_to(tmp_path / "elsewhere.db")
    with closing(open_store(tmp_path / "state.db")):
        assert _mode(tmp_path / "elsewhere.db") == 0o600


@pytest.mark.usefixtures("umask")
def test_a_private_file_replaces_a_link_and_what_was_readable(tmp_path: Path) -> None:
    others = tmp_path / "of somebody else"
    others.write_text("as it was")
    path = tmp_path / "new folder" / "list.csv"
    path.parent.mkdir()
    path.symlink_to(others)
    with files.open_private(path) as file:
        file.write("mine\r\n")
        assert not path.is_file() or path.read_text() == "as it was"
    assert (others.read_text(), path.read_bytes(), _mode(path)) == ("as it was", b"mine\r\n", 0o600)
    assert [found.name for found in path.parent.iterdir()] == ["list.csv"]


def test_half_a_private_file_never_passes_for_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("the last one")
    with pytest.raises(UnicodeEncodeError), files.open_private(path) as file:
        file.write(f"half of it{chr(0xD800)}")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("list.csv", "the last one")]


@pytest.mark.parametrize("fails", [False, True])
def test_two_who_write_a_file_at_once_put_no_half_in_its_place(tmp_path: Path, fails: bool) -> None:
    path = tmp_path / "list.csv"
    with suppress(UnicodeEncodeError), files.open_private(path) as one:
        one.write("half of one")
        one.flush()
        with files.open_private(path) as other:
            other.write("the whole of the other")
        assert path.read_text() == "the whole of the other"
        one.write(chr(0xD800) if fails else ", and the rest")
    assert path.read_text() == ("the whole of the other" if fails else "half of one, and the rest")
    assert [found.name for found in tmp_path.iterdir()] == ["list.csv"]


def test_two_backups_at_once_are_both_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "backups" / "state.db"
    with closing(open_store(tmp_path / "state.db")) as store:
        copy = copying.copy_file

        def meanwhile(source: Path, target: Path) -> None:
            monkeypatch.undo()
            copy(source, target)
            copying.back_up(store, file)

        monkeypatch.setattr(copying, "copy_file", meanwhile)
        copying.back_up(store, file)
    assert [found.name for found in file.parent.iterdir()] == ["state.db"]
    assert file.read_bytes()[:15] == b"SQLite format 3"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with files.open_private(pipe, "wb") as file:
            file.write(b"to whoever reads it")
        assert os.read(reading, 100) == b"to whoever reads it"
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reading)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make links that belong to somebody else")
@pytest.mark.parametrize(
    "command",
    [
        ("report", "2.10", "--csv"), ("report", "2.10", "--html"), ("subscribers", "export"), ("state", "backup"),
        ("export", "eml", "2.10", "--as", "reader0000@example.org", "-o"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_link_or_pipe_of_somebody_else_gets_addresses(
    publication: Publication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(publication.root)
    monkeypatch.setenv("NEWSLETTER_SEND__BACKEND", "maildir")
    publication.readers(1)
    assert CliRunner().invoke(cli, ["send", "2.10", "--yes"]).exit_code == 0
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    planted, linked, pipe = tmp_path / "planted", tmp_path / "linked.csv", tmp_path / "2.10.reader.eml"
    planted.symlink_to(theirs)
    linked.symlink_to(theirs / "taken.csv")
    (tmp_path / "mine").symlink_to(planted)  # one's own, which leads by theirs
    os.mkfifo(pipe)
    for path in (planted, linked, pipe):
        os.chown(path, STRANGER, -1, follow_symlinks=False)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    is_folder = command[-1] == "-o"
    places = [planted, tmp_path / "mine", tmp_path] if is_folder else [planted / "x", tmp_path / "mine/x", linked, pipe]
    if command[0] == "state":
        places.remove(linked)  # a backup takes the link's place
    try:
        for place in places:
            done = CliRunner().invoke(cli, [*command, str(place), *(["--yes"] if command[0] == "state" else [])])
            assert done.exit_code == 1, place
            assert isinstance(done.exception, NewsletterError), place
        assert not [*theirs.iterdir()]
        assert not os.read(reading, 100)
    finally:
        os.close(reading)


def test_a_lock_can_be_held_by_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "earlier.lock").touch(0o644)
    with closing(open_store(tmp_path / "state.db")) as store:
        for name in ("earlier", "new"):
            with store.sole(name):
                assert _mode(tmp_path / f"{name}.lock") == 0o600


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond a hundred bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_file_is_whole_or_not_there(tmp_path: Path, full_disk: None) -> None:
    with pytest.raises(OSError, match="too large"):
        files.create_shared(tmp_path / "2.10.yaml", b"a" * 101)

    assert list(tmp_path.iterdir()) == []
    files.create_shared(tmp_path / "2.10.yaml", b"a" * 100)
    assert [path.name for path in tmp_path.iterdir()] == ["2.10.yaml"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none"])
def test_a_new_file_is_never_put_in_the_place_of_another(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(files.os, "link", _refuse_link)
    (tmp_path / "there").write_bytes(b"mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "outside")
    for name in ("there", "dangling"):
        with pytest.raises(FileExistsError):
            files.create_shared(tmp_path / name, b"new")
    files.create_shared(tmp_path / "new", b"new")

    assert (tmp_path / "there").read_bytes() == b"mine"
    assert (tmp_path / "new").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "new", "there"]


def _refuse_link(*_: object, **_more: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")  # as FAT does
