"""An editor restyles by templates, and a broken one is answered with its own file and line."""

from pathlib import Path

import pytest
from conftest import Publication

from newsletter.checks.publication_checks import check_editions
from newsletter.editions import (
    EditionContext,
    place_beside,
    render_html,
    render_pdf,
    render_text,
    render_web,
    write_default,
)
from newsletter.editions.edition_files import export_editions
from newsletter.errors import DecisionNeeded, TemplateError
from newsletter.issue.draft import load_issue
from newsletter.issue.model import Issue
from newsletter.scaffold import eject


def _restyle(publication: Publication, name: str, old: str, new: str) -> None:
    (copy,) = eject(publication.root / "templates", [name])
    text = copy.read_text()
    assert old in text
    copy.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("email.mjml.j2", "{{ subject }}", "{{ subjekt }}", "subjekt"),
        ("email.mjml.j2", "{{ subject }}", "{{ subject", "unexpected"),
        ("email.mjml.j2", "<mj-head>", "<mj-haed>", "mj-haed"),
        ("email.mjml.j2", "</mj-head>", "", "mj-"),
        ("email.mjml.j2", "<mj-divider padding", "<mj-divider pading", "Did you mean 'padding'?"),
        (
            "email.mjml.j2",
            '<mj-column direction="{{ publication.direction }}"',
            "<mj-column direction=rtl",
            'name="value"',
        ),
        ("email.mjml.j2", "<mj-head>", '<mj-head><mj-include path="/etc/passwd" />', "mj-include"),
        ("email.mjml.j2", "<h2>", "<h3>", "</h2> stands here"),
        ("email.mjml.j2", "<mj-column>", "<mj-column>words without a home", "put it into <mj-text>"),
        ("email.mjml.j2", "<mj-column>", "<mj-column><p>words</p>", "<p> stands in <mj-column>"),
        ("email.mjml.j2", "</mj-body>", "</mj-body><mj-body></mj-body>", "a second <mj-body>"),
        ("email.mjml.j2", '<p class="note">', '<p class="note">a < b, ', "written &lt;"),
        ("email.mjml.j2", "<h1>", "<h1 dir=rtl>", "in quotes"),
        ("email.css", "h1, h2 {", "</style> h1, h2 {", "</style>"),
        ("email.mjml.j2", '{% include "email.css" %}', '{% include "none.css" %}', "none.css"),
        ("email.mjml.j2", "{{ publication.title }}", "{{ publication.titel }}", "titel"),
        ("email.mjml.j2", "{{ publication.title }}", "{{ 1 / 0 }}", "division"),
        ("email.mjml.j2", "{{ theme.css_font }}", "{{ theme.fnot }}", "fnot"),
        ("email.css", "{{ theme.accent }}", "{{ theme.akzent }}", "akzent"),
        ("email.css", "{% set dark", "{% sett dark", "sett"),
        ("email.txt.j2", "address) | wrapped", "address) | wraped", "wraped"),
        ("edition.typ", "#masthead(", "#mastheadd(", "mastheadd"),
        ("edition.typ", "publish.with", '#import "@preview/cetz:0.2.0"\npublish.with', "network"),
        ("edition.typ", "#lead", "#lead(", "unclosed"),
        ("edition.typ", "#lead", '#read("/etc/passwd")', "passwd"),
        ("edition-parts.typ", "data.label", "data.labl", "labl"),
        ("edition-text.typ", "rgb(theme", "rbg(theme", "rbg"),
        ("edition-text.typ", "#let theme", '#import "@preview/cetz:0.2.0"\n#let theme', "network"),
        ("email.css", "p { margin: 0 0 12px; }", "p { margin: 0 0 12px;", "never closed"),
        ("web.css", ".logo { display: block;", ".logo display: block;", "closes nothing"),
        ("web.css", "html { background: var(--desk); }", "html { background: var(--desk);", "never closed"),
        ("label.j2", "number=issue.number", "number=issue.nubmer", "'issue' has no attribute 'nubmer'"),
        ("web.html.j2", "{{ pdf.name }}", "{{ pdf.nmae }}", "nmae"),
        ("web.css", "{{ dark.desk }}", "{{ dark.dsek }}", "dsek"),
        ("article.html.j2", "{% endfor %}", "", "endfor"),
    ],
)
def test_a_broken_template_is_answered_with_its_line(
    publication: Publication, name: str, old: str, new: str, words: str
) -> None:
    _restyle(publication, name, old, new)
    issue = load_issue(publication.workspace.find_draft("2.10"))
    with pytest.raises(TemplateError) as caught:
        export_editions(publication.context, issue, ("html", "text", "pdf", "web"), publication.root / "out")
    assert not (publication.root / "out").exists()
    said = " ".join([caught.value.message, *(problem.message for problem in caught.value.problems)])
    assert words in said
    text = (publication.root / "templates" / name).read_text().splitlines()
    for problem in caught.value.problems:
        assert problem.path == publication.root / "templates" / name
        assert problem.line <= len(text)
        if new and "{% include" not in new and "stands here" not in words:
            assert new.splitlines()[0] in text[problem.line - 1]


GOOD_CSS = [
    "{% if logo %}.a { color: red; {% else %}.a { color: blue; {% endif %} }",
    '.q { content: "\\"{"; }',
    ".q { content: 'it\\'s }'; }",
    ".sm\\{x { color: red }",
    ".u { background: url(data:image/svg+xml,{fill:red) }",
    "/* { */ .c { color: red }",
]


@pytest.mark.parametrize("css", GOOD_CSS)
def test_css_that_is_right_is_not_refused(publication: Publication, css: str) -> None:
    issue = load_issue(publication.workspace.find_draft("1.4"))
    for sheet in eject(publication.root / "templates", ["web.css", "email.css"]):
        sheet.write_text(f"{sheet.read_text()}\n{css}\n")
    export_editions(publication.context, issue, ["web", "html"], publication.root / "x")


GOOD_MJML = [
    ("<mj-attributes>", '<mj-attributes><mj-body background-color="#ffffff" />'),
    ("<mj-section>", "<mj-raw><table><tr><td></mj-raw><mj-raw></td></tr></table></mj-raw><mj-section>"),
    ("<mj-text>", '<mj-image src="x.png" alt="" max-height="20px" /><mj-text>'),
    ("<mj-section>", '{% if logo %}<mj-section padding="1px">{% else %}<mj-section padding="2px">{% endif %}'),
    ("</mj-body>", '<mj-wrapper gap="2px"><mj-section><mj-column></mj-column></mj-section></mj-wrapper></mj-body>'),
]


@pytest.mark.parametrize(("old", "new"), GOOD_MJML)
def test_mjml_that_is_right_is_not_refused(publication: Publication, old: str, new: str) -> None:
    _restyle(publication, "email.mjml.j2", old, new)
    issue = load_issue(publication.workspace.find_draft("2.10"))
    assert "Unsubscribe" in render_html(publication.context, issue, write_default, place_beside)


def test_a_slip_is_told_from_the_branches_around_it(publication: Publication) -> None:
    _restyle(publication, "email.mjml.j2", "<mj-section>", GOOD_MJML[3][1])
    copy = publication.root / "templates/email.mjml.j2"
    copy.write_text(copy.read_text().replace("<mj-divider padding", "<mj-divider pading", 1))
    with pytest.raises(TemplateError) as caught:
        render_html(
            publication.context, load_issue(publication.workspace.find_draft("2.10")), write_default, place_beside
        )
    (problem,) = caught.value.problems
    assert "pading" in problem.message or problem.line == 0


def test_a_broken_two_column_template_too(publication: Publication) -> None:
    publication.environ["NEWSLETTER_PDF__COLUMNS"] = "2"
    _restyle(publication, "edition-columns.typ", "#headlines(10.5pt)", "#headlines(10.5pt, 3)")
    with pytest.raises(TemplateError) as caught:
        render_pdf(publication.context, load_issue(publication.workspace.find_draft("1.4")))
    (problem,) = caught.value.problems
    assert problem.path == publication.root / "templates/edition-columns.typ"
    assert "unexpected argument" in problem.message
    assert problem.line > 0


def test_a_panic_in_typst_is_the_templates_error(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as pyo3 names it
        pass

    def panic(*args: object, **options: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr("typst.compile_with_warnings", panic)
    with pytest.raises(TemplateError) as caught:
        render_pdf(publication.context, load_issue(publication.workspace.find_draft("1.4")))
    (problem,) = caught.value.problems
    assert "index out of bounds" in problem.message


def test_templates_saved_by_windows_editors_look_the_same(publication: Publication) -> None:
    issue = load_issue(publication.workspace.find_draft("2.10"))
    makers = ("html", "text", "web")
    export_editions(publication.context, issue, makers, publication.root / "one")
    for copy in eject(publication.root / "templates", []):
        copy.write_bytes(b"\xef\xbb\xbf" + copy.read_bytes().replace(b"\n", b"\r\n"))
    export_editions(publication.context, issue, (*makers, "pdf"), publication.root / "two")
    for name in ("2.10.email.html", "2.10.txt", "2.10.html"):
        one, two = ((publication.root / folder / name).read_text() for folder in ("one", "two"))
        assert "\ufeff" not in two
        assert one.split() == two.split()


def test_a_template_that_is_not_utf8_is_named_and_not_the_logo_beside_it(publication: Publication) -> None:
    (copy,) = eject(publication.root / "templates", ["web.css"])
    (copy.parent / "a.png").write_bytes(b"\x89PNG\xff")
    copy.write_bytes(copy.read_bytes() + b"/* caf\xe9 */")
    with pytest.raises(TemplateError) as caught:
        export_editions(
            publication.context, load_issue(publication.workspace.find_draft("1.4")), ["web"], publication.root / "x"
        )
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (copy, "it is not UTF-8 text")


def test_a_typst_file_that_is_not_utf8_is_named(publication: Publication) -> None:
    (copy,) = eject(publication.root / "templates", ["edition-parts.typ"])
    copy.write_bytes(b"// caf\xe9\n" + copy.read_bytes())
    with pytest.raises(TemplateError) as caught:
        render_pdf(publication.context, load_issue(publication.workspace.find_draft("1.4")))
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (copy, "it is not UTF-8 text")


def test_a_workspace_can_restyle_one_template(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    (folder / "email.txt.j2").write_text("{{ publication.title }}: {{ issue.items | length }}\n")
    issue = load_issue(publication.workspace.find_draft("2.10"))
    assert render_text(publication.context, issue, write_default) == "Pacific Alliance Digest: 5\n"
    assert "<h1" in render_html(publication.context, issue, write_default, place_beside)


def test_a_change_to_a_template_shows_at_once(publication: Publication) -> None:
    folder = publication.root / "templates"
    folder.mkdir()
    context = publication.context
    issue = load_issue(publication.workspace.find_draft("2.10"))
    for words in ("one", "two", "one"):
        (folder / "email.txt.j2").write_text(words)
        assert render_text(context, issue, write_default) == f"{words}\n"


def test_eject_copies_and_never_overwrites(publication: Publication) -> None:
    done = publication.run("templates", "eject", "email.css", "edition.typ")
    assert done.returncode == 0
    assert "templates/email.css is yours now" in done.stdout
    own = publication.root / "templates"
    assert sorted(path.name for path in own.iterdir()) == ["edition.typ", "email.css"]
    (own / "email.css").write_text("/* mine */")
    again = publication.run("templates", "eject", "email.css")
    assert again.returncode == 1
    assert "templates/ has email.css already" in again.stderr
    rest = publication.run("templates", "eject")
    assert rest.returncode == 0
    assert (own / "email.css").read_text() == "/* mine */"
    assert (own / "web.html.j2").is_file()
    (own / "emial.css").write_text("p { color: red }")
    listed = publication.run("templates", "list")
    assert "templates/emial.css is used only where a template includes it. Did you mean 'email.css'?" in listed.stdout
    assert "web.css\ttemplates/web.css" in listed.stdout
    wrong = publication.run("templates", "eject", "web.ccs")
    assert wrong.returncode == 1
    assert "Did you mean 'web.css'?" in wrong.stderr


def test_the_programs_own_templates_are_not_ejected_onto_themselves() -> None:
    from newsletter.workspace import find_shipped

    with pytest.raises(DecisionNeeded, match="edit them in place"):
        eject(find_shipped("templates"), ["email.css"])


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("email.mjml.j2", "issue.sections", "()", "does not show sections"),
        ("article.html.j2", "issue.sections", "()", "does not show sections"),
        ("email.mjml.j2", '{% for block in issue.intro | blocks("intro", room=room) %}',
         "{% for block in issue.intro | paragraphs %}", "holds more than paragraphs"),
    ],
)  # fmt: skip
def test_a_template_that_would_leave_something_out_is_refused(
    publication: Publication, everything: Path, name: str, old: str, new: str, words: str
) -> None:
    """It may be older than what drafts can hold."""
    (template,) = eject(publication.root / "templates", [name])
    assert old in template.read_text()
    template.write_text(template.read_text().replace(old, new))
    everything.write_text(everything.read_text().replace("intro: >-\n", "intro: >-\n  - a list\n  - of two\n\n"))
    context = publication.context
    for path, is_refused in ((publication.workspace.find_draft("2.10"), False), (everything, True)):
        said = _find_faults(context, load_issue(path))
        assert [words in message for message in said] == ([True] if is_refused else [])


@pytest.mark.parametrize("name", ["web.html.j2", "index.html.j2"])
def test_a_page_that_leads_to_no_other_language_is_noted(publication: Publication, name: str) -> None:
    """It may be older than the publication's languages, and goes on working."""
    (template,) = eject(publication.root / "templates", [name])
    template.write_text(template.read_text().replace("hreflang", "title"))
    issue = load_issue(publication.workspace.find_draft("2.10"))

    def find_noted() -> list[str]:
        found = list(check_editions(publication.context, issue))
        assert all(finding.note for finding in found)
        return [Path(finding.problem.path).name for finding in found if finding.problem.code == "template"]

    assert find_noted() == []
    config = publication.root / "newsletter.toml"
    config.write_text(f"{config.read_text()}\n[languages.ja]\n")
    assert find_noted() == []
    publication.draft("2.10.ja", (publication.root / "drafts/2.10.yaml").read_text())
    assert find_noted() == [name]
    assert render_web(publication.context, issue, None)


def _find_faults(context: EditionContext, issue: Issue) -> list[str]:
    said = []
    for is_email in (True, False):
        try:
            if is_email:
                render_html(context, issue, write_default, place_beside)
            else:
                render_web(context, issue, None)
        except TemplateError as error:
            said += [problem.message for problem in error.problems]
    return said
