"""Drafts in several languages are one issue: whose translation a file is, by its name."""

from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import DraftError
from newsletter.issue.draft import read_draft
from newsletter.publication import OpenPublication

_DECLARED = "\n[languages.ja]\n[languages.zh-Hant]\n[languages.pt-BR]\n"


@pytest.fixture
def bilingual(publication: Publication) -> Publication:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(_DECLARED)
    return publication


def _copy(publication: Publication, name: str, source: str = "2.10") -> Path:
    return publication.draft(name, (publication.root / f"drafts/{source}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("stem", "issue", "language"),
    [
        ("2.10.ja", "2.10", "ja"), ("2.10.JA", "2.10", "ja"), ("2.10.zh-hant", "2.10", "zh-Hant"),
        ("10.pt-br", "10", "pt-BR"), ("2024-05-16.ja", "2024-05-16", "ja"),
        ("2.10-correction.ja", "2.10-correction", "ja"),
        ("spring-fair.ja", "spring-fair", "ja"), ("2.10", "2.10", ""), ("2.10.de", "2.10.de", ""),
        ("2.10.en", "2.10.en", ""), ("ja", "ja", ""), (".ja", ".ja", ""), ("spring.fair", "spring.fair", ""),
        ("2.10.ja.zh-hant", "2.10.ja", "zh-Hant"),
    ],
)  # fmt: skip
def test_a_name_is_split_where_a_declared_language_stands(
    bilingual: Publication, stem: str, issue: str, language: str
) -> None:
    assert bilingual.workspace.split_name(stem) == (issue, language)


def test_one_issue_has_all_its_translations(bilingual: Publication) -> None:
    before = bilingual.workspace.draft_paths()
    chinese, japanese = _copy(bilingual, "2.10.zh-hant"), _copy(bilingual, "2.10.ja")
    _copy(bilingual, "3.7.ja", "3.7")
    workspace = bilingual.workspace
    assert workspace.draft_paths() == before
    assert list(workspace.translations_of("2.10").items()) == [("ja", japanese), ("zh-Hant", chinese)]
    assert workspace.translations_of("1.4") == {}
    assert workspace.misnamed_drafts() == []
    assert workspace.find_draft(None) == before[-1]


def test_a_translation_is_read_as_the_issue_in_its_language(bilingual: Publication) -> None:
    path = _copy(bilingual, "2.10.ja")
    with OpenPublication(bilingual.workspace) as opened:
        draft, main = opened.draft("2.10", "ja"), opened.draft("2.10")
    assert draft.problems == ()
    assert (draft.path, draft.name, draft.language) == (path, "2.10", "ja")
    assert draft.issue is not None
    assert (draft.issue.name, draft.issue.language) == ("2.10", "ja")
    assert draft.issue.seen_by(frozenset()).language == "ja"
    assert main.issue is not None
    assert (main.name, main.language, main.issue.language) == ("2.10", "", "")
    assert draft.issue != main.issue


def test_an_issue_without_numbers_has_one_name_in_all_languages(bilingual: Publication) -> None:
    text = "date: 2024-05-16\nkind: announcement\nsubject: A\nitems: [{headline: A, detail: B}]\n"
    path = bilingual.draft("spring-fair.ja", text)
    assert read_draft(path, "ja").problems == ()
    issue = read_draft(path, "ja").issue
    assert issue is not None
    assert issue.name == "spring-fair"


def test_a_translation_of_another_number_is_told_its_own_name(bilingual: Publication) -> None:
    path = _copy(bilingual, "2.11.ja")
    (problem,) = read_draft(path, "ja").problems
    assert problem.message == "the file is named 2.11.ja.yaml, but says it is 2.10"
    assert problem.next_step == "Rename it to 2.10.ja.yaml, or mend volume and number."


def test_where_no_language_is_declared_a_draft_of_such_a_name_is_an_issue(publication: Publication) -> None:
    path = publication.draft("spring.ja", "date: 2024-05-16\nsubject: A\nitems: [{headline: A, detail: B}]\n")
    workspace = publication.workspace
    assert path in workspace.draft_paths()
    assert workspace.find_draft("spring.ja") == path
    assert workspace.split_name("spring.ja") == ("spring.ja", "")
    with OpenPublication(workspace) as opened:
        assert opened.issue("spring.ja").name == "spring.ja"


@pytest.mark.parametrize("name", ["2.10.ja", "drafts/2.10.ja.yaml"])
def test_a_translation_alone_is_no_issue_to_act_on(
    bilingual: Publication, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _copy(bilingual, "2.10.ja")
    monkeypatch.chdir(bilingual.root)
    with pytest.raises(DraftError, match=r"is the translation of 2\.10 into Japanese") as raised:
        bilingual.workspace.find_draft(name)
    assert raised.value.next_step == "Name 2.10; where one language is wanted, with --language ja"
    assert bilingual.workspace.find_draft_file(name).resolve() == path
    assert bilingual.workspace.find_draft(name, "JA").resolve() == path
    assert bilingual.workspace.find_draft("2.10.ja", "en") == bilingual.root / "drafts/2.10.yaml"


def test_a_translation_that_is_not_there_is_told_how_to_make_it(bilingual: Publication) -> None:
    with pytest.raises(DraftError, match=r"2\.10 has no draft in Chinese .Traditional.\.") as raised:
        bilingual.workspace.find_draft("2.10", "zh-hant")
    assert raised.value.next_step == "newsletter draft new 2.10 --language zh-Hant"
    with pytest.raises(DraftError, match="'de' is not one of the publication's languages") as raised:
        bilingual.workspace.find_draft("2.10", "de")
    assert raised.value.next_step == "Declare it with a table [languages.de] in newsletter.toml."
    with pytest.raises(DraftError, match="'Japanese' is not one of") as raised:
        bilingual.workspace.find_draft("2.10", "Japanese")
    assert raised.value.next_step.startswith("A language is named by its tag, such as ja;")


def test_with_a_broken_configuration_no_translation_is_known(bilingual: Publication) -> None:
    path = _copy(bilingual, "2.10.ja")
    (bilingual.root / "newsletter.toml").write_text("[nothing", encoding="utf-8")
    assert path in bilingual.workspace.draft_paths()  # as are all others, and none of them can be sent


def test_nothing_is_made_of_a_translation_whose_main_draft_can_t_be_read(bilingual: Publication) -> None:
    _copy(bilingual, "2.10.ja")
    (bilingual.root / "drafts/2.10.yaml").write_text("items: [\n")
    with OpenPublication(bilingual.workspace) as opened:
        draft = opened.draft("2.10", "ja")
    assert draft.issue is None  # members' items would be for all in it
    assert [problem.path for problem in draft.problems] == [bilingual.root / "drafts/2.10.yaml"]
