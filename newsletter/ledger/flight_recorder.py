"""The flight recorder: a worker's small memory-mapped file that says how far each of its claims has come.

A process that is killed does not take the kernel's pages with it, so what it has written there is there for the process
that settles its lease (settlement.py). Nothing is synced: after a power cut the ledger alone says what is known.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from mmap import mmap
from typing import Self
from weakref import WeakSet
from zlib import crc32

from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.flight_files import MOST_SLOTS, create_flight
from newsletter.ledger.flight_slots import (
    ACCEPTED_WORDS,
    CLAIM_AT,
    SLOT,
    SLOT_SIZE,
    SLOTS_AT,
    STAGE_WORDS,
    TEXT_STAGE,
    WORD,
    measure_file,
    number_claim,
    start_check,
    write_answer,
)
from newsletter.ledger.states import State
from newsletter.store import Store

_CLAIMED, _ENVELOPE, _TEXT, _HANDED_OVER, _GIVEN_BACK, _ANSWERED = STAGE_WORDS.values()
_ACCEPTED, _UNKNOWN = State.ACCEPTED, State.UNKNOWN  # looking up an Enum's member takes as long as writing a slot
_recorders: "WeakSet[FlightRecorder]" = WeakSet()


class FlightRecorder:
    """A worker's own end of its file. What is noted for a message takes less than a microsecond in all.

    Without a file it notes into memory that nobody else sees, so that a crash is settled by the ledger alone.
    """

    def __init__(self, slots: int = 0, mapped: mmap | None = None) -> None:
        self._claim = 0
        self._mapped = mapped
        self._note_into(bytearray(measure_file(slots)) if mapped is None else mapped, slots)
        _recorders.add(self)

    @classmethod
    @contextmanager
    def open(cls, store: Store, worker: str, slots: int) -> Iterator[Self]:
        """Yield the recorder of a worker that has at most so many deliveries in hand.

        The file stays when the context ends: it is read when the worker is settled, and then removed.
        """
        slots = min(slots, MOST_SLOTS)
        recorder = cls(slots, create_flight(store, worker, slots))
        try:
            yield recorder
        finally:
            recorder.close()

    def begin_claim(self) -> int:
        """Return the number of the claim that is about to be committed: its rows have to carry it."""
        self._claim += 1
        self._words[CLAIM_AT // WORD] = number_claim(self._claim, is_noted=False)
        return self._claim

    def note_claim(self, claimed: Sequence[Delivery]) -> None:
        """Give each delivery of the claim that was committed a slot, before any of them is handed to a session."""
        slots, free, buffer = self._slots, self._free, self._buffer
        claim, base = self._claim, start_check(self._claim)
        for delivery in claimed:
            if not free:
                break
            key = delivery.id
            slots[key] = at = free.pop()
            SLOT.pack_into(buffer, at * WORD, _CLAIMED, key, claim | crc32(key.to_bytes(WORD, "little"), base) << 32)
        self._words[CLAIM_AT // WORD] = number_claim(claim, is_noted=True)

    def free(self, recorded: Iterable[int]) -> None:
        """Let the slots of deliveries be used again that the ledger has recorded, or taken back."""
        for key in recorded:
            if (at := self._slots.pop(key, None)) is not None:
                self._free.append(at)

    def note_envelope(self, delivery: int) -> None:
        """Note that a session has it that tells of each text before a byte of it leaves."""
        self._words[self._slots.get(delivery, self._spare)] = _ENVELOPE

    def note_handed_over(self, delivery: int) -> None:
        """Note that a session has it: from here on it may be anywhere."""
        self._words[self._slots.get(delivery, self._spare)] = _HANDED_OVER

    def note_text(self, delivery: int) -> None:
        """Note that its text is about to leave."""
        self._words[self._slots.get(delivery, self._spare)] = _TEXT

    def note_given_back(self, delivery: int) -> None:
        """Note that it came back, and is to wait again."""
        self._words[self._slots.get(delivery, self._spare)] = _GIVEN_BACK

    def note_answer(self, answered: Delivery) -> None:
        """Note what is to be recorded of it: the code and what follows from it, without the server's words."""
        at = self._slots.get(answered.id, self._spare)
        state = answered.state
        if state is _ACCEPTED and answered.stage == TEXT_STAGE and (word := ACCEPTED_WORDS.get(answered.code)):
            self._words[at] = word
        elif state is not _UNKNOWN and write_answer(self._buffer, at * WORD, answered):
            self._words[at] = _ANSWERED

    def close(self) -> None:
        """Let go of the file and its lock, when nothing of the worker is under way any more."""
        self._words.release()
        if self._mapped is not None:
            self._mapped.close()
        self._note_into(bytearray(measure_file(0)), 0)

    def _note_into(self, buffer: mmap | bytearray, slots: int) -> None:
        self._buffer = buffer
        self._words = memoryview(buffer).cast("Q")
        self._spare = (SLOTS_AT + slots * SLOT_SIZE) // WORD  # for deliveries without a slot; nobody reads it
        self._free = list(range(SLOTS_AT // WORD, self._spare, SLOT_SIZE // WORD))
        self._slots: dict[int, int] = {}  # by delivery, in words


def _leave_to_parent() -> None:
    """Let go, in a forked child, of the files whose locks say that the parent lives."""
    for recorder in list(_recorders):
        recorder.close()


os.register_at_fork(after_in_child=_leave_to_parent)
