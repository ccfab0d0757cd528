"""A new workspace with its configuration, first draft and example list; and copies of the templates to restyle."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from newsletter.config.example import ABOUT, DOMAIN, POSTAL_ADDRESS
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft_schema import SCHEMA_NAME, build_draft_schema
from newsletter.issue.numbering import number_next_issue
from newsletter.issue.skeleton import NewIssue, compose_draft
from newsletter.subscribers.secret_keys import KEYS_NAME, create_secret_keys
from newsletter.text import suggest_nearest
from newsletter.workspace import CONFIG_NAME, STATE_FOLDER, TEMPLATES, find_shipped

_GITIGNORE = """\
# Readers' addresses and the record of who got what are personal data: they stay out of git.
subscribers.csv
*.csv
!subscribers.example.csv
*.tsv
*.eml
*.mbox
*.db
.newsletter/
build/
# So do passwords and keys, and what editors' programs leave beside a file.
.env
*.pem
keys.toml
*~
.*.swp
"""
_EXAMPLE_LIST = "subscribers.example.csv"


def make_workspace(folder: Path, title: str) -> list[Path]:
    """Write the files of a new publication into `folder`; return their paths. Never overwrites: raises DecisionNeeded.

    Templates are left out: a copy that nobody restyles would hide the later versions (`eject` copies them).
    """
    if not title.strip() or not title.isprintable():
        raise DecisionNeeded("A title is one line of text.", next_step="Give one: --title 'My Newsletter'")
    if os.path.lexists(folder / CONFIG_NAME):
        raise DecisionNeeded(
            f"{folder / CONFIG_NAME} is there already.",
            next_step="Name another folder; or use the workspace that is there.",
        )
    made = write_first_files(folder, {".gitignore": _GITIGNORE})
    if not os.path.lexists(folder / STATE_FOLDER / KEYS_NAME):
        made.append(create_secret_keys(folder))
    # Last, since it is what makes a folder a workspace: a half-made one can be made again.
    (folder / CONFIG_NAME).write_text(_write_config(title), encoding="utf-8")
    return [folder / CONFIG_NAME, *made]


def write_first_files(folder: Path, more: Mapping[str, str]) -> list[Path]:
    """Write what a publication begins with, `more` texts by their names first, where nothing is yet.

    These are an example of a list, a first draft, and the schema by which editors' programs check drafts. Return the
    files that were written.
    """
    upcoming = number_next_issue(None, "biweekly", "yearly", datetime.now(UTC).date())
    texts = {
        **more,
        _EXAMPLE_LIST: find_shipped(_EXAMPLE_LIST).read_text(encoding="utf-8"),
        f"drafts/{SCHEMA_NAME}": build_draft_schema(),
        f"drafts/{upcoming.name}.yaml": compose_draft(NewIssue.from_number(upcoming)),
    }
    made = []
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            path.write_text(text, encoding="utf-8")
            made.append(path)
    return made


def eject(folder: Path, names: Sequence[str]) -> list[Path]:
    """Copy the named templates that come with the program, or all, into `folder`; return the copies.

    Raises DecisionNeeded for one that is there already, before any is copied, and for a name that is none.
    """
    known = {path.name: path for path in sorted(find_shipped(TEMPLATES).iterdir())}
    for name in names:
        if name not in known:
            hint = suggest_nearest(name, list(known)) or f"There are: {', '.join(known)}."
            raise DecisionNeeded(f"There is no template {name!r}.", next_step=hint)
    there = [name for name in names or known if os.path.lexists(folder / name)]
    if folder.resolve() == find_shipped(TEMPLATES).resolve():
        raise DecisionNeeded("This publication's templates are the program's own: edit them in place.")
    if there and (names or len(there) == len(known)):
        raise DecisionNeeded(
            f"{folder.name}/ has {', '.join(there)} already.",
            next_step="Edit what is there; or delete it, and then eject it again.",
        )
    folder.mkdir(exist_ok=True)
    copies = [folder / name for name in names or known if name not in there]
    for copy in copies:
        shutil.copyfile(known[copy.name], copy)
    return copies


def _write_config(title: str) -> str:
    """Return the sample publication's configuration, with another title and without its own facts."""
    source = find_shipped(CONFIG_NAME).read_text(encoding="utf-8")
    source = source.replace("# The sample publication. Each", "# Your publication. Each")
    source = re.sub(r'about = """.*?"""', f'about = "{ABOUT}"', source, flags=re.DOTALL)
    source = re.sub(
        r"^title = .*$", lambda _: f"title = {json.dumps(title, ensure_ascii=False)}", source, flags=re.MULTILINE
    )
    name = title.replace(chr(34), "").replace(chr(92), "").strip() or "Newsletter"
    sender = json.dumps(f'"{name}" <digest@{DOMAIN}>', ensure_ascii=False)
    source = re.sub(r"^from = .*$", lambda _: f"from = {sender}", source, flags=re.MULTILINE)
    source = re.sub(r"^postal_address = .*$", f'postal_address = "{POSTAL_ADDRESS}"', source, flags=re.MULTILINE)
    source = re.sub(r"^timezone = .*$", 'timezone = "UTC"', source, flags=re.MULTILINE)
    source = re.sub(r"^website = ", "# website = ", source, flags=re.MULTILINE)
    # `init` makes keys too, so that a mail can say by a token whose it is.
    source = re.sub(r'^(unsubscribe = "[^"?]*)"', r'\1?subject=unsubscribe%20{{ token }}"', source, flags=re.MULTILINE)
    return re.sub(r"(?<=[@.])example\.org", DOMAIN, source)
