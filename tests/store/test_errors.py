"""Whatever befalls the database is told in words: what, why, what to do; no password and no address among them."""

import os
import pwd
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from postgres import GUARDED, Postgres, running_postgres
from pydantic import SecretStr
from sqlalchemy import Engine, event, insert

from newsletter.errors import DeliveryError
from newsletter.store import Store, find_store, open_store, suppressions
from newsletter.store.schema import SCHEMA_VERSION
from newsletter.store.schema import suppressions as kept

# Every column of a suppression.
NOTHING = {**dict.fromkeys(kept.c.keys(), ""), "publication": "main", "cause": "unsubscribed", "at": "now"}


def _suppress(store: Store, reader: str = "a@example.org", words: str = "") -> None:
    with store.transaction() as connection:
        suppressions.suppress(connection, reader, "unsubscribed", words)


def _refused(place: Path | str, password: str = "") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        open_store(place, SecretStr(password) if password else None).close()
    return caught.value


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    url = postgres.fresh()
    yield url
    postgres.drop(url)


@pytest.fixture
def common_user() -> Iterator[Path]:
    """Yield a folder of one's own as a user whom permissions bind; root's they don't."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        shutil.chown(folder, pwd.getpwnam("nobody").pw_uid)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
        yield folder
        os.seteuid(0)
    else:
        yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_newer_store_is_refused(store: Store, place: Path | str) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '999'")
    error = _refused(place)
    assert f"version 999; this program knows {SCHEMA_VERSION}" in error.message
    assert error.next_step.endswith("pip install -U newsletter-press")
    with pytest.raises(DeliveryError, match="version 999"):
        find_store(place)


def test_an_address_is_in_no_traceback(store: Store) -> None:
    _suppress(store, "secretly@example.org")
    with pytest.raises(DeliveryError) as caught, store.transaction() as connection:
        connection.execute(insert(kept).values({**NOTHING, "subscriber": "secretly@example.org"}))
    assert "can't be used" in caught.value.message
    assert "secretly" not in "".join(traceback.format_exception(caught.value))


def test_a_lock_that_another_program_keeps_is_told(
    store: Store, place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from newsletter.store import postgresql

    monkeypatch.setattr("newsletter.store.sqlite._LOCK_WAIT_S", 0.01)
    monkeypatch.setattr(postgresql, "_SETTINGS", postgresql._SETTINGS.replace("15s", "10ms"))
    with closing(open_store(place)) as other, store.transaction() as connection:
        connection.execute(insert(kept).values({**NOTHING, "subscriber": "a@example.org"}))
        with pytest.raises(DeliveryError, match="is in use by another program") as caught:
            _suppress(other)
    assert caught.value.next_step.endswith("Then run the same command again.")


# SQLite alone.


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"not a database" * 100)
    error = _refused(tmp_path / "state.db")
    assert "is damaged" in error.message
    assert "newsletter state restore FILE" in error.next_step


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    assert "can't be made: File exists" in _refused(tmp_path / "state/state.db").message


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    assert "can't be opened" in _refused(tmp_path).message


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    def fill_up(connection: sqlite3.Connection, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    path = tmp_path / "state.db"
    with closing(open_store(path)) as store:
        _suppress(store)
    event.listen(Engine, "connect", fill_up)
    try:
        with closing(open_store(path)) as store:
            with pytest.raises(DeliveryError, match="has no room left on its disk") as caught:
                _suppress(store, "b@example.org", "x" * 100_000)
            assert "Make room there" in caught.value.next_step
            _suppress(store, "c@example.org")
            with store.reading() as connection:
                found = {reader for reader, *_ in suppressions.stream_suppressions(connection)}
                assert found == {"a@example.org", "c@example.org"}
    finally:
        event.remove(Engine, "connect", fill_up)


def test_a_file_that_may_not_be_written_to(common_user: Path) -> None:
    path = common_user / "state.db"
    with closing(open_store(path)) as store:
        _suppress(store)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.chmod(0o400)
    with closing(open_store(path)) as store, pytest.raises(DeliveryError, match="may not be written to") as caught:
        _suppress(store, "b@example.org")
    assert "yours to write" in caught.value.next_step


def test_a_folder_that_may_not_be_written_to(common_user: Path) -> None:
    path = common_user / "state.db"
    with closing(open_store(path)) as store:
        common_user.chmod(0o500)
        with pytest.raises(DeliveryError, match=r"The lock .*2\.10\.lock can't be taken"), store.sole("2.10"):
            pytest.fail("it was held")
    common_user.chmod(0o700)
    path.unlink()
    common_user.chmod(0o500)
    assert "can't be made: Permission denied" in _refused(path).message


# PostgreSQL alone.


def test_a_server_that_stops_in_the_middle() -> None:
    with running_postgres() as server:
        url = server.fresh()
        with closing(open_store(url)) as store:
            with pytest.raises(DeliveryError, match="was lost: server closed the connection") as caught:
                _stop_within(store, server)
            assert "it goes on from here" in caught.value.next_step
            with pytest.raises(DeliveryError, match="can't be reached"):
                _suppress(store)


def _stop_within(store: Store, server: Postgres) -> None:
    with store.sole("2.10"), store.staging() as staging, staging.local(), store.transaction() as connection:
        connection.exec_driver_sql("SELECT 1")
        server.stop(signal.SIGQUIT)
        connection.exec_driver_sql("SELECT 1")


def test_a_server_that_restarts_while_nothing_is_asked_of_it(url: str, postgres: Postgres) -> None:
    with closing(open_store(url)) as store:
        _suppress(store)
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'newsletter-press'"
        )
        _suppress(store, "b@example.org")


def test_no_server_there(postgres: Postgres) -> None:
    error = _refused("postgresql://someone@127.0.0.1:1/digest", password="hush")
    assert error.message.startswith("The state in postgresql://someone@127.0.0.1:1/digest can't be reached: ")
    assert error.message.endswith("Connection refused.")
    assert "hush" not in "".join(traceback.format_exception(error))


def test_no_such_database(postgres: Postgres) -> None:
    error = _refused(postgres.url("my news"))
    assert error.message == "The server has no database 'my news'."
    assert error.next_step == f"Make it: createdb -h 127.0.0.1 -p {postgres.port} -U newsletter 'my news'"


def test_no_such_user(postgres: Postgres) -> None:
    error = _refused(postgres.url("postgres", user="stranger"))
    assert 'role "stranger" does not exist' in error.message


def test_a_password_is_asked_for_and_never_shown(url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    name = url.rpartition("/")[2]
    guarded = postgres.url(name, user=GUARDED)
    postgres.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD 'sesame'")
    postgres.execute(f"ALTER DATABASE {name} OWNER TO {GUARDED}")
    try:
        assert "wants a password" in _refused(guarded).message
        error = _refused(guarded, password="hush")
        assert "refuses the password" in error.message
        assert "NEWSLETTER_STORE__PASSWORD" in error.next_step
        assert "hush" not in "".join(traceback.format_exception(error))
        with closing(open_store(guarded, SecretStr("sesame"))) as store:
            _suppress(store)
            assert store.place == guarded
        monkeypatch.setenv("PGPASSWORD", "sesame")
        with closing(open_store(guarded)) as store:
            _suppress(store, "b@example.org")
    finally:
        postgres.execute(f"ALTER DATABASE {name} OWNER TO newsletter")
        postgres.execute(f"DROP OWNED BY {GUARDED} CASCADE", name)
        postgres.execute(f"DROP ROLE {GUARDED}")


def test_a_user_with_too_few_rights(url: str, postgres: Postgres) -> None:
    name = url.rpartition("/")[2]
    postgres.execute("CREATE ROLE poor LOGIN")
    postgres.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    try:
        error = _refused(postgres.url(name, user="poor"))
        assert "gives its user too few rights" in error.message
        assert "CREATE SCHEMA newsletter AUTHORIZATION user" in error.next_step
    finally:
        postgres.execute("DROP ROLE poor")


def test_a_server_that_takes_no_changes(url: str, postgres: Postgres) -> None:
    postgres.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    error = _refused(url)
    assert "takes no changes now" in error.message
    assert "Is it a standby?" in error.next_step


def test_an_encoding_that_holds_few_names(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with closing(open_store(postgres.url("latin"))) as store:
        _suppress(store, words="é")
        with pytest.raises(DeliveryError, match="an encoding that can't hold every name") as caught:
            _suppress(store, "b@example.org", "退会")
        assert "createdb --encoding=UTF8" in caught.value.next_step
    postgres.execute("DROP DATABASE latin")


def test_addresses_cross_no_network_in_clear_text(url: str, postgres: Postgres) -> None:
    elsewhere = f"{url.replace('127.0.0.1', 'db.example.org')}?hostaddr=127.0.0.1"
    error = _refused(elsewhere)
    assert "offers no TLS" in error.message
    assert "?sslmode=disable" in error.next_step
    open_store(f"{elsewhere}&sslmode=disable&require_auth=none").close()


def test_a_password_that_a_server_quotes_is_hidden(url: str) -> None:
    encoded = b64encode(b"hush-hush").decode()
    quoting = f"DO $$BEGIN RAISE EXCEPTION 'no hush-hush, nor {encoded}'; END$$"
    with (
        closing(open_store(f"{url}?require_auth=none", SecretStr("hush-hush"))) as store,
        pytest.raises(DeliveryError, match=r"no \[hidden\], nor \[hidden\]") as caught,
        store.transaction() as connection,
    ):
        connection.exec_driver_sql(quoting)
    shown = "".join(traceback.format_exception(caught.value)).replace(quoting, "")
    assert "[hidden]" in shown
    assert "hush-hush" not in shown
    assert encoded not in shown


@pytest.mark.parametrize("setting", ["off", "local"])
def test_a_server_that_would_not_wait_for_a_disk_is_told_to(url: str, postgres: Postgres, setting: str) -> None:
    postgres.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = {setting}")
    with closing(open_store(url)) as store, store.transaction() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = _refused("postgresql://someone@127.0.0.1/digest")
    assert error.next_step == 'Install it: pip install "newsletter-press[postgresql]"'


def test_a_command_answers_without_a_traceback(publication: Publication) -> None:
    publication.environ |= {
        "NEWSLETTER_STORE__URL": "postgresql://someone@127.0.0.1:1/digest",
        "NEWSLETTER_STORE__PASSWORD": "hush",
    }
    done = publication.run("status")
    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr + publication.run("--debug", "status").stderr
