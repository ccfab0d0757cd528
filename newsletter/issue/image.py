"""Is the picture beside a draft one that every edition can carry?"""

from collections.abc import Iterator
from pathlib import Path
from warnings import catch_warnings, simplefilter

from newsletter.validation import Fault

FORMATS = ("JPEG", "PNG")
MAX_PIXELS = 40_000_000
MAX_BYTES = 2_000_000


def image_faults(folder: Path, name: str) -> Iterator[Fault]:
    """What is wrong with the picture `name` in `folder`: absent, elsewhere, not a picture, too large."""
    path = folder / name
    if not path.is_file():
        near = sorted(p.name for p in folder.glob("*.*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        beside = f" Pictures there: {', '.join(near)}." if near else ""
        yield Fault(
            code="image-missing",
            message=f"there is no picture {name!r} beside the draft",
            next_step=f"Put it into {folder.name}/, next to the draft, or mend its name.{beside}",
        )
    elif path.resolve().parent != folder.resolve():
        yield Fault(
            code="image-link",
            message=f"{name!r} is a link to a file elsewhere",
            next_step="Copy the picture itself into the folder.",
        )
    elif path.stat().st_size > MAX_BYTES:
        yield Fault(
            code="image-bytes",
            message=f"the picture has {path.stat().st_size / 1e6:.1f} MB, and travels in every reader's mail",
            next_step="Save it smaller: 1,200 pixels across, as JPEG, make about 0.2 MB.",
        )
    elif fault := _decoding_fault(path):
        yield fault


def _decoding_fault(path: Path) -> Fault | None:
    # Pillow costs 60 ms, and an issue may have no picture.
    from PIL import Image, UnidentifiedImageError

    try:
        with catch_warnings():
            simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                if picture.mode == "CMYK":
                    return Fault(
                        code="image-colours",
                        message="the picture is made for printing (CMYK), which screens show in wrong colours",
                        next_step="Save it as RGB.",
                    )
                if picture.width * picture.height > MAX_PIXELS:
                    return Fault(
                        code="image-size",
                        next_step="Save it smaller; 1,200 pixels across are plenty.",
                        message=f"the picture has {picture.width} x {picture.height} pixels",
                    )
                picture.load()
    except UnidentifiedImageError:
        return Fault(
            code="image-type",
            message="this file is not a JPEG or PNG picture",
            next_step="Save the picture as JPEG or PNG.",
        )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Fault(
            code="image-broken",
            message=f"the picture can't be read to its end ({error})",
            next_step="Export it again from where it came from.",
        )
    return None


def image_format(path: Path) -> str:
    """What the picture is, whatever its name says: "jpeg" or "png"."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as picture:
        return str(picture.format).lower()
