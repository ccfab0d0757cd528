"""The web edition: a page of the issue for the publication's website, and the list of all issues."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.editions.edition_context import EditionContext, Placer, place_beside
from newsletter.editions.html import make_filters
from newsletter.editions.html_blocks import AddressFinder, HtmlWriter, make_page_writer
from newsletter.editions.page_languages import PageLanguage, list_index_languages, list_issue_languages, name_shared
from newsletter.editions.sign_up_offer import SignUpOffer
from newsletter.editions.template_engine import fill_template, refuse_open_blocks, require_word
from newsletter.field import write_default
from newsletter.issue.blocks import RichText
from newsletter.issue.model import Issue
from newsletter.translation import ENGLISH, Translator, write_size

PAGE = "web.html.j2"
ARTICLE = "article.html.j2"
INDEX = "index.html.j2"
SNIPPET = "web-sign-up.html.j2"


@dataclass(frozen=True)
class Download:
    """The PDF beside a page: its name, and its size in words."""

    name: str
    octets: int
    translator: Translator = ENGLISH

    @property
    def size(self) -> str:
        """Return the size in words for readers."""
        return write_size(self.octets, self.translator)


@dataclass(frozen=True)
class Page:
    """An issue's page as the index lists it."""

    issue: Issue
    label: str
    title: str
    date: str
    pdf: Download | None
    corrections: Sequence[Issue] = ()

    @property
    def others(self) -> list[RichText]:
        """Return the first headlines other than the title."""
        return [item.headline for item in self.issue.all_items if item.headline.plain() != self.title][:3]

    @property
    def name(self) -> str:
        return page_name(self.issue)

    @property
    def changed(self) -> datetime.date:
        """Return the day of the issue, or of its last correction."""
        return max([self.issue.date, *(correction.date for correction in self.corrections)])


def page_name(issue: Issue) -> str:
    return f"{issue.edition_name}.html"


def pdf_name(issue: Issue) -> str:
    return f"{issue.edition_name}.pdf"


def render_web(context: EditionContext, issue: Issue, pdf: bytes | None, place: Placer = place_beside) -> str:
    """Return the issue's page, with `pdf` for download where there is one; `place` returns the address of a picture.

    Raises TemplateError.
    """
    public = context.typeset(issue).seen_by(frozenset())
    pictures = context.picture_values(public, place)
    more = {
        "name": context.label(public) or context.title(public),
        "pdf": Download(pdf_name(issue), len(pdf), context.translator) if pdf else None,
        "metadata": _describe_page(context, public),
        "card": _show_card(public, pictures),
        "languages": list_issue_languages(context, public),
        **_name_shared_files(context),
    }
    writer = _make_writer(context, pictures, context.link_targets(public).on_page)
    return _fill_issue(PAGE, context, writer, context.template_values(public) | pictures | more)


def render_article(context: EditionContext, issue: Issue) -> str:
    """Return the issue's body alone, with whole addresses, for the feed. The publication has to have a website."""
    public = context.typeset(issue).seen_by(frozenset())
    publication = context.config.publication
    pictures = context.picture_values(public, lambda picture: publication.address(picture.name) or picture.name)
    page = publication.address(page_name(issue)) or ""
    writer = _make_writer(context, pictures, context.link_targets(public).whole, page)
    return _fill_issue(ARTICLE, context, writer, context.template_values(public) | pictures | {"base": page})


def render_index(context: EditionContext, pages: Sequence[Page]) -> str:
    """Return the page that lists all issues; `pages` has the newest first."""
    return _fill_page(
        INDEX,
        context,
        make_page_writer(context.config.publication.language),
        {
            "publication": context.config.publication,
            "theme": context.config.theme,
            "about": context.about,
            "logo": context.place_logo(place_beside),
            "pages": pages,
            "languages": list_index_languages(context),
            "sign_up": context.sign_up,
            "address": index_address(context),
            **_name_shared_files(context),
        },
    )


def render_snippet(context: EditionContext, offer: SignUpOffer) -> str:
    """Return the HTML of a form to join for a website of one's own. Raises TemplateError."""
    writer = make_page_writer(context.config.publication.language)
    return _fill_page(SNIPPET, context, writer, {"publication": context.config.publication, "sign_up": offer})


def index_address(context: EditionContext) -> str | None:
    """Return the address of the list of issues in the context's language; None without a website."""
    name = name_shared(context, "index", "html")
    return context.config.publication.address("" if name == "index.html" else name)


def _name_shared_files(context: EditionContext) -> dict[str, str]:
    return {"index": name_shared(context, "index", "html"), "feed": name_shared(context, "feed", "xml")}


def _make_writer(
    context: EditionContext, pictures: dict[str, Any], find_address: AddressFinder, page: str = ""
) -> HtmlWriter:
    language = context.config.publication.language
    return HtmlWriter(write_default, language, find_address, pictures["picture"], is_email=False, page=page)


def _fill_issue(name: str, context: EditionContext, writer: HtmlWriter, words: dict[str, Any]) -> str:
    html = _fill_page(name, context, writer, words)
    if words["issue"].sections:
        require_word("issue.sections", "sections", name, context.template_path)
    return html


def _fill_page(name: str, context: EditionContext, writer: HtmlWriter, words: dict[str, Any]) -> str:
    html = fill_template(
        name,
        context.template_path,
        words,
        autoescape=True,
        filters=make_filters(writer) | {"plain": RichText.plain},
        translator=context.translator,
    )
    refuse_open_blocks(html, name, context.template_path)
    return html


def _show_card(issue: Issue, pictures: dict[str, Any]) -> dict[str, Any] | None:
    """Return the picture that is shown where somebody shares the page: the lead image, or else the first one."""
    return next(({**pictures["picture"](image.file), "alt": image.alt} for image in issue.images()), None)


def _describe_page(context: EditionContext, issue: Issue) -> dict[str, Any]:
    """Return the page's description for search engines, an Article of schema.org."""
    publication = context.config.publication
    corrections = context.correction_marks(issue)
    publisher = {"@type": "Organization", "name": context.config.sender.from_.name or publication.title}
    names = [picture.name for picture in context.pictures_for_screens(issue).values()]
    known = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": context.title(issue),
        "description": context.preheader(issue),
        "datePublished": issue.date.isoformat(),
        "dateModified": corrections[-1].day.isoformat() if corrections else None,
        "correction": [mark.address or mark.page for mark in corrections] or None,
        "inLanguage": publication.language,
        "author": publisher,
        "publisher": publisher,
        "isPartOf": _describe_series(issue, publication.title),
        "url": publication.address(page_name(issue)),
        **_describe_languages(list_issue_languages(context, issue)),
        "image": next(map(publication.address, names), None),
    }
    return {key: value for key, value in known.items() if value is not None}


def _describe_languages(languages: Sequence[PageLanguage]) -> dict[str, Any]:
    """Return which page this is the translation of, or which its translations are."""
    pages = [{"@type": "Article", "inLanguage": each.tag, "url": each.address} for each in languages if each.address]
    if not pages:
        return {}
    is_original = any(each.is_this and each.is_default for each in languages)
    return {"workTranslation": pages[1:]} if is_original else {"translationOfWork": pages[0]}


def _describe_series(issue: Issue, title: str) -> dict[str, Any]:
    """Return what the page is part of: the publication, and the volume and the number where it has them."""
    part: dict[str, Any] = {"@type": "Periodical", "name": title}
    if issue.volume:
        part = {"@type": "PublicationVolume", "volumeNumber": issue.volume, "isPartOf": part}
    if issue.number:
        part = {"@type": "PublicationIssue", "issueNumber": issue.number, "isPartOf": part}
    return part
