"""Where a template may ask for what differs by reader, and how it is written there."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from conftest import ROOT, Publication
from hypothesis import given
from hypothesis import strategies as st
from messages import texts

from newsletter.errors import TemplateError
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.message_template import MessageTemplate
from newsletter.mail.placeholders import MisplacedPlaceholder, PlaceholderNonces

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)
READER = {"email": "ada+1@example.org", "name": "Ada & Søn"}
LINK = '<a href="{{ unsubscribe }}">'


def _with(publication: Publication, html: str, name: str = "email.mjml.j2", place: str = LINK) -> MessageTemplate:
    """Return the sample compiled with a template in which `html` stands before the unsubscribe link."""
    folder = publication.root / "templates"
    folder.mkdir(exist_ok=True)
    source = (ROOT / "templates" / name).read_text()
    assert place in source
    (folder / name).write_text(source.replace(place, html + place))
    issue = load_issue(publication.workspace.find_draft("1.4"))
    return compile_message(publication.context, issue, "c", DATE)


def _sent(template: MessageTemplate) -> tuple[str, str]:
    return texts(template.render("k", "ada@example.org", READER).data)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://example.org/?who={{ reader('email', '') }}", "https://example.org/?who=ada%2B1%40example.org"),
        ("https://example.org/?n={{ reader('name', '') }}#top", "https://example.org/?n=Ada%20%26%20S%C3%B8n#top"),
        ("https://example.org/{{ reader('name', '') }}/", "https://example.org/Ada%20%26%20S%C3%B8n/"),
        ("https://example.org/?a={{ reader('city', 'x y') }}", "https://example.org/?a=x%20y"),
        ("mailto:a@example.org?subject={{ reader('name', '') }}", "mailto:a@example.org?subject=Ada%20%26%20S%C3%B8n"),
        # Encoded by the template already, and so not twice.
        ("https://example.org/?n={{ reader('name', '') | urlencode }}", "https://example.org/?n=Ada%20%26%20S%C3%B8n"),
    ],
)
def test_a_value_in_an_address_is_percent_encoded(publication: Publication, written: str, sent: str) -> None:
    _, html = _sent(_with(publication, f'<a href="{written}">yours</a>'))
    assert f'<a href="{sent}"' in html


def test_one_place_that_serves_text_and_address_is_written_for_each(publication: Publication) -> None:
    words = '{% set who = reader("name", "") %}<a href="https://example.org/?{{ who }}" title="{{ who }}">{{ who }}</a>'
    _, html = _sent(_with(publication, words))
    assert "https://example.org/?Ada%20%26%20S%C3%B8n" in html
    assert 'title="Ada &amp; Søn"' in html
    assert ">Ada &amp; Søn</a>" in html


def test_what_only_outlook_reads_is_filled_in_too(publication: Publication) -> None:
    words = (
        '<!--[if mso]><a href="https://example.org/?{{ reader("name", "") }}">{{ reader("name", "") }}</a><![endif]-->'
    )
    _, html = _sent(_with(publication, words))
    assert '<!--[if mso]><a href="https://example.org/?Ada%20%26%20S%C3%B8n">Ada &amp; Søn</a><![endif]-->' in html


def test_an_address_in_the_plain_text_is_encoded_by_the_filter_for_it(publication: Publication) -> None:
    line = 'Yours: https://example.org/?who={{ reader("name", "") | urlencode }}, {{ reader("name", "") }}\n'
    plain, _ = _sent(_with(publication, line, "email.txt.j2", '{{ labelled(_("Unsubscribe"), unsubscribe) }}'))
    assert "Yours: https://example.org/?who=Ada%20%26%20S%C3%B8n, Ada & Søn\n" in plain


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('<a href="{{ reader("site", "") }}">x</a>', "where it leads"),
        ('<a href="https://{{ reader("site", "") }}/">x</a>', "where it leads"),
        ('<a href="https://example.org{{ reader("site", "") }}">x</a>', "where it leads"),
        ('<a href="//example.org/{{ reader("site", "") }}">x</a>', "where it leads"),
        ('<a href="javascript:go({{ reader("site", "") }})">x</a>', "where it leads"),
        ('<a href="mailto:{{ reader("email", "") }}">x</a>', "where it leads"),
        ('<a title="a > b" href="{{ reader("site", "") }}">x</a>', "where it leads"),
        ('<!--[if mso]><a title=">" href="{{ reader("site", "") }}">x</a><![endif]-->', "where it leads"),
        ('<img src="https://example.org/{{ reader("email", "") }}.gif" alt="" />', "src="),
        ('<p style="color: {{ reader("colour", "red") }}">x</p>', "style"),
        ('<p onclick="go(\'{{ reader("name", "") }}\')">x</p>', "onclick="),
        ('<table background="https://example.org/{{ reader("email", "") }}"></table>', "background="),
        ('<p>{{ reader("name", "x") | upper }}</p>', "filter"),
    ],
)
def test_a_place_where_no_value_is_safe_is_refused(publication: Publication, written: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        _with(publication, written)
    (problem,) = caught.value.problems
    assert said in problem.message
    assert str(problem.path).endswith("email.mjml.j2")


@pytest.mark.parametrize(
    "markup",
    [
        '<p {}="x">x</p>',
        "<p>x</p {}>",
        "<!DOCTYPE {}>",
        "<?{}?>",
        "<{}>x",
        "<p title={}>x",
        "<!--[if mso]><p title={}>x</p>-->",
    ],
)
def test_markup_itself_takes_no_value(markup: str) -> None:
    nonces = PlaceholderNonces()
    with pytest.raises(MisplacedPlaceholder):
        nonces.split_html(markup.format(nonces.write_nonce("name", "")))


@pytest.mark.parametrize("tag", ["mj-style", 'mj-raw><style type="text/css"'])
def test_a_style_sheet_takes_no_value(publication: Publication, tag: str) -> None:
    closing = "</style></mj-raw>" if "raw" in tag else "</mj-style>"
    with pytest.raises(TemplateError, match=r"email\.mjml\.j2"):
        _with(publication, f'<{tag}>p {{ color: {{{{ reader("c", "red") }}}} }}{closing}', place="<mj-attributes>")


@given(value=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60))
def test_a_value_never_leaves_its_part_of_an_address(value: str) -> None:
    encoded = quote(value, safe="")
    assert encoded.isascii()
    assert not set(encoded) & set(":/?#[]@!$&'()*+,;= \"<>\\^`{|}")
