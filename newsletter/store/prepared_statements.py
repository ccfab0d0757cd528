"""Statements that a run executes hundreds of times a second, compiled once for each kind of database."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult


class PreparedStatement:
    """Statement whose parameters are text, numbers or None, given by name.

    SQLAlchemy's own way of executing costs, for each message of a campaign, as much as all that SQLite does for it.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, dict[str, Any]]] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it once."""
        text, (row,) = self._bound(connection, [values])
        return connection.exec_driver_sql(text, row)

    def execute_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each row, in one go."""
        connection.exec_driver_sql(*self._bound(connection, rows))

    def _bound(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]]:
        """Return the text in the database's words, and its parameters: in order where they have no names."""
        kind = connection.dialect.name
        if kind not in self._compiled:
            compiled: Any = self._statement.compile(dialect=connection.dialect)
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            self._compiled[kind] = (str(compiled), compiled.positiontup, constants)
        text, order, constants = self._compiled[kind]
        whole = [{**constants, **row} for row in rows]
        return text, [tuple([row[name] for name in order]) for row in whole] if order else whole
