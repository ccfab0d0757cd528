"""A large issue of all that a draft can hold: 30 items, 20 pictures, lists, quotes and tables in sections."""

from pathlib import Path
from random import Random

ITEMS = 30
PICTURES = 20
_NAME = "3.30"
_SIZE = (1600, 1067)  # pixels: what photographers send for the web
_GRAIN = (160, 107)  # so coarse that a JPEG of it has the weight of a photograph's
_SECTIONS = ("Economy", "Technology", "Security", "Research", "Around the institute")
_TEXT = """
the ministers agreed on a common line for the ports and yards of both coasts and asked a working group to say by autumn
what it would cost to keep them open through a winter without imports of gas from the north while a study of ten
universities found that the price of storage had fallen by a third within two years
"""


def write_large_issue(drafts: Path) -> Path:
    """Write the draft and its pictures, which are the same in every run; return the draft's path."""
    for number in range(1, PICTURES + 1):
        _draw_picture(drafts / _name_picture(number), number)
    path = drafts / f"{_NAME}.yaml"
    path.write_text("\n".join(_write_lines()) + "\n", encoding="utf-8")
    return path


def _name_picture(number: int) -> str:
    return f"{_NAME}-{number:02}.jpg"


def _draw_picture(path: Path, number: int) -> None:
    """Draw clouds of colours, which a JPEG holds about as well as a photograph."""
    from PIL import Image

    width, height = _GRAIN
    noise = Random(number).randbytes(3 * width * height)  # noqa: S311  # the same pictures in every run
    grain = Image.frombytes("RGB", _GRAIN, noise)
    grain.resize(_SIZE, Image.Resampling.BICUBIC).save(path, "JPEG", quality=85)


def _write_lines() -> list[str]:
    random = Random(_NAME)  # noqa: S311  # the same words in every run
    lines = [
        "volume: 3",
        "number: 30",
        "date: 2023-05-31",
        "intro: >-",
        "  This issue is as long as a community's journal of a whole season.",
        "image:",
        f"  file: {_name_picture(1)}",
        "  alt: Clouds of many colours",
        "sections:",
    ]
    for number in range(ITEMS):
        if number % (ITEMS // len(_SECTIONS)) == 0:
            lines += [f"  - title: {_SECTIONS[number // (ITEMS // len(_SECTIONS))]}", "    items:"]
        lines += _write_item(random, number)
    return lines


def _write_item(random: Random, number: int) -> list[str]:
    """Return an item of two paragraphs and, in turn, a list, a quotation, a table or numbered steps."""
    link = f"https://example.org/2023/05/{number}"
    more = (
        [f"- {_write_sentence(random, 12)}" for _ in range(4)],
        [f"> {_write_sentence(random, 20)}"],
        ["| Year | Sum | Share |", "| --- | ---: | --- |"]
        + [f"| {2019 + row} | {random.randrange(100, 999)} | {random.randrange(10, 90)} % |" for row in range(4)],
        [f"{step}. {_write_sentence(random, 9)}" for step in (1, 2, 3)],
    )[number % 4]
    texts = [
        [f"{_write_sentence(random, 25)} It was [published on Monday]({link}), with **all figures**."],
        more,
        [_write_sentence(random, 30)],
    ]
    lines = [
        "      - headline: >-",
        f"          {_write_sentence(random, 7)[:-1]}",
        f"        link: {link}/source",
        "        detail: |",
    ]
    for text in texts:
        lines += [f"          {line}" for line in text] + [""]
    if number < PICTURES - 1:
        lines += [
            "        image:",
            f"          file: {_name_picture(number + 2)}",
            f"          alt: Clouds of many colours, number {number + 2}",
            "          caption: >-",
            f"            {_write_sentence(random, 8)}",
        ]
    return lines


def _write_sentence(random: Random, words: int) -> str:
    return " ".join(random.choice(_TEXT.split()) for _ in range(words)).capitalize() + "."
