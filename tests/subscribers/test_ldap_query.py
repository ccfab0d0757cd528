"""A list that a search of a directory gives, asked of Debian's slapd."""

import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from socket import create_server

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ports import free_port
from pydantic import SecretStr
from slapd import MANY, PASSWORD, READER, SUFFIX, Directory, running_slapd

from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError, Problem
from newsletter.subscribers import directory_connection, ldap_query
from newsletter.subscribers.directory_values import read_group_names
from newsletter.subscribers.fetched_source import FetchedSource
from newsletter.subscribers.ldap_query import LdapQuery
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.subscriber import Subscriber

COLUMNS = {"email": "mail", "name": "CN", "tags": "departmentNumber", "groups": "businessCategory", "room": "jpegPhoto"}


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with running_slapd() as running:
        yield running


def _query(directory: Directory, **changed: object) -> LdapQuery:
    made = LdapQuery(url=directory.url(), filter="(mail=*)", columns=COLUMNS, user=READER, password=SecretStr(PASSWORD))
    return replace(made, **changed)  # type: ignore[arg-type]  # names of its fields


def _source(directory: Directory, folder: Path, **changed: object) -> FetchedSource:
    origin = _query(directory, **changed)
    settings = SubscriberListSettings(
        source="ldap", url=origin.url, id="digest.example.org", unsubscribe="mailto:leave@example.org"
    )
    return FetchedSource(folder / ".newsletter" / "list-from-directory.csv", origin, settings)


def _addresses(source: FetchedSource) -> list[str]:
    return [row.address for row in source.read_rows() if isinstance(row, Subscriber)]


def test_the_search_is_the_list_and_the_next_shows_what_changed(directory: Directory, tmp_path: Path) -> None:
    directory.put("Ada, \"=cmd\" (*)\\", mail="ada@example.org", departmentNumber=["board", "Öl und Gas"],
                  businessCategory=[f"cn=Board\\2C Members\\;x,ou=groups,{SUFFIX}", "b"])  # fmt: skip
    source = _source(directory, tmp_path)
    source.require()
    rows = {row.address: row for row in source.read_subscribers() if isinstance(row, Subscriber)}
    assert len(rows) == 21
    ada = rows["ada@example.org"]
    assert ada.fields["name"] == 'Ada, "=cmd" (*)\\'
    assert ada.tags == {"board", "öl-und-gas"}
    assert ada.fields["groups"] == f"cn=Board\\2C Members\\;x,ou=groups,{SUFFIX};b"
    assert stat.S_IMODE(source.path.stat().st_mode) == 0o600
    source.note_frozen()
    directory.change("reader07", "mail", ["seven@example.org"])
    directory.drop('Ada, "=cmd" (*)\\')
    source.refresh()
    assert source.find_difference() == ListDifference(before=21, new=1, gone=2)
    directory.change("reader07", "mail", ["reader07@example.org"])


def test_a_long_list_comes_in_pages_and_a_part_of_one_is_no_list(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _source(directory, tmp_path, url=directory.url(f"ou=many,{SUFFIX}"))
    source.refresh()
    assert len(set(_addresses(source))) == MANY
    nobody = {"url": directory.url(f"ou=open,{SUFFIX}"), "user": None, "password": None}
    with pytest.raises(ListError, match=r"gives only a part of the list .code 4") as refused:
        replace(source, origin=_query(directory, **nobody)).refresh()
    assert "limit" in refused.value.next_step
    assert len(_addresses(source)) == MANY
    monkeypatch.setattr(directory_connection, "_MOST_OF_A_PAGE", 9000)
    with pytest.raises(ListError, match="does not end"):
        source.refresh()
    monkeypatch.setattr(ldap_query, "_AT_ONCE", 20)
    source.refresh()
    assert len(_addresses(source)) == MANY
    monkeypatch.setattr(directory_connection, "_LONGEST_S", 0)
    with pytest.raises(ListError, match="does not end"):
        source.refresh()


def test_of_several_addresses_the_one_of_last_time_is_mailed(directory: Directory, tmp_path: Path) -> None:
    source = _source(directory, tmp_path, filter="(cn=olga)")
    directory.put("olga", mail=["olga@example.net", "o.petrova@example.org"])
    source.refresh()
    assert _addresses(source) == ["olga@example.net"]
    directory.change("olga", "mail", ["o.petrova@example.org", "zz@example.org", "OLGA@example.net"])
    source.refresh()
    assert _addresses(source) == ["OLGA@example.net"]
    directory.change("olga", "mail", ["o.petrova@example.org", "zz@example.org"])
    source.refresh()
    assert _addresses(source) == ["o.petrova@example.org"]
    directory.drop("olga")


def test_what_is_no_text_reaches_no_mail_and_stops_nobody_else(directory: Directory, tmp_path: Path) -> None:
    directory.put("eva", mail="eva@example.org", jpegPhoto=[b"\xff\xd8\xff\xe0\x00\x10" * 90_000])
    directory.put("ivo", mail="ivo@example.org\r\nBcc: all@example.org")
    directory.put("uwe", mail="uwe@example.org", businessCategory="a\x07b")
    source = _source(directory, tmp_path, filter="(|(cn=eva)(cn=ivo)(cn=uwe)(cn=reader01))")
    source.refresh()
    assert _addresses(source) == ["reader01@example.org"]
    problems = {row.code for row in source.read_rows() if isinstance(row, Problem)}
    assert problems == {"nul", "address", "control-character"}
    assert source.path.stat().st_size < 30_000
    for name in ("eva", "ivo", "uwe"):
        directory.drop(name)


@pytest.mark.parametrize(
    ("changed", "words", "advice"),
    [
        ({"password": SecretStr("wrong-hunter2")}, "does not let this user in .code 49", "NEWSLETTER_LIST__PASSWORD"),
        ({"password": None}, "there is no password", "keyring set newsletter:127.0.0.1"),
        ({"user": "no name at all"}, "can't read that name", "[list] user"),
        ({"url": f"ou=nowhere,{SUFFIX}"}, "has nothing under that name", "[list] url"),
        ({"url": f"cn=elsewhere,ou=people,{SUFFIX}"}, "sends elsewhere, where nothing is asked", "[list] url"),
        ({"user": None, "password": None}, "does not let this user read that", "right to read"),
        ({"filter": "(mail=*"}, "filter is none by which", "RFC 4515"),
    ],
)  # fmt: skip
def test_a_refusal_is_told_and_the_list_before_stays(
    directory: Directory, tmp_path: Path, changed: dict[str, object], words: str, advice: str
) -> None:
    source = _source(directory, tmp_path)
    source.refresh()
    if isinstance(below := changed.get("url"), str):
        changed = {"url": directory.url(below)}
    with pytest.raises(ListError, match=words) as refused:
        replace(source, origin=_query(directory, **changed)).refresh()
    assert advice in refused.value.next_step
    shown = "".join(traceback.format_exception(refused.value)) + refused.value.next_step + repr(source.origin)
    assert PASSWORD not in shown
    assert "hunter2" not in shown
    assert len(_addresses(source)) == 20
    assert [path.name for path in source.path.parent.iterdir()] == ["list-from-directory.csv"]


def test_the_server_has_to_prove_who_it_is(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.csv"
    below = f"ou=people,{SUFFIX}"
    encrypted = _query(directory, url=f"ldaps://localhost:{directory.tls_port}/{below}")
    with pytest.raises(ListError, match="certificate of localhost can't be trusted: self-signed") as refused:
        encrypted.fetch(path)
    assert "SSL_CERT_FILE" in refused.value.next_step
    monkeypatch.setenv("SSL_CERT_FILE", str(directory.certificate))
    encrypted.fetch(path)
    # StartTLS is for every server but this machine's own, as which this one no longer counts here.
    monkeypatch.setattr(directory_connection, "is_loopback", lambda host: False)
    _query(directory, url=f"ldap://localhost:{directory.port}/{below}").fetch(path)
    assert len(path.read_text().splitlines()) == 21
    path.unlink()
    for url in (f"ldaps://127.0.0.1:{directory.tls_port}/{below}", directory.url()):
        with pytest.raises(ListError, match=r"certificate of 127\.0\.0\.1 can't be trusted: IP address mismatch"):
            _query(directory, url=url).fetch(path)
    with pytest.raises(ListError, match=r"does not answer in TLS as expected|has hung up"):
        _query(directory, url=f"ldaps://localhost:{directory.port}/{below}").fetch(path)
    assert not path.exists()


@pytest.mark.parametrize(
    "said", [b"220 mail.example.org ESMTP\r\n", b"", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x01"]
)
def test_a_server_that_is_none_and_one_that_is_away_are_told(tmp_path: Path, said: bytes) -> None:
    query = LdapQuery(url=f"ldap://127.0.0.1:{free_port()}/{SUFFIX}", filter="(mail=*)", columns={"email": "mail"})
    with pytest.raises(ListError, match="can't be reached"):
        query.fetch(tmp_path / "list.csv")
    with closing(create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(ListError, match=r"has hung up|does not answer as a directory does"):
            replace(query, url=f"ldap://127.0.0.1:{server.getsockname()[1]}/{SUFFIX}").fetch(tmp_path / "list.csv")
        thread.join()
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules["ldap3"] = None
from pathlib import Path
from newsletter.errors import ListError
from newsletter.subscribers.ldap_query import LdapQuery
try:
    LdapQuery("ldap://127.0.0.1/{SUFFIX}", "(mail=*)", {{"email": "mail"}}).fetch(Path({str(tmp_path / "l")!r}))
except ListError as error:
    print(error.next_step)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert 'pip install "newsletter-press[ldap]"' in said


@given(st.lists(st.text(), max_size=4))
def test_whatever_a_group_is_named_its_tag_separates_nothing(values: list[str]) -> None:
    for tag in read_group_names(values):
        assert tag
        assert not any(character in ",;|" or character.isspace() for character in tag)


def test_a_group_gives_its_own_name() -> None:
    named = [f"CN=Board\\2C Members\\, all,ou=groups,{SUFFIX}", "cn=\\c3\\96l,dc=org", "a=b", "x, y"]
    assert list(read_group_names(named)) == ["Board-Members-all", "Öl", "a=b", "x", "y"]
