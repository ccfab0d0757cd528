"""Rule by which rows of the table `suppressions` keep a publication from mailing somebody.

A row is about its own publication, or, with `EVERY` in the publication's place, about each of the database. Rows of
other publications count, too, when their cause is one of SHARED_CAUSES: earlier versions wrote bounces and complaints
down for one publication alone.

A publication that mails somebody again whom a row about all keeps from being mailed has a row of its own whose cause
begins with LIFTED: it is the exception from the other one.
"""

from sqlalchemy import BindParameter, ColumnElement, FromClause, and_, literal, or_, select

from newsletter.store.publications import EVERY, is_of_any_publication
from newsletter.store.schema import suppressions
from newsletter.workspace import PublicationId

# A mailbox that is gone is gone for all publications, and who marked one as spam gets none of them.
SHARED_CAUSES = ("bounced", "complained")
# A mailbox works or does not: whoever lifts this cause lifts it for all. Of the others each publication has its own.
LIFTED_FOR_ALL = ("bounced",)
LIFTED = "lifted "  # before a cause


def is_suppressed(
    publication: PublicationId | BindParameter[str], subscriber: ColumnElement[str], *, for_good: bool = False
) -> ColumnElement[bool]:
    """Return the condition that a publication must not mail the subscriber in a column of another table.

    With `for_good` what ends by itself does not count.
    """
    rows = select(literal(1)).select_from(suppressions).where(*are_about(subscriber), holds(publication))
    return (rows.where(suppressions.c.until.is_(None)) if for_good else rows).exists()


def are_about(subscriber: ColumnElement[str] | str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that rows, of whichever publication, are about a subscriber."""
    return is_of_any_publication(suppressions), suppressions.c.subscriber == subscriber


def holds(publication: PublicationId | BindParameter[str], row: FromClause = suppressions) -> ColumnElement[bool]:
    """Return the condition that a row keeps a publication from mailing its subscriber."""
    excepted = suppressions.alias("excepted")
    exception = select(literal(1)).where(
        excepted.c.publication == publication,
        excepted.c.subscriber == row.c.subscriber,
        excepted.c.cause == LIFTED + row.c.cause,
    )
    own = and_(row.c.publication == publication, ~is_exception(row))
    # Not IN, which a prepared statement can't have.
    shared = or_(row.c.publication == EVERY, *(row.c.cause == cause for cause in SHARED_CAUSES))
    return or_(own, and_(row.c.publication != publication, shared, ~exception.exists()))


def is_exception(row: FromClause = suppressions) -> ColumnElement[bool]:
    """Return the condition that a row is a publication's exception from one about all."""
    return row.c.cause.startswith(LIFTED)
