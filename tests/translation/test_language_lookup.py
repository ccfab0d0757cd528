"""Which language a reader gets of those that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.translation.language_lookup import look_up_language


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("ja", ["en", "ja"], "ja"),
        ("JA_jp", ["en", "ja"], "ja"),
        (" ja-JP ", ["en", "ja"], "ja"),
        ("pt-BR", ["pt", "pt-BR"], "pt-BR"),
        ("pt-BR", ["en", "pt"], "pt"),
        ("zh-Hant-TW", ["zh-hans", "zh-hant"], "zh-hant"),
        ("zh-TW", ["zh-hans", "zh-hant"], "zh-hant"),
        ("zh-TW", ["zh", "zh-hant"], "zh-hant"),
        ("zh-TW", ["en", "zh"], "zh"),
        ("zh-TW", ["en", "zh-hans"], None),
        ("zh", ["zh-hant", "zh-hans"], "zh-hans"),
        ("en-GB", ["en-US", "ja"], "en-US"),
        ("en", ["en-US", "en-GB"], "en-US"),
        ("de-x-a-b", ["de"], "de"),
        ("sr-Latn", ["sr-Cyrl"], None),
        ("", ["en"], None),
        ("-", ["en"], None),
        ("xx", ["en", "ja"], None),
        ("<script>", ["en"], None),
        ("en; DROP TABLE", ["en"], None),
        ("ja" * 5000, ["en", "ja"], None),
        ("ja-" * 5000 + "ja", ["en", "ja"], None),
        ("en\0", ["en"], None),
        ("ｅｎ", ["en"], None),
        ("Japanese", ["en", "ja"], None),
    ],
)
def test_the_nearest_language_is_found(wanted: str, available: list[str], found: str | None) -> None:
    assert look_up_language(wanted, available) == found


@given(st.text(), st.lists(st.sampled_from(["en", "en-US", "ja", "zh-hant", "zh", "pt-BR", "ar"])))
def test_whatever_a_list_holds_is_one_of_the_languages_or_none(wanted: str, available: list[str]) -> None:
    assert look_up_language(wanted, available) in [*available, None]


@given(st.sampled_from(["en", "en-US", "ja", "zh-hant", "pt-BR"]), st.booleans())
def test_a_language_that_is_there_is_found_in_any_spelling(tag: str, upper: bool) -> None:
    spelled = tag.upper().replace("-", "_") if upper else tag
    assert look_up_language(spelled, ["ar", "zh", "en", "en-US", "ja", "zh-hant", "pt", "pt-BR"]) == tag
