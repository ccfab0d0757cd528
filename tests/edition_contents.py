"""What all editions of an issue say: their words, and where their links lead."""

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from conftest import Publication
from visible_text import Page, letters, pdf_links, pdf_text

from newsletter.editions import place_beside, render_html, render_pdf, render_text, render_web, write_default
from newsletter.issue.model import Issue


@dataclass(frozen=True)
class EditionContents:
    """Letters of each edition of an issue, and the addresses of its links."""

    words: dict[str, str]
    links: dict[str, Container[str]]

    @classmethod
    def render(cls, digest: Publication, issue: Issue, folder: Path) -> "EditionContents":
        """Render every edition; the PDF is written into the folder."""
        pdf = render_pdf(digest.context, issue)
        html = Page(render_html(digest.context, issue, write_default, place_beside))
        web = Page(render_web(digest.context, issue, pdf))
        text = render_text(digest.context, issue, write_default)
        printed = re.sub(r"Page \d+ of \d+", "", pdf_text(pdf, folder))
        words = {"html": html.text, "web": web.text, "text": text, "pdf": printed}
        return cls(
            {edition: _fold(said) for edition, said in words.items()},
            {"html": html.links, "web": web.links, "text": text, "pdf": pdf_links(pdf, folder)},
        )

    def find_unsaid(self, lines: list[str]) -> list[tuple[str, str]]:
        """Return the lines that an edition does not have, with the edition."""
        return [(edition, line) for line in lines for edition, said in self.words.items() if _fold(line) not in said]

    def find_unlinked(self, addresses: set[str]) -> list[tuple[str, str]]:
        """Return the addresses that an edition does not link to, with the edition."""
        return [(edition, each) for each in sorted(addresses) for edition, to in self.links.items() if each not in to]


def _fold(text: str) -> str:
    """Return the letters and digits of a text, without the numbers of links."""
    return "".join(sign for sign in letters(text) if sign.isalnum())
