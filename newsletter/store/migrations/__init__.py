"""Migrations bring an older store's tables up to date, a version at a time, within the caller's transaction.

alembic's operations are used as a library; the version is the store's own, in the table `meta`. A step spells out
the tables as they were and as they become: what schema.py says today is no longer true when the next step is written.
"""

from collections.abc import Sequence

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, update

from newsletter.errors import DeliveryError
from newsletter.store.migrations import v1_to_v2, v2_to_v3, v3_to_v4, v4_to_v5, v5_to_v6
from newsletter.store.schema import SCHEMA_VERSION, meta

# By the version that a step begins at: the tables of that version, and the way to the next.
_STEPS = {
    1: (v1_to_v2.TABLES, v1_to_v2.upgrade),
    2: (v2_to_v3.TABLES, v2_to_v3.upgrade),
    3: (v3_to_v4.TABLES, v3_to_v4.upgrade),
    4: (v4_to_v5.TABLES, v4_to_v5.upgrade),
    5: (v5_to_v6.TABLES, v5_to_v6.upgrade),
}


def tables_of(version: int) -> Sequence[str]:
    """Return the tables that a store of this version has."""
    tables, _ = _STEPS[version]
    return tables


def migrate(connection: Connection, version: int, publication: str) -> None:
    """Take every step from `version` to the present one, as the state of this publication.

    Raises DeliveryError when rows no longer fit together."""
    operations = Operations(MigrationContext.configure(connection))
    for number in range(version, SCHEMA_VERSION):
        _, upgrade = _STEPS[number]
        upgrade(operations, publication)
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DeliveryError(
            "The state can't be brought up to date: some of its rows belong to others that are not there.",
            next_step="Nothing has changed. Put back the whole folder from your backup, "
            "or go on with the version of this program that made it.",
        )
    connection.execute(update(meta).where(meta.c.key == "schema_version").values(value=str(SCHEMA_VERSION)))
