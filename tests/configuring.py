"""The sample's newsletter.toml with one setting of a test's own."""

import re
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

from newsletter.config import Config, load_config

_SAMPLE = (ROOT / "newsletter.toml").read_text(encoding="utf-8")


def load_with(folder: Path, table: str, key: str, written: str) -> Config:
    """Write the sample with `key = written` in its table into `folder`, and load it."""
    lines = list(_without(table, key))
    header = next((number for number, line in enumerate(lines) if re.match(rf"\[{table}\]", line)), len(lines))
    if header == len(lines):
        lines.append(f"[{table}]")
    lines.insert(header + 1, f"{key} = {written}")
    path = folder / "newsletter.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_config(path, {})


def _without(table: str, key: str) -> Iterator[str]:
    within, goes_on = "", False
    for line in _SAMPLE.splitlines():
        if header := re.match(r"\[(\w+)\]", line):
            within = header[1]
        if not (goes_on or (within == table and re.match(rf"{key} *=", line))):
            yield line
        else:
            goes_on = line.endswith("\\")
