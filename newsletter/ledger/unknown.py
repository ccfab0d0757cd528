"""Unknown deliveries, settled by what a person has found out."""

from collections.abc import Mapping

from sqlalchemy import bindparam, update

from newsletter.issue_name import IssueName
from newsletter.ledger.campaigns import close_when_done
from newsletter.ledger.frozen_lists import forget_comparison
from newsletter.ledger.states import State
from newsletter.store import Store
from newsletter.store.engine import is_of, now, publication_of
from newsletter.store.schema import campaigns, deliveries

_SETTLE = (
    update(deliveries)
    .where(
        deliveries.c.publication == bindparam("ours"),
        deliveries.c.issue == bindparam("the_issue"),
        deliveries.c.subscriber == bindparam("who"),
        deliveries.c.state == State.UNKNOWN,  # nobody else is anybody's to decide about
    )
    .values(
        state=bindparam("verdict"),
        stage="reconcile",
        code=None,
        enhanced=None,
        reply=bindparam("words"),
        at=bindparam("moment"),
        took=None,
        tries=0,
        due=0.0,
    )
)


def settle_unknown(store: Store, issue: IssueName, verdicts: Mapping[str, State], why: str) -> None:
    """Record that each of these readers, where unknown, has the issue (accepted) or waits for it (pending).

    `why` is kept beside the verdict. The campaign is open again when somebody waits, and closed when nobody does.
    The caller is the issue's sole sender.
    """
    moment = now()
    with store.transaction() as connection:
        ours = publication_of(connection)
        if verdicts:
            connection.execute(
                _SETTLE,
                [
                    {
                        "ours": ours,
                        "the_issue": issue,
                        "who": reader,
                        "verdict": verdict.value,
                        "words": why,
                        "moment": moment,
                    }
                    for reader, verdict in verdicts.items()
                ],
            )
        if State.PENDING in verdicts.values():
            connection.execute(update(campaigns).where(is_of(connection, campaigns, issue)).values(finished_at=None))
            forget_comparison(connection, issue)
        close_when_done(connection, issue)
