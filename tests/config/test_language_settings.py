"""[languages.ja] and its like in newsletter.toml: what differs in a publication's other languages."""

from pathlib import Path

import pytest
from conftest import ROOT

from newsletter.config import Config, load_config
from newsletter.errors import ConfigError, Problem

_JAPANESE = """
[languages.ja]
title = "太平洋ダイジェスト"
about = "隔週"
sender = "太平洋研究所"
postal_address = "東京都千代田区1"
subject = "{headline}（{number}号）"

[languages.ja.words]
"Details" = "詳しく"

[languages.zh-Hant]
"""


def _load(folder: Path, more: str) -> Config:
    path = folder / "newsletter.toml"
    path.write_text((ROOT / "newsletter.toml").read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_config(path, {})


def _list_problems(folder: Path, more: str) -> list[tuple[str, Problem]]:
    with pytest.raises(ConfigError) as refused:
        _load(folder, more)
    lines = (folder / "newsletter.toml").read_text(encoding="utf-8").splitlines()
    return [(lines[problem.line - 1], problem) for problem in refused.value.problems]


def test_a_language_has_its_own_settings_and_the_publication_s_where_it_has_none(tmp_path: Path) -> None:
    config = _load(tmp_path, '\n[words]\n"Details" = "More"\n' + _JAPANESE)
    assert config.languages == ("en", "ja", "zh-Hant")
    japanese = config.in_language("JA")
    assert japanese.publication.language == "ja"
    assert (japanese.publication.title, japanese.publication.about) == ("太平洋ダイジェスト", "隔週")
    assert japanese.sender.from_.name == "太平洋研究所"
    assert japanese.sender.from_.address == config.sender.from_.address
    assert japanese.sender.postal_address == "東京都千代田区1"
    assert japanese.email.subject == "{headline}（{number}号）"
    assert japanese.translator.translate("Details") == "詳しく"
    assert (japanese.send, japanese.theme) == (config.send, config.theme)
    chinese = config.in_language("zh-hant")
    assert chinese.publication == config.publication.model_copy(update={"language": "zh-Hant"})
    assert (chinese.sender, chinese.email) == (config.sender, config.email)
    assert chinese.translator.translate("Details") not in ("More", "Details")


def test_the_publication_s_own_language_is_its_settings_as_they_are(tmp_path: Path) -> None:
    config = _load(tmp_path, _JAPANESE)
    assert config.in_language("") is config.in_language("EN") is config
    with pytest.raises(KeyError):
        config.in_language("de")


def test_a_publication_in_one_language_has_one(tmp_path: Path) -> None:
    assert _load(tmp_path, "").languages == ("en",)


@pytest.mark.parametrize(
    ("more", "line", "message"),
    [
        ("[languages.en]\n", "[languages.en]", "[languages.en] 'en' is the publication's own language already"),
        ("[languages.EN]\n", "[languages.EN]", "[languages.EN] 'EN' is not a language tag"),
        ("[languages.japanese]\n", "[languages.japanese]", "[languages.japanese] 'japanese' is not a language tag"),
        ("[languages.zh-Hant]\n[languages.zh-hant]\n", "[languages.zh-hant]", "[languages.zh-hant] 'zh-hant' is decl"),
        ('[languages."ja"]\ntitle = ""\n', 'title = ""', "[languages.ja] title: this has to be one line of text"),
        ("[languages.ja]\ntitel = 'x'\n", "titel = 'x'", "[languages.ja] 'titel' is not a known key"),
        ("[languages.ja]\nsubject = 'x'\n", "subject = 'x'", "[languages.ja] subject: 'x' can't make a subject"),
        ("[languages.ja.words]\nDetail = 'x'\n", "Detail = 'x'", "[languages.ja.words] 'Detail' is none of the texts"),
        ("[languages]\nja = 'x'\n", "ja = 'x'", "[languages] 'ja' should hold named values"),
        ("[languages]\nja = {titel = 'x'}\n", "ja = {titel = 'x'}", "[languages] ja: 'titel' is not a known key"),
    ],
)  # fmt: skip
def test_a_language_that_can_t_be_used_has_its_line(tmp_path: Path, more: str, line: str, message: str) -> None:
    ((found, problem),) = _list_problems(tmp_path, f"\n{more}")
    assert found == line
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    ("tag", "message", "advice"),
    [
        ("jp", "there is no language 'jp'", "Write [languages.ja], which is Japanese. Tags are "),
        ("zz", "there is no language 'zz'", "Tags are such as de, pt-BR and ja, as in [languages.ja]."),
        ("JA", "'JA' is not a language tag", "Write [languages.ja], which is Japanese. Tags are "),
        ("Japanese", "'Japanese' is not a language tag", "Write [languages.ja], which is Japanese. Tags are "),
        ("zh_Hant", "'zh_Hant' is not a language tag", "Write [languages.zh-Hant], which is Chinese (Traditional). "),
        ("Elvish", "'Elvish' is not a language tag", "Tags are such as de, pt-BR and ja"),
    ],
)
def test_a_language_that_is_none_is_told_its_tag(tmp_path: Path, tag: str, message: str, advice: str) -> None:
    ((_, problem),) = _list_problems(tmp_path, f"\n[languages.{tag}]\n")
    assert message in problem.message
    assert problem.next_step.startswith(advice)


def test_a_rare_language_is_one(tmp_path: Path) -> None:
    assert _load(tmp_path, "\n[languages.kr]\n[languages.nds]\n[languages.xnb]\n").languages == (
        "en",
        "kr",
        "nds",
        "xnb",
    )


def test_a_misspelled_setting_of_a_language_is_told_its_name(tmp_path: Path) -> None:
    ((_, problem),) = _list_problems(tmp_path, "\n[languages.ja]\ntitel = 'x'\n")
    assert problem.next_step == "Did you mean 'title'?"
