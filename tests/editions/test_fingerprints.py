"""Fingerprints of editions: the same wherever they are made, and others once anything in them is."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Publication, copy_sample
from PIL import Image

from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.issue.draft import read_draft
from newsletter.scaffold import eject

ALL = {"html", "text", "web", "pdf", "readers", "mail"}
_PROGRAM = """
import json, sys
from newsletter.campaigns.issue_fingerprints import fingerprint_texts
from newsletter.campaigns.issue_texts import read_issue_texts
from newsletter.publication import OpenPublication
opened = OpenPublication.open(sys.argv[1])
for name in sys.argv[2:]:
    texts = read_issue_texts(opened.workspace, opened.edition_context, opened.draft(name))
    print(json.dumps(fingerprint_texts(texts)))
"""


def _fingerprints(publication: Publication, name: str = "2.10") -> dict[str, str]:
    draft = read_draft(publication.workspace.find_draft(name))
    return fingerprint_texts(read_issue_texts(publication.workspace, publication.context, draft))["en"]


@pytest.mark.slow
def test_they_are_the_same_in_each_time_zone_language_and_folder(tmp_path: Path) -> None:
    made = []
    for folder, environment in (
        ("here", {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        ("a longer way/to elsewhere", {"TZ": "America/Anchorage", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"}),
    ):
        publication = copy_sample(tmp_path / folder)
        for path in (ROOT / "tests/editions/everything").iterdir():
            (publication.root / "drafts" / path.name).write_bytes(path.read_bytes())
        everything = (ROOT / "tests/editions/everything.yaml").read_text(encoding="utf-8")
        for path in (publication.root, publication.draft("2.11", everything)):
            os.utime(path, (1, len(made)))
        command = [sys.executable, "-c", _PROGRAM, str(publication.root), "2.10", "2.11", "3.7"]
        done = subprocess.run(
            command, cwd=tmp_path / folder.partition("/")[0], env={**os.environ, "HOME": str(tmp_path), **environment},
            text=True, capture_output=True, check=True,
        )  # fmt: skip
        made.append([json.loads(line) for line in done.stdout.splitlines()])
    assert made[0] == made[1]
    assert len(made[0]) == 3
    assert all(set(each["en"]) == ALL for each in made[0])


def _change_text(root: Path) -> None:
    _replace(root / "drafts/2.10.yaml", "Leaders align", "Leaders agree")


def _change_picture(root: Path) -> None:
    path = root / "drafts/2.10-lead.jpg"
    with Image.open(path) as picture:
        changed = picture.convert("RGB")
    changed.putpixel((changed.width // 2, changed.height // 2), (255, 0, 0))
    changed.save(path, quality=95)


def _change_readers(root: Path) -> None:
    _replace(root / "drafts/2.10.yaml", "    detail: >-\n", "    only_for: [board]\n    detail: >-\n")


def _change_other_readers(root: Path) -> None:
    _replace(root / "drafts/2.10.yaml", "only_for: [board]", "only_for: [everyone]")


def _change_sender(root: Path) -> None:
    _replace(root / "newsletter.toml", "reply_to =", 'feedback_id = "digest"\nreply_to =')


def _change_words(root: Path) -> None:
    with (root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write('\n[words]\nHeadlines = "In brief"\n')


def _change_template(root: Path) -> None:
    eject(root / "templates", [])
    _replace(root / "templates/email.css", "{", "{ letter-spacing: 1px;")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (_change_text, {"html", "text", "web", "pdf", "mail"}),
        (_change_picture, {"html", "web", "pdf", "mail"}),
        (_change_words, {"html", "text", "web", "pdf", "mail"}),
        (_change_sender, {"mail"}),
        (_change_template, {"html", "mail"}),
        (_change_readers, {"web", "pdf", "readers"}),
    ],
)
def test_what_changes_is_another_edition(
    publication: Publication, change: Callable[[Path], None], changed: set[str]
) -> None:
    before = _fingerprints(publication)
    change(publication.root)
    after = _fingerprints(publication)
    assert {edition for edition in before if before[edition] != after[edition]} == changed


@pytest.mark.slow
def test_who_gets_what_is_part_of_it_and_another_column_is_another_mail(publication: Publication) -> None:
    _change_readers(publication.root)
    before = _fingerprints(publication)
    _change_other_readers(publication.root)
    after = _fingerprints(publication)
    assert {edition for edition in before if before[edition] != after[edition]} == {"readers"}
    _replace(publication.root / "drafts/2.10.yaml", "{{ name", "{{ nickname")
    assert {edition for edition in after if after[edition] != _fingerprints(publication)[edition]} == {
        "html", "text", "mail",
    }  # fmt: skip
