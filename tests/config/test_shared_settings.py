"""Settings of several publications in one workspace: each one's own over the workspace's, over the program's."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Publication
from hypothesis import given
from hypothesis import strategies as st
from several import add_publication

from newsletter.config import find_setting, load_config
from newsletter.config.shared_settings import OWN_KEYS, find_shared_file, is_publication_name, put_over
from newsletter.errors import ConfigError, Problem

SAMPLE = ROOT / "newsletter.toml"


def _refused(path: Path, environ: dict[str, str] | None = None) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    return list(caught.value.problems)


def test_what_a_publication_leaves_out_is_the_workspaces(publication: Publication) -> None:
    own = add_publication(publication, "weekly", '[pdf]\ncolumns = 2\n[theme]\naccent = "#00417a"\n')
    config, beside = load_config(own / "newsletter.toml", {}), load_config(SAMPLE, {})
    assert (config.publication.title, config.subscriber_list.id) == ("The Weekly", "weekly.example.org")
    assert (config.pdf.columns, config.pdf.paper) == (2, beside.pdf.paper)
    assert (config.theme.accent, config.theme.masthead) == ("#00417a", beside.theme.masthead)
    assert config.sender == beside.sender
    assert config.backends["smtp"] == beside.backends["smtp"]
    assert config.publication.contact == beside.publication.contact


@pytest.mark.parametrize(("table", "key"), [("list", "id"), ("list", "unsubscribe"), ("publication", "title")])
def test_what_makes_it_another_publication_is_not_shared(publication: Publication, table: str, key: str) -> None:
    own = add_publication(publication, "weekly") / "newsletter.toml"
    own.write_text(
        "".join(line for line in own.read_text().splitlines(keepends=True) if not line.startswith(f"{key} ="))
    )
    (problem,) = _refused(own)
    assert problem.message == f"[{table}] {key!r} is missing"
    assert (problem.path, problem.line) == (own, tomllib_line(own, f"[{table}]"))


def tomllib_line(path: Path, text: str) -> int:
    return path.read_text().splitlines().index(text) + 1


def test_a_publication_has_no_state_of_its_own(publication: Publication) -> None:
    own = add_publication(publication, "weekly", '[store]\nurl = "sqlite:///own.db"\n') / "newsletter.toml"
    (problem,) = _refused(own)
    assert "have one state" in problem.message
    assert (problem.path, problem.line) == (own, tomllib_line(own, "[store]"))


def test_an_id_is_never_shared(publication: Publication) -> None:
    shared = publication.root / "newsletter.toml"
    shared.write_text(shared.read_text().replace("[publication]\n", '[publication]\nid = "alpha"\n', 1))
    own = add_publication(publication, "weekly") / "newsletter.toml"
    assert (load_config(shared, {}).publication.id, load_config(own, {}).publication.id) == ("alpha", None)


def test_another_publications_list_is_never_mailed(publication: Publication) -> None:
    shared = publication.root / "newsletter.toml"
    shared.write_text(shared.read_text().replace('file = "subscribers.csv"', 'file = "members.csv"'))
    assert load_config(shared, {}).subscriber_list.file == "members.csv"
    own = add_publication(publication, "weekly")
    assert load_config(own / "newsletter.toml", {}).subscriber_list.file == "subscribers.csv"


def test_each_problem_is_in_the_file_that_has_it(publication: Publication) -> None:
    own = add_publication(publication, "weekly", "[pdf]\ncolumns = 3\n") / "newsletter.toml"
    shared = publication.root / "newsletter.toml"
    shared.write_text(shared.read_text().replace("[email]\n", '[email]\nclients = ["pigeon"]\n'))
    found = {problem.message: (problem.path, problem.line) for problem in _refused(own)}
    assert {place for message, place in found.items() if "columns" in message} == {
        (own, tomllib_line(own, "columns = 3"))
    }
    assert {place for message, place in found.items() if "pigeon" in message} == {
        (shared, tomllib_line(shared, 'clients = ["pigeon"]'))
    }
    assert find_setting(own, "pdf", "columns") == (own, tomllib_line(own, "columns = 3"))
    assert find_setting(own, "smtp", "port") == (shared, tomllib_line(shared, "port = 587"))
    assert find_setting(own, "list", "file") == (own, tomllib_line(own, "[list]"))


@pytest.mark.parametrize("text", ['title = "x"\n', '[smtp]\npassword = "hush"\n', "[keys]\n"])
def test_what_belongs_into_neither_file_is_told_of_both(publication: Publication, text: str) -> None:
    own, shared = add_publication(publication, "weekly") / "newsletter.toml", publication.root / "newsletter.toml"
    before = own.read_text()
    own.write_text(text + before)
    assert {problem.path for problem in _refused(own)} == {own}
    own.write_text(before)
    shared.write_text(text + shared.read_text().replace("[smtp]\n", "" if "[smtp]" in text else "[smtp]\n"))
    assert {problem.path for problem in _refused(own)} == {shared}


def test_a_file_that_is_no_toml_is_named(publication: Publication) -> None:
    own, shared = add_publication(publication, "weekly") / "newsletter.toml", publication.root / "newsletter.toml"
    shared.write_text("[publication\n")
    assert [problem.path for problem in _refused(own)] == [shared]
    own.write_text("[list\n")
    assert [problem.path for problem in _refused(own)] == [own]


def test_a_shared_web_address_leads_to_each_publications_own_pages(publication: Publication) -> None:
    shared = publication.root / "newsletter.toml"
    text = "".join(line for line in shared.read_text().splitlines(keepends=True) if not line.startswith("website ="))
    shared.write_text(text + '[service]\nurl = "https://news.example.org"\n')
    weekly = add_publication(publication, "weekly") / "newsletter.toml"
    config = load_config(weekly, {})
    assert config.service.url == "https://news.example.org/weekly"
    assert config.publication.website == "https://news.example.org/weekly/"
    assert load_config(shared, {}).publication.website == "https://news.example.org/"
    shared.write_text(
        shared.read_text().replace("[publication]\n", '[publication]\nwebsite = "https://example.org/a"\n')
    )
    assert load_config(weekly, {}).publication.website == "https://example.org/a/weekly/"
    environ = {"NEWSLETTER_SERVICE__URL": "http://localhost:8600"}
    assert load_config(weekly, environ).service.url == "http://localhost:8600/weekly"
    brief = add_publication(publication, "brief", '[service]\nurl = "https://brief.example.org"\n') / "newsletter.toml"
    assert load_config(brief, {}).service.url == load_config(brief, environ).service.url == "https://brief.example.org"


def test_a_variable_that_is_one_publications_own_is_refused(publication: Publication) -> None:
    own = add_publication(publication, "weekly") / "newsletter.toml"
    environ = {"NEWSLETTER_LIST__FILE": "/srv/members.csv", "NEWSLETTER_SMTP__HOST": "mail.example.org"}
    (problem,) = _refused(own, environ)
    assert problem.path == "environment variable NEWSLETTER_LIST__FILE"
    assert "each publication's own" in problem.message
    assert load_config(SAMPLE, environ).subscriber_list.file == "/srv/members.csv"


def test_words_are_shared_in_one_language_and_titles_in_none() -> None:
    shared = {
        "publication": {"language": "en", "title": "Ours"},
        "words": {"Details": "More"},
        "languages": {"ja": {"title": "ours", "sender": "us"}, "de": {"title": "unser"}},
    }
    assert put_over({"publication": {"language": "en"}}, shared)["words"] == {"Details": "More"}
    assert "words" not in put_over({"publication": {"language": "de"}}, shared)
    assert "languages" not in put_over({"publication": {}}, shared)
    assert put_over({"languages": {"ja": {"about": "x"}}}, shared)["languages"] == {
        "ja": {"sender": "us", "about": "x"}
    }


_KEYS = st.sampled_from(["title", "id", "file", "unsubscribe", "colour", "port"])
_TABLES = st.dictionaries(
    st.sampled_from(["publication", "list", "smtp", "theme"]), st.dictionaries(_KEYS, st.integers()), max_size=4
)


@given(own=_TABLES, shared=_TABLES)
def test_any_key_is_ones_own_or_else_the_workspaces(
    own: dict[str, dict[str, int]], shared: dict[str, dict[str, int]]
) -> None:
    before = json.dumps([own, shared])
    found = put_over(own, shared)
    assert json.dumps([own, shared]) == before
    for table in own | shared:
        for key in {**own.get(table, {}), **shared.get(table, {})}:
            lent = {} if (table, key) in OWN_KEYS else shared.get(table, {})
            expected: Any = own.get(table, {}).get(key, lent.get(key))
            assert found[table].get(key) == expected


@given(st.text(max_size=50))
def test_a_name_is_good_for_a_folder_a_path_and_a_lock(name: str) -> None:
    if is_publication_name(name):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 0 < len(name) <= 40


def test_a_folder_with_a_state_of_its_own_is_a_workspace_of_its_own(publication: Publication) -> None:
    own = add_publication(publication, "weekly")
    assert find_shared_file(own / "newsletter.toml") == publication.root / "newsletter.toml"
    (own / ".newsletter").mkdir()
    assert find_shared_file(own / "newsletter.toml") is None


def test_the_sample_says_nothing_of_publications() -> None:
    assert "id" not in tomllib.loads(SAMPLE.read_text())["publication"]
