"""A long list moves in, and out again, in memory that does not grow with its rows."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from memory import COMMAND

_SUBSCRIBED = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LEID,EUID,TAGS\n"
_LEFT = "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,{0}_TIME,{0}_REASON,LEID,EUID\n"
_TIMES = "2019-02-03 10:00:00,2019-02-03 10:05:00"
_MOST_MB = 4.0  # a dict of those who left takes 6 MB for as many rows more


def _write_archive(path: Path, rows: int) -> None:
    """Write Mailchimp's three files, of which most people left: 20% are subscribed, 60% left, 20% were cleaned."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        lines = [
            f"r{number}@example.org,Re,Ader{number},2,{_TIMES},{number},{number},press\n" for number in range(rows // 5)
        ]
        archive.writestr("subscribed_members.csv", _SUBSCRIBED + "".join(lines))
        for word, count in (("UNSUB", rows * 3 // 5), ("CLEAN", rows // 5)):
            end = "2,,2019-02-03 10:05:00,2021-04-05 06:07:08,NO_LONGER_INTERESTED"
            lines = [f"{word.lower()}{number}@example.org,Re,{end},{number},{number}\n" for number in range(count)]
            archive.writestr(f"{word.lower()}_members.csv", _LEFT.format(word) + "".join(lines))


def _run(publication: Publication, *args: str) -> tuple[str, float]:
    """Run the command; return what it printed, and the most MB that it held."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(ROOT / "tests"), "subscribers", "import", *args],
        cwd=publication.root, env=publication.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout, int(done.stderr.split()[-1]) / 1000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    peaks: dict[int, tuple[float, float]] = {}
    for rows in (3_000, 30_000):
        _write_archive(publication.root / "audience.zip", rows)
        said, importing = _run(publication, "audience.zip", "--yes")
        assert f"  Stay away   {rows * 3 // 5:,} who left, and {rows // 5:,} whose mail came back" in said
        undone, undoing = _run(publication, "--undo", "--yes")
        assert re.search(rf"Undone: {rows:,} removed, 0 as before", undone)
        peaks[rows] = importing, undoing
    few, many = peaks.values()
    assert many[0] - few[0] < _MOST_MB, peaks
    assert many[1] - few[1] < _MOST_MB, peaks
