"""What an email uses is charged to the clients that lack it, at the place where a template has it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import pytest

from newsletter.checks import CLIENTS, AcceptedProblem, EmailReport, check_email, read_data_date
from newsletter.checks.acceptance import read_mjml_reasons
from newsletter.checks.checked_email import TemplateSource
from newsletter.checks.mail_clients import list_lacking_features
from newsletter.config.mail_settings import Client
from newsletter.errors import ConfigError, Problem

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _codes(report: EmailReport) -> list[str]:
    return [problem.code for problem in report.problems]


def _check(html: str, *sources: Path, clients: Sequence[str] = ("outlook-windows",)) -> EmailReport:
    return check_email(html, sources, clients)


# The data and its names.


def test_every_client_of_the_configuration_is_known() -> None:
    assert set(CLIENTS) == set(get_args(Client))


def test_every_client_has_data() -> None:
    for client in CLIENTS.values():
        assert client.platforms
        for platform in client.platforms:
            assert list_lacking_features(platform)


def test_the_data_says_how_old_it_is() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", read_data_date())


def test_what_mjml_makes_is_accepted_with_reasons_for_clients_that_lack_it() -> None:
    for (slug, client), reason in read_mjml_reasons().items():
        assert any(slug in list_lacking_features(platform) for platform in CLIENTS[client].platforms), (slug, client)
        assert reason.endswith(".")


# Which client sees what.


def test_a_feature_is_charged_to_those_who_lack_it(write: Write) -> None:
    css = write("email.css", "p { color: red; }\n\n.a { color: red;\n  gap: 2px }")
    report = _check('<p style="gap: 2px">x</p>', css, clients=["apple-mail", "outlook-windows", "yahoo"])
    assert report.problems == (
        Problem(
            path=css,
            line=4,
            column=3,
            code="css-gap",
            message="`gap` is not supported by Outlook for Windows (classic) and Yahoo on the web",
            next_step="Write it another way, or accept it with a comment that says why: {# accept css-gap: … #}",
        ),
    )
    assert not _check('<p style="gap: 2px">x</p>', css, clients=["apple-mail"]).problems


def test_platforms_are_named_where_only_some_lack_it(write: Write) -> None:
    template = write("email.mjml.j2", '<a href="#item-{{ n }}">x</a>')
    (problem,) = _check('<a href="#item-1">x</a>', template, clients=["gmail-mobile", "yahoo-mobile"]).problems
    assert "supported by Gmail on phones (iOS) and Yahoo on phones" in problem.message


def test_partly_supported_and_unknown_are_no_problem() -> None:
    assert not _check('<p style="border: 9px solid">x</p>').problems  # "a" for Outlook
    hover = "<style>@media (hover) { p { color: red } }</style>"
    assert not _check(hover, clients=["new-outlook"]).problems  # "u"
    assert _codes(_check(hover, clients=["yahoo"])) == ["css-at-media-hover"]


def test_what_stands_in_a_media_query_is_hidden_from_who_lacks_it(write: Write) -> None:
    css = write("email.css", "@media screen {\n  .a > p { gap: 2px }\n}")
    assert _codes(_check(f"<style>{css.read_text()}</style>", css)) == ["css-at-media"]
    codes = _codes(_check(f"<style>{css.read_text()}</style>", css, clients=["yahoo"]))
    assert codes == ["css-gap"]


def test_one_query_of_several_is_enough() -> None:
    sheet = "<style>@media print, (prefers-color-scheme: dark) { p { gap: 2px } }</style>"
    assert set(_codes(_check(sheet, clients=["yahoo"]))) == {"css-at-media-prefers-color-scheme", "css-gap"}


def test_a_selector_hides_its_rule_from_who_lacks_it() -> None:
    assert _codes(_check("<style>a:hover { box-shadow: 1px 1px }</style>")) == ["css-pseudo-class-hover"]
    either = "<style>a:hover, a:first-child { box-shadow: 1px 1px }</style>"  # premailer inlines :first-child
    assert set(_codes(_check(either))) == {"css-box-shadow", "css-pseudo-class-hover"}


def test_premailer_has_put_plain_rules_into_the_tags() -> None:
    assert not _check("<style>.a > p + p { color: red }</style>").problems
    assert _codes(_check("<style>.a > * { color: red }</style>")) == ["css-selector-child", "css-selector-universal"]
    printed = '<style media="print">.a > p { color: red }</style>'
    assert _codes(_check(printed, clients=["orange"])) == ["css-selector-child"]


_OUTLOOK_ONLY = '<!--[if mso | IE]><p style="gap: 1px">x</p><![endif]-->'
_OTHERS_ONLY = '<!--[if !mso]><!--><p style="gap: 1px">x</p><!--<![endif]-->'


@pytest.mark.parametrize(
    ("html", "outlook", "yahoo"),
    [
        (_OUTLOOK_ONLY, True, False),
        (_OTHERS_ONLY, False, True),
        ('<!--[if (gte mso 9)|(IE)]><p style="gap: 1px">x</p><![endif]-->', True, False),
        ('<!--[if gte mso 9 & lt mso 12]><p style="gap: 1px">x</p><![endif]-->', False, False),
        ('<!--[if lte mso 11]><p style="gap: 1px">x</p><![endif]-->', False, False),
        ('<!--[if mso 1.2.3]><p style="gap: 1px">x</p><![endif]-->', False, False),
        ('<![if !mso]><p style="gap: 1px">x</p><![endif]>', False, True),
        ('<!--[if !mso]><!-- --><p style="gap: 1px">x</p><!--<![endif]-->', False, True),
        ('<!-- <p style="gap: 1px">x</p> -->', False, False),
        (f"<!--[if !mso]><!-->{_OUTLOOK_ONLY}<!--<![endif]-->", False, False),
        ('<!--[if mso]><p style="gap: 1px">x</p>', True, False),
    ],
)
def test_conditional_comments(html: str, outlook: bool, yahoo: bool) -> None:
    assert ("css-gap" in _codes(_check(html))) is outlook
    assert ("css-gap" in _codes(_check(html, clients=["yahoo"]))) is yahoo


def test_premailer_leaves_a_sheet_for_outlook_alone() -> None:
    assert _codes(_check("<!--[if mso]><style>.a > p { color: red }</style><![endif]-->")) == ["css-selector-child"]


# Places.


def test_the_place_in_mjml(write: Write) -> None:
    template = write(
        "email.mjml.j2",
        "{# a comment\n over lines #}<mjml>\n<mj-style>\n{% if x %}\n a:hover { color: {{ ink }} }\n{% endif %}"
        '</mj-style>\n<mj-button {% if y %}x="1"{% endif %}\n  border-radius="4px" href="#x">\n'
        '<p class="{{ k }}"\n style="color: {{ ink }};\n  box-shadow: none; max-height: {{ n }}px">',
    )
    html = (
        '<style>a:hover { color: red }</style><a href="#x" style="border-radius: 4px"><p style="max-height: 3px">'
        '<div style="box-shadow: 1px 1px">'
    )
    report = check_email(html, [template], ["outlook-windows", "gmail-mobile"])
    assert [(p.line, p.column, p.code) for p in report.problems if p.line] == [
        (3, 1, "html-style"),
        (5, 3, "css-pseudo-class-hover"),
        (8, 3, "css-border-radius"),
        (8, 23, "html-anchor-links"),
        (11, 21, "css-max-height"),
    ]
    (made,) = [problem for problem in report.problems if not problem.line]
    assert made.code == "css-box-shadow"


def test_each_line_is_a_place_of_its_own(write: Write) -> None:
    css = write("email.css", ".a { row-gap: 1px; column-gap: 1px }\n.b { gap: 1px }")
    assert [p.line for p in _check('<p style="gap: 1px">', css).problems] == [1, 2]


def test_a_feature_that_no_template_has_is_mjmls(write: Write) -> None:
    template = write("email.mjml.j2", "<mjml>")
    (problem,) = _check('<p style="gap: 1px">', template).problems
    assert (problem.path, problem.line) == (template, 0)
    assert problem.message == "`gap` (made by MJML) is not supported by Outlook for Windows (classic)"


def test_a_use_that_a_client_never_sees_is_not_the_place(write: Write) -> None:
    css = write("email.css", "@media screen { p { gap: 1px } }")
    html = f'<style>{css.read_text()}</style><p style="gap: 1px">'
    assert [(p.line, p.code) for p in _check(html, css).problems] == [(1, "css-at-media"), (0, "css-gap")]


def test_a_template_without_the_email_is_silent(write: Write) -> None:
    assert not _check("<p>x</p>", write("email.css", "p { gap: 1px }")).problems


def test_a_value_before_a_unit_remains_a_length() -> None:
    source = TemplateSource(Path("email.css.j2"), "p { margin: {{ space }}rem; width: {{ wide }}% }")
    assert {"css-unit-rem", "css-unit-percent"} <= {found.slug for found in source.seen.others}


# Accepting.


def test_a_comment_accepts(write: Write) -> None:
    css = write("email.css", "p { gap: 1px; opacity: 0.5 }")
    template = write(
        "email.mjml.j2", "{#- accept css-gap, css-opacity: it only adds\n   some air: nothing is lost. -#}"
    )
    report = _check('<p style="gap: 1px; opacity: 0.5">', template, css)
    assert not report.problems
    assert [(one.problem.code, one.problem.line, one.reason) for one in report.accepted] == [
        ("css-gap", 1, "it only adds some air: nothing is lost."),
        ("css-opacity", 1, "it only adds some air: nothing is lost."),
    ]


@pytest.mark.parametrize(
    ("comment", "message", "next_step"),
    [
        ("{# accept css-gap #}", "css-gap is accepted, and nothing says why", "{# accept css-gap: why"),
        ("{# accept css-gap:  #}", "css-gap is accepted, and nothing says why", "{# accept css-gap: why"),
        ("{# accept css-gpa: air #}", "'css-gpa' is no feature", "Did you mean 'css-gap'?"),
        ("{# accept : air #}", "does not say what", "{# accept css-gap: why"),
    ],
)
def test_a_comment_that_accepts_nothing(write: Write, comment: str, message: str, next_step: str) -> None:
    template = write("email.mjml.j2", f"<mjml>\n  {comment}")
    report = _check('<p style="gap: 1px">', template)
    assert _codes(report) == ["css-gap", "accept"]
    problem = report.problems[-1]
    assert (problem.path, problem.line, problem.column) == (template, 2, 3)
    assert message in problem.message
    assert next_step in problem.next_step


def test_other_comments_are_left_alone(write: Write) -> None:
    assert not _check(
        "<p>x</p>", write("a.css", "{# acceptable: x #}{# accept-language #}{# we accept css-gap #}")
    ).problems


def test_what_mjml_makes_is_accepted_for_the_clients_it_is_known_of(write: Write) -> None:
    html = '<div style="opacity: 0">'
    report = check_email(html, [write("email.mjml.j2", "<mjml>")], ["outlook-windows", "aol"])
    assert not report.problems
    assert "preview line" in report.accepted[0].reason
    assert "Outlook for Windows (classic) and AOL" in report.accepted[0].problem.message
    written = check_email(html, [write("email.css", "p { opacity: 0 }")], ["outlook-windows"])
    assert _codes(written) == ["css-opacity"]


# Pictures and size.


def test_the_format_of_a_picture(write: Write) -> None:
    template = write("email.mjml.j2", "<mjml>")
    report = check_email("<p>x</p>", [template], ["gmail", "outlook-windows"], {"WEBP", "jpeg", "unheard-of"})
    (problem,) = report.problems
    assert (problem.path, problem.line, problem.code) == (template, 0, "image-webp")
    assert "of the kind webp, which is not supported by Outlook for Windows (classic)" in problem.message
    write("email.mjml.j2", "<mjml>{# accept image-webp: a caption tells it, too #}")
    report = check_email("<p>x</p>", [template], ["outlook-windows"], {"webp"})
    assert isinstance(report.accepted[0], AcceptedProblem)
    assert not report.problems


def test_a_long_mail_is_clipped_by_gmail(write: Write) -> None:
    template = write("email.mjml.j2", "<mjml>")
    html = "<p>" + "é" * 51_000
    report = _check(html, template, clients=["gmail-mobile"])
    assert report.size == 102_003
    (problem,) = report.problems
    assert problem.code == "clipped"
    assert "102,003 bytes" in problem.message
    assert not _check(html[:-2], template, clients=["gmail"]).problems
    assert not _check(html, template, clients=["outlook-windows"]).problems


def test_an_unknown_client() -> None:
    with pytest.raises(ConfigError) as caught:
        _check("<p>x</p>", clients=["gmial"])
    assert caught.value.next_step == "Did you mean 'gmail'?"
