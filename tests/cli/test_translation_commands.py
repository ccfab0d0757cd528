"""The commands of `newsletter draft` on translations, and `cite --into` one."""

import json
from pathlib import Path

import pytest
from conftest import ROOT, Publication
from draft_texts import PICTURES, drafts, write_draft
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image

import newsletter
from newsletter.actions.create_draft import create_draft, create_translation
from newsletter.actions.export import read_all_languages
from newsletter.checks.leftovers import find_unfinished_marks
from newsletter.checks.translation_differences import compare_with_main
from newsletter.drafting import compose_translation
from newsletter.errors import DraftError
from newsletter.issue.draft import parse_draft, read_draft
from newsletter.issue.draft_source import DraftSource
from newsletter.publication import OpenPublication


@pytest.fixture
def bilingual(publication: Publication) -> Publication:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n[languages.ja]\n[languages.zh-Hant]\n")
    return publication


def test_a_translation_begins_as_the_issue_with_every_text_marked(bilingual: Publication) -> None:
    ran = bilingual.run("draft", "new", "2.10", "--language", "ZH-hant")
    assert (ran.returncode, ran.stdout) == (0, "drafts/2.10.zh-hant.yaml: 2023-05-31\n")
    with OpenPublication(bilingual.workspace) as opened:
        main, draft = opened.draft("2.10"), opened.draft("2.10", "zh-hant")
        again = bilingual.run("draft", "new", "2.10", "--language", "zh-hant")
    assert main.issue is not None
    assert draft.issue is not None
    assert all(text.plain().startswith("TK – ") for text in draft.issue.texts())
    assert [link.href for text in draft.issue.texts() for link in text.links()] == [
        link.href for text in main.issue.texts() for link in text.links()
    ]
    assert again.returncode == 1
    assert "drafts/2.10.zh-hant.yaml is there already" in again.stderr


@pytest.mark.parametrize(
    ("name", "language", "message"),
    [
        ("2.10", "de", "'de' is not one of the publication's languages (en, ja, zh-Hant)."),
        ("2.10", "en", "en is the publication's own language: its drafts have no language in their names."),
        ("9.9", "ja", "There is no draft '9.9'."),
        ("2.11", "ja", "The draft 2.11.yaml has 1 problem."),
        ("2.10.ja", "ja", "2.10 has no draft in Japanese."),
        ("9.9.ja", "ja", "There is no draft '9.9.ja'."),
    ],
)
def test_what_can_t_be_translated_is_refused(bilingual: Publication, name: str, language: str, message: str) -> None:
    bilingual.draft("2.11", "volume: 2\nnumber: 11\ndate: 2024-01-02\n")
    with OpenPublication(bilingual.workspace) as opened, pytest.raises(DraftError) as raised:
        create_translation(opened, name, language)
    assert raised.value.message == message


def test_a_new_draft_with_a_language_in_its_name_is_told_to_be_a_translation(bilingual: Publication) -> None:
    with OpenPublication(bilingual.workspace) as opened, pytest.raises(DraftError) as raised:
        create_draft(opened, "2.10.JA")
    assert str(raised.value).startswith("2.10.JA is the name of a translation of 2.10.")
    assert raised.value.next_step == "newsletter draft new 2.10 --language ja"


def test_language_goes_with_no_number(bilingual: Publication) -> None:
    ran = bilingual.run("draft", "new", "--language", "ja", "--number", "11")
    assert ran.returncode == 2
    assert "--language is for a translation of an issue that has a draft" in ran.stderr


@settings(
    max_examples=3, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(draft=drafts())
def test_a_new_translation_of_any_issue_is_an_issue_with_the_same_parts(tmp_path: Path, draft: object) -> None:
    for name in PICTURES:
        Image.new("RGB", (60, 40)).save(tmp_path / name)
    write_draft(tmp_path / "2.1.yaml", draft)  # type: ignore[arg-type]  # as drafts() has it
    main = read_draft(tmp_path / "2.1.yaml")
    text = compose_translation(DraftSource(main.path, main.source))
    path = tmp_path / "2.1.ja.yaml"
    path.write_text(text, encoding="utf-8")
    translation = parse_draft(path, text, "ja")
    assert translation.problems == ()
    assert list(compare_with_main(main, translation, "en")) == []
    texts = list(DraftSource(path, text).texts())
    assert len(list(find_unfinished_marks(DraftSource(path, text)))) >= len(texts)


def test_the_draft_that_holds_everything_is_translated_whole(everything: Path) -> None:
    main = read_draft(everything)
    text = compose_translation(DraftSource(everything, main.source))
    translation = parse_draft(everything, text)
    assert translation.problems == ()
    assert main.issue is not None
    assert translation.issue is not None
    assert len(translation.issue.texts()) == len(main.issue.texts())
    marked = [line for line in text.splitlines() if line.strip(' "').startswith("TK")]
    assert sum(line.strip() == "TK" for line in marked) == 1  # before the sub-heading
    assert len(text.splitlines()) == len(main.source.splitlines()) + 2


def test_issues_are_listed_with_their_languages(bilingual: Publication) -> None:
    bilingual.draft("2.10.ja", (ROOT / "drafts/2.10.yaml").read_text(encoding="utf-8"))
    bilingual.draft("9.9.ja", "date: 2024-01-02\n")
    listed = json.loads(bilingual.run("draft", "list", "--json").stdout)
    assert {each["issue"]: each["languages"] for each in listed} == {
        "1.4": ["en"], "2.10": ["en", "ja"], "3.7": ["en"],
    }  # fmt: skip
    shown = bilingual.run("draft", "list").stdout
    assert "en, ja" in shown
    assert "drafts/9.9.ja.yaml is a translation of 9.9, which has no draft." in shown


def test_a_translation_is_formatted_and_checked_by_its_name(bilingual: Publication) -> None:
    text = (ROOT / "drafts/2.10.yaml").read_text(encoding="utf-8")
    path = bilingual.draft("2.10.ja", text.replace("intro: >-", "intro: >-  "))
    ran = bilingual.run("draft", "fmt", "2.10.ja")
    assert (ran.returncode, ran.stdout) == (0, "drafts/2.10.ja.yaml: formatted\n")
    assert path.read_text(encoding="utf-8") == text
    every = bilingual.run("draft", "check", "2.10")
    alone = bilingual.run("draft", "check", "2.10", "--language", "ja")
    by_name = bilingual.run("draft", "check", "2.10.ja")
    assert alone.stdout == by_name.stdout
    assert "drafts/2.10.yaml: no problems" in every.stdout
    assert "drafts/2.10.ja.yaml: no problems" in every.stdout
    assert "there is no translation into Chinese (Traditional)" in every.stdout
    assert "drafts/2.10.yaml" not in alone.stdout.replace("2.10.yaml:", "")
    bilingual.workspace.record("2.10").write_text("", encoding="utf-8")
    path.write_text(text.replace("intro: >-", "intro: >-  "), encoding="utf-8")
    assert "2.10.ja.yaml has been sent" in bilingual.run("draft", "fmt", "2.10.ja").stderr


def test_a_source_is_cited_into_a_translation(bilingual: Publication, tmp_path: Path) -> None:
    path = bilingual.draft("2.10.ja", (ROOT / "drafts/2.10.yaml").read_text(encoding="utf-8"))
    page = tmp_path / "page.html"
    page.write_text(
        '<html lang="en"><head><title>A report on trade</title>'
        '<link rel="canonical" href="https://example.org/report"></head><body><article><p>'
        + "Words of a report that is long enough to be read. " * 20
        + "</p></article></body></html>",
        encoding="utf-8",
    )
    ran = bilingual.run("cite", str(page), "--into", "2.10.ja")
    assert ran.returncode == 0, ran.stderr
    assert "drafts/2.10.ja.yaml:" in ran.stdout
    issue = read_draft(path, "ja").issue
    assert issue is not None
    assert "A report on trade" in issue.items[-1].headline.plain()
    assert "2.10.yaml" not in ran.stdout


def test_the_python_api_knows_languages(bilingual: Publication) -> None:
    with newsletter.Publication.open(bilingual.root, bilingual.environ) as publication:
        assert publication.languages == ("en", "ja", "zh-Hant")
        path = publication.new_translation("2.10", "ja")
        assert path.name == "2.10.ja.yaml"
        issue = publication.issue("2.10", language="ja")
        assert (issue.name, issue.language) == ("2.10", "ja")
        codes = {problem.code for problem in publication.check("2.10").problems}
        assert codes == {"unfinished"} == {problem.code for problem in publication.check(issue).problems}
        files = publication.export(issue, editions=["text"], to=bilingual.root / "out")
        assert files["text"].name == "2.10.ja.txt"


def test_all_languages_are_exported_or_one(bilingual: Publication) -> None:
    bilingual.draft("2.10.ja", (ROOT / "drafts/2.10.yaml").read_text(encoding="utf-8"))
    with OpenPublication(bilingual.workspace) as opened:
        assert [issue.edition_name for issue in read_all_languages(opened, "2.10")] == ["2.10", "2.10.ja"]
    one = bilingual.run("export", "text", "2.10", "--language", "JA", "-o", "out")
    assert (one.returncode, one.stdout.split()[0]) == (0, "out/2.10.ja.txt")
    text = (bilingual.root / "out/2.10.ja.txt").read_text(encoding="utf-8")
    assert "2023年5月31日" in text
    lacking = bilingual.run("export", "text", "2.10", "--language", "zh-Hant")
    assert lacking.returncode == 1
    assert "2.10 has no draft in Chinese (Traditional)." in lacking.stderr
