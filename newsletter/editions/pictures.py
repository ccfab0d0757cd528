"""Pictures as the editions carry them: small enough, JPEG or PNG, without what a camera wrote into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from newsletter.issue.image import open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

# A letter's text is 6.5 inches wide; 300 dots an inch is what print asks for.
PRINT_PIXELS = 1950
# The most that a picture is taller than its column is wide, to leave room for the text on the same screen.
TALLEST = 1.1
WHITE = "#ffffff"
_JPEG_QUALITY = 86
_MOST_AT_ONCE = 4  # pictures, each of which may take 200 MB of memory while it is prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as an edition carries it. `width` and `height` are in pixels; `kind` is "jpeg" or "png"."""

    stem: str
    kind: str
    width: int
    height: int
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.stem}.{'jpg' if self.kind == 'jpeg' else 'png'}"

    def fit_into(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height at which it is shown in a space of that size: whole, and never enlarged."""
        share = min(1, width / self.width, height / self.height)
        return max(1, round(self.width * share)), max(1, round(self.height * share))


def prepare_picture(path: Path, stem: str, widest: int, ground: str = WHITE) -> Picture:
    """Return the picture at `path`, at most `widest` pixels wide and TALLEST times as high, named by `stem`.

    It is turned upright as its EXIF says, in sRGB, and without EXIF, comments and profiles, which may say where and by
    whom it was taken. WebP and HEIC become JPEG, or PNG where they were transparent. Transparent parts are filled with
    `ground`, the colour behind the picture, since dark mode would make a drawing in dark lines invisible.
    """
    changed, size = path.stat().st_mtime_ns, path.stat().st_size
    return _prepare(path, changed, size, stem, min(widest, _measure_longest_side(path, changed, size)), ground)


def prepare_pictures(wanted: Sequence[tuple[Path, str, int, str]]) -> list[Picture]:
    """Return a picture for each path, stem, width and ground, as prepare_picture does, in their order.

    Several are prepared at once: Pillow lets go of Python's lock while it reads, resizes and writes.
    """
    if len(wanted) < 2:
        return [prepare_picture(*each) for each in wanted]
    from concurrent.futures import ThreadPoolExecutor  # for issues with several pictures alone

    with catch_warnings(), ThreadPoolExecutor(min(len(wanted), cpu_count() or 1, _MOST_AT_ONCE)) as pool:
        simplefilter("ignore")  # as open_picture does: threads that end in another order restore each other's filters
        return list(pool.map(lambda each: prepare_picture(*each), wanted))


@lru_cache(maxsize=256)
def _measure_longest_side(path: Path, _changed: int, _size: int) -> int:
    with open_picture(path) as source:
        return max(source.size)


# For screens and for print, all of the issue that a preview shows: a community's journal has two dozen.
@lru_cache(maxsize=96)
def _prepare(path: Path, _changed: int, _size: int, stem: str, widest: int, ground: str) -> Picture:
    from PIL import Image, ImageOps

    with open_picture(path) as source:
        kind = "png" if source.format == "PNG" or source.has_transparency_data else "jpeg"
        # A JPEG can be read at half or a quarter of its size, which is much quicker.
        source.draft("RGB", (widest, widest))
        picture = _convert_colours(ImageOps.exif_transpose(source), kind)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, ground), picture).convert("RGB")
    share = min(widest / picture.width, widest * TALLEST / picture.height)
    if share < 1:
        from PIL.Image import Resampling

        size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
        picture = picture.resize(size, Resampling.LANCZOS)
    picture.info = {}
    file = BytesIO()
    if kind == "png":
        picture.save(file, "PNG", optimize=True)
    else:
        picture.save(file, "JPEG", quality=_JPEG_QUALITY, optimize=True, progressive=True)
    return Picture(stem=stem, kind=kind, width=picture.width, height=picture.height, data=file.getvalue())


def _convert_colours(picture: "Image", kind: str) -> "Image":
    """In sRGB, which is what a picture without a profile is taken for."""
    from PIL import ImageCms

    if picture.mode.startswith("I"):  # 16 bits of grey: 257 steps for each that a screen has
        picture = picture.convert("I").point(lambda grey: grey * (1 / 257)).convert("L")
    mode = "RGBA" if kind == "png" and picture.has_transparency_data else "RGB"
    profile = picture.info.get("icc_profile")
    if mode == "RGBA" and picture.mode in ("RGB", "P", "LA"):
        picture = picture.convert("RGBA")  # a profile's conversion would forget what is see-through
    if profile and picture.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            converted = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=mode
            )
        except (ImageCms.PyCMSError, ValueError, OSError):
            converted = None  # a profile that can't be read is as good as none
        if converted is not None:
            return converted
    return picture if picture.mode == mode else picture.convert(mode)
