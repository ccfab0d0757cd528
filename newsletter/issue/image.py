"""The picture beside a draft: finding it, and checking that every edition can show it."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

from newsletter.text import format_size, quote_text, suggest_nearest
from newsletter.validation import Fault

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".heic": "HEIF", ".heif": "HEIF",
}  # fmt: skip
MAX_PIXELS = 36_000_000
MAX_SIDE = 16_000  # of Typst; a picture of one row would take gigabytes too
MAX_BYTES = 25_000_000
# Each scan of a progressive JPEG goes over the whole picture, however few its bytes are. Programs write 10 or so,
# those that try every way some dozens; libjpeg-turbo's own advice (libjpeg.txt, "Progressive JPEG") is to set a limit.
MAX_SCANS = 100
# A marker within or behind a scan: 0 comes behind a byte of data that looks like one, D0 to D7 restart.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)


def find_picture(folder: Path, name: str) -> Path:
    """Return where the picture `name` is, also when its file writes accents decomposed and `name` does not.

    macOS hands names out in either form (Unicode, UAX 15), and other systems take the two for different files.
    """
    path = folder / name
    if path.is_file() or name.isascii():
        return path
    wanted = unicodedata.normalize("NFC", name)
    alike = (file for file in sorted(folder.glob("*.*")) if unicodedata.normalize("NFC", file.name) == wanted)
    return next(alike, path)


def find_file_name_fault(name: str) -> Fault | None:
    """Return what is wrong with the name of a picture beside the draft."""
    if re.fullmatch(r"[\w .()+-]+\.(gif|svg|tiff?|bmp|avif|pdf|eps|ai|psd)", name, re.IGNORECASE):
        return Fault(
            code="image-file",
            message=f"{name.rsplit('.', 1)[1].upper()} is not a kind of picture that every edition can carry",
            next_step="Save it as JPEG or PNG.",
        )
    # The name becomes part of an address in the HTML, so it is kept to what needs no quoting there. Composed, an
    # accent is part of its letter.
    composed = unicodedata.normalize("NFC", name)
    if not re.fullmatch(r"\w[\w .()+-]{0,100}\.(jpe?g|png|webp|hei[cf])", composed, re.IGNORECASE):
        return Fault(
            code="image-file",
            message=f"{quote_text(name[:120])} can't be the name of a picture beside the draft",
            next_step="Put a .jpg, .png, .webp or .heic next to the draft, named with letters, digits, dots "
            "and hyphens, and write its name alone.",
        )
    return None


def find_image_faults(folder: Path, name: str) -> Iterator[Fault]:
    """Find what is wrong with the picture `name` in `folder`: absent, elsewhere, not a picture, too large."""
    path = find_picture(folder, name)
    if not path.is_file():
        near = sorted(p.name for p in folder.glob("*.*") if p.suffix.lower() in SUFFIXES)
        there = suggest_nearest(name, near)
        if near and not there:
            there = f"Pictures there: {', '.join(near)}."
        yield Fault(
            code="image-missing",
            message=f"there is no picture {quote_text(name)} in {folder.name}/",
            next_step=f"Put it into {folder.name}/, or mend its name. {there}".strip(),
        )
    elif path.resolve().parent != folder.resolve():
        yield Fault(
            code="image-link",
            message=f"{quote_text(name)} is a link to a file elsewhere",
            next_step="Copy the picture itself into the folder.",
        )
    elif path.stat().st_size > MAX_BYTES:
        yield Fault(
            code="image-bytes",
            message=f"the picture has {format_size(path.stat().st_size, 0)}",
            next_step=f"Save it smaller than {format_size(MAX_BYTES, 0)}; 2,000 pixels across are plenty.",
        )
    elif fault := _find_decoding_fault(path, path.stat().st_mtime_ns, path.stat().st_size):
        yield fault


@contextmanager
def open_picture(path: Path) -> "Iterator[Image]":
    """Open the picture's file without decoding it, as one of the kinds that we take. Raises as Pillow does."""
    # Pillow costs 60 ms, and an issue may have no picture.
    from PIL import Image

    formats = ["JPEG", "PNG", "WEBP"]
    if SUFFIXES.get(path.suffix.lower()) == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
        formats.append("HEIF")
    with catch_warnings():
        simplefilter("ignore")  # Pillow's words are for programmers; what is wrong shows when it is decoded
        with Image.open(path, formats=formats) as picture:
            yield picture


@lru_cache(maxsize=64)
def _find_decoding_fault(path: Path, _changed: int, _size: int) -> Fault | None:
    """Return what is wrong with a picture, cached while the file is the same: drafts are read far more often."""
    from PIL import Image, UnidentifiedImageError

    try:
        with open_picture(path) as picture:
            return _find_property_fault(path, picture)
    except Image.DecompressionBombError:
        return _make_size_fault("far too many pixels")
    except UnidentifiedImageError:
        return Fault(
            code="image-type",
            message="this file is not a JPEG, PNG, WebP or HEIC picture, whatever its name says",
            next_step="Save the picture as JPEG or PNG; a drawing in SVG too, since mail clients show none.",
        )
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        return Fault(
            code="image-broken",
            message=f"the picture can't be read to its end ({error})",
            next_step="Export it again from where it came from.",
        )


def _find_property_fault(path: Path, picture: "Image") -> Fault | None:
    # MPO is how cameras write a JPEG that has others behind it.
    kind = "JPEG" if picture.format == "MPO" else picture.format
    if kind != SUFFIXES.get(path.suffix.lower()):
        right = next(suffix for suffix, known in SUFFIXES.items() if known == kind)
        return Fault(
            code="image-type",
            message=f"the picture is named {path.suffix}, but is a {kind} file",
            next_step=f"Rename it to {path.with_suffix(right).name}, here and in the draft.",
        )
    if picture.width * picture.height > MAX_PIXELS or max(picture.size) > MAX_SIDE:
        return _make_size_fault(f"{picture.width:,} x {picture.height:,} pixels")
    if kind == "JPEG" and (scans := _count_scans(path.read_bytes())) > MAX_SCANS:
        return Fault(
            code="image-scans",
            message=f"the picture is drawn in {scans:,} steps (a progressive JPEG), and {MAX_SCANS} are the most",
            next_step="Export it again as a plain JPEG.",
        )
    # An eighth of the size suffices to see whether a JPEG goes on to its end.
    picture.draft(None, (max(1, picture.width // 8), max(1, picture.height // 8)))
    picture.load()
    return None


def _count_scans(data: bytes) -> int:
    """Count the scans of a JPEG file's first picture (ITU-T T.81, annex B), without decoding any."""
    scans, place = 0, 2
    while marker := _MARKER.search(data, place):
        code, place = marker[1][0], marker.end()
        if code == 0xD9:  # end of the image
            break
        scans += code == 0xDA  # start of a scan
        if code not in (0x01, 0xD8):  # those have no length
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return scans


def _make_size_fault(size: str) -> Fault:
    return Fault(
        code="image-size",
        message=f"the picture has {size}; {MAX_PIXELS // 1_000_000} million are the most, and {MAX_SIDE:,} a side",
        next_step="Save it smaller; 2,000 pixels across are plenty.",
    )
