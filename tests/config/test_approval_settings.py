"""The table [approval]: who may approve, and what is said of a table by which nobody could."""

from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.config import load_config
from newsletter.config.approval_settings import ApprovalSettings
from newsletter.errors import ConfigError

KEY = "D8F1 0A4C 9E5B 7A11 2B3C  4D5E 6F70 8192 A3B4 C5D6"


def _load(folder: Path, text: str, require: str = '["approved"]') -> ApprovalSettings:
    path = folder / "newsletter.toml"
    sample = (ROOT / "newsletter.toml").read_text(encoding="utf-8")
    path.write_text(f"{sample.replace('[send]', f'[send]{chr(10)}require = {require}')}\n{text}\n", encoding="utf-8")
    return load_config(path, {}).approval


def test_approvers_have_keys_of_either_kind(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        '[approval]\napprovers = ["ada@example.org", "ADA@Example.org", "bob@example.org"]\ncount = 2\n'
        'allowed_signers = "approvers"\ngpg_keys = "approvers.asc"\n'
        f'[approval.gpg]\n"bob@example.org" = "{KEY.lower()}"',
    )
    assert settings.approvers == ("ada@example.org", "bob@example.org")
    assert settings.gpg == {"bob@example.org": KEY.replace(" ", "")}


def test_a_publication_without_approval_needs_none(tmp_path: Path) -> None:
    assert _load(tmp_path, "", require='["committed"]') == ApprovalSettings()


@pytest.mark.parametrize(
    ("text", "words", "step"),
    [
        ("", "[approval] names nobody who may give it", "Add [approval] with approvers"),
        ('[approval]\ncount = 2\nallowed_signers = "a"', "[approval] names nobody", "Add [approval] with approvers"),
        ('[approval]\napprovers = ["ada@example.org"]', "says nothing of the approvers' keys", "Name a file with"),
        ('[approval]\napprovers = ["ada@example.org"]\ngpg_keys = "k"', "says nothing of the approvers'", "Name a"),
        ('[approval]\napprovers = ["ada@example.org"]\ncount = 2\nallowed_signers = "a"',
         "2 people have to approve, and 1 may", "Name more approvers"),
        ('[approval]\napprovers = ["ada"]\nallowed_signers = "a"', "'ada' is not an email address", "Write it as"),
        ('[approval]\napprovers = ["ada@example.org"]\ncount = 0\nallowed_signers = "a"', "'count' is 0", "1 at least"),
        (f'[approval]\napprovers = ["ada@example.org"]\ngpg_keys = "k"\n[approval.gpg]\n"eve@example.org" = "{KEY}"',
         "eve@example.org has a key, and is not among the approvers", "Write the address into"),
        ('[approval]\napprovers = ["ada@example.org"]\ngpg_keys = "k"\n[approval.gpg]\n"ada@example.org" = "C5D6"',
         "'C5D6' is not the fingerprint of an OpenPGP key", "Write all of it"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_table_by_which_nobody_could_approve(
    tmp_path: Path, text: str, words: str, step: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    (problem,) = caught.value.problems
    assert words in problem.message
    assert step in problem.next_step
    assert problem.line or not text
