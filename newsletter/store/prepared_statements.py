"""Statements that are executed for each message, or for each mail that came back, compiled once for each database."""

from collections.abc import Callable, Mapping, Sequence
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


def run_in_driver(connection: Connection, work: Callable[[Any], Any]) -> Any:
    """Let the driver work; what it raises is raised as SQLAlchemy does, without the values: they are a reader's."""
    dialect = connection.dialect
    driver: Any = connection.connection.dbapi_connection  # `driver_connection` is none once it has left its pool
    errors: Any = dialect.loaded_dbapi.Error
    try:
        return work(driver)
    except errors as error:
        if dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)  # else the pool would hand it out again
        raise DBAPIError.instance(None, None, error, errors, hide_parameters=True, dialect=dialect) from error
