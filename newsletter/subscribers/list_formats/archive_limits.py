"""Limits of archives: an export, or a workbook, of some kilobytes can unpack to gigabytes."""

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipInfo

from newsletter.errors import ListError
from newsletter.text import format_size

_MOST_UNPACKED = 2_000_000_000  # bytes of all entries together; they are never in memory
_MOST_RATIO = 200  # by how much entries may have been packed, once they are more than this many bytes:
_FREE_BYTES = 20_000_000


def refuse_bomb(path: Path, entries: Sequence[ZipInfo]) -> None:
    """Raise ListError when those entries of an archive that are read unpack to more than a list has."""
    unpacked, packed = sum(one.file_size for one in entries), sum(one.compress_size for one in entries)
    if unpacked > min(_MOST_UNPACKED, max(_FREE_BYTES, packed * _MOST_RATIO)):
        raise ListError(f"{path.name} unpacks to {format_size(unpacked, 0)}, which is too much for a list.")
