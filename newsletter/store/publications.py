"""Publications of one database: which there are, and the mark of rows that are about all of them."""

from functools import cache
from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement, Connection, FromClause, Select, Table, func, select, union
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from newsletter.store.engine import publication_of
from newsletter.store.schema import campaigns, events, facts, forgotten, reader_requests, subscribers, suppressions
from newsletter.workspace import PublicationId

# Rows with this publication are about each publication of the database, those included that are added later.
EVERY = PublicationId("*")

_TABLES = (facts, campaigns, subscribers, events, suppressions, forgotten, reader_requests)


def list_publications(connection: Connection) -> list[PublicationId]:
    """Return every publication that the database knows anything of, in the order of their names."""
    found = union(*map(publications_in, _TABLES)).subquery()
    names = connection.scalars(select(found.c.publication).order_by(found.c.publication))
    return [PublicationId(name) for name in names if name != EVERY]


def has_other_publications(connection: Connection) -> bool:
    """Return whether the database knows anything of another publication than the connection's."""
    return any(name != publication_of(connection) for name in list_publications(connection))


def is_known_here(connection: Connection, table: FromClause) -> ColumnElement[bool]:
    """Return the condition that a row is the publication's, or about all."""
    return table.c.publication.in_([publication_of(connection), EVERY])


class IsAmongPublications(FunctionElement[bool]):
    """Condition that a column is one of the publications of a query, by which the index that begins with it is used.

    PostgreSQL makes a join of IN and a query, and reads the whole index for the columns behind the first.
    """

    name = "is_among_publications"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Self:  # noqa: ARG002  # SQLAlchemy gives it by name
        """Return the condition as it is: `= 1`, which SQLite would be asked otherwise, uses no index."""
        return self


@compiles(IsAmongPublications)
def _write_in(element: IsAmongPublications, compiler: SQLCompiler, **options: Any) -> str:
    column, query = element.clauses
    return f"{compiler.process(column, **options)} IN {compiler.process(query, **options)}"


@compiles(IsAmongPublications, "postgresql")
def _write_any(element: IsAmongPublications, compiler: SQLCompiler, **options: Any) -> str:
    column, query = element.clauses
    return f"{compiler.process(column, **options)} = ANY(ARRAY{compiler.process(query, **options)})"


@cache  # made once a table: it is asked for each mail that came back, and to make it takes longer than to ask
def is_of_any_publication(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row is of any publication, for a query about other columns of the table's index.

    Without it every row would be read: the index begins with the publication.
    """
    return IsAmongPublications(table.c.publication, publications_in(table).scalar_subquery())


def publications_in(table: Table) -> Select[tuple[str]]:
    """Return a query for the publications of a table's rows, `EVERY` among them, as its column `publication`.

    It steps along the index that begins with the publication, so that a million rows of one cost a single step.
    """
    column = table.c.publication
    found = select(func.min(column).label("publication")).cte(f"publications_in_{table.name}", recursive=True)
    next_one = select(func.min(column)).where(column > found.c.publication).scalar_subquery()
    found = found.union_all(select(next_one).where(found.c.publication.is_not(None)))
    return select(found.c.publication).where(found.c.publication.is_not(None))
