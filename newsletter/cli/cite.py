"""The command `newsletter cite`."""

import sys
from collections.abc import Sequence

import click

from newsletter.actions.cite import Citation, FailedCitation, cite
from newsletter.cli.context import open_publication
from newsletter.cli.output import console, print_as_json, say, shorten
from newsletter.text import escape_controls

_UNKNOWN = "not found on the page"


@click.command("cite")
@click.argument("sources", nargs=-1, required=True, metavar="ADDRESS|FILE...")
@click.option("--into", metavar="DRAFT", help="Add each to this draft, as an item whose text is still to be written.")
@click.option("--json", "json_", is_flag=True, help="For scripts.")
def cite_command(sources: tuple[str, ...], into: str | None, json_: bool) -> None:
    """Show who wrote a page, where and when, and a link to it that is ready to paste.

    For pages that a program is not shown, save the page with a browser and name the file.
    """
    publication = open_publication()
    cited = cite(publication, sources, into)
    if json_:
        print_as_json([_make_object(each) for each in cited])
    else:
        _show(cited)
    sys.exit(1 if any(isinstance(each, FailedCitation) for each in cited) else 0)


def _show(cited: Sequence[Citation | FailedCitation]) -> None:
    """Print each source, and below several failures in a row with the same advice print it once."""
    for place, each in enumerate(cited):
        if place and isinstance(each, Citation):
            say()
        if isinstance(each, FailedCitation):
            following = cited[place + 1] if place + 1 < len(cited) else None
            is_repeated = isinstance(following, FailedCitation) and following.error.next_step == each.error.next_step
            _show_failure(each, advise=not is_repeated)
        else:
            _show_citation(each)


def _show_citation(citation: Citation) -> None:
    article = citation.article
    facts = {
        "Title": article.title,
        "Outlet": article.outlet or "",
        "Authors": ", ".join(article.authors),
        "Date": article.date.isoformat() if article.date else "",
        "Link": citation.markdown if article.address else "",
    }
    for label, fact in facts.items():
        if label == "Link" and not fact:
            fact = "the file does not say where the page is from"
        # Not broken into lines, so that a link is pasted whole.
        click.echo(f"{click.style(f'{label}:', bold=True)} {escape_controls(fact or _UNKNOWN)}")
    if citation.draft is not None:
        place = f"{shorten(citation.draft)}:{citation.line}"
        if citation.added:
            address = "" if article.address else " Give the page's address below it, as link: https://example.org/page"
            say(f"{place}: added as an item. Write its text in the place of TK.{address}", style="green")
        else:
            say(f"{place}: has a link to this page already, so nothing was added.", style="yellow")


def _show_failure(failure: FailedCitation, *, advise: bool) -> None:
    out = console(err=True)
    error = failure.error
    out.print(f"{escape_controls(failure.source)}: {escape_controls(error.message)}", style="bold red")
    for problem in error.problems:
        out.print(escape_controls(str(problem)))
    if advise and error.next_step:
        out.print(escape_controls(error.next_step))


def _make_object(each: Citation | FailedCitation) -> dict[str, object]:
    if isinstance(each, FailedCitation):
        return {"source": each.source, "error": each.error.message, "next_step": each.error.next_step}
    article = each.article
    return {
        "source": each.source,
        "title": article.title,
        "outlet": article.outlet,
        "authors": list(article.authors),
        "date": article.date.isoformat() if article.date else None,
        "address": article.address,
        "language": article.language,
        "markdown": each.markdown,
        "draft": str(each.draft) if each.draft else None,
        "line": each.line or None,
        "added": each.added,
    }
