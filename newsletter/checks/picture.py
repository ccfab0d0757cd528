"""The check of the lead image's size in the email's column."""

from collections.abc import Iterator

from newsletter.checks.draft_report import Finding
from newsletter.editions.edition_context import EditionContext
from newsletter.editions.pictures import TALLEST
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.image import open_picture
from newsletter.issue.model import Issue
from newsletter.text import format_count

_SHARP = 2  # pixels of the picture for one of the column, on the screens of phones
_NARROW = 2 / 3  # of the column


def check_picture_size(source: DraftSource, context: EditionContext, issue: Issue) -> Iterator[Finding]:
    """Find a picture that is too small for the column, or so tall that it is shown narrow in it."""
    if issue.picture is None:
        return
    with open_picture(issue.picture) as picture:
        sides = picture.size
        # EXIF tag 274, orientation: 5 to 8 lie on their side.
        width, height = sides[::-1] if picture.getexif().get(274, 1) >= 5 else sides
    column = context.config.theme.width
    shown = round(min(width, column, column * TALLEST * width / height))
    message = ""
    if width < column:
        message = f"the picture is {format_count(width, 'pixel')} wide, and stands smaller than the email's {column}"
    elif shown < column * _NARROW:
        message = f"the picture is {width} by {height} pixels, so tall that it stands only {shown} wide"
    if message:
        step = f"Take one that is wider than tall, {_SHARP * column:,} pixels across or more."
        yield Finding(source.at_key("file", code="picture", message=message, next_step=step), note=True)
