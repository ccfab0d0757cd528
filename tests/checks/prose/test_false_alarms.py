"""The prose checks are silent on good prose: of a policy digest, a newspaper and a magazine, and in other languages."""

import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.checks.draft_report import Finding
from newsletter.checks.prose import PROSE_CHECKS, check_prose
from newsletter.issue.draft import load_issue
from newsletter.issue.draft_source import DraftSource

TEXTS = Path(__file__).parent / "texts"
BEGIN = "volume: 2\nnumber: 11\ndate: 2023-06-14\nitems:\n"


def _check(publication: Publication, path: Path) -> list[Finding]:
    text = path.read_text(encoding="utf-8")
    return list(check_prose(publication.workspace, DraftSource(path, text), load_issue(path)))


def _tell(found: list[Finding]) -> list[str]:
    return [str(each.problem) for each in found]


@pytest.mark.parametrize("name", ["policy", "news", "magazine"])
def test_good_prose_has_no_notes_given_the_words_of_its_field(publication: Publication, name: str) -> None:
    names = {"policy": "4.2", "news": "coast-guards", "magazine": "12.3"}
    path = publication.draft(names[name], (TEXTS / f"{name}.yaml").read_text(encoding="utf-8"))
    shutil.copyfile(TEXTS / "words.txt", publication.root / "words.txt")
    publication.environ["NEWSLETTER_PROSE__PROSELINT"] = "true"
    assert _tell(_check(publication, path)) == []


def test_without_the_words_of_the_field_its_acronyms_are_told_once_each(publication: Publication) -> None:
    path = publication.draft("4.2", (TEXTS / "policy.yaml").read_text(encoding="utf-8"))
    (publication.root / "words.txt").unlink()
    words = [each.problem.message.split("'")[1] for each in _check(publication, path)]
    known = {*(TEXTS / "words.txt").read_text(encoding="utf-8").split()}
    assert len(words) == len(set(words))
    assert {"AUKUS", "NDAA", "METI", "JAXA", "KAIST"} <= set(words) <= known


@pytest.mark.parametrize("quotation", ["„mehr als je teh und“", "„mehr als je teh und”", "« mieux que teh jamais »"])
def test_a_quotation_in_the_marks_of_another_language_is_not_english(publication: Publication, quotation: str) -> None:
    item = f"  - headline: One\n    detail: The port called it {quotation}, and the goverment agreed.\n"
    path = publication.draft("2.11", BEGIN + item)
    assert [each.problem.message for each in _check(publication, path)] == ["'goverment' looks misspelt"]


FOREIGN = {
    "ja": "日米両国の政府は、半導体の供給網について協議した。METIの担当者は、この件は the the 別だと述べた。",
    "de": "Die Regierungen beider Länder haben sich am 5. Mai in Hiroshima getroffen, wo sie sie begrüßt hatten, die "
    "die Reise bezahlt hatten. Das METI war vor Ort, teh Minister auch, und also goverment nicht.",
    "fr": "Les ministres se sont réunis le 5 mai à Hiroshima. Nous nous sommes mis d'accord. Le METI a signé teh "
    "accord avec la DGA, ici et là, avant le goverment.",
    "he": "השרים נפגשו בהירושימה ב-5 במאי. יום יום הם דיברו על METI ועל goverment ועל teh הסכם, לאט לאט.",
    "id": "Para menteri bertemu di Hiroshima dan berbicara hati hati tentang METI dan goverment.",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_english_is_looked_for_in_english_alone(publication: Publication, language: str) -> None:
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    publication.environ["NEWSLETTER_PROSE__PROSELINT"] = "true"
    publication.environ["NEWSLETTER_PROSE__READING_LEVEL"] = "1"
    text = f"{BEGIN}  - headline: METI\n    detail: >-\n      {FOREIGN[language]}\n"
    assert _tell(_check(publication, publication.draft("2.11", text))) == []


def test_a_passage_in_another_language_is_left_alone_and_one_in_english_is_read(publication: Publication) -> None:
    words = "Er sagte [teh goverment METI]{lang=fr} und [teh meeting]{lang=en}."
    text = f"{BEGIN}  - headline: One\n    detail: {words}\n"
    column = text.splitlines()[-1].rindex("teh") + 1
    for language in ("en", "de"):
        publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
        (found,) = _check(publication, publication.draft("2.11", text))
        assert (found.problem.line, found.problem.column) == (6, column)


@pytest.mark.parametrize("folder", [ROOT, *(ROOT / "examples/drafts").iterdir()], ids=lambda folder: folder.name)
def test_what_ships_has_no_notes(folder: Path) -> None:
    publication = Publication(folder)
    paths = publication.workspace.draft_paths()
    assert paths
    assert [told for path in paths for told in _tell(_check(publication, path))] == []


def test_every_check_has_its_setting(publication: Publication) -> None:
    settings = publication.workspace.config.prose
    assert {check.name for check in PROSE_CHECKS} == set(type(settings).model_fields) - {"words"}
