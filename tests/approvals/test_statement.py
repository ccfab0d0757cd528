"""The statement that is signed: written one way, and read only when it is written that way."""

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from newsletter.address import EmailAddress
from newsletter.approvals.approval_files import find_approval_file
from newsletter.approvals.statement import EMPTY_TREE, TAG, Statement, Unreadable, read_signed_statement
from newsletter.issue_name import IssueName
from newsletter.workspace import Workspace

_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_STATEMENTS = st.builds(
    Statement,
    publication=_WORDS,
    issue=st.from_regex(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", fullmatch=True).map(IssueName),
    approver=st.just(EmailAddress("ada@example.org")),
    editions=st.dictionaries(
        st.sampled_from(["en", "ja", "zh-Hant"]),
        st.dictionaries(st.sampled_from(["html", "pdf", "mail"]), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
        min_size=1,
    ),
    versions=st.dictionaries(st.sampled_from(["python", "typst"]), _WORDS),
)
_SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n"


def _note(message: str, signature: str = _SIGNATURE) -> bytes:
    head = f"object {EMPTY_TREE}\ntype tree\ntag {TAG}\ntagger Ada <ada@example.org> 1796095477 +0000\n\n"
    return f"{head}{message}{signature}".encode()


@given(_STATEMENTS)
def test_what_is_written_is_read(statement: Statement) -> None:
    try:
        note = read_signed_statement(_note(statement.text))
    except Unreadable:
        # Only where a value has a line in it that no setting can have.
        assert "\r" in statement.text or "-----BEGIN " in statement.text
        return
    assert note.statement == statement
    assert note.payload + note.signature == note.data


@given(st.binary(max_size=400))
def test_other_bytes_are_refused(data: bytes) -> None:
    for each in (data, _note("") + data, _note(data.decode(errors="replace"))):
        with pytest.raises(Unreadable):
            read_signed_statement(each)


@pytest.mark.parametrize("moment", ["99999999999", "0"])
def test_a_moment_is_any_that_there_is(moment: str) -> None:
    text = Statement(
        publication="x", issue=IssueName("1"), approver=EmailAddress("a@example.org"), editions={"en": {}}, versions={}
    ).text
    note = read_signed_statement(_note(text).replace(b"1796095477", moment.encode()))
    assert int(note.at.timestamp()) == int(moment)


@given(st.text(max_size=300))
def test_an_approval_lies_in_its_folder_whoever_it_is_of(address: str) -> None:
    workspace = Workspace(ROOT, {})
    path = find_approval_file(workspace, IssueName("2.10"), EmailAddress(address.encode(errors="replace").decode()))
    assert path.parent == ROOT / "drafts" / "2.10.approvals"
    assert len(path.name.encode()) < 230
    assert "/" not in path.name
