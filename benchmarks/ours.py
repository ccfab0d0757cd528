"""Ours: what `newsletter export` does, each edition in turn in one process. Started by editions.py."""

from argparse import ArgumentParser
from pathlib import Path

from stopwatch import Stopwatch, serve


def main() -> None:
    watch = Stopwatch()
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("draft", type=Path)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--serve", action="store_true", help="rebuild at each line on stdin")
    parser.add_argument("--forms", default="html,text,pdf", help="separated by commas")
    options = parser.parse_args()
    watch.lap("options")

    # In the order of newsletter/cli/export.py, which loads what is heavy when the draft is known to be right.
    from newsletter.cli import collect_rarely
    from newsletter.issue.draft import load_issue
    from newsletter.workspace import Workspace

    collect_rarely()
    watch.lap("imports for reading")
    workspace = Workspace(options.workspace, {})
    _ = workspace.config
    watch.lap("configuration")

    def build(watch: Stopwatch) -> None:
        issue = load_issue(options.draft)
        watch.lap("read")

        from newsletter.editions import EditionContext
        from newsletter.editions.edition_files import export_editions

        watch.lap("imports for editions")
        context = EditionContext.from_workspace(workspace)
        for form in options.forms.split(","):
            export_editions(context, issue, (form,), options.folder)
            watch.lap(form)

    if options.serve:
        serve(build)
    else:
        build(watch)
        watch.report()


main()
