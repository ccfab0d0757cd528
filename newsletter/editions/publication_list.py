"""The page that names all publications of a workspace, with a link to each one's issues."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsletter.editions.edition_context import EditionContext
from newsletter.editions.html import make_filters
from newsletter.editions.html_blocks import make_page_writer
from newsletter.editions.manifest import PublishedFiles, read_manifest
from newsletter.editions.site_files import write_files
from newsletter.editions.template_engine import fill_template, refuse_open_blocks
from newsletter.issue.blocks import RichText

TEMPLATE = "publications.html.j2"


@dataclass(frozen=True)
class ListedPublication:
    """A publication, and the address of the list of its issues."""

    context: EditionContext
    href: str


def render_publication_list(listed: Sequence[ListedPublication]) -> str:
    """Return the page, in the look and the language of the first. Raises TemplateError and ConfigError."""
    context = listed[0].context
    template_path = context.template_path[-2:]  # the workspace's and the program's: it is no single publication's page
    words = {
        "publication": context.config.publication,
        "theme": context.config.theme,
        "publications": [
            {"settings": one.context.config.publication, "about": one.context.about, "href": one.href} for one in listed
        ],
    }
    html = fill_template(
        TEMPLATE,
        template_path,
        words,
        autoescape=True,
        filters=make_filters(make_page_writer(context.config.publication.language)) | {"plain": RichText.plain},
        translator=context.translator,
    )
    refuse_open_blocks(html, TEMPLATE, template_path)
    return html


def write_publication_list(listed: Sequence[ListedPublication], folder: Path) -> Path:
    """Write the page as a website's first into a folder; return its path. Raises DecisionNeeded as `write_files`."""
    files = {"site": {"index.html": render_publication_list(listed).encode()}}
    before = read_manifest(folder)
    write_files(folder, before, {"site": PublishedFiles.of("", files["site"])}, files)
    return folder / "index.html"
