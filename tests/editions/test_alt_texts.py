"""What a picture shows, as it is written in a draft and as it arrives in each edition."""

from pathlib import Path

import pytest
from conftest import Publication
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from visible_text import Page

from newsletter.editions import place_beside, render_html, render_web, write_default
from newsletter.editions.mjml import convert_mjml
from newsletter.issue.draft import load_issue

ALTS = {
    "backslash": r"C:\new\table \u{41} \d",
    "joined emoji": "A family 👨\u200d👩\u200d👧 at work",
    "Persian": "کتاب\u200cخانه",
    "accents apart": "Cafe\u0301 de\u0301ja\u0300 vu",
    "no break": "10\u00a0km, 5\u202f€",
    "quotes": "\"double\" 'single' & more",
    "Devanagari": "नमस्ते दुनिया",
}


@pytest.mark.parametrize("alt", ALTS.values(), ids=ALTS)
def test_it_arrives_letter_by_letter(publication: Publication, alt: str) -> None:
    quoted = alt.replace("'", "''")
    prose = "".join("\\" + letter if letter in "\\\"'&<>{}[]" else letter for letter in alt)
    publication.draft(
        "2.11",
        f"volume: 2\nnumber: 11\ndate: 2023-06-14\nimage: {{file: 2.10-lead.jpg, alt: '{quoted}'}}\nitems:\n"
        f"  - headline: One\n    detail: |-\n      Words.\n\n      ![{prose}](2.10-lead.jpg)\n",
    )
    context, issue = publication.context, load_issue(publication.root / "drafts" / "2.11.yaml")
    assert [image.alt for image in issue.images()] == [alt, alt]
    for edition in (render_html(context, issue, write_default, place_beside), render_web(context, issue, b"%PDF-")):
        shown = [values["alt"] for tag, values in Page(edition).tags if tag == "img" and values.get("alt")]
        assert shown == [alt, alt]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
def test_mjml_keeps_any_attribute(alt: str) -> None:
    escaped = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    mjml = (
        f'<mjml><mj-body><mj-section><mj-column><mj-image src="a.jpg" alt="{escaped}" /><mj-text>'
        f'<img src="b.jpg" alt="{escaped}" /></mj-text></mj-column></mj-section></mj-body></mjml>'
    )
    html = convert_mjml(mjml, "email.mjml.j2", (Path("templates"),))
    assert [values["alt"] for tag, values in Page(html).tags if tag == "img"] == [alt, alt]
