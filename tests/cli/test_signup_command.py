"""The form for one's own website is plain HTML that the service takes."""

import re
from contextlib import closing

import pytest
from conftest import Publication, Run

from newsletter import Publication as Api
from newsletter.errors import ConfigError, NewsletterError
from newsletter.publication import OpenPublication
from newsletter.subscribers.consent_words import find_words


@pytest.fixture
def joinable(digest: Publication, monkeypatch: pytest.MonkeyPatch) -> Publication:
    toml = digest.root / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[languages.ja]\ntitle = "ダイジェスト"\nconsent = "購読します。"\n')
    digest.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_LIST__SOURCE": "store"}
    for name, value in digest.environ.items():
        monkeypatch.setenv(name, value)
    return digest


def test_it_is_a_form_without_a_script_and_its_words_are_kept(run: Run, joinable: Publication) -> None:
    printed = run("signup", "snippet", "--name", "home-page", "--language", "ja")
    assert printed.exit_code == 0
    assert 'method="post" action="https://news.example.org/subscribe"' in printed.output
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', printed.output))
    assert (hidden["source"], hidden["language"]) == ("home-page", "ja")
    assert "購読します。" in printed.output
    assert not re.search("script|<link|https?://(?!news.example.org/subscribe)", printed.output)
    with Api.open(joinable.root, joinable.environ) as opened:
        assert opened.sign_up_form("home-page", language="ja") == printed.output
    with closing(OpenPublication(joinable.workspace)) as publication, publication.store.reading() as connection:
        assert find_words(connection, hidden["words"]) == "購読します。"


@pytest.mark.parametrize(
    ("args", "words"),
    [(["--name", "Home Page"], "can't name a form"), (["--name", ""], "can't name a form"),
     (["--language", "fr"], "They are: en, ja.")],
)  # fmt: skip
def test_what_can_t_be_is_said(run: Run, joinable: Publication, args: list[str], words: str) -> None:
    refused = run("signup", "snippet", *args).exception
    assert isinstance(refused, NewsletterError)
    assert words in f"{refused.message} {refused.next_step}"


def test_where_nobody_can_join_there_is_no_form(run: Run) -> None:
    refused = run("signup", "snippet").exception
    assert isinstance(refused, ConfigError)
    assert 'source = "store"' in refused.next_step
