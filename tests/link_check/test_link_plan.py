"""What is said of a draft's links without asking anybody."""

import pytest
from conftest import Publication
from linked_draft import HEAD, silence_note, write_draft

from newsletter.fetching.login_pages import has_password_form, is_login_address
from newsletter.issue.draft import read_draft
from newsletter.link_check import LinkPlan, plan_link_check
from newsletter.link_check.page_key import make_page_key


@pytest.fixture
def digest(publication: Publication) -> Publication:
    silence_note(publication)
    return publication


def plan(digest: Publication, *addresses: str, name: str = "2.11", more: str = "") -> LinkPlan:
    return plan_link_check(digest.workspace, write_draft(digest, addresses, name, more))


def said(planned: LinkPlan) -> list[tuple[int, str]]:
    return [(finding.problem.line, finding.problem.code) for finding in planned.findings]


def test_every_link_is_planned_wherever_it_stands(digest: Publication) -> None:
    silence_note(digest, "By the [institute](https://example.org/standing).")
    path = digest.draft(
        "2.11",
        HEAD.replace("items:\n", "intro: See [a](https://example.org/intro).\nitems:\n")
        + """\
  - headline: News
    detail: "[b](https://example.org/detail), www.example.org/bare, [c](#1) and [d](issue:2.9)"
    link: https://example.org/source
sections:
  - title: More
    text: "- [e](https://example.org/list)"
    button: {text: Go, link: https://example.org/button}
note: "[f](/about)[^1]\\n\\n[^1]: [g](https://example.org/foot#part)"
""",
    )
    draft = read_draft(path)
    assert not draft.problems
    planned = plan_link_check(digest.workspace, draft)
    assert sorted(address.partition("//")[2] for address in planned.addresses) == [
        "example.org/about", "example.org/button", "example.org/detail", "example.org/foot", "example.org/intro",
        "example.org/list", "example.org/source", "example.org/standing", "www.example.org/bare",
    ]  # fmt: skip
    assert {link.written: link.item for link in planned.links}["https://example.org/source"] == 1


def test_links_that_differ_for_each_reader_are_not_asked(digest: Publication) -> None:
    planned = plan(digest, "https://example.org/rsvp?who={{ email }}", "https://example.org/a")
    assert (planned.addresses, planned.unasked) == (("https://example.org/a",), 1)


def test_tracking_is_offered_without(digest: Publication) -> None:
    planned = plan(digest, "https://example.org/a?id=3&utm_source=mail&fbclid=x1", "https://example.org/b?ref=home")
    (finding,) = planned.findings
    assert (finding.problem.line, finding.problem.column, finding.note) == (7, 15, True)
    assert "(utm_source, fbclid)" in finding.problem.message
    assert finding.problem.next_step == "Write it without: https://example.org/a?id=3"
    assert planned.addresses == ("https://example.org/a?id=3", "https://example.org/b?ref=home")


@pytest.mark.parametrize(
    "other",
    ["https://www.example.org/a", "https://example.org/a/", "http://example.org/a", "https://EXAMPLE.org/a",
     "https://example.org:443/a", "https://example.org/a?utm_source=x"],
)  # fmt: skip
def test_one_page_by_two_addresses_is_told(digest: Publication, other: str) -> None:
    planned = plan(digest, "https://example.org/a", other)
    assert (10, "link-twice") in said(planned)
    notes = [finding.problem for finding in planned.findings if finding.problem.code == "link-twice"]
    assert "as the link in line 7," in notes[0].message


def test_of_two_addresses_none_with_tracking_is_offered(digest: Publication) -> None:
    planned = plan(digest, "https://example.org/a?fbclid=1", "https://example.org/a/")
    steps = {finding.problem.code: finding.problem.next_step for finding in planned.findings}
    assert steps == {
        "link-tracking": "Write it without: https://example.org/a",
        "link-twice": "Write both alike: https://example.org/a",
    }


@pytest.mark.parametrize(
    "other", ["https://example.org/a", "https://example.org/a#part", "https://example.org/b", "https://example.org/a?b"]
)
def test_another_part_or_page_is_not_told(digest: Publication, other: str) -> None:
    assert said(plan(digest, "https://example.org/a", other)) == []


@pytest.mark.parametrize(
    "address", ["mailto:a@b@example.org", "mailto:anna@example.org,@example.org", "mailto:a@-.org"]
)
def test_a_mail_link_that_leads_to_no_mailbox_is_a_problem(digest: Publication, address: str) -> None:
    planned = plan(digest, address)
    assert said(planned) == [(7, "link-mailto")]
    assert not planned.findings[0].note
    assert planned.addresses == ()


def test_a_right_mail_link_is_not_told(digest: Publication) -> None:
    assert (
        said(plan(digest, "mailto:anna@example.org,bo@example.org?subject=On%20it", "mailto:anna%2Bx@example.org"))
        == []
    )


def test_a_link_of_an_earlier_issue_is_named_with_its_item(digest: Publication) -> None:
    write_draft(digest, ["https://example.org/x", "https://www.example.org/story/?utm_source=mail"], "2.9")
    planned = plan(digest, "https://example.org/story#end", "https://example.org/new")
    (finding,) = planned.findings
    assert (finding.problem.code, finding.problem.line, finding.note) == ("link-earlier", 7, True)
    assert finding.problem.message == "2.9 has this link already, in item 2: 'News 2'"


def test_links_that_stand_in_many_issues_and_front_pages_are_not_told(digest: Publication) -> None:
    for name in ("2.7", "2.8", "2.9"):
        write_draft(digest, ["https://example.org/archive", "https://example.net/"], name)
    assert said(plan(digest, "https://example.org/archive", "https://example.net/")) == []


def test_a_correction_may_repeat_the_links_of_its_issue(digest: Publication) -> None:
    write_draft(digest, ["https://example.org/story"], "2.9")
    kind = "kind: correction\ncorrects: 2.9\n"
    assert said(plan(digest, "https://example.org/story", more=kind)) == []


def test_a_link_s_place_is_its_own_and_not_that_of_a_longer_one(digest: Publication) -> None:
    tracked = "https://example.org/a?utm_source=x"
    planned = plan(digest, f"{tracked}-1", tracked)
    assert [line for line, code in said(planned) if code == "link-tracking"] == [7, 10]


def test_a_link_of_the_standing_note_has_its_place_in_the_settings(digest: Publication) -> None:
    silence_note(digest, "By the [institute](https://example.org/?utm_source=digest).")
    planned = plan(digest, "https://example.net/a")
    (finding,) = planned.findings
    assert finding.problem.path == digest.root / "newsletter.toml"
    lines = (digest.root / "newsletter.toml").read_text().splitlines()
    assert lines[finding.problem.line - 1].startswith("about")


@pytest.mark.parametrize(
    "address",
    ["https://accounts.google.com/v3/x", "https://login.example.org/", "https://example.org/login?next=/a",
     "https://example.org/users/sign_in", "https://example.org/wp-login.php", "https://example.org/SignIn.aspx",
     "https://www.linkedin.com/authwall?x=1", "https://sso.example.org/a", "https://example.okta.com/app"],
)  # fmt: skip
def test_login_pages_are_known_by_their_addresses(address: str) -> None:
    assert is_login_address(address)


@pytest.mark.parametrize(
    "address",
    ["https://example.org/blogging", "https://example.org/news/login-page-redesigned", "https://catalogin.example.org/",
     "https://example.org/authors/anna", "https://example.org/?page=login", "https://author.example.org/signing-ceremony"],
)  # fmt: skip
def test_other_pages_are_not_taken_for_login_pages(address: str) -> None:
    assert not is_login_address(address)


@pytest.mark.parametrize("form", [b"<input type=password>", b"<INPUT name=x TYPE=' Password '/>"])
def test_a_password_form_is_found(form: bytes) -> None:
    assert has_password_form(b"<p>\xff<form>" + form)


@pytest.mark.parametrize(
    "page", [b"", b"password", b"<input type=text>", b"<p>input type=password", b"<input " * 99_999]
)
def test_other_pages_have_none(page: bytes) -> None:
    assert not has_password_form(page)


def test_the_key_of_an_address_that_cannot_be_read_is_itself() -> None:
    assert make_page_key("http://[x/") == "http://[x/"


def test_a_translation_s_links_are_not_those_of_an_earlier_issue(publication: Publication) -> None:
    with (publication.root / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write("\n[languages.ja]\n")
    text = (publication.root / "drafts/2.10.yaml").read_text(encoding="utf-8")
    translation = read_draft(publication.draft("2.10.ja", text), "ja")
    earlier = publication.draft("2.9", text.replace("number: 10", "number: 9").replace("2023-05-31", "2023-05-17"))
    codes = [finding.problem.message for finding in plan_link_check(publication.workspace, translation).findings]
    assert {message.split()[0] for message in codes if "has this link already" in message} == {"2.9"}
    earlier.unlink()
    codes = [finding.problem.message for finding in plan_link_check(publication.workspace, translation).findings]
    assert [message for message in codes if "has this link already" in message] == []
