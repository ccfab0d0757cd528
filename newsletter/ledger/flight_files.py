"""Files of flight recorders, beside the state: who made one, whether its process still lives, and what it says.

A file is locked by its process for as long as that lives, and the kernel frees the lock however it dies. Its header
names this boot of this machine, the database, the publication and the worker; beside any other a file says nothing.
"""

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from mmap import mmap
from pathlib import Path
from struct import Struct

from newsletter.files import create_private, make_private_folder
from newsletter.ledger.flight_slots import (
    SLOT_SIZE,
    SLOTS_AT,
    WORD,
    ClaimStage,
    NotedAnswer,
    measure_file,
    read_slot,
    read_unnoted_claim,
)
from newsletter.store import Store

MOST_SLOTS = 1 << 16
_PREFIX = "flight-"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux: random(4)
_MAGIC = b"flight-1"
_HEADER = Struct("=8s16s16sQ8s")  # magic, boot, the database with publication and worker, number of slots, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """What a worker's file says of its claims, each by delivery and number of the claim.

    `has_ended` says that the process is gone: one that only stands still may go on, and send what it had not begun.
    `unnoted` is the number of a claim that was committed, or not, and of which nothing was handed to any session.
    """

    has_ended: bool
    unnoted: int | None
    stages: Mapping[tuple[int, int], ClaimStage]
    answers: Mapping[tuple[int, int], NotedAnswer]

    def find_answer(self, delivery: int, claim: int) -> NotedAnswer | None:
        """Return what a server said of a delivery in this claim, if that is known."""
        return self.answers.get((delivery, claim))

    def is_unbegun(self, delivery: int, claim: int) -> bool:
        """Return whether nothing of its text has left in this claim, nor can any more."""
        if not self.has_ended:
            return False
        stage = self.stages.get((delivery, claim))
        return claim == self.unnoted or stage in (ClaimStage.CLAIMED, ClaimStage.ENVELOPE, ClaimStage.GIVEN_BACK)


def create_flight(store: Store, worker: str, slots: int) -> mmap | None:
    """Make, lock and map a worker's file; None where that can't be done, since a worker can do without."""
    boot = _read_boot()
    if boot is None or store.folder is None:
        return None
    path = _path(store.folder, worker)
    try:
        make_private_folder(store.folder)
        with create_private(path, "w+b", buffering=0) as file:
            # All of it now: a page that the disk has no room for would end the process when it is written.
            os.posix_fallocate(file.fileno(), 0, measure_file(slots))
            os.pwrite(file.fileno(), _make_header(boot, store, worker, slots), 0)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return mmap(file.fileno(), measure_file(slots))  # which has a copy of the file, and so keeps the lock
    except OSError:
        with suppress(OSError):
            path.unlink()
        return None


def read_flight(store: Store, worker: str) -> Flight | None:
    """Return what a worker's file says; None when there is none that can be believed."""
    boot = _read_boot()
    if boot is None or store.folder is None:
        return None
    try:
        with _opened(_path(store.folder, worker)) as (file, has_ended):
            data = os.read(file, measure_file(MOST_SLOTS) + 1)
    except OSError:
        return None
    slots = _count_slots(data)
    if len(data) != measure_file(slots) or data[: _HEADER.size] != _make_header(boot, store, worker, slots):
        return None
    ends = range(SLOTS_AT, SLOTS_AT + slots * SLOT_SIZE, SLOT_SIZE)
    found = [slot for at in ends if (slot := read_slot(data[at : at + SLOT_SIZE])) is not None]
    return Flight(
        has_ended=has_ended,
        unnoted=read_unnoted_claim(data),
        stages={key: stage for key, stage, _ in found},
        answers={key: answer for key, _, answer in found if answer is not None},
    )


def list_flights(store: Store) -> list[str]:
    """Return the workers of this database and publication whose files are there; an earlier boot's are removed."""
    boot, ours = _read_boot(), []
    if boot is None or store.folder is None:
        return []
    for path in store.folder.glob(f"{_PREFIX}*"):
        worker = path.name.removeprefix(_PREFIX)
        with suppress(OSError):
            with _opened(path) as (file, _):
                header = os.read(file, _HEADER.size)
            if header == _make_header(boot, store, worker, _count_slots(header)):
                ours.append(worker)
            elif header[:WORD] == _MAGIC and header[WORD : WORD + len(boot)] != boot:
                _remove(path)
    return ours


def remove_flights(store: Store, workers: Iterable[str]) -> None:
    """Remove the files of these workers, where their processes are gone."""
    if store.folder is not None:
        for worker in workers:
            _remove(_path(store.folder, worker))


def _path(folder: Path, worker: str) -> Path:
    return folder / f"{_PREFIX}{worker}"


def _read_boot() -> bytes | None:
    """Return what this machine has had since it started, and never before; None where there is nothing of the kind."""
    try:
        return sha256(_BOOT_ID.read_bytes()).digest()[:16]
    except OSError:
        return None


def _make_header(boot: bytes, store: Store, worker: str, slots: int) -> bytes:
    words = "\0".join((store.find_identity(), store.publication, worker))
    whose = sha256(words.encode("utf-8", "surrogateescape")).digest()[:16]
    check = sha256(b"".join((_MAGIC, boot, whose, slots.to_bytes(WORD, "little")))).digest()[:WORD]
    return _HEADER.pack(_MAGIC, boot, whose, slots, check)


def _count_slots(data: bytes) -> int:
    slots: int = _HEADER.unpack_from(data)[3] if len(data) >= _HEADER.size else 0
    return min(slots, MOST_SLOTS)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, bool]]:
    """Yield a worker's file, and whether its process is gone. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(f"{path} is no file of ours")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_ended = True
        except BlockingIOError:
            has_ended = False
        yield file, has_ended
    finally:
        os.close(file)


def _remove(path: Path) -> None:
    with suppress(OSError), _opened(path) as (_, has_ended):
        if has_ended:
            path.unlink()
