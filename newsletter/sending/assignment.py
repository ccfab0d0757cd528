"""A worker's assignment: which campaign it sends, by which rules and through which backend."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.backends import Backend
from newsletter.carried_state.carried_state import CarriedState
from newsletter.issue_name import IssueName
from newsletter.sending.handover_share import HandoverShare
from newsletter.sending.rules import OnProgress, SendingRules
from newsletter.store import Store


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A frozen campaign to send, and whom to tell about it.

    `write_record` writes the sent record beside the draft: before the first message leaves, so that another machine
    does not begin, and after the last result. `on_progress` is called a few times a second, and `on_stop` when a signal
    has asked the worker to end with what is in hand. `suppress_departed` keeps from being claimed who has left the list
    by now; it is called, on any thread, while the worker sends and after each wait. `server` is by which name limits
    are learned of the other side; empty: none are. With a `share` it is one of several workers of the campaign. With a
    `carried` state, deliveries are claimed slice by slice, and each slice is published before it leaves.
    """

    store: Store
    issue: IssueName
    backend: Backend
    rules: SendingRules
    write_record: Callable[[], None]
    on_progress: OnProgress
    on_stop: Callable[[], None]
    suppress_departed: Callable[[], None] = lambda: None
    server: str = ""
    share: HandoverShare | None = None
    carried: CarriedState | None = None
