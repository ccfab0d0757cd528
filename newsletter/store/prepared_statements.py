"""Statements that are executed for each message, or for each mail that came back, compiled once for each database."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.exc import DBAPIError


class PreparedStatement:
    """Statement whose parameters are text, numbers or None, given by name.

    It is compiled by SQLAlchemy and executed by the database's driver within the connection's transaction: SQLAlchemy's
    own way of executing costs, for each message of a campaign, as much as all that SQLite does for it.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any] | None, dict[str, Any]]] = {}

    def fetch(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute it once, and return its rows."""
        text, (row,) = self._bind(connection, [values])
        rows: list[tuple[Any, ...]] = run_in_driver(connection, lambda driver: driver.execute(text, row).fetchall())
        return rows

    def start(self, connection: Connection, values: Mapping[str, Any]) -> "StartedStatement":
        """Execute it once; its rows are to be had when the `in_one_trip` around this has ended."""
        if connection.dialect.name == "sqlite":  # which could not commit while rows are left
            rows = self.fetch(connection, values)
            return StartedStatement(lambda: rows)
        text, (row,) = self._bind(connection, [values])
        return StartedStatement(run_in_driver(connection, lambda driver: driver.execute(text, row)).fetchall)

    def execute_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each row, in one go."""
        text, bound = self._bind(connection, rows)
        run_in_driver(connection, lambda driver: driver.cursor().executemany(text, bound))

    def _bind(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
        """Return the text in the database's words, and its parameters: in order where they have no names."""
        kind = connection.dialect.name
        if kind not in self._compiled:
            compiled: Any = self._statement.compile(dialect=connection.dialect)
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            names = compiled.positiontup
            self._compiled[kind] = (str(compiled), _choose(names) if names else None, constants)
        text, in_order, constants = self._compiled[kind]
        whole = [{**constants, **row} for row in rows]
        return text, list(map(in_order, whole)) if in_order else whole


def _choose(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes a tuple of the values with these names."""
    choose = itemgetter(*names)
    return choose if len(names) > 1 else lambda values: (choose(values),)


class StartedStatement:
    """A statement that a server has, or will have with others."""

    def __init__(self, fetch: Callable[[], list[tuple[Any, ...]]]) -> None:
        self.fetch = fetch  # returns its rows


@contextmanager
def in_one_trip(connection: Connection) -> Iterator[None]:
    """Send a server all that is started meanwhile together, and wait for it once; it is executed in its order.

    Nothing is known of the rows before the context ends. Raises as `run_in_driver` does.
    """
    if connection.dialect.name == "sqlite":  # there is no way to go
        yield
        return
    fault: BaseException | None = None
    with _explaining(connection) as driver:
        try:
            with driver.pipeline():
                try:
                    yield
                except BaseException as error:  # noqa: BLE001  # psycopg would log what comes of it for others
                    fault = error
        finally:
            if fault is not None:
                raise fault


def run_in_driver(connection: Connection, work: Callable[[Any], Any]) -> Any:
    """Let the driver work; what it raises is raised as SQLAlchemy does, without the values: they are a reader's."""
    with _explaining(connection) as driver:
        return work(driver)


@contextmanager
def _explaining(connection: Connection) -> Iterator[Any]:
    """Yield the driver's connection, and raise its errors as `run_in_driver` does."""
    dialect = connection.dialect
    driver: Any = connection.connection.dbapi_connection  # `driver_connection` is none once it has left its pool
    errors: Any = dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as error:
        if dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)  # else the pool would hand it out again
        raise DBAPIError.instance(None, None, error, errors, hide_parameters=True, dialect=dialect) from error
