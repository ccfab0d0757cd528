"""Tables of a store: made when there are none, and brought up to date when an older program made them."""

from contextlib import ExitStack

from sqlalchemy import Connection, Engine, String, column, insert, inspect, select, table, update

from newsletter.errors import DeliveryError
from newsletter.store.database import Busy, Database, explain_refusals
from newsletter.store.schema import SCHEMA_VERSION, meta, metadata
from newsletter.workspace import MAIN, PublicationId

MOVED_TO = "moved to"  # in `meta`: where this state is now
_VERSION = "schema_version"  # in `meta`, too
_OF_ONE_PUBLICATION = (1, 2, 3)
_OLDER = frozenset(str(version) for version in range(1, SCHEMA_VERSION))


class StoreTables:
    """Tables in a database, of the one version that this program knows; `notice` says what was done to older ones."""

    def __init__(self, database: Database, engine: Engine, publication: PublicationId) -> None:
        self.notice = ""
        self._database = database
        self._engine = engine
        self._publication = publication

    def prepare(self, *, make: bool, though_moved: bool) -> bool:
        """Make or migrate the tables; False when there are none and none are to be made.

        Raises DeliveryError for tables of a newer version, and for those that were moved, unless `though_moved`.
        """
        reading = self._engine.execution_options(**self._database.reading)
        with explain_refusals(self._database), reading.begin() as connection:
            self._database.refuse_tables_of_others(connection, [*metadata.tables])
            version = _version(connection)
            moved = None if version is None else connection.scalar(select(meta.c.value).where(meta.c.key == MOVED_TO))
        if moved and not though_moved:
            raise DeliveryError(
                f"The state in {self._database.place} has been moved to {moved}.",
                next_step=f'Write into newsletter.toml, under [store]: url = "{moved}"\n'
                "Should it be lost there: newsletter state restore FILE, with a backup.",
            )
        if moved and version in {*_OLDER, str(SCHEMA_VERSION)}:
            with explain_refusals(self._database), self._engine.begin() as connection:
                metadata.create_all(connection)  # they were dropped when it was moved
                connection.execute(update(meta).where(meta.c.key == _VERSION).values(value=str(SCHEMA_VERSION)))
        elif version in _OLDER:
            self._bring_up_to_date()
        elif version is None and make:
            self._make_tables()
        elif version not in (None, str(SCHEMA_VERSION)):
            raise DeliveryError(
                f"The state in {self._database.place} has version {version}; this program knows {SCHEMA_VERSION}.",
                next_step="Update newsletter-press on this machine: pip install -U newsletter-press",
            )
        return version is not None or make

    def _make_tables(self) -> None:
        with explain_refusals(self._database), self._engine.begin() as connection:
            self._database.shut_out_others(connection)
            if _version(connection) is None:  # no other program was quicker
                metadata.create_all(connection)
                connection.execute(insert(meta).values(key=_VERSION, value=str(SCHEMA_VERSION)))

    def _bring_up_to_date(self) -> None:
        """Back up and migrate. Raises DeliveryError while an earlier version of the program is sending."""
        # alembic takes as long to import as all of the store, and is needed once in years.
        from newsletter.store.migrations import migrate, tables_of

        kept = ""
        try:
            with explain_refusals(self._database), self._engine.connect() as connection, ExitStack() as held:
                connection.detach()  # what is set for this connection must not serve others
                with connection.execution_options(**self._database.migrating).begin():
                    self._database.shut_out_others(connection)
                    found = _version(connection)
                    if found not in _OLDER:
                        return  # another program was quicker
                    version = int(found)
                    self._refuse_other_publications(version)
                    self._refuse_senders(connection, version, held)
                    kept = self._database.back_up(connection, version, tables_of(version))
                    migrate(connection, version, self._publication)
        except BaseException:
            if kept:
                self._database.discard_backup(kept)
            raise
        self.notice = (
            f"The state in {self._database.place} had version {version}, and has version {SCHEMA_VERSION} now. "
            f"As it was before, it is kept in {kept}. What still runs of an earlier version can't write down any more "
            "who leaves: restart newsletter serve."
        )

    def _refuse_other_publications(self, version: int) -> None:
        # Versions 1 to 3 held one publication, which would get another one's rows as its own.
        if version in _OF_ONE_PUBLICATION and self._publication != MAIN:
            raise DeliveryError(
                f"The state in {self._database.place} has version {version}, and is that of another publication, "
                f"{MAIN}.",
                next_step=f"Run a command of the publication {MAIN} first, such as: newsletter status",
            )

    def _refuse_senders(self, connection: Connection, version: int, held: ExitStack) -> None:
        # Every version has these two columns.
        unfinished = (
            select(column("issue", String)).select_from(table("campaigns")).where(column("finished_at").is_(None))
        )
        locks = {issue: issue for issue in connection.scalars(unfinished)}
        if version not in _OF_ONE_PUBLICATION:
            rows = connection.execute(unfinished.add_columns(column("publication", String)))
            locks = {name_lock(publication, issue): issue for issue, publication in rows}
        for lock, issue in locks.items():
            try:
                held.enter_context(self._database.sole(self._engine, lock))
            except Busy as error:
                raise DeliveryError(
                    f"An earlier version of this program is sending {issue}, "
                    "and this one would have to bring the state up to date.",
                    next_step="Wait until that has ended. Then run the same command again.",
                ) from error


def name_lock(publication: str, name: str) -> str:
    """Return the name of a publication's lock in its database.

    The main publication's locks are named as in versions 1 to 3, whose programs they keep out; no issue has an @.
    """
    return name if publication == MAIN else f"{publication}@{name}"


def _version(connection: Connection) -> str | None:
    """Return the version that the store gives for its tables; None when there are none."""
    if not inspect(connection).has_table(meta.name):
        return None
    return connection.scalar(select(meta.c.value).where(meta.c.key == _VERSION))
