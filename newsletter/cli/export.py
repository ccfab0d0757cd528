"""The commands `newsletter export html`, `text`, `pdf`, `web`, `png`, `eml`, `all`, and `site`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.context import open_others, open_publication, open_publications, say_whose
from newsletter.cli.output import say, shorten, show_error, show_problems
from newsletter.issue.model import Issue
from newsletter.publication import OpenPublication
from newsletter.text import format_count, format_size

if TYPE_CHECKING:
    from newsletter.editions.site import Site

_FORMS = ("html", "text", "pdf", "web", "png", "eml")


@click.command()
@click.argument("form", type=click.Choice([*_FORMS, "all", "site"]))
@click.argument("draft", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; build/ISSUE when left out, build/site for the site.",
)
@click.option("--as", "address", metavar="ADDRESS", help="With eml: the very message that this reader gets, or got.")
@click.option("--check", is_flag=True, help="Say what the email uses that mail clients lack, and its size.")
@click.option("--language", metavar="TAG", default="", help="The translation into this language, as in ja.")
@click.option("--sent-only", is_flag=True, help="With site: leave out issues that have not been sent.")
@click.option("--all", "every", is_flag=True, help="With site: of all publications, and a list of them.")
def export(
    form: str,
    draft: str | None,
    output: Path | None,
    address: str | None,
    check: bool,
    language: str,
    sent_only: bool,
    every: bool,
) -> None:
    """Write an issue's editions as files. DRAFT is 2.10 or a path; the newest when left out.

    html is the email, web a page for your website, png the PDF's pages as pictures. site is every issue's
    page and PDF, with an index, a feed and a sitemap; what has not changed is not made again. all is html, text, pdf,
    web and eml, of each language that the issue is there in.
    """
    if every:
        if form != "site" or draft or check or address or language:
            raise click.UsageError("--all goes with `export site`, without a DRAFT.")
        _export_all_sites(output, sent_only)
        return
    publication = open_publication()
    if address is not None:
        if form != "eml" or check or language:
            raise click.UsageError("--as goes with `export eml`, and without --check and --language.")
        _export_copy(publication, publication.workspace.find_draft(draft), output, address)
        return
    if form == "site":
        if draft or check or language:
            raise click.UsageError("`export site` is about all issues: it takes no DRAFT, --check and --language.")
        _export_site(publication, output, sent_only)
        return
    if sent_only:
        raise click.UsageError("--sent-only goes with `export site`.")
    issue = publication.issue(draft, language)
    _ = publication.config  # before what takes long to load, so that its mistakes come at once

    from newsletter.actions.export import ALL_FORMS, read_all_languages
    from newsletter.actions.export import export as write

    issues = read_all_languages(publication, draft) if form == "all" and not language else [issue]
    paths: dict[Path, None] = {}
    for each in issues:
        written = write(publication, each, ALL_FORMS if form == "all" else (form,), output)
        paths |= dict.fromkeys(written.values())
    for path in paths:
        say(f"{shorten(path)}  {format_size(path.stat().st_size)}")
    if form == "web":
        _show_missing_glyphs(publication, issue)
    if form in ("pdf", "all"):
        _show_missing_typefaces(publication)
    if check:
        _check_emails(publication, issues)


def _check_emails(publication: OpenPublication, issues: Sequence[Issue]) -> None:
    """Print what mail clients lack of each email, and exit with status 1 if any lacks something."""
    from newsletter.actions.check import check_email
    from newsletter.cli.findings import show_email_report

    reports = [(issue, check_email(publication, issue)) for issue in issues]
    for issue, report in reports:
        show_email_report(publication.config, issue, report)
    sys.exit(1 if any(report.problems for _, report in reports) else 0)


def _show_missing_glyphs(publication: OpenPublication, issue: Issue) -> None:
    from newsletter.editions.glyphs import find_missing_glyphs

    if problems := find_missing_glyphs(publication.edition_context.in_language(issue.language), issue):
        say("The page offers no PDF, which can't show every character:", style="yellow")
        show_problems(problems)


def _show_missing_typefaces(publication: OpenPublication) -> None:
    from newsletter.editions.typefaces import find_lacking, find_unusable_files

    theme, fonts = publication.config.theme, publication.edition_context.fonts
    for problem in find_unusable_files(fonts):
        say(f"The PDF does without {Path(problem.path).name}: {problem.message}. {problem.next_step}", style="yellow")
    for family in {find_lacking(font, fonts) for font in (theme.font, theme.heading_font)} - {""}:
        say(f"The PDF does without {family}: put it into fonts/ as .ttf or .otf, or install it.", style="yellow")


def _export_copy(publication: OpenPublication, draft: Path, folder: Path | None, address: str) -> None:
    from newsletter.actions.export_recipient_copy import export_recipient_copy

    copy = export_recipient_copy(publication, draft, address, folder)
    how = (
        f"as it was frozen for the sending of {draft.stem}"
        if copy.frozen
        else f"as the draft is now: {draft.stem} has not been sent to this reader"
    )
    unsigned = f"; unsigned, because {copy.unsigned}" if copy.unsigned else ""
    say(f"{shorten(copy.path)}  {format_size(copy.size)}, {how}{unsigned}")


def _export_all_sites(folder: Path | None, sent_only: bool) -> None:
    from newsletter.actions.export import export_all_sites

    publications = open_publications()
    if len(publications) == 1:  # -P, or the folder, says which; here all are wanted
        publications = sorted([*publications, *open_others(publications[0])], key=lambda one: one.workspace.publication)
    folder = folder or publications[0].workspace.root / "build" / "site"
    done = export_all_sites(publications, folder, sent_only=sent_only)
    incomplete = bool(done.failures)
    for publication in publications:
        name = publication.workspace.shown_name
        place = folder / publication.workspace.publication
        say_whose(publication, publications)
        if error := done.failures.get(name):
            show_error(error)
        elif place in done.sites:
            incomplete |= _show_site(publication, place, done.sites[place])
        else:
            say("There is no issue to publish yet.", style="yellow")
    if done.index:
        say(f"{shorten(done.index)} lists them.", style="green")
    sys.exit(1 if incomplete else 0)


def _export_site(publication: OpenPublication, folder: Path | None, sent_only: bool) -> None:
    from newsletter.actions.export import export_site

    folder = folder or publication.workspace.build_folder / "site"
    incomplete = _show_site(publication, folder, export_site(publication, folder, sent_only=sent_only))
    sys.exit(1 if incomplete else 0)


def _show_site(publication: OpenPublication, folder: Path, site: "Site") -> bool:
    """Print what came of a site; return whether anything is missing in it."""
    for name, reason in site.left_out.items():
        say(f"{name} is left out: {reason} (newsletter draft check {name})", style="yellow")
    for name, problems in site.held.items():
        say(f"{name} stays as it was published, for its draft has problems now:", style="yellow")
        show_problems(problems)
    for name, error in site.without_pdf.items():
        stays = name in site.kept
        say(f"{name} stays as it was:" if stays else f"{name} has a page and no PDF:", style="yellow")
        show_problems(error.problems)
    for name in site.removed:
        say(f"{shorten(folder / name)} is removed: nothing leads to it any more")
    if not publication.config.publication.website:
        say("Without a feed and a sitemap: they need [publication] website in newsletter.toml.", style="yellow")
    translations = [name for name in site.built if publication.workspace.split_name(name)[1]]
    counts = [format_count(len(site.built) - len(translations), "issue")]
    counts += [format_count(len(translations), "translation")] if translations else []
    made = f"{' and '.join(counts)} made" if site.built else "Nothing new"
    say(f"{shorten(folder / 'index.html')}: {made}, {len(site.kept)} unchanged", style="green")
    return bool(site.without_pdf or site.held)
