"""Signals that ask the outbox to end, SIGINT and SIGTERM."""

import signal
import threading


class StopSignals:
    """SIGINT and SIGTERM between campaigns; a worker has handlers of its own for them."""

    def __init__(self) -> None:
        self.asked = False
        self._unheard = False

    def listen(self) -> None:
        """Set the handlers, again after each worker, which replaces them; only the main thread may set any."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def pass_on(self) -> None:
        """Give a worker the signal that came just before it had handlers."""
        if self._unheard:
            self._unheard = False
            signal.raise_signal(signal.SIGTERM)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self.asked = self._unheard = True
