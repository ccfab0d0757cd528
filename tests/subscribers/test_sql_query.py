"""A list that a query of another system's database gives, read on SQLite and PostgreSQL."""

import sqlite3
import stat
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ports import free_port
from postgres import GUARDED, Postgres
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from newsletter.address import SubscriberKey
from newsletter.config import SubscriberListSettings
from newsletter.errors import ListError
from newsletter.subscribers import sql_query
from newsletter.subscribers.fetched_source import FetchedSource
from newsletter.subscribers.list_difference import ListDifference
from newsletter.subscribers.sql_query import SqlQuery
from newsletter.subscribers.subscriber import Subscriber

QUERY = """
SELECT address AS email, full_name AS name, groups AS tags
FROM members WHERE full_name NOT LIKE '%:gone' ORDER BY id
"""
SECRET = "hunter2-of-the-members"


@dataclass
class Members:
    """Another system's database with its members, and the list that is made of them."""

    url: str
    source: FetchedSource
    connect: Callable[[], Connection]

    def execute(self, statement: str) -> None:
        with closing(self.connect()) as connection, connection.begin():
            connection.execute(text(statement))

    def ask(self, **changed: object) -> FetchedSource:
        origin = self.source.origin
        assert isinstance(origin, SqlQuery)
        return replace(self.source, origin=replace(origin, **changed))

    def addresses(self) -> list[str]:
        return [row.address for row in self.source.read_rows() if isinstance(row, Subscriber)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def members(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Members]:
    url = "sqlite:///members 100%.db"
    real = f"sqlite:///{tmp_path}/members 100%.db"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.emptied()
        real = url.replace("postgresql:", "postgresql+psycopg:")
    engine = (
        create_engine("sqlite://", creator=lambda: sqlite3.connect(tmp_path / "members 100%.db"), poolclass=NullPool)
        if request.param == "sqlite"
        else create_engine(real, poolclass=NullPool)
    )
    settings = SubscriberListSettings(
        source="sql", url=url, query=QUERY, id="digest.example.org", unsubscribe="mailto:l@example.org"
    )
    origin = SqlQuery(url=url, query=QUERY, root=tmp_path)
    made = Members(
        url=url,
        source=FetchedSource(tmp_path / ".newsletter" / "list-from-database.csv", origin, settings),
        connect=engine.connect,
    )
    made.execute("CREATE TABLE members (id INTEGER PRIMARY KEY, address TEXT, full_name TEXT, groups TEXT)")
    made.execute(
        "INSERT INTO members VALUES (1, 'ada@example.org', 'Ada', 'board;press'),"
        " (2, 'olga@example.net', '=Olga, \"P\"', NULL), (3, 'left@example.org', 'x\\:gone', '')"
    )
    yield made
    engine.dispose()


def test_the_query_is_the_list(members: Members) -> None:
    source = members.source
    assert not source.exists()
    source.require()
    ada, olga = (row for row in source.read_subscribers() if isinstance(row, Subscriber))
    assert (ada.address, ada.fields["name"], ada.tags) == ("ada@example.org", "Ada", {"board", "press"})
    assert (olga.address, olga.fields["name"], olga.tags) == ("olga@example.net", '=Olga, "P"', frozenset())
    assert source.read_columns() == ["email", "name", "tags"]
    assert source.find([SubscriberKey("ada@example.org")])["ada@example.org"] == ada
    assert stat.S_IMODE(source.path.stat().st_mode) == 0o600


def test_who_is_asked_about_before_anything_was_fetched_is_found(members: Members) -> None:
    assert [row.cells["email"] for row in members.source.find_rows("ada@example.org").rows] == ["ada@example.org"]
    members.source.path.unlink()
    assert set(members.source.find([SubscriberKey("ada@example.org")])) == {"ada@example.org"}


def test_what_was_fetched_stays_until_it_is_fetched_anew(members: Members) -> None:
    members.source.refresh()
    before = members.source.fingerprint()
    members.execute("UPDATE members SET address = 'eva@example.org' WHERE id = 1")
    assert members.addresses() == ["ada@example.org", "olga@example.net"]
    assert members.source.find_difference() is None
    members.source.note_frozen()
    members.source.refresh()
    assert members.addresses() == ["eva@example.org", "olga@example.net"]
    assert members.source.fingerprint() != before
    assert members.source.find_difference() == ListDifference(before=2, new=1, gone=1)
    members.execute("DROP TABLE members")
    with pytest.raises(ListError, match="does not understand the query"):
        members.source.refresh()
    assert members.addresses() == ["eva@example.org", "olga@example.net"]


@pytest.mark.parametrize(
    ("query", "words", "advice"),
    [
        ("SELECT address FROM members", "has no column email; its columns are: address", "AS email"),
        ('SELECT address AS email, 1 AS a, 2 AS "A" FROM members', "two columns named a", "AS"),
        ("SELECT nothing AS email FROM members", "does not understand the query: .*nothing", "[list] query"),
        ("SELECT email FORM members", "does not understand the query", "[list] query"),
        ("DELETE FROM members", 'is only read, and the query would change it|at or near "DELETE"', "SELECT"),
        ("DELETE FROM members RETURNING address AS email", 'is only read|at or near "DELETE"', "SELECT"),
    ],
)
def test_a_wrong_query_is_named_and_changes_nothing(members: Members, query: str, words: str, advice: str) -> None:
    with pytest.raises(ListError, match=words) as refused:
        members.ask(query=query).refresh()
    assert advice in refused.value.next_step
    assert not members.source.exists()
    members.source.refresh()
    assert len(members.addresses()) == 2


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    query = SqlQuery(url="sqlite:///gone.db", query="SELECT email FROM members", root=tmp_path)
    with pytest.raises(ListError, match=r"gone\.db can't be opened") as refused:
        query.fetch(tmp_path / "list.csv")
    assert "[list] url" in refused.value.next_step
    (tmp_path / "gone.db").write_text("no database, and longer than the hundred bytes of SQLite's own header" * 9)
    with pytest.raises(ListError, match="is no SQLite database"):
        query.fetch(tmp_path / "list.csv")


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    query = SqlQuery(url="oracle+nothing://user@db.example.org/x", query="SELECT 1", root=tmp_path)
    with pytest.raises(ListError, match="not installed") as refused:
        query.fetch(tmp_path / "list.csv")
    assert "dialect" in refused.value.next_step


@pytest.mark.slow
def test_a_server_that_is_away_or_refuses_is_told_without_its_password(postgres: Postgres, tmp_path: Path) -> None:
    postgres.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD 'another'")
    try:
        for url, words in (
            (f"postgresql://{GUARDED}@127.0.0.1:{postgres.port}/postgres", "does not let this user in"),
            (f"postgresql://127.0.0.1:{free_port()}/members", "can't be reached"),
            (postgres.url("nowhere"), "is not there|let this user in|does not ask for a password"),
        ):
            query = SqlQuery(url=url, query="SELECT 1", root=tmp_path, password=SecretStr(SECRET))
            with pytest.raises(ListError, match=words) as refused:
                query.fetch(tmp_path / "list.csv")
            shown = "".join(traceback.format_exception(refused.value))
            assert SECRET not in shown + refused.value.message + refused.value.next_step
            assert SECRET not in repr(query)
    finally:
        postgres.execute(f"DROP ROLE {GUARDED}")


@pytest.mark.slow
def test_a_function_that_writes_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.emptied()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE members AS SELECT 'ada@example.org' AS email")
        body = "$$ DELETE FROM members RETURNING email $$"
        connection.exec_driver_sql(f"CREATE FUNCTION gone() RETURNS text LANGUAGE sql AS {body}")
    with pytest.raises(ListError, match="is only read, and the query would change it"):
        SqlQuery(url=url, query="SELECT gone() AS email", root=tmp_path).fetch(tmp_path / "list.csv")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM members").scalar() == 1


@pytest.mark.slow
def test_a_locked_table_is_told(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_query, "_WAIT_S", 0.1)
    url = postgres.emptied()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE members (email TEXT)")
    with engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE members")
        with pytest.raises(ListError, match="another program holds locked"):
            SqlQuery(url=url, query="SELECT email FROM members", root=tmp_path).fetch(tmp_path / "list.csv")


def test_erasing_takes_somebody_out_of_all_that_is_kept(members: Members) -> None:
    members.source.refresh()
    members.source.note_frozen()
    with members.source.removing("ada@example.org") as edit:
        assert len(edit.rows) == 1
        edit.put()
    kept = list(members.source.path.parent.iterdir())
    assert len(kept) == 2
    assert all("ada@" not in path.read_text() for path in kept)
    with pytest.raises(ListError, match="another system's") as refused:
        members.source.appending({"email": "new@example.org"}, [])
    assert "newsletter subscribers suppress" in refused.value.next_step
