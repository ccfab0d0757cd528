"""Pictures of an issue's editions: the email and the web page as a browser shows them, and the PDF's pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image

from newsletter.review.browser_pictures import NoPictures, PageView, take_pictures
from newsletter.review.reviewed_draft import EVERY_TAG, RenderedIssue, ReviewedDraft

_PHONE, _PANE, _SCREEN = 360, 760, 1200  # CSS pixels: a phone, a mail program's reading pane, a browser on a desk
_PAGE = 600  # at which a page of the PDF is shown
_MOST_PAGES = 40


@dataclass(frozen=True)
class _Look:
    """A way to look at an edition: `scale` is how many pixels of the picture one CSS pixel has in each direction."""

    form: str
    name: str
    words: str
    width: int
    scheme: Literal["light", "dark"] = "light"
    scale: int = 1


_LOOKS = (
    _Look("html", "email-phone-light", "on a phone, light", _PHONE, scale=2),
    _Look("html", "email-phone-dark", "on a phone, dark", _PHONE, "dark", scale=2),
    _Look("html", "email-desktop-light", "on a desktop, light", _PANE),
    _Look("html", "email-desktop-dark", "on a desktop, dark", _PANE, "dark"),
    _Look(EVERY_TAG, "email-every-tag", "to readers with every tag, on a desktop", _PANE),
    _Look("web", "web-phone", "on a phone", _PHONE, scale=2),
    _Look("web", "web-desktop", "on a desktop", _SCREEN),
)


@dataclass(frozen=True, kw_only=True)
class EditionPicture:
    """A PNG picture of an edition (html, web or pdf), what it shows in words, and its size in CSS pixels."""

    form: str
    name: str
    words: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class TakenPictures:
    """The pictures of drafts, by the names of their editions; `missing` says why there are not all of them."""

    pictures: Mapping[str, Sequence[EditionPicture]]
    missing: NoPictures | None = None


def picture_editions(drafts: Sequence[ReviewedDraft], *, with_browser: bool) -> TakenPictures:
    """Return the pictures of what could be rendered of each draft; without a browser, those of the PDF's pages.

    Of a long PDF it is the first 40 pages.
    """
    taken: dict[str, list[EditionPicture]] = {draft.name: [] for draft in drafts}
    rendered = [(draft.name, draft.rendered) for draft in drafts if draft.rendered]
    wanted = [
        (name, look, _make_view(issue, look))
        for name, issue in rendered
        for look in (_LOOKS if with_browser else ())
        if look.form in issue.files
    ]
    missing = None
    try:
        shots = take_pictures([view for _, _, view in wanted])
        for (name, look, _), data in zip(wanted, shots, strict=True):
            taken[name].append(_describe(look.form, f"{name}-{look.name}.png", look.words, data, look.width))
    except NoPictures as reason:
        missing = reason
    for name, issue in rendered:
        for number, page in enumerate(issue.pages[:_MOST_PAGES], start=1):
            taken[name].append(_describe("pdf", f"{name}-page-{number}.png", f"page {number}", page, _PAGE))
    return TakenPictures(pictures=taken, missing=missing)


def _make_view(issue: RenderedIssue, look: _Look) -> PageView:
    files = issue.files[look.form]
    return PageView(page=next(iter(files)), files=files, width=look.width, scheme=look.scheme, scale=look.scale)


def _describe(form: str, name: str, words: str, data: bytes, width: int) -> EditionPicture:
    with Image.open(BytesIO(data)) as picture:
        height = round(picture.height * width / picture.width)
    return EditionPicture(form=form, name=name, words=words, width=width, height=height, data=data)
