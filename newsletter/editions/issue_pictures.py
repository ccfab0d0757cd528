"""The pictures of an issue as its editions carry them: each file once, named by its place, as large as it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from newsletter.editions.pictures import PRINT_PIXELS, TALLEST, WHITE, Picture, prepare_pictures
from newsletter.issue.image import find_picture
from newsletter.issue.model import Issue

GUTTERS = 64  # pixels: what the email's column leaves free at both sides of its text
PORTRAIT = 96  # pixels: how wide a person's picture is shown
_PRINTED_PORTRAIT = 400  # pixels


@dataclass(frozen=True, slots=True)
class _NamedWidth:
    """A picture's name without its ending, and how wide it is shown, in pixels."""

    stem: str
    width: int

    @property
    def print_pixels(self) -> int:
        return _PRINTED_PORTRAIT if self.width == PORTRAIT else PRINT_PIXELS


@dataclass(frozen=True)
class IssuePictures:
    """The pictures of one issue. `column` is the email's width in pixels, `paper` the colour behind its text."""

    issue: Issue
    column: int
    paper: str

    def fit(self, file: str, picture: Picture) -> tuple[int, int]:
        """Return the width and height at which the picture of that file is shown."""
        width = self._places[self._find(file)].width
        return picture.fit_into(width, round(width * TALLEST))

    def for_screens(self) -> Iterator[tuple[str, Picture]]:
        """Yield each picture with its file's name, on the paper's colour, at most twice as wide as it is shown."""
        shown = list(self._shown())
        yield from zip(
            [file for file, _, _ in shown],
            prepare_pictures([(path, place.stem, 2 * place.width, self.paper) for _, path, place in shown]),
            strict=True,
        )

    def for_print(self) -> Iterator[tuple[str, Picture]]:
        """Yield each picture with its file's name, for the PDF, whose paper is white."""
        shown = list(self._shown())
        yield from zip(
            [file for file, _, _ in shown],
            prepare_pictures([(path, place.stem, place.print_pixels, WHITE) for _, path, place in shown]),
            strict=True,
        )

    def places(self) -> Iterator[tuple[str, Path, int]]:
        """Yield each picture's file, its path, and the width in pixels of the place that it is shown in."""
        for file, path, place in self._shown():
            yield file, path, place.width

    def _shown(self) -> Iterator[tuple[str, Path, _NamedWidth]]:
        for file in dict.fromkeys(image.file for image in self.issue.images()):
            path = self._find(file)
            yield file, path, self._places[path]

    @cached_property
    def _places(self) -> dict[Path, _NamedWidth]:
        """The place of each picture, by its path: 2.10-lead, then 2.10-1, 2.10-2 and so on in reading order.

        They are counted in the whole issue, so that a name means the same picture for every reader.
        """
        whole = self.issue.whole
        portraits = {id(person.image) for section in whole.sections for person in section.people if person.image}
        places = dict[Path, _NamedWidth]()
        others = 0
        for image in whole.images():
            path, before = self._find(image.file), places.get(self._find(image.file))
            is_lead = image is whole.image
            width = self.column if is_lead else PORTRAIT if id(image) in portraits else self.column - GUTTERS
            if before:
                places[path] = _NamedWidth(before.stem, max(width, before.width))
                continue
            others += not is_lead
            places[path] = _NamedWidth(f"{whole.edition_name}-{'lead' if is_lead else others}", width)
        return places

    def _find(self, file: str) -> Path:
        return find_picture(self.issue.path.parent, file)


def describe_picture(address: str, picture: Picture, size: tuple[int, int]) -> dict[str, Any]:
    """Return what a template shows a picture by: its address, its size as it is shown, and that of its file."""
    return {
        "src": address,
        "width": size[0],
        "height": size[1],
        "pixels": (picture.width, picture.height),
    }
