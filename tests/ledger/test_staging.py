"""Staged recipients: their fields are written as json.dumps would write them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from newsletter.ledger.staging import dump_fields

_texts = st.text(st.characters(codec=None))  # lone surrogates, too


@given(st.dictionaries(_texts, _texts))
def test_fields_are_written_as_json_writes_them(fields: dict[str, str]) -> None:
    assert dump_fields(fields) == json.dumps(fields)
