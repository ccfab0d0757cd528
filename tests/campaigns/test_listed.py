"""Whom a list itself keeps from being mailed, and rows that can't be used: no send passes over them in silence."""

import re

import pytest
from conftest import Publication
from scheduling import put_in_now
from smtp_server import Server

from newsletter.store import Store

_SEND = ("send", "2.10", "--yes")


def _list(digest: Publication, text: str, encoding: str = "utf-8") -> None:
    (digest.root / "subscribers.csv").write_bytes(text.encode(encoding))


def _mailed(server: Server) -> list[str]:
    return sorted(recipient for recipient, _ in server.stored)


def _with_bad_rows(count: int, bad: int) -> str:
    rows = [f"r{number}@example.org" if number >= bad else f"r{number} at example.org" for number in range(count)]
    return "\n".join(["email", *rows]) + "\n"


@pytest.mark.slow
def test_a_file_that_is_not_utf8_stops_the_send(digest: Publication, server: Server) -> None:
    rows = [f"r{number}@example.org,Ada" for number in range(200)]
    _list(digest, "\n".join(["email,name", *rows, "j@example.org,Jörg"]) + "\n", "cp1252")
    for arguments in (_SEND, ("send", "2.10", "--dry-run"), (*_SEND, "--at", "tomorrow 09:00")):
        stopped = digest.run(*arguments)
        assert stopped.returncode == 1
        assert "subscribers.csv is not in UTF-8" in stopped.stderr
        assert "subscribers.csv:202: name: a letter here is not UTF-8" in re.sub(r"\S*/", "", stopped.stderr)
        assert "CSV UTF-8" in stopped.stderr
    assert server.stored == []


def test_more_unusable_rows_than_the_limit_stop_the_send(digest: Publication, server: Server) -> None:
    _list(digest, _with_bad_rows(100, 3))
    stopped = digest.run(*_SEND)
    assert stopped.returncode == 1
    assert "3 of 100 rows can't be used; that is over 2%" in stopped.stderr
    assert "unusable = 3" in stopped.stderr
    assert server.stored == []
    digest.environ["NEWSLETTER_LIST__UNUSABLE"] = "3"
    assert digest.run(*_SEND).returncode == 1
    assert len(server.stored) == 97


@pytest.mark.slow
def test_the_exit_status_is_1_when_rows_were_left_out(digest: Publication, server: Server) -> None:
    _list(digest, _with_bad_rows(50, 1))
    for arguments in (("send", "2.10", "--dry-run"), _SEND, _SEND):
        left_out = digest.run(*arguments)
        assert left_out.returncode == 1, left_out.stderr
        assert "1 row" in left_out.stdout
        assert "newsletter subscribers check" in left_out.stdout
    assert len(server.stored) == 49


@pytest.mark.slow
def test_a_scheduled_issue_tells_of_rows_that_were_left_out(digest: Publication, server: Server) -> None:
    _list(digest, _with_bad_rows(50, 1))
    scheduled = digest.run(*_SEND, "--at", "tomorrow 09:00")
    assert scheduled.returncode == 1
    assert "It is in the outbox" in scheduled.stdout
    assert server.stored == []


@pytest.mark.slow
def test_a_foreign_column_stops_the_send_until_it_is_answered(digest: Publication, server: Server) -> None:
    _list(digest, "email,name,status\nin@example.org,In,enabled\nout@example.org,Out,unsubscribed\n")
    for arguments in (_SEND, ("send", "2.10", "--dry-run"), ("subscribers", "export", "-", "--mailable")):
        asked = digest.run(*arguments)
        assert asked.returncode == 1
        assert "the column status seems to say of 1 row that nothing is to be sent there" in asked.stderr
        assert 'honour = ["status"]' in asked.stderr
        assert 'ignore = ["status"]' in asked.stderr
    checked = digest.run("subscribers", "check")
    assert checked.returncode == 1
    assert 'honour = ["status"]' in checked.stdout
    assert server.stored == []
    config = digest.root / "newsletter.toml"
    config.write_text(config.read_text().replace("[list]\n", '[list]\nhonour = ["Status"]\n'))
    sent = digest.run(*_SEND)
    assert sent.returncode == 0, sent.stderr
    assert "1 by what subscribers.csv itself says (status: unsubscribed 1)" in sent.stdout
    assert _mailed(server) == ["in@example.org"]
    listed = digest.run("subscribers", "list").stdout
    assert re.search(r"out@example\.org\t.*\tsuppressed|out@example\.org\t.*\tunsubscribed", listed)
    assert digest.run("subscribers", "check").returncode == 0


@pytest.mark.slow
def test_a_column_that_means_something_else_is_ignored(digest: Publication, server: Server) -> None:
    _list(digest, "email,name,status\na@example.org,A,member\nb@example.org,B,disabled\n")
    digest.environ["NEWSLETTER_LIST__IGNORE"] = "status"
    assert digest.run(*_SEND).returncode == 0
    assert _mailed(server) == ["a@example.org", "b@example.org"]


def test_an_export_of_ours_used_as_a_list_mails_nobody_who_left(digest: Publication, server: Server) -> None:
    """In another state, that has heard of no one's leaving."""
    _list(digest, "email,name\na@example.org,A\nb@example.org,B\nc@example.org,C\n")
    assert digest.run("subscribers", "suppress", "b@example.org").returncode == 0
    assert digest.run("subscribers", "suppress", "c@example.org", "--reason", "moved away").returncode == 0
    assert digest.run("subscribers", "export", "build/all.csv").returncode == 0
    digest.environ["NEWSLETTER_STORE__URL"] = f"sqlite:///{digest.root}/other.db"
    _list(digest, (digest.root / "build/all.csv").read_text(encoding="utf-8-sig") + "B@Example.org,again,,,\n")
    sent = digest.run(*_SEND)
    assert sent.returncode == 0, sent.stderr
    assert _mailed(server) == ["a@example.org"]
    assert "newsletter_state: unsubscribed 2" in sent.stdout
    again = digest.run("subscribers", "export", "-").stdout.splitlines()
    assert [line.split(",")[2] for line in again] == [
        "newsletter_state", "mailable", "unsubscribed", "suppressed", "unsubscribed",
    ]  # fmt: skip


@pytest.mark.slow
def test_who_is_let_back_is_told_when_the_list_itself_keeps_them_out(publication: Publication) -> None:
    _list(publication, "email,name,newsletter_state\na@example.org,A,unsubscribed\n")
    assert publication.run("subscribers", "suppress", "a@example.org").returncode == 0
    for command in (("unsuppress", "a@example.org"), ("show", "a@example.org")):
        said = publication.run("subscribers", *command)
        assert said.returncode == 0, said.stderr
        assert "subscribers.csv itself says not to mail them (newsletter_state: unsubscribed)" in said.stdout


@pytest.mark.parametrize("tag", [(), ("--tag", "board")])
def test_a_list_that_keeps_everybody_out_says_so(digest: Publication, server: Server, tag: tuple[str, ...]) -> None:
    _list(digest, "email,tags,newsletter_state\na@example.org,board,bounced\n")
    stopped = digest.run(*_SEND, *tag)
    assert stopped.returncode == 1
    assert "By its own columns, nobody in subscribers.csv may be mailed: newsletter_state: bounced." in stopped.stderr
    assert server.stored == []


@pytest.mark.slow
def test_an_outbox_run_tells_of_rows_that_were_left_out(digest: Publication, server: Server, opened: Store) -> None:
    _list(digest, _with_bad_rows(50, 1))
    put_in_now(digest, opened)
    assert digest.run("outbox", "run").returncode == 1
    assert len(server.stored) == 49


def test_a_note_with_a_line_break_mails_its_reader_and_nobody_in_it(digest: Publication, server: Server) -> None:
    _list(digest, 'email,name,note\nada@example.org,Ada,"asked on 3 May, see\nvictim@example.net,x,y\n"\n')
    sent = digest.run(*_SEND)
    assert sent.returncode == 0, sent.stderr
    assert _mailed(server) == ["ada@example.org"]
