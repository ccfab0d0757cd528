"""A reader's life with a newsletter, in a real browser by the links of the mails that a real server received."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from time import monotonic, sleep

import pytest
from browser import barriers, find_obstacles
from conftest import Publication
from messages import parsed, texts
from playwright.sync_api import Browser, Page, ViewportSize, expect
from ports import free_port
from service_server import PATIENCE, PREFERENCES, serving
from smtp_server import Server
from translated import TITLES, WORDS, write_draft

from newsletter.subscribers.secret_keys import create_secret_keys

ADA, NEW = "ada@example.org", "ada.lovelace@example.net"
OTHERS = ["reader0000@example.org", "reader0001@example.org"]
ENERGY = {language: words[2] for language, words in WORDS.items()}
PHONE, DESK = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=900)
# What the buttons and links of the way are called in each language.
JOIN, CONFIRM, CHOOSE, SAVE = "join", "confirm", "choose", "save"
BUTTONS = {
    "ja": {JOIN: "購読する", CONFIRM: "はい、配信を希望します", SAVE: "保存する"},
    "ar": {JOIN: "الاشتراك", CONFIRM: "نعم، أرسلوه إليّ", SAVE: "حفظ"},
}


@dataclass
class Mailboxes:
    """The mail that a server has, each message read by its reader once."""

    server: Server
    read: int = field(default=0)

    def await_mail(self, address: str, subject: str = "") -> EmailMessage:
        """Return the newest mail to an address with a subject, once it is there."""
        began = monotonic()
        while True:
            for to, raw in reversed(self.server.stored[self.read :]):
                if to == address and subject in str((mail := parsed(raw))["Subject"]):
                    return mail
            assert monotonic() - began < PATIENCE, [(to, str(parsed(raw)["Subject"])) for to, raw in self.server.stored]
            sleep(0.05)

    def empty(self) -> None:
        """Leave aside all that is there."""
        self.read = len(self.server.stored)

    def owners(self) -> set[str]:
        """Return whose mailboxes have new mail."""
        return {to for to, _ in self.server.stored[self.read :]}


@dataclass
class Life:
    """A publication, the mailboxes of its readers, and the browser of one of them."""

    publication: Publication
    mailboxes: Mailboxes
    page: Page
    sent: int = 7

    def send(self, *args: str) -> set[str]:
        """Send the next issue; return who got it."""
        self.sent += 1
        for language in ("", "ja", "ar"):
            write_draft(self.publication, language, number=self.sent, only_for="" if language else "energy")
        self.mailboxes.empty()
        done = self.publication.run("send", f"3.{self.sent}", "--yes", "--despite-problems", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.mailboxes.owners()

    def open(self, link: str) -> None:
        """Open a link as a mail program does, and look whether anything is in a reader's way."""
        answer = self.page.goto(link)
        assert answer
        assert answer.status == 200
        self.look()

    def press(self, name: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()
        self.look()

    def look(self) -> None:
        assert find_obstacles(self.page) == []
        assert barriers(self.page, least="minor") == []

    def headline(self, text: str) -> None:
        expect(self.page.get_by_role("heading", level=2)).to_have_text(text)

    def show(self, address: str) -> dict[str, object]:
        """Return what an editor sees of a subscriber."""
        shown = self.publication.run("subscribers", "show", address, "--json")
        assert shown.returncode == 0, shown.stderr
        document = json.loads(shown.stdout)
        assert isinstance(document, dict)
        return document


def link_of(mail: EmailMessage, path: str) -> str:
    """Return the link of a mail whose path begins so; it is in its plain text and in its HTML alike."""
    plain, html = texts(mail.as_bytes())
    links = re.findall(rf"http://localhost:\d+{path}[^\s>]+", plain)
    assert links
    assert links[0] in html
    return str(links[0])


@pytest.fixture
def life(digest: Publication, server: Server, browser: Browser) -> Iterator[Life]:
    toml = digest.root / "newsletter.toml"
    tables = PREFERENCES.replace('title = "太平洋"', f'title = "{TITLES["ja"]}"')
    toml.write_text(toml.read_text("utf-8") + tables + f'title = "{TITLES["ar"]}"\n', encoding="utf-8")
    create_secret_keys(digest.root)
    port = free_port()
    digest.environ |= {
        "NEWSLETTER_LIST__SOURCE": "store",
        "NEWSLETTER_SERVICE__URL": f"http://localhost:{port}",
        "NEWSLETTER_SERVICE__PORT": str(port),
    }
    digest.readers(2)
    assert digest.run("subscribers", "import", "subscribers.csv", "--yes").returncode == 0
    context = browser.new_context(viewport=PHONE)
    with serving(digest, "--port", str(port)):
        yield Life(digest, Mailboxes(server), context.new_page())
    context.close()


def subscribe(life: Life, address: str, language: str = "") -> EmailMessage:
    """Sign up on the page, as fast as people do; return the mail that asks to confirm."""
    url = life.publication.environ["NEWSLETTER_SERVICE__URL"]
    life.open(f"{url}/subscribe" + (f"?language={language}" if language else ""))
    life.page.locator("input[name=email]").fill(address)
    life.page.wait_for_timeout(2_100)
    life.press(BUTTONS[language][JOIN] if language else "Subscribe")
    return life.mailboxes.await_mail(address)


def list_traces(publication: Publication) -> list[str]:
    """Return the files of a publication's state that hold any of a reader's names, in whatever bytes."""
    files = [path for path in (publication.root / ".newsletter").rglob("*") if path.is_file()]
    return [path.name for path in files if re.search(rb"ada@example|ada\.lovelace|Ada Lovelace", path.read_bytes())]


@pytest.mark.slow
def test_a_reader_joins_chooses_moves_and_is_erased(life: Life, tmp_path: Path) -> None:
    page, mailboxes = life.page, life.mailboxes
    # Joins. The link of the mail does nothing until its button is pressed.
    asked = subscribe(life, ADA)
    life.headline("Please check your email")
    life.open(link_of(asked, "/confirm/"))
    life.open(link_of(asked, "/confirm/"))
    assert life.send() == {*OTHERS}
    life.press("Yes, send it to me")
    life.headline("You’ll get Pacific Alliance Digest from now on")
    welcome = mailboxes.await_mail(ADA, "Welcome")
    assert link_of(welcome, "/p/")
    assert "/u/" in welcome["List-Unsubscribe"]  # in one click only by https
    assert life.send() == {*OTHERS, ADA}
    expect(page.get_by_role("link", name="Read earlier issues")).to_be_visible()

    # Chooses by the link of that very issue.
    issue = mailboxes.await_mail(ADA)
    assert issue["Content-Language"] == "en"
    first_leave = link_of(issue, "/u/")
    life.open(link_of(issue, "/p/"))
    assert ADA not in page.content()
    page.get_by_label("Energy & climate").check()
    life.press("Save")
    assert life.send() == {*OTHERS, ADA}
    assert ENERGY[""] in texts(mailboxes.await_mail(ADA).as_bytes())[0]
    page.get_by_label("Energy & climate").uncheck()
    page.get_by_label("日本語").check()
    life.press("Save")
    assert page.locator("html").get_attribute("lang") == "ja"
    assert life.send() == {*OTHERS, ADA}
    issue = mailboxes.await_mail(ADA)
    plain, html = texts(issue.as_bytes())
    assert issue["Content-Language"] == "ja"
    assert WORDS["ja"][0] in plain
    assert ENERGY["ja"] not in plain + html
    life.open(link_of(issue, "/p/"))
    page.get_by_label("English").check()
    life.press(BUTTONS["ja"][SAVE])
    life.headline("What you get from Pacific Alliance Digest")

    # Pauses, and is back.
    page.get_by_label("Two weeks").check()
    life.press("Pause sending")
    expect(page.get_by_text("Then it starts again by itself.")).to_be_visible()
    assert life.send() == {*OTHERS}
    assert life.show(ADA)["state"] == "paused"
    life.press("Send it to me again now")
    assert life.send() == {*OTHERS, ADA}

    # Wants the summary alone.
    page.get_by_label("Only a summary").check()
    life.press("Save")
    assert life.send() == {*OTHERS}
    assert life.send("--tag", "summary") == {ADA}
    page.get_by_label("Each issue").check()
    life.press("Save")

    # Asks for a page of their own; at a desk.
    page.set_viewport_size(DESK)
    mailboxes.empty()
    life.press("Send me the link")
    own_page = link_of(mailboxes.await_mail(ADA, "Your own page"), "/p/access/")
    life.open(own_page)
    page.get_by_label("Your name").fill("Ada Lovelace")
    life.press("Save")
    expect(page.get_by_label("Your name")).to_have_value("Ada Lovelace")
    page.get_by_label("New address").fill("ada@localhost")
    life.press("Change my address")
    expect(page.get_by_label("New address")).to_be_focused()
    expect(page.get_by_label("New address")).to_have_value("ada@localhost")
    page.get_by_label("New address").fill(NEW)
    life.press("Change my address")
    for address in (NEW, ADA):
        life.open(link_of(mailboxes.await_mail(address, "confirm"), "/confirm/"))
        assert life.show(NEW)["state"] == "unlisted"
        life.press("Yes, change my address")
    life.headline("Your address has been changed")
    assert life.send() == {*OTHERS, NEW}
    issue = mailboxes.await_mail(NEW)
    assert "Ada Lovelace" in str(issue["To"])

    # The old issue's link leaves with the new address, and brings it back.
    life.open(first_leave)
    life.press("Unsubscribe")
    life.headline("You won’t get Pacific Alliance Digest any more")
    assert page.locator("input:not([type=hidden]), textarea").count() == 0
    assert life.send() == {*OTHERS}
    life.press("Undo: keep sending it to me")
    assert life.send() == {*OTHERS, NEW}

    # Takes along what is known, which is as an editor sees it and nobody else's.
    page.set_viewport_size(PHONE)
    life.open(link_of(mailboxes.await_mail(NEW), "/p/"))
    mailboxes.empty()
    life.press("Send me the link")
    life.open(link_of(mailboxes.await_mail(NEW, "Your own page"), "/p/access/"))
    with page.expect_download() as download:
        page.get_by_role("button", name="All that we know about you, as a file").click()
    download.value.save_as(tmp_path / "known.json")
    known = (tmp_path / "known.json").read_text("utf-8")
    document, shown = json.loads(known), life.show(NEW)
    # What became of the mail with the link may be noted a moment after it has arrived.
    kinds = [[mail["kind"] for mail in one.pop("mails")] for one in (document, shown)]
    assert kinds[0] == kinds[1]
    assert document == shown
    assert document["chosen"]["name"] == "Ada Lovelace"
    assert [each["address"] for each in document["addresses"]] == [ADA]
    assert not [other for other in OTHERS if other in known]

    # Is erased.
    assert list_traces(life.publication) != []
    life.press("Erase me")
    life.headline("Erase all that we know about you?")
    life.press("Yes, erase me")
    life.headline("Your data has been erased")
    assert page.locator("form, input, textarea").count() == 0
    assert life.send() == {*OTHERS}
    assert list_traces(life.publication) == []
    life.open(link_of(issue, "/p/"))
    assert "Lovelace" not in page.content()


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "ar"])
def test_a_reader_joins_and_chooses_in_their_language(life: Life, language: str) -> None:
    page, words = life.page, BUTTONS[language]
    asked = subscribe(life, ADA, language)
    assert asked["Content-Language"] == language
    life.open(link_of(asked, "/confirm/"))
    assert page.locator("html").get_attribute("lang") == language
    life.press(words[CONFIRM])
    welcome = life.mailboxes.await_mail(ADA, TITLES[language])
    assert welcome["Content-Language"] == language
    assert life.send() == {*OTHERS, ADA}
    issue = life.mailboxes.await_mail(ADA)
    assert WORDS[language][0] in texts(issue.as_bytes())[0]
    life.open(link_of(issue, "/p/"))
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    page.locator("input[type=checkbox]").first.check()
    life.press(words[SAVE])
    assert life.send() == {*OTHERS, ADA}
    assert ENERGY[language] in texts(life.mailboxes.await_mail(ADA).as_bytes())[0]
