"""Readers join by the form of the service and the link that is mailed to them, and by nothing else."""

import re
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from time import monotonic, sleep

import pytest
import smtp_server
from service_server import FORM, HOST, PATIENCE, Service, ask, made, serving
from sign_up_forms import AGAIN, SENT, Forms, confirm_token, filled, joinable, says, some_network, stamp

from newsletter.actions.erase import erase_subscriber
from newsletter.publication import OpenPublication
from newsletter.store import suppressions
from newsletter.subscribers.event_recording import record_events
from newsletter.subscribers.feedback_events import Event, EventKind, EventSource
from newsletter.subscribers.joining import gets_newsletter
from newsletter.subscribers.secret_keys import require_secret_keys
from newsletter.subscribers.stored_subscribers import StoredSubscriber, list_consents, save_subscribers

CONFIRM = b"action=confirm"


@pytest.fixture(scope="module")
def mail_server() -> Iterator[smtp_server.Server]:
    with smtp_server.running() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mail_server: smtp_server.Server) -> Iterator[Service]:
    publication = joinable(tmp_path_factory.mktemp("service") / "digest", ask_name="true", per_network="6")
    publication.through(mail_server)
    with serving(publication) as running:
        yield running


@pytest.fixture(scope="module")
def forms(service: Service) -> Forms:
    return Forms(service)


def _mail_to(server: smtp_server.Server, address: str, subject: str) -> str:
    """Return the text of the mail with this in its subject, once it is there."""
    began = monotonic()
    while True:
        for to, raw in list(server.stored):
            mail = message_from_bytes(raw, policy=policy.default)
            if to == address and subject in mail["Subject"]:
                text = mail.get_body(("plain",))
                assert text
                return str(text.get_content())
        assert monotonic() - began < PATIENCE, [to for to, _ in server.stored]
        sleep(0.02)


def test_from_the_form_to_the_list(forms: Forms, service: Service, mail_server: smtp_server.Server) -> None:
    status, headers, page = service.ask("/subscribe")
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert "I want to get Pacific Alliance Digest by email." in says(page)
    status, _, page = forms.send({**filled(page), "stamp": stamp(service.publication), "email": "Ada@Example.org",
                                  "name": " Ada\r\nLovelace "})  # fmt: skip
    assert status == 200
    assert SENT in says(page)
    text = _mail_to(mail_server, "Ada@example.org", "Please confirm")
    assert "Lovelace" not in text, "nothing that a stranger typed is mailed"
    path = re.search(rf"https://{HOST}(/confirm/\S+)", text)
    assert path
    for method, given in (
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch"}),
        ("GET", {"X-Moz": "prefetch"}),
    ):
        for _ in range(3):
            status, _, page = service.ask(f"{path[1]}?action=confirm", method, None, given)
            assert status == 200
    for wrong in (b"", b"action=leave", b"List-Unsubscribe=One-Click"):
        assert service.ask(path[1], "POST", wrong, FORM)[0] == 400
    with closing(forms.store()) as store, store.reading() as connection:
        assert not gets_newsletter(connection, "ada@example.org")
    assert "Do you want Pacific Alliance Digest by email?" in says(service.ask(path[1])[2])
    for _ in range(2):
        status, headers, page = service.ask(f"{path[1]}/", "POST", CONFIRM, FORM)
        assert status == 200
        assert "location" not in headers
        assert "You’ll get Pacific Alliance Digest from now on" in says(page)
    with closing(forms.store()) as store, store.reading() as connection:
        assert gets_newsletter(connection, "ada@example.org")
        (consent,) = list_consents(connection, "ada@example.org")
    assert (
        consent.words == "I want to get Pacific Alliance Digest by email. Each issue has a link by which I can leave."
    )
    assert consent.evidence["form"] == "page"
    assert not {"network", "commit"} & consent.evidence.keys()
    assert "From now on" in _mail_to(mail_server, "Ada@example.org", "Welcome")
    (listed,) = OpenPublication(service.publication.workspace).subscriber_source().read_subscribers()
    assert listed.fields == {"email": "Ada@example.org", "name": "Ada Lovelace"}


def test_nobody_can_tell_who_is_known(forms: Forms, service: Service) -> None:
    workspace = service.publication.workspace
    keys = require_secret_keys(workspace)
    addresses = [
        f"{name}@example.net" for name in ("active", "left", "bounced", "complained", "erased", "stranger", "again")
    ]
    with closing(forms.store()) as store:
        with store.transaction() as connection:
            save_subscribers(connection, [StoredSubscriber(address=address) for address in addresses[:5]])
        record_events(store, keys, [
            Event(subscriber="left@example.net", kind=EventKind.UNSUBSCRIBED, source=EventSource.PAGE),
            Event(subscriber="bounced@example.net", kind=EventKind.HARD, source=EventSource.MAIL),
            Event(subscriber="complained@example.net", kind=EventKind.COMPLAINED, source=EventSource.MAIL),
        ])  # fmt: skip
        with closing(OpenPublication(workspace)) as publication:
            erase_subscriber(publication, "erased@example.net")
    forms.join("again@example.net")
    answers = {repr((status, {**headers, "date": ""}, page)) for status, headers, page in map(forms.join, addresses)}
    assert len(answers) == 1
    assert SENT in next(iter(answers))
    for address, state in zip(
        addresses, ("dropped", "asked", "asked", "dropped", "asked", "asked", "dropped"), strict=True
    ):
        forms.wait(address, state)
    with closing(forms.store()) as store, store.reading() as connection:
        assert suppressions.list_causes(connection, "left@example.net").keys() == {"unsubscribed"}


def test_one_network_is_bounded_and_others_are_served(forms: Forms) -> None:
    network, others = "2001:db8:1:2::7", ("2001:db8:1:3::7", "192.0.2.9")
    foreign = {"words": forms.words, "source": "our-site"}
    answers = [forms.send({**foreign, "email": f"f{number}@example.com"}, network) for number in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 422]
    page = answers[3][2]
    assert AGAIN in says(page)
    assert {name: filled(page)[name] for name in ("email", "source", "words")} == {**foreign, "email": "f3@example.com"}
    # Within the same network of 64 bits, in whatever form the address is written.
    for number, form in enumerate(("2001:DB8:1:2:0:0:0:1", "[2001:db8:1:2::9]:4711", "2001:db8:1:2::ffff, 127.0.0.1")):
        assert forms.join(f"g{number}@example.com", form)[0] == 200
    status, headers, page = forms.join("g9@example.com", network)
    assert status == 429
    assert int(headers["retry-after"]) > 0
    assert "your network" in says(page)
    for other in others:
        assert forms.join(f"{len(other)}@example.com", other)[0] == 200
    assert [forms.requests(f"{name}@example.com") for name in ("f3", "g9")] == [[], []]
    assert forms.requests("f0@example.com")[0].source == "our-site"


@pytest.mark.parametrize(
    ("given", "network"),
    [({"stamp": "now"}, ""), ({"stamp": "old"}, ""), ({"stamp": "forged"}, ""), ({"stamp": "x" * 9_000}, ""),
     ({"stamp": "é\0"}, ""), ({"words": "0" * 64}, ""), ({"words": "DROP TABLE"}, "")],
)  # fmt: skip
def test_what_is_not_the_service_s_own_form_of_today_is_shown_again(
    forms: Forms, service: Service, given: dict[str, str], network: str
) -> None:
    publication = service.publication
    made_at = {"now": stamp(publication, age_s=0), "old": stamp(publication, age_s=90_000)}
    made_at["forged"] = stamp(publication).replace("1", "2", 1)
    given = {name: made_at.get(value, value) for name, value in given.items()}
    status, _, page = forms.join("once@example.com", network, **given, name="Ada & <b>Ben</b>")
    assert status == 422
    assert AGAIN in says(page)
    assert filled(page)["name"] == "Ada &amp; &lt;b&gt;Ben&lt;/b&gt;"
    assert filled(page)["words"] == forms.words
    assert forms.requests("once@example.com") == []


def test_a_program_that_fills_in_what_nobody_sees_is_not_told_so(forms: Forms) -> None:
    status, headers, page = forms.join("robot@example.com", remark="http://example.com")
    human = forms.join("human@example.com")
    assert (status, {**headers, "date": ""}, page) == (human[0], {**human[1], "date": ""}, human[2])
    assert forms.requests("robot@example.com") == []
    assert forms.wait("human@example.com")


@pytest.mark.parametrize(
    "typed",
    ["", "ada", "ada@", "@example.org", "ada@example", "ada@example.org\r\nBcc: b@example.org", "ada@exa mple.org",
     "a@example.org, b@example.org", "Ada <ada@example.org>", "\0ada@example.org", "ada@example.org\0", "é" * 200,
     "=?utf-8?q?ada?=@example.org", "ada\u202e@example.org", "ada@[127.0.0.1]", "a" * 300 + "@example.org",
     "ada\ud800@example.org", "<script>alert(1)</script>", '"><img src=x>@example.org'],
)  # fmt: skip
def test_what_is_no_address_is_said_and_shown_as_text(forms: Forms, typed: str) -> None:
    status, _, page = forms.join(typed)
    assert status == 422
    assert "No email can be sent to this address." in says(page)
    assert "<title>No email can be sent to this address." in page.decode()
    assert b"<script" not in page
    assert b"<img" not in page
    shown = filled(page)["email"]
    assert not set("\0\r\n\u202e<>\ud800") & set(shown)
    assert len(shown) <= 320


def test_confirming_takes_the_link_of_this_request(forms: Forms, service: Service) -> None:
    forms.join("link@example.com")
    number = forms.wait("link@example.com").id
    good = confirm_token(service.publication, number, "link@example.com")
    wrong = [good[:-1], f"{good[:20]}A{good[21:]}", confirm_token(service.publication, number, "other@example.com"),
             confirm_token(service.publication, number + 999, "link@example.com"), "x", "%00", "a" * 3000]  # fmt: skip
    pages = {service.ask(f"/confirm/{token}", method, body, FORM if body else None)[::2]
             for token in wrong for method, body in (("GET", None), ("POST", CONFIRM))}  # fmt: skip
    assert len(pages) == 1
    ((status, page),) = pages
    assert status == 404
    assert "This link can’t be read" in says(page)
    with closing(forms.store()) as store, store.reading() as connection:
        assert not gets_newsletter(connection, "link@example.com")
    assert service.ask(f"/confirm/{good}", "POST", CONFIRM, FORM)[0] == 200
    with closing(forms.store()) as store, store.reading() as connection:
        assert gets_newsletter(connection, "link@example.com")


def test_while_the_keys_cannot_be_used_a_press_of_the_button_is_for_later(forms: Forms, service: Service) -> None:
    forms.join("keys@example.com")
    link = f"/confirm/{confirm_token(service.publication, forms.wait('keys@example.com').id, 'keys@example.com')}"
    keys = service.publication.root / ".newsletter/keys.toml"
    keys.chmod(0o644)  # as after a copy that every user of the machine can read
    try:
        status, headers, page = service.ask(link, "POST", CONFIRM, FORM)
    finally:
        keys.chmod(0o600)
    assert (status, headers["retry-after"]) == (503, "60")
    assert "Please try again in a few minutes" in says(page)
    assert service.ask(link, "POST", CONFIRM, FORM)[0] == 200


def test_the_log_names_nobody(forms: Forms, service: Service) -> None:
    network = some_network()
    forms.join("secret.person@example.com", network)
    number = forms.wait("secret.person@example.com").id
    token = confirm_token(service.publication, number, "secret.person@example.com")
    service.ask(f"/confirm/{token}?who=secret.person", "POST", CONFIRM, FORM)
    service.ask("/subscribe?language=secret.person")
    service.says("POST /confirm/… 200")
    log = "\n".join(service.printed)
    assert "POST /subscribe 200" in log
    assert not any(word in log for word in ("secret", "@", token[:20], network, "?"))


@pytest.mark.slow  # a service of its own
def test_a_list_that_is_elsewhere_closes_the_form_and_the_log_says_how_to_open_it(tmp_path: Path) -> None:
    publication = made(tmp_path / "digest")
    with serving(publication) as service:
        service.says("newsletter subscribers import subscribers.csv")
        service.says('source = "store"')
        status, _, page = service.ask("/subscribe")
        assert status == 404
        assert "Nobody can sign up here at the moment" in says(page)
        assert b"<form" not in page
        with closing(service.connect()) as connection:
            fields = b"email=ada%40example.org"
            answers = {ask(connection, f"/subscribe{end}", "POST", fields, FORM)[::2] for end in ("", "/")}
        assert answers == {(404, page)}


@pytest.mark.slow  # a service of its own
def test_a_web_server_that_is_not_named_is_guessed_at(tmp_path: Path) -> None:
    publication = joinable(tmp_path / "digest", per_network="2")
    del publication.environ["NEWSLETTER_SERVICE__PROXIES"]
    with serving(publication) as service:
        statuses = [Forms(service).join(f"reader{number}@example.org", f"192.0.2.{number}")[0] for number in range(5)]
        assert statuses == [200, 200, 429, 429, 429], "anybody can write the header"
        service.says("name it in [service] proxies")
        assert len([line for line in service.printed if "proxies" in line]) == 1
