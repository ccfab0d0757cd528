"""The checks of an issue's pictures: how large they are shown, what they weigh, and what is said of them."""

import re
from collections.abc import Iterator
from pathlib import Path

from newsletter.checks.draft_report import Finding
from newsletter.checks.size import HEAVY_AT, REFUSED_AT, measure_encoded
from newsletter.editions.edition_context import EditionContext
from newsletter.editions.issue_pictures import PORTRAIT
from newsletter.editions.pictures import TALLEST
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.image import open_picture
from newsletter.issue.model import Issue
from newsletter.text import format_count, format_size, quote_text

_SHARP = 2  # pixels of the picture for one of the column, on the screens of phones
_NARROW = 2 / 3  # of the column
# A file's name, with its ending or as cameras and telephones give one: IMG_1234, DSC01234, Screenshot 2024-05-02.
_FILE_NAME = re.compile(
    r"[\w.() +-]+\.(jpe?g|png|webp|hei[cf]|gif)|(IMG|DSC[NF]?|PXL|P|MVIMG|Screenshot)[ _-]?\d[\d _.-]*",
    re.IGNORECASE,
)


def check_picture_sizes(source: DraftSource, context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find pictures that are too small for their place, or so tall that they are shown narrow in it."""
    for file, path, column in context.pictures_of(issue).places():
        width, height = _read_size(path)
        shown = round(min(width, column, column * TALLEST * width / height))
        message = ""
        if width < column:
            place = "a portrait's" if column == PORTRAIT else "the email's"
            message = f"the picture is {format_count(width, 'pixel')} wide, and stands smaller than {place} {column}"
        elif shown < column * _NARROW and column != PORTRAIT:
            message = f"the picture is {width} by {height} pixels, so tall that it stands only {shown} wide"
        if message:
            step = f"Take one that is wider than tall, {_SHARP * column:,} pixels across or more."
            yield Finding(source.at_value("file", file, code="picture", message=message, next_step=step), note=True)


def _read_size(path: Path) -> tuple[int, int]:
    """Return a picture's width and height in pixels, upright."""
    with open_picture(path) as picture:
        sides = picture.size
        # EXIF tag 274, orientation: 5 to 8 lie on their side.
        return sides[::-1] if picture.getexif().get(274, 1) >= 5 else sides


def check_picture_weight(source: DraftSource, context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find pictures that are so heavy together that servers refuse the mail, or that phones load it slowly."""
    by_file = context.pictures_for_screens(issue)
    if not by_file:
        return
    pictures = context.pictures(issue)
    weight = sum(len(picture.data) for picture in pictures)
    encoded = sum(measure_encoded(len(picture.data)) for picture in pictures)
    is_attached = context.config.email.images == "attach"
    heaviest = max(by_file, key=lambda file: len(by_file[file].data))
    largest = f"the heaviest has {format_size(len(by_file[heaviest].data))}"
    lighter = "Save photographs as JPEG, which is lighter than PNG, or leave some out"
    if is_attached and encoded > REFUSED_AT:
        message = (
            f"the pictures make a mail of {format_size(encoded)}, and many servers refuse more than 10 MB; {largest}"
        )
        step = f'{lighter}; or write images = "link" under [email], where there is a website.'
    elif weight > HEAVY_AT:
        message = f"the pictures weigh {format_size(weight)} together, which phones load slowly; {largest}"
        step = f"{lighter}: below {format_size(HEAVY_AT, 0)} is well."
    else:
        return
    problem = source.at_value("file", heaviest, code="weight", message=message, next_step=step)
    yield Finding(problem, note=not (is_attached and encoded > REFUSED_AT))


def find_file_names_as_alt(source: DraftSource, issue: Issue) -> Iterator[Finding]:
    """Find pictures whose description is a file's name, which says nothing to readers who can't see them."""
    for image in issue.images():
        stem = Path(image.file).stem.casefold()
        # "Jane Doe" says who is shown, though the file is jane doe.jpg; "ferry-2" does not.
        is_stem = image.alt.casefold() == stem and re.search(r"[\d_-]", stem)
        if is_stem or _FILE_NAME.fullmatch(image.alt.strip()):
            problem = source.at_value(
                "alt",
                image.alt,
                code="alt",
                message=f"{quote_text(image.alt)} is a file's name, read aloud to readers who can't see the picture",
                next_step="Write what the picture shows.",
            )
            yield Finding(problem, note=True)
