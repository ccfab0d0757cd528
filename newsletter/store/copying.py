"""Copies of a whole state: its rows in another one, and a file with all of them."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from secrets import token_hex

from sqlalchemy import ColumnElement, Connection, Integer, Table, delete, func, insert, literal, select, true

from newsletter.errors import DeliveryError
from newsletter.files import create_private, make_private_folder, sync_to_disk
from newsletter.ownership import require_own_place
from newsletter.store.database import Damaged
from newsletter.store.engine import Store, find_store, insert_new, open_store
from newsletter.store.publications import list_publications
from newsletter.store.schema import facts, forgotten, generations, meta, metadata, suppressions
from newsletter.store.sqlite import copy_file
from newsletter.store.store_tables import MOVED_TO

_AT_ONCE = 1000  # rows
_OTHER_FILE = "Nothing has changed. Name a file that `newsletter state backup` has written."


def copy_rows(theirs: Connection, ours: Connection) -> dict[str, int]:
    """Replace every row of our tables by theirs, of all publications; returns how many each table has of them now.

    A publication of which they know nothing keeps its own. The caller sees to it that theirs don't change meanwhile.
    Raises DeliveryError, before anything is committed, when the two don't have the same number of rows at the end.
    """
    known = list_publications(theirs)
    kept = {*list_publications(ours)} - {*known} if known else set()
    for table in reversed(metadata.sorted_tables):
        ours.execute(delete(table).where(_is_replaced(table, kept)))
    copied = {}
    for table in metadata.sorted_tables:
        order = [*table.primary_key]
        rows = theirs.execute(select(table).order_by(*order), execution_options={"yield_per": _AT_ONCE})
        for some in rows.mappings().partitions():
            ours.execute(insert(table), [dict(row) for row in some])
        _go_on_counting(ours, table)
        number = select(func.count()).select_from(table)
        there, here = theirs.scalar(number), ours.scalar(number.where(_is_replaced(table, kept)))
        if there != here or here is None:
            raise DeliveryError(
                f"The copy has {here} rows in {table.name}, and the state has {there}.",
                next_step="Nothing has changed. Try again; and report it, should it happen again.",
            )
        copied[table.name] = here
    return copied


def _is_replaced(table: Table, kept: Collection[str]) -> ColumnElement[bool]:
    return true() if table is meta or not kept else table.c.publication.not_in(kept)


def has_no_rows(connection: Connection) -> bool:
    """Return whether the state knows nothing yet: of no issue, and of no reader."""
    tables = (table for table in metadata.sorted_tables if table not in (meta, facts, generations))
    return not any(connection.execute(select(literal(1)).select_from(table).limit(1)).first() for table in tables)


Left = Sequence[tuple[Table, Mapping[str, object]]]


def read_suppression_rows(connection: Connection) -> Left:
    """Return every row by which somebody must not be mailed, the erased included."""
    tables = (suppressions, forgotten)
    return [(table, dict(row)) for table in tables for row in connection.execute(select(table)).mappings()]


def add_suppression_rows(connection: Connection, left: Left) -> int:
    """Write such rows of another state; returns how many were news."""
    news = (insert_new(connection, table).values(**row).returning(literal(1)) for table, row in left)
    return sum(connection.scalar(statement) is not None for statement in news)


def lock_tables(connection: Connection) -> None:
    """Keep others from writing until this transaction ends; SQLite has one writer anyhow."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(metadata.tables)} IN SHARE ROW EXCLUSIVE MODE")


def note_moved(connection: Connection, place: str) -> None:
    """Note that the state is at `place` now, and drop all the rest.

    It is not opened any more, and a program that has it open can neither send nor write down there who leaves.
    """
    for table in reversed(metadata.sorted_tables):
        if table is not meta:
            table.drop(connection)
    connection.execute(insert_new(connection, meta).values(key=MOVED_TO, value=place))


def back_up(store: Store, file: Path) -> None:
    """Write all of a state into an SQLite file of its owner's, durably and as of one moment, over what is there.

    Nobody who sends or serves meanwhile is kept waiting. Raises DeliveryError, and DecisionNeeded where somebody else's
    link or pipe would lead it to them.
    """
    require_own_place(file)
    unfinished = file.with_name(f".{file.name}.{token_hex(8)}.new")
    try:
        make_private_folder(file.parent)
        create_private(unfinished).close()
        if isinstance(store.file, Path):
            copy_file(store.file, unfinished)
        else:
            with closing(open_store(unfinished)) as target, store.reading() as theirs, target.transaction() as ours:
                copy_rows(theirs, ours)
            with closing(sqlite3.connect(unfinished)) as whole:
                whole.execute("PRAGMA journal_mode = DELETE")
        sync_to_disk(unfinished)
        unfinished.replace(file)
        sync_to_disk(file.parent)
    except (OSError, sqlite3.Error) as error:
        raise DeliveryError(
            f"The backup {file} can't be written: {error}.",
            next_step="See that its folder is yours to write, and has room. Then run the same command again.",
        ) from error
    finally:
        _remove(unfinished)


def open_backup(file: Path, beside: Path) -> Store:
    """Open a copy of a backup, brought up to date; the caller closes it, and gives it to `remove_backup`.

    The file itself is only read. The copy is put into the folder of `beside`. Raises DeliveryError for a file that is
    no backup.
    """
    copy = beside.with_name(f".{beside.name}.restoring")
    try:
        make_private_folder(copy.parent)
        _remove(copy)
        create_private(copy).close()
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as source:
            (well,) = source.execute("PRAGMA quick_check").fetchone()
            if well != "ok":
                raise sqlite3.DatabaseError(well)
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        store = find_store(copy)
    except (OSError, sqlite3.Error, DeliveryError) as error:
        _remove(copy)
        why = error.message.rstrip(".") if isinstance(error, DeliveryError) else error
        raise DeliveryError(f"{file} can't be used as a backup: {why}.", next_step=_OTHER_FILE) from error
    if store is None:
        _remove(copy)
        raise DeliveryError(f"{file} is no backup of a state.", next_step=_OTHER_FILE)
    return store


def remove_backup(store: Store) -> None:
    """Remove the copy that `open_backup` made, with what bringing it up to date left beside it."""
    if store.file:
        _remove(store.file)


def is_damaged(store: Store) -> bool:
    """Return whether SQLite finds its file damaged."""
    if store.file is None:
        return False
    try:
        with store.reading() as connection:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok"
    except Damaged:
        return True


def set_aside(file: Path, word: str) -> Path:
    """Rename a database that can't be read, with its log; returns its new path."""
    names = (f"{file.name}.{word}{f'-{number}' if number > 1 else ''}" for number in count(1))
    aside = next(path for name in names if not (path := file.with_name(name)).exists())
    for ending in ("-wal", "-shm", ""):
        beside = file.with_name(f"{file.name}{ending}")
        if beside.exists():
            beside.rename(aside.with_name(f"{aside.name}{ending}"))
    return aside


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{ending}").unlink(missing_ok=True)
    for copy in file.parent.glob(f"{file.name}.v*-backup*"):
        copy.unlink()


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Set PostgreSQL's own counter, which knows nothing of numbers that are given."""
    counted = [column for column in table.primary_key if isinstance(column.type, Integer)]
    if connection.dialect.name == "postgresql" and counted:
        (column,) = counted
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, func.coalesce(func.max(column), 0) + 1, False)))
