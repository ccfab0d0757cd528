"""Publications of one database: which there are, and the mark of rows that are about all of them."""

from sqlalchemy import Connection, Select, Table, func, select, union

from newsletter.store.engine import publication_of
from newsletter.store.schema import campaigns, events, facts, forgotten, subscribers, suppressions
from newsletter.workspace import PublicationId

# Rows with this publication are about each publication of the database, those included that are added later.
EVERY = PublicationId("*")

_TABLES = (facts, campaigns, subscribers, events, suppressions, forgotten)


def list_publications(connection: Connection) -> list[PublicationId]:
    """Return every publication that the database knows anything of, in the order of their names."""
    found = union(*map(publications_in, _TABLES)).subquery()
    names = connection.scalars(select(found.c.publication).order_by(found.c.publication))
    return [PublicationId(name) for name in names if name != EVERY]


def has_other_publications(connection: Connection) -> bool:
    """Return whether the database knows anything of another publication than the connection's."""
    return any(name != publication_of(connection) for name in list_publications(connection))


def publications_in(table: Table) -> Select[tuple[str]]:
    """Return a query for the publications of a table's rows, `EVERY` among them, as its column `publication`.

    It steps along the index that begins with the publication, so that a million rows of one cost a single step.
    """
    column = table.c.publication
    found = select(func.min(column).label("publication")).cte(f"publications_in_{table.name}", recursive=True)
    next_one = select(func.min(column)).where(column > found.c.publication).scalar_subquery()
    found = found.union_all(select(next_one).where(found.c.publication.is_not(None)))
    return select(found.c.publication).where(found.c.publication.is_not(None))
