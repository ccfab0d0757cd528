"""The check of links to items, to other issues and to pages of the publication's own website."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from newsletter.checks.draft_report import Finding
from newsletter.editions.edition_context import EditionContext
from newsletter.issue.draft_source import DraftSource
from newsletter.issue.model import Issue
from newsletter.text import format_count, quote_text

_ISSUE = "issue:"
_ITEM = re.compile(r"#(\d{1,9})")
_SCHEMES = ("https:", "http:", "mailto:")


def check_link_targets(
    source: DraftSource, context: EditionContext, issue: Issue, names: Collection[str]
) -> Iterator[Finding]:
    """Find links to items and issues that are not there, and links into a website where the publication has none.

    `names` are those of the publication's drafts.
    """
    links = [*(link for text in issue.texts() for link in text.links()), *issue.links()]
    for href in dict.fromkeys(link.href for link in links):
        if href.casefold().startswith(_SCHEMES):
            continue
        if item := _ITEM.fullmatch(href):
            items = len(issue.all_items)
            if not 1 <= int(item[1]) <= items:
                message = (
                    f"the link {href} leads to an item that is not there: the issue has {format_count(items, 'item')}"
                )
                step = "Count the items through the issue, those of sections too, from #1 on."
                yield Finding(source.at_words(href, code="link-target", message=message, next_step=step))
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
