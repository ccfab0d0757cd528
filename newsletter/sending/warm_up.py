"""The warm-up of a server as a worker keeps to it, and the end of a sending that has reached what it may send."""

from datetime import UTC, datetime

from newsletter.errors import DeliveryError
from newsletter.ledger.warm_up import WarmUpStep, begin_warm_up_step, find_warm_up_step
from newsletter.sending.quota_wait import QuotaWait
from newsletter.sending.refusals import QuotaUsedUp
from newsletter.store import Store
from newsletter.text import format_count


class WarmUpReached(QuotaUsedUp):
    """Everyone has the message who may get it at this sending through a new server; the others wait for the next."""

    def __init__(self, step: WarmUpStep, waiting: int) -> None:
        DeliveryError.__init__(
            self,
            f"Warm-up: {format_count(step.most, 'message')} may leave at sending {step.number} through this server, "
            f"and they have. {format_count(waiting, 'reader')} wait for the next one, with twice as many.",
            next_step=f"Run the same command again from {step.next_at.astimezone():%Y-%m-%d %H:%M} on; the outbox does "
            "so by itself. Without [send] warm_up in newsletter.toml everyone is sent to at once.",
        )
        self.wait = QuotaWait(asked_at=datetime.now(UTC), next_try=step.next_at, latest=step.next_at)


def begin_warm_up(store: Store, server: str, first: int) -> WarmUpStep:
    """Return the sending under way through a server, which begins now unless it has begun; `first` as in [send]."""
    with store.transaction() as connection:
        step = find_warm_up_step(connection, server, first, datetime.now(UTC))
        if not begin_warm_up_step(connection, server, step):  # another worker may have begun it at the same moment
            step = find_warm_up_step(connection, server, first, datetime.now(UTC))
    return step
