"""Names of issues: what may be one, and what each says."""

import re
from datetime import date
from pathlib import Path, PurePosixPath, PureWindowsPath
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.issue_name import (
    find_numbering,
    is_draft_name,
    name_edition,
    order_name,
    parse_date,
    parse_numbers,
    read_issue_name,
)

_NAMES = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True).filter(is_draft_name)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, section 3.2.3


@given(st.text(max_size=70) | _NAMES)
def test_a_name_is_safe_wherever_it_stands(text: str) -> None:
    if not is_draft_name(text):
        return
    assert text == quote(text, safe="") == text.lower().strip()
    assert re.fullmatch(rf"{_ATOM}(\.{_ATOM})*", text)
    assert PurePosixPath(f"drafts/{text}.yaml").parts == ("drafts", f"{text}.yaml")
    assert PureWindowsPath(f"drafts/{text}.yaml").parts == ("drafts", f"{text}.yaml")
    assert PurePosixPath(f"{text}.yaml").stem == text
    assert len(text) <= 60


@given(st.lists(_NAMES, max_size=8, unique_by=lambda name: str(order_name(name))), st.randoms())
def test_names_have_one_order(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(shuffled, key=order_name) == sorted(names, key=order_name)


@pytest.mark.parametrize(
    ("name", "numbering", "numbers", "day"),
    [
        ("2.10", "volume", (2, 10), None),
        ("10", "number", (10,), None),
        ("2024", "number", (2024,), None),
        ("2024-05-16", "date", (), date(2024, 5, 16)),
        ("2024-02-30", "none", (), None),
        ("20240516", "none", (), None),
        ("2.10.1", "none", (), None),
        ("2.10-correction", "none", (), None),
        ("spring-fair", "none", (), None),
    ],
)
def test_what_a_name_says(name: str, numbering: str, numbers: tuple[int, ...], day: date | None) -> None:
    assert is_draft_name(name)
    assert (find_numbering(name), parse_numbers(name), parse_date(name)) == (numbering, numbers, day)


@given(_NAMES, st.sampled_from(["", "ja", "pt-BR", "zh-Hant"]))
def test_an_issue_is_known_again_by_the_name_of_its_file_in_a_language(name: str, language: str) -> None:
    named = name_edition(name, language)
    assert named == named.lower()
    assert (named == name) is not bool(language)
    assert read_issue_name(Path(f"{named}.yaml"), language) == name
