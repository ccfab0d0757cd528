"""The tables of newsletter.toml about how editions look: headlines, typography, the PDF."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from newsletter.config import validators
from newsletter.config.section import Section


class LayoutSettings(Section):
    """The table [layout]: whether headlines are listed before the details, above each detail, or both."""

    headlines: Literal["list", "above", "both"] = "list"


class TypographySettings(Section):
    """The table [typography]: whether straight quotes, and hyphens for dashes, are set as the language has them."""

    quotes: bool = False


class PdfSettings(Section):
    """The table [pdf]: its layout. With `print_links`, the links' addresses are printed below the text."""

    columns: Annotated[int, Field(ge=1, le=2)] = 1
    paper: Annotated[Literal["us-letter", "a4"], BeforeValidator(validators.lower)] = "us-letter"
    print_links: bool = False
