"""Sources cited: pages asked for or read from files, and added to a draft as items where that is wanted."""

import asyncio
import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from newsletter.articles.answers import LIMITS, explain_for_citing, find_forwarding, read_answer
from newsletter.articles.article import Article, UnreadableArticle
from newsletter.articles.markdown_link import compose_detail, encode_address, escape_words, write_link
from newsletter.articles.reading import require_trafilatura
from newsletter.articles.saved_page import read_saved_page
from newsletter.drafting import NewItem, add_item
from newsletter.editions.date_words import format_date
from newsletter.errors import DraftError, NewsletterError, explain
from newsletter.fetching import FetchFailure
from newsletter.fetching.tracking import remove_tracking
from newsletter.files import prepare_replacement
from newsletter.issue.draft import read_draft
from newsletter.publication import OpenPublication

if TYPE_CHECKING:
    from newsletter.fetching.web_client import WebClient

_WEB = re.compile(r"https?://", re.IGNORECASE)
_WITHOUT_SCHEME = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,24}(?::\d+)?(?:/.*)?")
_MOST_FORWARDINGS = 3
_FILES = (".html", ".htm", ".xhtml", ".pdf", ".mhtml", ".mht", ".webarchive")


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A source as it can be cited: what is known of it, and a Markdown link to paste.

    `markdown` has no link where the address is not known. `draft` and `line` say where its item is, if it was to be
    added; it was there before when `added` is False.
    """

    source: str
    article: Article
    markdown: str
    draft: Path | None = None
    line: int = 0
    added: bool = False


@dataclass(frozen=True, kw_only=True)
class FailedCitation:
    """A source that can't be cited, and why."""

    source: str
    error: NewsletterError


def cite(
    publication: OpenPublication, sources: Sequence[str], into: str | None = None
) -> list[Citation | FailedCitation]:
    """Return what is to be cited of each source, an address or a saved page's path, in their order.

    `into` names a draft, to which each is added as an item. A source that fails keeps no other one back.

    Raises ConfigError, DraftError for a draft that does not exist, was sent, waits in the outbox or can't be edited,
    and UnreadableArticle where the library for citing is not installed.
    """
    require_trafilatura()
    draft = _find_open_draft(publication, into) if into is not None else None
    cited = asyncio.run(_read_sources(publication, sources))
    if draft is None:
        return cited
    return [_add(publication, draft, each) if isinstance(each, Citation) else each for each in cited]


def _find_open_draft(publication: OpenPublication, name: str) -> Path:
    """Return the draft that an item may be added to. Raises DraftError."""
    from newsletter.campaigns.sent_issues import find_sent_issues

    workspace = publication.workspace
    path = workspace.find_draft_file(name)
    issue, _ = workspace.split_name(path.stem)
    if issue in find_sent_issues(workspace, publication.known_store) or workspace.sending_has_begun(issue):
        raise DraftError(
            f"{issue} has been sent, so nothing is added to its draft.",
            next_step="Begin the next issue with `newsletter draft new`, or name another draft.",
        )
    if workspace.record(issue).exists():
        raise DraftError(
            f"{issue} waits in the outbox with its text as it was, so nothing is added to its draft.",
            next_step=f"Take it out first: newsletter outbox cancel {issue}",
        )
    _read_text(path)
    return path


def _read_text(path: Path) -> str:
    """Return a draft's text with its own line ends. Raises DraftError."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DraftError(
            f"{path.name} is not UTF-8 text, so nothing is added to it.", next_step="Save it as UTF-8."
        ) from error


async def _read_sources(publication: OpenPublication, sources: Sequence[str]) -> list[Citation | FailedCitation]:
    from newsletter.fetching.web_client import WebClient

    allowed = publication.config.links.allowed_hosts
    async with WebClient("cites a page for an editor", allowed=allowed, limits=LIMITS) as client:
        return list(await asyncio.gather(*(_read_source(client, source) for source in sources)))


async def _read_source(client: "WebClient", source: str) -> Citation | FailedCitation:
    try:
        address = _find_address(source)
        if address is None:
            article = read_saved_page(_find_file(source))
        else:
            answer = await client.fetch(address)
            for _ in range(_MOST_FORWARDINGS):
                if (target := find_forwarding(answer)) is None:
                    break
                answer = await client.fetch(target)
            # In a thread, so that reading a large page lets no other page's time run out.
            article = await asyncio.to_thread(read_answer, answer, datetime.datetime.now(datetime.UTC))
            fragment = urlsplit(address).fragment
            if (
                fragment
                and answer.address == address.partition("#")[0]
                and article.address
                and "#" not in article.address
            ):
                article = replace(article, address=remove_tracking(f"{article.address}#{fragment}"))
    except FetchFailure as failure:
        return FailedCitation(source=source, error=explain_for_citing(failure))
    except (NewsletterError, OSError) as error:
        return FailedCitation(source=source, error=explain(error))
    return Citation(source=source, article=article, markdown=write_link(article.title, article.address))


def _find_address(source: str) -> str | None:
    """Return the address that a source is, also without https:// as browsers show it; None for a file."""
    source = source.strip()
    if _WEB.match(source):
        return source
    if Path(source).exists() or source.lower().endswith(_FILES) or not _WITHOUT_SCHEME.fullmatch(source):
        return None
    return f"https://{source}"


def _find_file(source: str) -> Path:
    """Return the path of a saved page. Raises UnreadableArticle when there is none."""
    path = Path(unquote(urlsplit(source).path) if source.startswith("file:///") else source)
    if not path.is_file():
        is_other = re.match(r"[A-Za-z][\w+.-]*:", source)
        raise UnreadableArticle(
            "This is a folder."
            if path.is_dir()
            else "This is no address of the web."
            if is_other
            else "There is no such file.",
            next_step="Name a page's address, beginning with https://, or the file of a page that you have saved.",
        )
    return path


def _add(publication: OpenPublication, path: Path, citation: Citation) -> Citation:
    """Add an item for a source to a draft, unless the draft has a link to it already."""
    text = _read_text(path)
    article = citation.article
    own = publication.workspace.language_of(path)
    if article.address and (line := _find_link(path, own, text, article.address)):
        return replace(citation, draft=path, line=line)
    language = own or publication.config.publication.language
    day = format_date(article.date, language) if article.date else ""
    item = NewItem(
        headline=escape_words(article.title),
        detail=compose_detail(article, day),
        link=encode_address(article.address) if article.address else None,
    )
    edited = add_item(text, item, path)
    with prepare_replacement(path, [edited]) as replace_draft:
        replace_draft()
    return replace(citation, draft=path, line=_find_added_line(text, edited), added=True)


def _find_link(path: Path, language: str, text: str, address: str) -> int:
    """Return the line of a draft that has a link to an address, whatever tracking is in it; 0 where none has."""
    issue = read_draft(path, language).issue
    wanted = remove_tracking(encode_address(address))
    if issue is None:  # it has problems, and is only looked through
        written = re.search(re.escape(wanted) + r"(?![\w/?&=#%+~-]|\.\w)", text)
        return text.count("\n", 0, written.start()) + 1 if written else 0
    links = [*(link for words in issue.texts() for link in words.links()), *issue.links()]
    for link in links:
        if remove_tracking(encode_address(link.href)) == wanted:
            lines = enumerate(text.splitlines(), start=1)
            return next((number for number, line in lines if link.href in line), 1)
    return 0


def _find_added_line(before: str, after: str) -> int:
    """Return the line, counted from 1, at which an item begins that was added to a draft."""
    old, new = before.splitlines(), after.splitlines()
    size = len(new) - len(old)
    for start in range(len(old) + 1):
        block = [line.strip() for line in new[start : start + size] if line.strip() not in ("", "items:")]
        if new[:start] + new[start + size :] == old and block and block[0].startswith("- "):
            return start + 1 + next(n for n, line in enumerate(new[start:]) if line.strip().startswith("- "))
    return 1
