"""The check of links to other issues and to pages of the publication's own website."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from newsletter.checks.draft_report import Finding
from newsletter.editions.edition_context import EditionContext
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.text import quote_text

_ISSUE = "issue:"
_SCHEMES = ("https:", "http:", "mailto:")


def check_link_targets(
    source: DraftSource, context: EditionContext, issue: Issue, names: Collection[str]
) -> Iterator[Finding]:
    """Find links to issues that have no draft, and links that only a website can resolve where there is none.

    `names` are those of the publication's drafts.
    """
    links = [*(link for text in issue.texts() for link in text.links()), *issue.links()]
    for href in dict.fromkeys(link.href for link in links):
        if href.startswith("#") or href.casefold().startswith(_SCHEMES):
            continue
        name = href.removeprefix(_ISSUE).partition("#")[0] if href.startswith(_ISSUE) else None
        if name is not None and name not in names:
            near = get_close_matches(name, names, n=1)
            message = f"the link leads to issue {quote_text(name)}, and there is no draft of that name"
            step = f"Did you mean {_ISSUE}{near[0]}?" if near else "`newsletter draft list` shows the names."
        elif context.config.publication.website is None:
            kind = "to another issue" if name is not None else "to a page of the publication's website"
            message = f"the link {quote_text(href)} leads {kind}, and the publication has no web address"
            step = "Give [publication] a website in newsletter.toml, or write the whole address: https://..."
        else:
            continue
        problem = source.at_words(href, code="link-target", message=message, next_step=step)
        yield Finding(problem)
