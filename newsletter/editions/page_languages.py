"""The languages that a page of the website is there in: for its links between them, and for search engines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from newsletter.config import Config
from newsletter.editions.edition_context import EditionContext
from newsletter.issue.model import Issue
from newsletter.issue_name import name_edition
from newsletter.translation import find_direction, name_language


@dataclass(frozen=True, kw_only=True)
class PageLanguage:
    """A page in one of its languages.

    `name` is the language's own for itself, `page` the file, and `address` that on the web, None without a website.
    `is_default` is true of the publication's own language, `is_this` of the page that the list is for.
    """

    tag: str
    name: str
    page: str
    address: str | None
    is_default: bool
    is_this: bool

    @property
    def direction(self) -> str:
        """Return the direction in which the language is written, ltr or rtl."""
        return find_direction(self.tag)


def list_issue_languages(context: EditionContext, issue: Issue) -> Sequence[PageLanguage]:
    """Return the languages that an issue's page is there in, the publication's own first; none if that is all."""
    return list_page_languages(context.config, context.translations.get(issue.name, ()), issue.name)


def list_index_languages(context: EditionContext) -> Sequence[PageLanguage]:
    """Return the languages that the list of issues is there in: those that some issue is there in."""
    return list_page_languages(context.config, {tag for tags in context.translations.values() for tag in tags}, "index")


def list_page_languages(config: Config, others: Iterable[str], name: str) -> Sequence[PageLanguage]:
    """Return the languages that a page `name` is there in, the publication's own first; none if that is all."""
    known = set(others)
    own, *declared = config.languages
    tags = [own, *(tag for tag in declared if tag in known)]
    if len(tags) == 1:
        return ()
    return [
        PageLanguage(
            tag=tag,
            name=_name_language(tag),
            page=(page := f"{name_edition(name, tag if tag != own else '')}.html"),
            address=config.publication.address("" if page == "index.html" else page),
            is_default=tag == own,
            is_this=tag == config.publication.language,
        )
        for tag in tags
    ]


_name_language = lru_cache(maxsize=64)(name_language)


def name_shared(context: EditionContext, name: str, ending: str) -> str:
    """Return the name of a file that all issues of the context's language share: index.html, or feed.ja.xml."""
    is_own = context.config is context.config.own
    return f"{name_edition(name, '' if is_own else context.config.publication.language)}.{ending}"
