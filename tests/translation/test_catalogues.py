"""The catalogues hold every text, and each language's words are its own."""

import gettext
import importlib.util
import re
import tomllib
from types import ModuleType

import pytest
from conftest import ROOT

from newsletter.issue.quotation_marks import find_marks
from newsletter.translation import find_locale, find_word_faults, list_words, load_translator
from newsletter.translation.catalogue import FOLDER, TEMPLATE, read_catalogue
from newsletter.translation.languages import list_catalogues
from newsletter.translation.own_words import list_placeholders

LANGUAGES = [
    "ar", "de", "es", "fr", "he", "it", "ja", "ko", "nl", "pl", "pt-BR", "pt-PT", "tr", "uk", "zh-Hans", "zh-Hant",
]  # fmt: skip
# Texts that are the same in a language as in English, and why.
_SYMBOLS = {"{number} kB", "{number} MB"}  # of the SI, in Latin letters
_PATTERNS = {"{label}: {value}", "{title}, {address}"}  # the same marks, and no words
_FORMAT = {"PDF, {size}"}  # a format's name, and a comma
_SAME = {
    "de": _SYMBOLS | _PATTERNS | _FORMAT,
    "es": _SYMBOLS | _PATTERNS | _FORMAT | {"{count} byte"},
    "fr": {"Image", "{title}, {address}"} | _FORMAT,
    "it": _SYMBOLS | _PATTERNS | _FORMAT | {"{count} byte"},
    "ja": _SYMBOLS,
    "ko": _SYMBOLS | _PATTERNS | _FORMAT,
    "nl": _SYMBOLS | _PATTERNS | {"{count} byte"},
    "pl": _SYMBOLS | _PATTERNS | _FORMAT,
    "pt-BR": _SYMBOLS | _PATTERNS | _FORMAT | {"{count} byte"},
    "pt-PT": _SYMBOLS | _PATTERNS | _FORMAT | {"{count} byte"},
    "tr": _SYMBOLS | _PATTERNS | _FORMAT,
    "uk": _PATTERNS | _FORMAT,
    "he": _PATTERNS,
    "ar": {"{label}: {value}"},
    "zh-Hans": _SYMBOLS,
    "zh-Hant": _SYMBOLS,
}


def _load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "tools/translations.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_template_and_the_catalogues_are_as_make_translations_writes_them() -> None:
    tool = _load_tool()
    template = tool.extract_texts()
    assert TEMPLATE.read_text(encoding="utf-8") == tool.write_catalogue(template, "to be translated", "")
    files = sorted(FOLDER.glob("*.po"))
    assert [path.stem for path in files] == sorted({list_catalogues(language)[-1] for language in LANGUAGES} - {"zh"} |
                                                   {"pt_PT", "zh_Hans", "zh_Hant"})  # fmt: skip
    for path in files:
        assert path.read_text(encoding="utf-8") == tool.renew_catalogue(path, template)


def test_the_page_about_languages_lists_every_text() -> None:
    page = (ROOT / "docs/editors/language.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- `(.*)`$", page, re.MULTILINE)
    assert listed == [form for forms in list_words() for form in forms]
    (example,) = re.findall(r"^```toml\n(\[words\].*?)^```", page, re.MULTILINE | re.DOTALL)
    assert list(find_word_faults(tomllib.loads(example)["words"])) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_has_its_placeholders(language: str) -> None:
    translator = load_translator(language, {})
    assert translator.list_untranslated() == []
    assert set(translator.messages) == {forms[0] for forms in list_words()}
    for english, forms in translator.messages.items():
        for form in forms:
            assert list_placeholders(form) == list_placeholders(english), form
            assert not set("{}") & set(re.sub(r"\{[a-z_]+\}", "", form)), form
            assert form == form.strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_english_by_accident(language: str) -> None:
    translator = load_translator(language, {})
    assert {english for english, forms in translator.messages.items() if forms[0] == english} == _SAME[language]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.po")), ids=lambda path: path.stem)
def test_the_plural_rule_for_translators_is_that_of_cldr(path) -> None:
    text = path.read_text(encoding="utf-8")
    header = re.search(r"nplurals=(\d); plural=(.*?);\\n", text)
    locale = find_locale(path.stem.replace("_", "-"))
    assert header
    assert locale
    known = [name for name in ("zero", "one", "two", "few", "many") if name in locale.plural_form.tags] + ["other"]
    assert int(header[1]) == len(known)
    choose = gettext.c2py(header[2])
    for number in (*range(300), 1000, 1_000_000, 1_000_001, 2_000_000):
        assert known[choose(number)] == locale.plural_form(number)
    forms = read_catalogue(path.stem).get("{count} byte")
    assert forms is None or len(forms) == len(known)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", "0 bytes/1 byte/2 bytes/3 bytes/5 bytes/11 bytes/21 bytes/100 bytes"),
        ("pl", "0 bajtów/1 bajt/2 bajty/3 bajty/5 bajtów/11 bajtów/21 bajtów/100 bajtów"),
        ("uk", "0 байтів/1 байт/2 байти/3 байти/5 байтів/11 байтів/21 байт/100 байтів"),
        ("ar", "0 بايت/1 بايت/2 بايتان/3 بايتات/5 بايتات/11 بايتًا/21 بايتًا/100 بايت"),
    ],
)
def test_a_plural_goes_with_its_number(language: str, forms: str) -> None:
    translator = load_translator(language, {})
    written = [
        translator.translate_plural("{count} byte", "{count} bytes", count) for count in (0, 1, 2, 3, 5, 11, 21, 100)
    ]
    assert "/".join(written) == forms


@pytest.mark.parametrize("language", ["fr", "fr-CH"])
def test_french_has_a_narrow_space_that_is_not_broken_before_a_colon(language: str) -> None:
    for forms in load_translator(language, {}).messages.values():
        assert not re.search(r"(?<!\u202f)[:;?!]", forms[0])


@pytest.mark.parametrize(
    ("language", "marks"),
    [
        ("ar", "”“"), ("de", "„“"), ("es", "“”"), ("fr", "«»"), ("he", "””"), ("it", "«»"), ("ja", "「」"),
        ("ko", "“”"), ("nl", "“”"), ("pl", "„”"), ("pt-BR", "“”"), ("pt-PT", "«»"), ("tr", "“”"), ("uk", "«»"),
        ("zh-Hans", "“”"), ("zh-Hant", "「」"),
    ],
)  # fmt: skip
def test_the_quotation_marks_of_each_language_are_known(language: str, marks: str) -> None:
    assert "".join(find_marks(language).double) == marks


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("de", ["de"]),
        ("de-CH", ["de_CH", "de"]),
        ("pt", ["pt"]),
        ("pt-BR", ["pt_BR", "pt"]),
        ("pt-PT", ["pt_PT", "pt"]),
        ("pt-AO", ["pt_AO", "pt_PT", "pt"]),
        ("zh", ["zh_Hans", "zh"]),
        ("zh-SG", ["zh_Hans_SG", "zh_Hans", "zh"]),
        ("zh-tw", ["zh_Hant_TW", "zh_Hant", "zh"]),
        ("zh-hant-hk", ["zh_Hant_HK", "zh_Hant", "zh"]),
    ],
)
def test_a_language_falls_back_to_what_is_nearest(language: str, names: list[str]) -> None:
    assert list(list_catalogues(language)) == names
