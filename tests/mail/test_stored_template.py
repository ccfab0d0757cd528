"""A template in the store outlives the program that made it, and is sent without what it was made with."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import DeliveryError
from newsletter.issue.draft import load_issue
from newsletter.mail.compiler import compile_message
from newsletter.mail.message_template import MessageTemplate, Placeholder

DATE = datetime(2023, 5, 31, 9, 0, tzinfo=UTC)
# Made by the program before version 2, and the message that it made of it.
STORED = Path(__file__).parent / "stored-version-1.json"


@pytest.mark.parametrize("date", [DATE, None])
def test_the_store_gives_back_the_same_template(publication: Publication, date: datetime | None) -> None:
    publication.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=leave%20{{ email }}"
    begin = (
        "number: 1\ndate: 2022-08-10\nsubject: >-\n  For {{ name | you }}\n"
        "intro: >-\n  [Dear](https://example.org/?{{ city | x }}) {{ name | reader }}"
    )
    source = (publication.root / "drafts/1.4.yaml").read_text()
    text = re.sub(r"number: 4(?s:.*?)(?=\nitems:)", begin, source)
    template = compile_message(publication.context, load_issue(publication.draft("1.1", text)), "c", date)
    payload = template.to_bytes()
    again = MessageTemplate.from_bytes(payload)
    assert json.loads(payload)["version"] == (2 if date else 3)
    assert again == template
    assert [line.name for line in again.lines] == ["Subject", "List-Unsubscribe"]
    placeholders = {piece for piece in again.body if isinstance(piece, Placeholder)}
    assert {placeholder.form for placeholder in placeholders} == {"text", "html", "address"}
    assert {placeholder.field for placeholder in placeholders} == {"name", "email", "city"}
    fields = {"email": "ada@example.org", "name": "Ada"}
    message = again.render("k", "ada@example.org", fields, DATE)
    assert message == template.render("k", "ada@example.org", fields, DATE)
    assert re.findall(rb"(?m)^Date: .*$", message.data) == [b"Date: Wed, 31 May 2023 09:00:00 +0000\r"]


def test_a_template_of_version_1_still_makes_the_same_message() -> None:
    stored = json.loads(STORED.read_text())
    assert json.loads(stored["payload"])["version"] == 1
    template = MessageTemplate.from_bytes(stored["payload"].encode())
    fields = {"email": "ada@example.org", "name": 'Ada "Countess" Løvelace & Co.', "city": ""}
    assert template.render("ada@example.org", "ada@example.org", fields).data == stored["message"].encode()
    assert template.decode_header("Subject") == "Pacific Alliance Digest Vol. 1.1: For reader"
    assert MessageTemplate.from_bytes(template.to_bytes()) == template


def test_a_template_of_a_later_version_is_not_guessed_at() -> None:
    later = json.loads(json.loads(STORED.read_text())["payload"]) | {"version": 4}
    with pytest.raises(DeliveryError, match="newer version"):
        MessageTemplate.from_bytes(json.dumps(later).encode())


def test_sending_a_frozen_campaign_loads_nothing_that_makes_editions() -> None:
    code = "import sys, newsletter.mail.message_template, newsletter.mail.message; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {
        "typst", "premailer", "lxml", "cssutils", "jinja2", "mjml", "markdown_it", "PIL", "tinycss2", "babel", "yaml",
    }  # fmt: skip
    assert "newsletter.editions" not in done.stdout.split()
