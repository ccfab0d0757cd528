"""Pictures travel small, upright, in screen colours, and without what a camera knows."""

import os
import re
import warnings
from io import BytesIO
from pathlib import Path
from warnings import catch_warnings, simplefilter

import pillow_heif
import pytest
from conftest import ROOT, Publication
from PIL import Image, ImageCms, ImageColor

from newsletter.editions import render_html
from newsletter.editions.edition_files import make_web_files
from newsletter.editions.pictures import WHITE, prepare_picture, prepare_pictures
from newsletter.issue.draft import load_issue
from newsletter.issue.image import find_image_faults
from newsletter.mail.compiler import NOBODY, render_eml, render_sample


def _photo(size: tuple[int, int]) -> Image.Image:
    with Image.open(ROOT / "drafts/2.10-lead.jpg") as picture:
        return picture.convert("RGB").resize(size)


def _opened(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "heic"])
def test_a_picture_is_at_most_as_wide_as_asked(tmp_path: Path, kind: str) -> None:
    pillow_heif.register_heif_opener()
    _photo((3000, 1500)).save(tmp_path / f"a.{kind}")
    picture = prepare_picture(tmp_path / f"a.{kind}", "2.1-lead", 1200)
    assert picture.kind == ("png" if kind == "png" else "jpeg")
    assert picture.name == ("2.1-lead.png" if kind == "png" else "2.1-lead.jpg")
    assert (picture.width, picture.height) == _opened(picture.data).size == (1200, 600)
    assert picture.fit_into(600, 660) == (600, 300)
    assert picture.fit_into(600, 150) == (300, 150)


def test_several_pictures_at_once_are_those_that_each_is_alone(tmp_path: Path) -> None:
    for number in range(9):
        _photo((300 + number, 200)).save(tmp_path / f"{number}.jpg")
    wanted = [(tmp_path / f"{number}.jpg", f"2.1-{number}", 100, WHITE) for number in range(9)]
    with catch_warnings():
        simplefilter("error")
        before = list(warnings.filters)
        assert prepare_pictures(wanted) == [prepare_picture(*each) for each in wanted]
        assert warnings.filters == before
    assert [picture.stem for picture in prepare_pictures(wanted)] == [stem for _, stem, _, _ in wanted]


def test_a_small_picture_is_not_blown_up(tmp_path: Path) -> None:
    _photo((300, 200)).save(tmp_path / "a.jpg")
    picture = prepare_picture(tmp_path / "a.jpg", "x", 1200)
    assert (picture.width, picture.height) == (300, 200)
    assert picture.fit_into(600, 660) == (300, 200)


def test_what_the_camera_wrote_is_gone_and_the_picture_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(0x8825)[2] = (38.0, 53.0, 23.0)  # where it was taken
    _photo((800, 400)).save(tmp_path / "a.jpg", exif=exif, comment=b"taken by Ada")
    picture = prepare_picture(tmp_path / "a.jpg", "x", 1200)
    assert (picture.width, picture.height) == (400, 800)
    assert b"Secret" not in picture.data
    assert b"Ada" not in picture.data
    opened = _opened(picture.data)
    assert not opened.getexif()
    assert "comment" not in opened.info


def test_what_is_see_through_shows_the_colour_behind_it(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 40), "#ff000080").save(tmp_path / "a.webp", lossless=True)
    picture = prepare_picture(tmp_path / "a.webp", "x", 1200)
    assert picture.kind == "png"
    assert _opened(picture.data).getpixel((5, 5)) == (255, 127, 127)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (40, 40)).save(tmp_path / "c.png", transparency=(0, 0, 0), icc_profile=srgb)
    Image.new("P", (40, 40)).save(tmp_path / "b.png", transparency=0)
    Image.new("LA", (40, 40), (255, 0)).save(tmp_path / "d.png")
    for name in ("b", "c", "d"):
        shown = _opened(prepare_picture(tmp_path / f"{name}.png", "x", 1200, "#f4efe6").data)
        assert (shown.mode, shown.getpixel((5, 5))) == ("RGB", (0xF4, 0xEF, 0xE6))


def test_a_see_through_picture_keeps_its_ground_in_dark_mode(publication: Publication) -> None:
    """A drawing in dark lines was 1.28 to 1 on dark mode's paper."""
    publication.environ |= {"NEWSLETTER_THEME__PAPER": "#f4efe6", "NEWSLETTER_THEME__LOGO": "logo.png"}
    (publication.root / "templates").mkdir()
    for path in ("templates/logo.png", "drafts/see-through.png"):
        Image.new("RGBA", (600, 200), "#1d273300").save(publication.root / path)
    source = publication.workspace.find_draft("2.10").read_text().replace("number: 10", "number: 11")
    issue = load_issue(publication.draft("2.11", source.replace("2.10-lead.jpg", "see-through.png")))
    context = publication.context
    lead, logo, printed = context.lead_picture(issue), context.logo(), context.lead_picture_for_print(issue)
    assert lead
    assert logo
    assert printed
    theme = context.config.theme
    for picture, ground in ((lead, theme.paper), (logo, theme.masthead), (printed, "#ffffff")):
        assert _opened(picture.data).getpixel((9, 9)) == ImageColor.getrgb(ground)


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "I;16", "LA"])
def test_every_kind_of_colours_becomes_what_screens_show(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode in ("CMYK", "L") else "a.png"
    (_photo((60, 30)).convert(mode) if mode != "I;16" else Image.new("I;16", (60, 30))).save(tmp_path / name)
    picture = prepare_picture(tmp_path / name, "x", 1200)
    assert _opened(picture.data).mode in ("RGB", "RGBA")


def test_a_profile_is_applied_and_left_out(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    _photo((60, 30)).save(tmp_path / "spoilt.jpg", icc_profile=b"not a profile")
    _photo((60, 30)).save(tmp_path / "other.jpg", icc_profile=profile.tobytes())
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    _photo((60, 30)).save(tmp_path / "same.jpg", icc_profile=srgb.tobytes())
    for name in ("spoilt", "other", "same"):
        assert "icc_profile" not in _opened(prepare_picture(tmp_path / f"{name}.jpg", "x", 1200).data).info


def test_a_changed_picture_is_prepared_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 40), "red").save(path)
    first = prepare_picture(path, "x", 1200)
    assert prepare_picture(path, "x", 1200) is first
    Image.new("RGB", (40, 40), "blue").save(path)
    os.utime(path, ns=(1, 1))
    assert prepare_picture(path, "x", 1200).data != first.data


def test_the_same_picture_makes_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        _photo((1500, 700)).save(tmp_path / folder / "x.webp")
    assert prepare_picture(tmp_path / "a/x.webp", "x", 900) == prepare_picture(tmp_path / "b/x.webp", "x", 900)


def test_grey_of_sixteen_bits_keeps_its_shades(tmp_path: Path) -> None:
    ramp = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            ramp.putpixel((x, y), 257 * x)
    ramp.save(tmp_path / "a.png")
    shown = _opened(prepare_picture(tmp_path / "a.png", "x", 1200).data)
    assert [shown.getpixel((x, 1)) for x in (0, 100, 255)] == [(0, 0, 0), (100, 100, 100), (255, 255, 255)]


def test_a_turned_photo_is_as_wide_as_any_other(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    _photo((4000, 3000)).save(tmp_path / "a.jpg", exif=exif)
    picture = prepare_picture(tmp_path / "a.jpg", "x", 1200)
    assert (picture.width, picture.height) == (990, 1320)  # of 3000 x 4000: no higher than 1.1 x 1200


def test_a_tower_is_no_larger_than_it_is_shown(tmp_path: Path) -> None:
    Image.new("RGB", (1200, 12_000), "red").save(tmp_path / "a.png")
    picture = prepare_picture(tmp_path / "a.png", "x", 1200)
    assert (picture.width, picture.height) == (132, 1320)
    assert picture.fit_into(600, 660) == (66, 660)


def test_a_photo_with_others_behind_it_is_a_photo(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    _photo((80, 40)).save(tmp_path / "drafts/a.jpg", "MPO", save_all=True, append_images=[_photo((80, 40))])
    assert list(find_image_faults(tmp_path / "drafts", "a.jpg")) == []
    assert prepare_picture(tmp_path / "drafts/a.jpg", "x", 1200).kind == "jpeg"


def test_spoilt_exif_is_nobodys_business(tmp_path: Path) -> None:
    _photo((80, 40)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xffgarbage")
    with catch_warnings():
        simplefilter("error")
        assert prepare_picture(tmp_path / "a.jpg", "x", 1200).width == 80


def test_linked_pictures_do_not_travel(publication: Publication) -> None:
    publication.environ["NEWSLETTER_EMAIL__IMAGES"] = "link"
    issue = load_issue(publication.workspace.find_draft("2.10"))
    (message,) = render_eml(publication.context, issue).values()
    assert b"Content-Type: image/" not in message
    assert b"multipart/related" not in message
    assert b"https://example.org/digest/2.10-lead.jpg" in message.replace(b"=\r\n", b"")


def test_a_logo_and_a_picture_travel_together(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    Image.new("RGB", (400, 100), "red").save(publication.root / "templates/logo.png")
    publication.environ["NEWSLETTER_THEME__LOGO"] = "logo.png"
    issue = load_issue(publication.workspace.find_draft("2.10"))
    (data,) = render_eml(publication.context, issue).values()
    from email import message_from_bytes, policy

    message = message_from_bytes(data, policy=policy.default)
    parts = {part["Content-ID"]: part for part in message.walk() if part.get_content_maintype() == "image"}
    assert [part.get_filename() for part in parts.values()] == ["logo.png", "2.10-lead.jpg"]
    assert all(part.defects == [] for part in message.walk())
    html = message.get_body(("html",)).get_content()
    assert all(f"cid:{content_id[1:-1]}" in html for content_id in parts)
    assert all(_opened(part.get_content()).width for part in parts.values())


def test_an_edition_as_a_file_names_the_picture_beside_it(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    html = render_html(publication.context, issue, lambda _name, default: default, lambda picture: picture.name)
    assert 'src="2.10-lead.jpg"' in html


MANY = """\
volume: 2
number: 11
date: 2023-06-14
image:
  file: lead.png
  alt: The harbour
items:
  - headline: A first headline
    image: {file: first.webp, alt: A first picture}
    detail: >-
      With its detail.
  - headline: For the board
    image: {file: board.png, alt: A picture for the board}
    detail: >-
      With its detail.
    only_for: [board]
sections:
  - title: People
    people:
      - {name: Ada, image: {file: ada.png, alt: Ada at her desk}}
      - {name: Bea, image: {file: first.webp, alt: The first picture again}}
  - image: {file: lead.png, alt: The harbour again}
"""


@pytest.fixture
def many(publication: Publication) -> Publication:
    """Return the publication with a draft of several pictures, each in a colour of its own."""
    for name, colour in (("lead.png", "red"), ("first.webp", "green"), ("board.png", "blue"), ("ada.png", "black")):
        Image.new("RGB", (2400, 1200), colour).save(publication.root / "drafts" / name, lossless=True)
    publication.draft("2.11", MANY)
    return publication


def test_each_picture_of_an_issue_has_a_name_by_its_place(many: Publication) -> None:
    issue, context = load_issue(many.workspace.find_draft("2.11")), many.context
    names = ["2.11-lead.png", "2.11-1.jpg", "2.11-2.png", "2.11-3.png"]
    assert [picture.name for picture in context.pictures(issue)] == names
    # As wide as twice the column, twice the text, and twice a portrait; the first picture is no portrait alone.
    assert [picture.width for picture in context.pictures(issue)] == [1200, 1072, 1072, 192]
    assert [picture.name for picture in context.pictures_for_print(issue).values()] == names
    assert [picture.width for picture in context.pictures_for_print(issue).values()] == [1950, 1950, 1950, 400]
    pictures, screens = context.pictures_of(issue), context.pictures_for_screens(issue)
    assert {file: pictures.fit(file, picture) for file, picture in screens.items()} == {
        "lead.png": (600, 300), "first.webp": (536, 268), "board.png": (536, 268), "ada.png": (96, 48),
    }  # fmt: skip


def test_the_words_about_people_begin_below_each_other(many: Publication) -> None:
    Image.new("RGB", (600, 1200), "yellow").save(many.root / "drafts" / "ada.png")  # taller than wide, so narrower
    issue = load_issue(many.workspace.find_draft("2.11"))
    html = render_html(many.context, issue, lambda _name, default: default, lambda picture: picture.name)
    cells = re.findall(r'<td[^>]*class="portrait[^>]*>', html)
    assert len(cells) == 2
    assert len({re.search(r' width="(\d+)"', cell)[1] for cell in cells}) == 1


def test_a_picture_has_one_name_for_every_reader(many: Publication) -> None:
    issue, context = load_issue(many.workspace.find_draft("2.11")), many.context
    whole, public = context.pictures_for_screens(issue), context.pictures_for_screens(issue.seen_by(frozenset()))
    assert list(public) == ["lead.png", "first.webp", "ada.png"]
    assert all(whole[file] == picture for file, picture in public.items())


@pytest.mark.parametrize(("images", "published"), [("attach", False), ("link", True)])
def test_a_picture_for_some_is_published_only_where_their_mail_takes_it_from_there(
    many: Publication, images: str, published: bool
) -> None:
    many.environ["NEWSLETTER_EMAIL__IMAGES"] = images
    files = make_web_files(many.context, load_issue(many.workspace.find_draft("2.11")), None)
    assert ("2.11-2.png" in files) is published
    assert "2.11-3.png" in files


def test_every_picture_travels_in_the_mail_of_those_who_see_it(many: Publication) -> None:
    from email import message_from_bytes, policy

    issue, context = load_issue(many.workspace.find_draft("2.11")), many.context
    message = message_from_bytes(render_sample(context, issue, NOBODY).data, policy=policy.default)
    parts = [part for part in message.walk() if part.get_content_maintype() == "image"]
    assert [part.get_filename() for part in parts] == ["2.11-lead.png", "2.11-1.jpg", "2.11-3.png"]
    assert len({part["Content-ID"] for part in parts}) == 3
