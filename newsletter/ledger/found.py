"""Finding the delivery that a mail answers."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from newsletter.address import domain_of
from newsletter.store import Store
from newsletter.store.schema import campaigns, deliveries


class Copy(NamedTuple):
    """One reader's copy of an issue: its delivery's number, and the text that it was made of."""

    id: int
    issue: str
    reader: str
    template: int


_COPY = (deliveries.c.id, deliveries.c.issue, deliveries.c.reader, deliveries.c.template)


def copy_by_number(store: Store, number: int) -> Copy | None:
    """The delivery with this number, of any issue."""
    with store.reading() as connection:
        row = connection.execute(select(*_COPY).where(deliveries.c.id == number)).one_or_none()
        return Copy(*row) if row else None


def domains_of(store: Store, issue: str) -> Counter[str]:
    """Return how many readers of each domain the issue was sent to."""
    readers = select(deliveries.c.reader).where(deliveries.c.issue == issue)
    with store.reading() as connection:
        found = connection.execute(readers, execution_options={"yield_per": 1000})
        return Counter(domain_of(row.reader) for row in found)


def copies_of(store: Store, reader: str, *, with_seed: bool = False) -> Iterator[Copy]:
    """Every issue's copy for one reader, the newest first; or of those issues whose Message-IDs nobody can make up."""
    # By issue and reader, which there is an index of: without the issues, every delivery ever made would be looked at.
    named = select(campaigns.c.issue)
    issues = deliveries.c.issue.in_(named.where(campaigns.c.seed.is_not(None)) if with_seed else named)
    mine = select(*_COPY).where(issues, deliveries.c.reader == reader).order_by(deliveries.c.id.desc())
    with store.reading() as connection:
        for row in connection.execute(mine):
            yield Copy(*row)
