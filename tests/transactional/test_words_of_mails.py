"""Mails to single readers say nothing in English of their own in any other language."""

import re
from collections.abc import Mapping

import pytest
from conftest import Publication, copy_sample
from leftover_english import (
    IN_OTHER_SCRIPTS,
    LANGUAGES,
    find_english,
    find_latin,
    list_pieces,
    list_texts_of,
    read_words,
)

from newsletter.editions import EditionContext
from newsletter.transactional.mail_kinds import MailKind
from newsletter.transactional.notice_rendering import render_notice_html, render_notice_text
from newsletter.transactional.notices import NoticeLinks, make_notice

# What readers see of the publication's own is in no language.
_SETTINGS = {
    "PUBLICATION__TITLE": "Quux", "PUBLICATION__CONTACT": "qua@qux.example.net",
    "SENDER__POSTAL_ADDRESS": "Quix", "SERVICE__URL": "https://qux.example.net", "LIST__SOURCE": "store",
}  # fmt: skip
_LINKS = NoticeLinks(
    action="https://qux.example.net/qua",
    unsubscribe=["https://qux.example.net/quo"],
    preferences="https://qux.example.net/qui",
)


@pytest.fixture(scope="module")
def quux(tmp_path_factory: pytest.TempPathFactory) -> Publication:
    publication = copy_sample(tmp_path_factory.mktemp("words") / "digest")
    publication.environ |= {f"NEWSLETTER_{name}": value for name, value in _SETTINGS.items()}
    return publication


def _read(publication: Publication, language: str, *, html: bool = True) -> Mapping[str, str]:
    """Return the words of each kind of mail, by a name."""
    publication.environ["NEWSLETTER_PUBLICATION__LANGUAGE"] = language
    context = publication.context
    texts = {kind: _render_text(context, kind) for kind in MailKind}
    pages = {f"{kind}, HTML": _render_html(context, kind) for kind in MailKind if html}
    return texts | pages


def _render_text(context: EditionContext, kind: MailKind) -> str:
    text = render_notice_text(context, make_notice(context.config, kind, _LINKS))
    return re.sub(r"https:\S+", "", text)


def _render_html(context: EditionContext, kind: MailKind) -> str:
    notice = make_notice(context.config, kind, _LINKS)
    return read_words(render_notice_html(context, notice, lambda picture: picture.name))


def test_the_look_for_english_finds_it_in_each_mail(quux: Publication) -> None:
    found = {name: find_english(words) for name, words in _read(quux, "en").items()}
    assert [name for name, english in found.items() if len(english) < 2] == []
    assert {"welcome to", "read earlier issues", "unsubscribe"} <= found["welcome, HTML"]
    assert list_pieces(list_texts_of("newsletter/transactional/notices.py")) - set().union(*found.values()) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_says_nothing_in_english(quux: Publication, language: str) -> None:
    """Its HTML has the same words as its text, and one template for all kinds: two languages are enough."""
    said = _read(quux, language, html=language in ("de", "ar"))
    assert {name: english for name, words in said.items() if (english := find_english(words, language))} == {}
    if language in IN_OTHER_SCRIPTS:
        assert {name: left for name, words in said.items() if (left := find_latin(words, {"Quux", "Quix"}))} == {}
