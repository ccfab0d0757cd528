"""Pictures on their way: with the mail, or from the website, whichever part of an issue they stand in."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from conftest import Publication
from smtp_server import Server
from visible_text import Page

from newsletter.editions.edition_files import make_web_files
from newsletter.issue.draft import load_issue


@pytest.mark.slow
@pytest.mark.parametrize("images", ["attach", "link"])
def test_every_picture_of_a_mail_that_arrived_can_be_shown(
    digest: Publication, everything: Path, server: Server, images: str
) -> None:
    digest.environ["NEWSLETTER_EMAIL__IMAGES"] = images
    (digest.root / "subscribers.csv").write_text("email,name\nada@example.org,Ada\n")
    sent = digest.run("send", "2.11", "--yes")
    assert sent.returncode == 0, sent.stderr
    message = message_from_bytes(server.message("ada@example.org"), policy=policy.default)
    page = Page(message.get_body(("html",)).get_content())
    sources = [values["src"] or "" for tag, values in page.tags if tag == "img"]
    issue = load_issue(everything).seen_by(frozenset())
    assert len(sources) == len(issue.images()) > 3
    parts = {
        f"cid:{part['Content-ID'][1:-1]}": part for part in message.walk() if part.get_content_maintype() == "image"
    }
    if images == "attach":
        assert set(sources) == set(parts)
        assert all(part.get_content_disposition() == "inline" for part in parts.values())
    else:
        site = digest.context.config.publication.website
        assert site
        assert not parts
        published = make_web_files(digest.context, issue, None)
        assert all(source.startswith(site) and source.removeprefix(site) in published for source in sources)
    assert not re.search(r"\bsrc=\"(?!cid:|https:)", message.get_body(("html",)).get_content())
