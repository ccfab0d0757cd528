"""Changes between two images of a database: applied to the one they give the other, and to no third one anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.carried_state.database_changes import apply_changes, find_changes
from newsletter.carried_state.sealing import NotOurs

_PAGES = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=6).map(lambda marks: b"".join(m * 4096 for m in marks))
_IMAGES = st.one_of(_PAGES, st.binary(max_size=10_000))


@given(_IMAGES, _IMAGES)
def test_changes_make_the_new_image_of_the_old_one(old: bytes, new: bytes) -> None:
    assert apply_changes(old, find_changes(old, new)) == new


def test_what_is_the_same_is_not_written() -> None:
    old = bytes(4096) * 100
    new = bytes(4096) * 50 + b"x" * 4096 + bytes(4096) * 49
    assert len(find_changes(old, new)) < 5000


@given(_IMAGES, _IMAGES, _IMAGES)
def test_changes_of_another_image_are_refused_or_do_no_harm(old: bytes, new: bytes, third: bytes) -> None:
    try:
        assert apply_changes(third, find_changes(old, new)) == new
    except NotOurs:
        assert third != old


def test_half_of_the_changes_are_refused() -> None:
    changes = find_changes(b"", b"x" * 10_000)
    with pytest.raises(NotOurs):
        apply_changes(b"", changes[:5000])
