"""newsletter export html|text|pdf|web|png|eml|all|site"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from newsletter.cli.output import say, short, show_problems, size
from newsletter.errors import ConfigError, Problem, counted
from newsletter.files import open_private
from newsletter.issue.draft import Draft, load_issue, read_draft
from newsletter.ownership import require_own_links
from newsletter.workspace import Workspace, find_workspace

_FORMS = ("html", "text", "pdf", "web", "png", "eml")
_ALL = ("html", "text", "pdf", "web", "eml")


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
@click.option("--sent-only", is_flag=True, help="With site: leave out issues that have not been sent.")
def export(
    form: str, draft: str | None, output: Path | None, address: str | None, check: bool, sent_only: bool
) -> None:
    """Write an issue's editions as files. DRAFT is 2.10 or a path; the newest when left out.

    html is the email, web a page for your website, png the PDF's pages as pictures. site is every issue's
    page and PDF, with an index, a feed and a sitemap; what has not changed is not made again.
    """
    workspace = find_workspace(Path.cwd())
    if address is not None:
        if form != "eml" or check:
            raise click.UsageError("--as goes with `export eml`, and without --check.")
        _copy(workspace, workspace.find_draft(draft), output, address)
        return
    if form == "site":
        if draft or check:
            raise click.UsageError("`export site` is about all issues: it takes no DRAFT and no --check.")
        _site(workspace, output or workspace.root / "build" / "site", sent_only)
        return
    if sent_only:
        raise click.UsageError("--sent-only goes with `export site`.")
    issue = load_issue(workspace.find_draft(draft))
    config = workspace.config  # before what takes long to load, so that its mistakes come at once

    # Below here it gets heavy: MJML, premailer, Typst.
    from newsletter.editions import EditionContext
    from newsletter.editions.export import export as write
    from newsletter.mail.compiler import render_eml

    context = EditionContext.from_workspace(workspace)
    forms = _ALL if form == "all" else (form,)
    written = write(context, issue, forms, output or workspace.build(issue.name), more={"eml": render_eml})
    for path in written.values():
        say(f"{short(path)}  {size(path.stat().st_size)}")
    if forms == ("web",):
        from newsletter.editions.glyphs import glyph_problems

        if problems := glyph_problems(context, issue):
            say("The page offers no PDF, which can't show every character:", style="yellow")
            show_problems(problems)
    if "pdf" in forms:
        from newsletter.editions.typefaces import lacking

        for family in {lacking(font, context.fonts) for font in (config.theme.font, config.theme.heading_font)} - {""}:
            say(f"The PDF does without {family}: put it into fonts/ as .ttf or .otf, or install it.", style="yellow")
    if check:
        from newsletter.checks import check_rendered
        from newsletter.cli.rendered import show_rendered

        report = check_rendered(context, issue)
        show_rendered(context, issue, report)
        sys.exit(1 if report.problems else 0)


def _copy(workspace: Workspace, draft: Path, folder: Path | None, address: str) -> None:
    from newsletter.campaigns.recipient_message import frozen_copy, listed_copy
    from newsletter.cli.store import known_store
    from newsletter.mail.dkim import DkimSigner
    from newsletter.mail.recipient_tags import RecipientTags
    from newsletter.subscribers.secret_keys import find_secret_keys

    name = draft.stem
    require_own_links(folder or workspace.build(name))
    store = known_store(workspace)
    recipient_tags = RecipientTags.from_keys(workspace, find_secret_keys(workspace))
    message = frozen_copy(store, recipient_tags, name, address) if store else None
    told = f"as it was frozen for the sending of {name}"
    if message is None:
        from newsletter.editions import EditionContext

        message = listed_copy(
            EditionContext.from_workspace(workspace), recipient_tags, load_issue(draft), workspace.subscribers, address
        )
        told = f"as the draft is now: {name} has not been sent to this reader"
    try:
        if signer := DkimSigner.from_config(workspace.config, workspace.root):
            message = signer.sign(message)
    except ConfigError as error:  # the key is on another machine, say
        reasons = [problem.message for problem in error.problems] or [error.message]
        told += f"; unsigned, because {reasons[0]}"
    path = (folder or workspace.build(name)) / f"{name}.reader.eml"
    with open_private(path, "wb") as file:  # with a token by which this reader can be unsubscribed
        file.write(message.data)
    say(f"{short(path)}  {size(len(message.data))}, {told}")


def _site(workspace: Workspace, folder: Path, sent_only: bool) -> None:
    from newsletter.checks.draft import own_problems
    from newsletter.editions import EditionContext
    from newsletter.editions.site import export_site

    paths = workspace.draft_paths()
    if sent_only:
        from newsletter.campaigns.sent_issues import sent_issues

        sent = sent_issues(workspace, None)  # by the records, which git brings anywhere
        paths = [path for path in paths if path.stem in sent]
    for path in paths:
        workspace.refuse_outside(path)
    context = EditionContext.from_workspace(workspace)

    def problems_of(draft: Draft) -> Sequence[Problem]:
        # The mails of an issue that has left lead to its page, whatever is wrong with it.
        return () if workspace.sending_has_begun(draft.path.stem) else own_problems(workspace, draft)

    site = export_site(context, [read_draft(path) for path in paths], folder, problems_of)
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
        say(f"{short(folder / name)} is removed: nothing leads to it any more")
    if not workspace.config.publication.website:
        say("Without a feed and a sitemap: they need [publication] website in newsletter.toml.", style="yellow")
    made = f"{counted(len(site.built), 'issue')} made" if site.built else "Nothing new"
    say(f"{short(folder / 'index.html')}: {made}, {len(site.kept)} unchanged", style="green")
    sys.exit(1 if site.without_pdf or site.held else 0)
