"""Observers, told of what a use case does while it does it; what they show is no business of the actions."""

from newsletter.issue_name import IssueName
from newsletter.sending.rules import WorkerProgress


class SendObserver:
    """Progress of a send; each method does nothing here, for a subclass to override what it wants to show."""

    def waiting_for_lease(self, seconds: float) -> None:
        """Note that a crashed send's lease, within which it could still send, is waited for, so many seconds."""

    def begin(self, issue: IssueName, waiting: int) -> None:
        """Note that a run begins, for that many recipients who wait."""

    def progress(self, progress: WorkerProgress) -> None:
        """Note how far the run is; called a few times a second."""

    def stopping(self) -> None:
        """Note that a signal asked the run to end; the messages in hand are finished."""

    def end(self, issue: IssueName, error: BaseException | None) -> None:
        """Note that the run is over; `error` is what stopped it, None when everyone was tried."""


SILENT = SendObserver()
