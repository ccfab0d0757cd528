"""Slots of a flight recorder's file: for each claim in hand how far it has come, and the answer, with check values.

A file has a header (flight_files.py), the number of the worker's last claim, and slots. A slot has its stage, the
delivery, the number of the claim that took it, with a check of both, and the answer where it was no plain acceptance.
"""

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from mmap import mmap
from struct import Struct
from zlib import crc32

from newsletter.ledger.deliveries import Delivery
from newsletter.ledger.states import State

WORD = 8  # bytes; a word is written as a whole
CLAIM_AT = 64
SLOTS_AT = 128
SLOT_SIZE = 64  # a cache line
# The stage first: while the rest is being written the slot is still that of the claim before, which is recorded.
SLOT = Struct("=QQQ")
TEXT_STAGE = "text"  # of a result: the server's reply to the whole message
# State, code, the enhanced code's three numbers, due, the stage's name, and how many tries its reader has had.
_ANSWER = Struct("=BHBHHdB15sB")
_MOST_TRIES = 255
_NAME_LENGTH = 15
_ANSWER_AT = SLOT.size
_CHECK = Struct("=I")
_CHECK_AT = SLOT_SIZE - _CHECK.size
_STATES = (State.ACCEPTED, State.DEFERRED, State.REFUSED)


class ClaimStage(Enum):
    """How far a claim has come, as its slot says."""

    CLAIMED = "claimed"
    ENVELOPE = "envelope"  # given to a session that tells of each text
    TEXT = "text begun"
    HANDED_OVER = "handed over"  # given to a session that does not
    GIVEN_BACK = "given back"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedAnswer:
    """A server's answer that the worker had read, and perhaps not recorded. `due` and `tries` are as a delivery's."""

    state: State
    stage: str
    code: int | None
    enhanced: str | None = None
    due: float
    tries: int = 0


def _make_word(name: str) -> int:
    """Return eight bytes for a stage: no change of one byte, nor of several by chance, makes another stage of it."""
    return int.from_bytes(sha256(f"newsletter flight recorder: {name}".encode()).digest()[:WORD], "little")


STAGE_WORDS = {stage: _make_word(stage.value) for stage in ClaimStage}
_STAGES = {word: stage for stage, word in STAGE_WORDS.items()}
# A text that was accepted, by its code: one word, since nearly all answers are such.
ACCEPTED_WORDS: Mapping[int | None, int] = {code: _make_word(f"accepted {code}") for code in range(200, 300)}
_ACCEPTED_CODES = {word: code for code, word in ACCEPTED_WORDS.items()}


def measure_file(slots: int) -> int:
    """Return how many bytes a file with so many slots has; the last slot of it belongs to nobody, and is not read."""
    return SLOTS_AT + (slots + 1) * SLOT_SIZE


def start_check(claim: int) -> int:
    """Return the check value of a claim's number, to be continued with a delivery's."""
    return crc32(claim.to_bytes(4, "little"))


def number_claim(claim: int, *, is_noted: bool) -> int:
    """Return the word for the worker's last claim: its number, whether its deliveries have their slots, a check."""
    word = claim << 1 | is_noted
    return word | crc32(word.to_bytes(4, "little")) << 32


def read_unnoted_claim(data: bytes) -> int | None:
    """Return the number of the last claim of a file, if its deliveries have no slots yet; None when it is torn."""
    word = int.from_bytes(data[CLAIM_AT : CLAIM_AT + WORD], "little")
    claim, is_noted = (word & 0xFFFFFFFF) >> 1, bool(word & 1)
    return None if is_noted or word != number_claim(claim, is_noted=False) else claim


def write_answer(buffer: mmap | bytearray, at: int, answered: Delivery) -> bool:
    """Write an answer into the slot that begins there, all but its stage; return whether it could be written."""
    name = (answered.stage or "").encode("ascii", "replace")[:_NAME_LENGTH]
    with suppress(struct.error, ValueError):  # a plug-in's numbers may be any
        state, numbers = _STATES.index(answered.state), map(int, (answered.enhanced or "0.0.0").split("."))
        stage, tries = (len(name), name), min(answered.tries, _MOST_TRIES)
        _ANSWER.pack_into(buffer, at + _ANSWER_AT, state, answered.code or 0, *numbers, answered.due, *stage, tries)
        _CHECK.pack_into(buffer, at + _CHECK_AT, crc32(buffer[at + WORD : at + _CHECK_AT]))
        return True
    return False


def read_slot(slot: bytes) -> tuple[tuple[int, int], ClaimStage, NotedAnswer | None] | None:
    """Return delivery and claim of a slot, its stage, and the answer if it has one; None when it is empty or torn."""
    word, delivery, numbered = SLOT.unpack_from(slot)
    claim, check = numbered & 0xFFFFFFFF, numbered >> 32
    if claim == 0 or check != crc32(delivery.to_bytes(WORD, "little"), start_check(claim)):
        return None
    key = (delivery, claim)
    if (code := _ACCEPTED_CODES.get(word)) is not None:
        return key, ClaimStage.ANSWERED, NotedAnswer(state=State.ACCEPTED, stage=TEXT_STAGE, code=code, due=0.0)
    stage = _STAGES.get(word)
    answer = _read_answer(slot) if stage is ClaimStage.ANSWERED else None
    if stage is None or (stage is ClaimStage.ANSWERED and answer is None):
        return None
    return key, stage, answer


def _read_answer(slot: bytes) -> NotedAnswer | None:
    if _CHECK.unpack_from(slot, _CHECK_AT) != (crc32(slot[WORD:_CHECK_AT]),):
        return None
    state, code, first, second, third, due, length, name, tries = _ANSWER.unpack_from(slot, _ANSWER_AT)
    return NotedAnswer(
        state=_STATES[state],
        stage=name[:length].decode("ascii"),
        code=code or None,
        enhanced=f"{first}.{second}.{third}" if first else None,
        due=due,
        tries=tries,
    )
