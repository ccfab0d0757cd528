"""The markup that the peers are given: an issue as MJML for the mail, and as a page with a style sheet for the PDF."""

from pathlib import Path

import fontpkg_source_serif_4
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from newsletter.editions import EditionContext, place_beside
from newsletter.editions.html import fill_mjml
from newsletter.editions.web import page_name, render_article
from newsletter.field import write_default
from newsletter.issue.draft import load_issue
from newsletter.workspace import Workspace

MAIL, PAGE, STYLE = "mail.mjml", "page.html", "page.css"


class MarkupWriter:
    """A writer of one draft's markup into a folder, with the pictures beside it as large as they are shown."""

    def __init__(self, root: Path, draft: Path, folder: Path, *, system_serif: bool) -> None:
        self._draft, self._folder = draft, folder
        self._context = EditionContext.from_workspace(Workspace(root, {}))
        loader = FileSystemLoader(Path(__file__).parent)
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
        folder.mkdir()
        for picture in self._context.pictures(load_issue(draft)):
            (folder / picture.name).write_bytes(picture.data)
        typeface = "" if system_serif else str(fontpkg_source_serif_4.ROOT / "files")
        config = self._context.config
        style = self._templates.get_template("print.css.j2").render(
            publication=config.publication, theme=config.theme, typeface=typeface
        )
        (folder / STYLE).write_text(style, encoding="utf-8")

    def write(self) -> None:
        """Write the markup of the draft as it stands now."""
        context, issue = self._context, load_issue(self._draft)
        (self._folder / MAIL).write_text(fill_mjml(context, issue, write_default, place_beside), encoding="utf-8")
        article = render_article(context, issue)
        website = context.config.publication.website or ""
        article = article.replace(f'href="{website}{page_name(issue)}#', 'href="#')
        for picture in context.pictures(issue):
            article = article.replace(f'src="{website}{picture.name}"', f'src="{picture.name}"')
        # The template of our own article; this one adds the head, the title and the foot of our PDF.
        page = self._templates.get_template("print.html.j2").render(
            context.template_values(issue),
            article=Markup(article),  # noqa: S704  # made by a template of ours
            about=context.about.plain(),
        )
        (self._folder / PAGE).write_text(page, encoding="utf-8")
