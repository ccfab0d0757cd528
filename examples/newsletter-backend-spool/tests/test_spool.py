"""Every backend's promises, and this one's own."""

import asyncio
import json
from pathlib import Path

import pytest
from newsletter_backend_spool import INDEX, SpoolBackend

from newsletter.backends import Unreachable
from newsletter.backends.contract import check_backend


def _spool(root: Path) -> SpoolBackend:
    return SpoolBackend(SpoolBackend.Settings(folder="spool"), root)


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    check_backend(_spool(tmp_path), received=lambda: [path.read_bytes() for path in tmp_path.glob("spool/*/*.eml")])


def test_the_index_names_every_file_and_its_reader(tmp_path: Path) -> None:
    check_backend(_spool(tmp_path), ["ada@example.org"])
    (today,) = (tmp_path / "spool").iterdir()
    entries = [json.loads(line) for line in (today / INDEX).read_text().splitlines()]
    assert {path.name for path in today.glob("*.eml")} <= {entry["file"] for entry in entries}
    assert {entry["recipient"] for entry in entries} == {"ada@example.org"}


def test_a_folder_that_can_not_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file is in the way")

    async def connect() -> None:
        async with _spool(tmp_path).connect():
            pass

    with pytest.raises(Unreachable, match=r"can't be opened"):
        asyncio.run(connect())
