"""Where the state is: an SQLite file or a PostgreSQL database, and no password in either's name."""

from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import ConfigError, Problem


def _problem(publication: Publication, url: str) -> Problem:
    publication.environ["NEWSLETTER_STORE__URL"] = url
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:///.newsletter/state.db", ".newsletter/state.db"),
        ("sqlite:////var/lib/digest/state.db", "/var/lib/digest/state.db"),
    ],
)
def test_a_file_lies_in_the_publication_or_where_its_path_says(publication: Publication, url: str, place: str) -> None:
    publication.environ["NEWSLETTER_STORE__URL"] = url
    assert publication.workspace.database == publication.root / Path(place)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://digest@db.example.org:5433/digest",
        "postgresql://db.example.org/digest",
        "postgresql:///digest?host=/var/run/postgresql",
        "postgresql://digest@[::1]/digest?sslmode=verify-full&sslrootcert=system",
        "postgresql://digest@db.example.org/digest?require_auth=md5&channel_binding=disable",
        "postgresql://di%40gest@localhost/my%20news?options=-csearch_path%3Dother",
    ],
)
def test_a_database_is_named_as_libpq_names_it(publication: Publication, url: str) -> None:
    publication.environ["NEWSLETTER_STORE__URL"] = url
    assert publication.workspace.database == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://digest:hunter2@localhost/digest",
        "postgresql://digest:@localhost/digest",
        "postgresql://digest@localhost/digest?password=hunter2",
        "postgres://digest:hunter2@localhost",
        "mysql://digest:hunter2@localhost/digest",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(publication: Publication, url: str) -> None:
    problem = _problem(publication, url)
    assert problem.code == "secret"
    assert "NEWSLETTER_STORE__PASSWORD" in problem.next_step
    assert "hunter2" not in str(problem)


def test_a_password_in_the_files_url_is_refused_with_its_line(publication: Publication) -> None:
    path = publication.root / "newsletter.toml"
    text = path.read_text().replace("sqlite:///.newsletter/state.db", "postgresql://digest:hunter2@localhost/digest")
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    (problem,) = caught.value.problems
    assert problem.code == "secret"
    assert "hunter2" in text.splitlines()[problem.line - 1]


@pytest.mark.parametrize(
    "url",
    [
        " ", "sqlite:///", "sqlite://state.db", "state.db", "postgresql:", "postgresql://localhost",
        "postgresql://localhost/", "postgresql://localhost/a/b", "postgresql://localhost:x/a",
        "postgresql://localhost:70000/a", "postgresql://localhost:0/a", "postgresql://[::1/a", "postgres://localhost/a",
        "postgresql+psycopg://localhost/a", "mysql://localhost/a", "postgresql://localhost/a#b",
        "postgresql://localhost/a?sslmode=of", "postgresql://localhost/a?passfile=/x", "postgresql://localhost/a?x",
        "sqlite:///a\nb",
    ],
)  # fmt: skip
def test_what_names_no_store_is_answered(publication: Publication, url: str) -> None:
    assert _problem(publication, url).code in ("store", "value")


def test_a_variable_that_a_runner_sets_to_nothing_is_none(publication: Publication) -> None:
    publication.environ["NEWSLETTER_STORE__URL"] = ""
    assert publication.workspace.config.store.url == "sqlite:///.newsletter/state.db"


def test_the_password_comes_from_the_environment_and_is_not_shown(publication: Publication) -> None:
    publication.environ["NEWSLETTER_STORE__PASSWORD"] = "hunter2"
    config = publication.workspace.config
    assert config.store.password is not None
    assert config.store.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(config)
