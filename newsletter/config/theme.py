"""The table [theme]: the colours, typefaces, logo and width that all editions share.

Contrast is that of WCAG 2.2, success criterion 1.4.3: 4.5 to 1 for text. Chosen colours are checked for it, and
derived ones (quiet text, dark mode) are made to meet it.
"""

import re
import unicodedata
from colorsys import hls_to_rgb, rgb_to_hls
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from newsletter.validation import fault_error

READABLE = 4.5
_WITH_EASE = 10.0
_BRIEFING_HEADINGS = ("Inter", "Helvetica Neue", "Arial", "sans-serif")
_GENERIC = ("serif", "sans-serif", "monospace", "system-ui")


def _parse_colour(text: str) -> str:
    match = re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", text.strip().lower())
    if not match:
        raise fault_error(
            code="colour", message=f"{text!r} is not a colour", next_step='Write it as "#12304f" (red, green, blue).'
        )
    digits = match[1]
    return "#" + ("".join(digit * 2 for digit in digits) if len(digits) == 3 else digits)


def _check_family(text: str) -> str:
    if not re.fullmatch(r"\w[\w .+-]{0,60}", text):
        raise fault_error(
            code="font",
            message=f"{text!r} can't be a typeface's name",
            next_step='Write names alone, the first choice first: ["Source Serif 4", "Georgia", "serif"].',
        )
    return text.strip()


def _split_list(value: object) -> object:
    """Split the text of an environment variable, which can hold no list."""
    return [part.strip(" '\"") for part in value.split(",")] if isinstance(value, str) else value


def _check_logo(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)  # in which an accent is part of its letter
    if not re.fullmatch(r"\w[\w .()+-]{0,100}\.(jpe?g|png)", composed, re.IGNORECASE):
        raise fault_error(
            code="logo",
            message=f"{name!r} can't be the logo",
            next_step="Put a .png or .jpg into templates/, and write its name alone: mail clients show no SVG.",
        )
    return name


Colour = Annotated[str, AfterValidator(_parse_colour)]
Families = Annotated[
    tuple[Annotated[str, AfterValidator(_check_family)], ...],
    BeforeValidator(_split_list),
    Field(min_length=1, max_length=8),
]
# The grounds that each colour of text is shown on.
_GROUNDS = {
    "text": ("paper", "desk"),
    "link": ("paper", "desk"),
    "accent": ("paper", "desk"),
    "masthead_text": ("masthead",),
}


class DarkColours(BaseModel):
    """The colours of dark mode."""

    model_config = ConfigDict(frozen=True)

    paper: str = "#17202a"
    desk: str = "#0e141b"
    text: str = "#e6e9ed"
    quiet: str = "#c3cad2"
    rule: str = "#3c4754"
    masthead: str
    masthead_text: str
    dateline: str
    accent: str
    link: str


class Theme(BaseModel):
    """The look of the publication in every edition."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    look: Literal["digest", "briefing"] = "digest"
    paper: Colour = "#ffffff"
    desk: Colour = "#eceae4"
    masthead: Colour = "#12304f"
    masthead_text: Colour = "#ffffff"
    text: Colour = "#1d2733"
    link: Colour = "#1a4f8b"
    accent: Colour = "#8a2f22"
    rule: Colour = "#c9c4b8"
    font: Families = ("Source Serif 4", "Georgia", "Times New Roman", "serif")
    heading_font: Families = ("Source Serif 4", "Georgia", "Times New Roman", "serif")
    logo: Annotated[str, AfterValidator(_check_logo)] | None = None
    width: Annotated[int, Field(ge=480, le=800)] = 600

    @field_validator(*_GROUNDS)
    @classmethod
    def _check_contrast(cls, colour: str, info: ValidationInfo) -> str:
        for ground in _GROUNDS[info.field_name or ""]:
            behind = info.data.get(ground)
            if behind and (ratio := contrast(colour, behind)) < READABLE:
                name = info.field_name
                away = "darker" if _compute_luminance(colour) < _compute_luminance(behind) else "lighter"
                raise fault_error(
                    code="contrast",
                    message=f"{name} {colour} on {ground} {behind} is hard to read: {int(10 * ratio) / 10} to 1",
                    next_step=f"Make {name} {away}, or {ground} the opposite; {READABLE} to 1 is the least.",
                )
        return colour

    @property
    def quiet(self) -> str:
        """Return the colour of credits, notes and the imprint."""
        return self._soften(self.text, self.paper, (self.paper, self.desk))

    @property
    def dateline(self) -> str:
        """Return the colour of the date in the masthead."""
        return self._soften(self.masthead_text, self.masthead, (self.masthead,))

    @staticmethod
    def _soften(colour: str, towards: str, grounds: tuple[str, ...]) -> str:
        softer = mix_colours(colour, towards, 0.2)
        return softer if all(contrast(softer, ground) >= READABLE for ground in grounds) else colour

    @property
    def dark(self) -> DarkColours:
        """Return the colours of dark mode, each with at least the contrast that its light counterpart needs."""
        paper, desk = (DarkColours.model_fields[name].default for name in ("paper", "desk"))
        masthead, over = self.masthead, self.masthead_text
        if self.logo is None:  # a logo was drawn for the ground it has
            darker = (mix_colours(masthead, "#000000", share / 10) for share in range(3, 11))
            if _compute_luminance(masthead) < 0.2:
                masthead = next(colour for colour in darker if contrast("#ffffff", colour) >= _WITH_EASE)
            else:
                masthead = desk
            over = _lighten(over, masthead, _WITH_EASE)
        return DarkColours(
            masthead=masthead,
            masthead_text=over,
            dateline=self._soften(over, masthead, (masthead,)),
            accent=_lighten(self.accent, paper),
            link=_lighten(self.link, paper),
        )

    def on_paper(self, name: str) -> str:
        """Return the colour of text called `name` for print: the same hue, dark enough for white paper."""
        colour: str = getattr(self, name)
        darker = (mix_colours(colour, "#000000", share / 20) for share in range(21))
        return next(step for step in darker if contrast(step, "#ffffff") >= READABLE)

    @property
    def css_font(self) -> str:
        """Return the typefaces as a value of CSS."""
        return _write_css(self.font)

    @property
    def css_heading_font(self) -> str:
        """Return the headings' typefaces as a value of CSS; the look "briefing" has its own where none are chosen."""
        is_chosen = self.look == "digest" or "heading_font" in self.model_fields_set
        return _write_css(self.heading_font if is_chosen else _BRIEFING_HEADINGS)


def _write_css(families: tuple[str, ...]) -> str:
    plain = re.compile(r"[A-Za-z-]+")
    return ", ".join(name if plain.fullmatch(name) or name in _GENERIC else f"'{name}'" for name in families)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_compute_luminance(one), _compute_luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix_colours(colour: str, other: str, share: float) -> str:
    """Return `colour` with `share` (0 to 1) of `other` in it."""
    pairs = zip(_split_channels(colour), _split_channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _lighten(colour: str, ground: str, least: float = READABLE + 2) -> str:
    """Return the same hue, light enough to be read with ease on a dark ground."""
    hue, lightness, saturation = rgb_to_hls(*(channel / 255 for channel in _split_channels(colour)))
    steps = (lightness + (1 - lightness) * step / 20 for step in range(21))
    lighter = (hls_to_rgb(hue, step, saturation) for step in steps)
    return next(step for step in map(_write_hex, lighter) if contrast(step, ground) >= least)


def _write_hex(rgb: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _split_channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _compute_luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _split_channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
