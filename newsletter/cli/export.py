"""newsletter export html|text|pdf|eml|all"""

from pathlib import Path

import click

from newsletter.cli.output import say, short, size
from newsletter.issue.draft import load_issue
from newsletter.workspace import find_workspace

_FORMS = ("html", "text", "pdf", "eml")


@click.command()
@click.argument("form", type=click.Choice([*_FORMS, "all"]))
@click.argument("draft", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to; build/ISSUE when left out.",
)
def export(form: str, draft: str | None, output: Path | None) -> None:
    """Write an issue's editions as files. DRAFT is 2.10 or a path; the newest when left out."""
    workspace = find_workspace(Path.cwd())
    issue = load_issue(workspace.find_draft(draft))
    config = workspace.config

    # Below here it gets heavy: MJML, premailer, Typst.
    from newsletter.editions import Press
    from newsletter.editions.export import export as write
    from newsletter.mail.template import sample_message

    press = Press(config, workspace.template_path, workspace.fonts)
    forms = _FORMS if form == "all" else (form,)
    written = write(press, issue, forms, output or workspace.build(issue.name), more={"eml": sample_message})
    for path in written.values():
        say(f"{short(path)}  {size(path.stat().st_size)}")
