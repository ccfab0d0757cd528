"""Tables of the queue, which are procrastinate's: made by the first worker, and brought up to date by a later one."""

from importlib import resources
from typing import Any

from sqlalchemy import Connection, inspect, text

from newsletter.errors import DeliveryError
from newsletter.store import Store
from newsletter.store.prepared_statements import run_in_driver

TABLES = (
    "procrastinate_jobs", "procrastinate_events", "procrastinate_workers", "procrastinate_periodic_defers",
)  # fmt: skip
# A comment on the first of them says which of procrastinate's migrations was the last: `meta` is replaced when a state
# is put back or moved, and these tables are not.
_READ = text("SELECT obj_description(to_regclass(:name), 'pg_class')")
_BY = "newsletter-press: "


def prepare_job_tables(store: Store) -> None:
    """Make the queue's tables, or apply what procrastinate has changed since.

    Raises DeliveryError where the tables are somebody else's, and for those that a later procrastinate has changed.
    """
    migrations = _list_migrations()
    with store.preparing(TABLES) as connection:
        made_by = (connection.scalar(_READ, {"name": TABLES[0]}) or "").removeprefix(_BY)
        if not inspect(connection).has_table(TABLES[0]):
            _execute(connection, (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8"))
            _note(connection, migrations[-1])
        elif not made_by:
            raise DeliveryError(
                f"{store.place} has tables of procrastinate that another program has made.",
                next_step="Give the newsletter a schema of its own: end [store] url with "
                "?options=-csearch_path%3Dnewsletter",
            )
        elif made_by > migrations[-1]:
            raise DeliveryError(
                f"The queue in {store.place} was made by a later version of procrastinate than is installed here.",
                next_step='Update it on this machine: pip install -U "newsletter-press[postgresql]"',
            )
        elif made_by < migrations[-1]:
            for name in migrations:
                if name > made_by:
                    _execute(connection, _read_migration(name))
            _note(connection, migrations[-1])


def _list_migrations() -> list[str]:
    """Return the names of procrastinate's migrations, which begin with its version, in their order."""
    folder = resources.files("procrastinate.sql.migrations")
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _read_migration(name: str) -> str:
    return (resources.files("procrastinate.sql.migrations") / name).read_text(encoding="utf-8")


def _execute(connection: Connection, statements: str) -> None:
    def execute(driver: Any) -> None:
        driver.execute(statements)  # several, which a driver takes when they have no parameters

    run_in_driver(connection, execute)


def _note(connection: Connection, migration: str) -> None:
    name = connection.dialect.identifier_preparer.quote(TABLES[0])
    connection.exec_driver_sql(f"COMMENT ON TABLE {name} IS '{_BY}{migration}'")
