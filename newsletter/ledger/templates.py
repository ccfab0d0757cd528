"""The compiled message templates that a campaign's deliveries are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from newsletter.issue_name import IssueName
from newsletter.ledger.states import State
from newsletter.store import Store
from newsletter.store.engine import is_of
from newsletter.store.schema import deliveries, templates


@dataclass(frozen=True, slots=True)
class FrozenTemplate:
    """A compiled message template; `variant` names whom it is for by the items they see, and the drafts' hash.

    `language` is the tag of a translation, and empty for the publication's own language.
    """

    variant: str
    payload: bytes
    language: str = ""


def list_current_templates(store: Store, issue: IssueName) -> list[FrozenTemplate]:
    """Return the newest draft's template for each variant in each language, the newest last.

    They are what a recipient who has had nothing would get.
    """
    with store.reading() as connection:
        mine = is_of(connection, templates, issue)
        newest = select(func.max(templates.c.id)).where(mine).group_by(templates.c.variant, templates.c.language)
        rows = connection.execute(select(templates).where(templates.c.id.in_(newest)).order_by(templates.c.id)).all()
        return [
            FrozenTemplate(row.variant, row.payload, row.language)
            for row in rows
            if _draft(row.variant) == _draft(rows[-1].variant)
        ]


def has_older_template(store: Store, issue: IssueName, states: Sequence[State]) -> bool:
    """Return whether a delivery in these states has a template of a draft before the newest."""
    with store.reading() as connection:
        of_issue = select(templates.c.variant).where(is_of(connection, templates, issue))
        newest = connection.scalar(of_issue.order_by(templates.c.id.desc()).limit(1))
        theirs = connection.scalars(
            of_issue.where(
                select(deliveries.c.id)
                .where(
                    is_of(connection, deliveries, issue),
                    deliveries.c.state.in_(states),
                    deliveries.c.template == templates.c.id,
                )
                .exists()
            )
        ).all()
        return any(_draft(variant) != _draft(newest or "") for variant in theirs)


def read_template(store: Store, number: int) -> bytes:
    """Return the bytes of a frozen template, see mail/message_template.py."""
    with store.reading() as connection:
        payload: bytes = connection.execute(select(templates.c.payload).where(templates.c.id == number)).scalar_one()
        return payload


def _draft(variant: str) -> str:
    """Return the hash of the draft that a variant is of; empty in version 1's stores."""
    return variant.partition("@")[2]
