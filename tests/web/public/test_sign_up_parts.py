"""What sign-up is built from: whose network it is, how many of one, which form, what was typed, which sum."""

import asyncio
import base64
import json
from contextlib import closing
from itertools import count
from secrets import token_bytes

import pytest
from altcha.v1 import solve_challenge
from conftest import Publication
from hypothesis import given
from hypothesis import strategies as st
from service_server import served
from starlette.requests import Request

from newsletter.store import open_store
from newsletter.subscribers.csv_rows import fault_of_value
from newsletter.web.public.client_network import ProxyNetworks
from newsletter.web.public.form_stamps import FormStamps
from newsletter.web.public.proof_of_work import ProofsOfWork
from newsletter.web.public.sign_up import SignUpEndpoints
from newsletter.web.public.sign_up_form import read_sign_up_form
from newsletter.web.public.sign_up_limits import NetworkLimits
from newsletter.web.public.sign_up_pages import FORMS, FormState, SignUpPages
from newsletter.web.public.token_reader import TokenReader

PROXIES = ProxyNetworks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
LANGUAGES = ("en", "ja", "pt-BR")


@pytest.mark.parametrize(
    ("connection", "forwarded", "client"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # anybody can write it
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the first is the client's own word
        ("10.1.2.3", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["203.0.113.9, 198.51.100.1, 127.0.0.1, fd00::1"], "198.51.100.1"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["203.0.113.9, nobody"], "10.1.2.3"),
        ("10.1.2.3", ["203.0.113.9, "], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.2.3", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::"),
        ("10.1.2.3", ["2001:db8:1:2:3::4"], "2001:db8:1:2::"),
        ("10.1.2.3", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["fe80::1%eth0"], "fe80::"),
    ],
)
def test_whose_network_it_is(connection: str, forwarded: list[str], client: str) -> None:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    scope = {"type": "http", "client": (connection, 1), "headers": headers}
    assert PROXIES.find_client(scope) == client


def test_without_proxies_and_without_an_address() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    assert (
        ProxyNetworks(()).find_client({"type": "http", "client": ("127.0.0.1", 1), "headers": headers}) == "127.0.0.1"
    )
    assert PROXIES.find_client({"type": "http", "client": None, "headers": headers}) == ""


def test_a_network_counts_for_an_hour_and_memory_is_bounded() -> None:
    moment = 0.0
    limits = NetworkLimits(lambda: moment)
    for _ in range(5):
        limits.add("a")
    limits.give_back("a")
    limits.give_back("nobody")
    moment = 3599.0
    limits.add("a")
    assert [limits.count(name) for name in "ab"] == [5, 0]
    moment = 3601.0
    assert limits.count("a") == 1
    for number in range(10_000):
        limits.add(f"n{number}")
    assert limits.count("a") == 0
    assert [limits.count(f"n{number}") for number in (0, 9_999)] == [1, 1]


def test_a_stamp_is_good_for_a_day_and_for_nobody_s_own() -> None:
    old, new = token_bytes(32), token_bytes(32)
    moment, keys = 1_000_000.0, [old]
    stamps = FormStamps(lambda: keys, lambda: moment)
    written = stamps.write()
    ages = {0.0: False, 1.9: False, 2.1: True, 86_399.0: True, 86_401.0: False, -60.0: False}
    for age, is_good in ages.items():
        moment = 1_000_000.0 + age
        assert stamps.is_good(written) is is_good, age
    moment, keys = 1_000_060.0, [new, old]
    assert stamps.is_good(written), "the keys were rotated"
    assert not FormStamps(lambda: [new], lambda: moment).is_good(written)
    for wrong in (
        "",
        "x",
        written[:-1],
        written + "A",
        f"9{written}",
        written.replace("-", "."),
        "é",
        "\ud800",
        "." * 99,
    ):
        assert not stamps.is_good(wrong)


def test_a_sum_counts_once() -> None:
    old, new = token_bytes(32), token_bytes(32)
    keys = [old]
    proofs = ProofsOfWork(lambda: keys)
    challenge = json.loads(proofs.make_challenge())
    solved = solve_challenge(challenge["challenge"], challenge["salt"], "SHA-256", challenge["max_number"])
    assert solved
    said = {name: challenge[name] for name in ("algorithm", "challenge", "salt", "signature")} | {
        "number": solved.number
    }

    def write(**other: object) -> str:
        return base64.b64encode(json.dumps({**said, **other}).encode()).decode()

    for wrong in (write(number=solved.number + 1), write(signature="0" * 64), write(salt=f"{said['salt']}x=1&"),
                  write(algorithm="SHA-1"), write(number="1"), write(number=True), write(salt=None), write(salt=[]),
                  "", "x", "é", "\ud800", base64.b64encode(b"[]").decode(), base64.b64encode(b"1").decode(),
                  base64.b64encode(b"[" * 1400).decode()):  # fmt: skip
        assert not proofs.take(wrong)
    keys = [new, old]
    assert proofs.take(write())
    assert not proofs.take(write())
    assert not ProofsOfWork(lambda: [new]).take(write())


@given(st.dictionaries(st.sampled_from(["email", "name", "words", "source", "language", "stamp", "remark", "altcha"]),
                       st.text(st.characters(exclude_categories=[]), max_size=400)))  # fmt: skip
def test_whatever_is_typed_is_text_on_one_line(fields: dict[str, str]) -> None:
    form = read_sign_up_form(fields, LANGUAGES)
    for text in (form.name, form.typed):
        assert fault_of_value("name", text) is None
        assert not set(text) & set("\r\n\0\u202e\u2028\ud800")
        assert text == " ".join(text.split())
    assert len(form.name) <= 100
    assert form.language in ("", "ja", "pt-BR")
    assert form.source


def test_what_is_typed_is_taken_as_it_is_meant() -> None:
    fields = {"email": " Ada@EXAMPLE.org ", "name": " 李  Ada\u202e\tنازنین\u200cزهرا\n", "language": "PT-br",
              "source": "our-site", "words": f" {'A' * 64} "}  # fmt: skip
    form = read_sign_up_form(fields, LANGUAGES)
    assert (form.typed, form.address) == ("Ada@EXAMPLE.org", "Ada@example.org")
    assert (form.name, form.language, form.source) == ("李 Ada نازنین\u200cزهرا", "pt-BR", "our-site")
    assert form.words == "a" * 64
    for source in ("", "Our Site", "../x", "a" * 41, "-a", "a--b", "<b>", "É"):
        assert read_sign_up_form({"source": source}, LANGUAGES).source == "website"
    for language in ("en", "", "xx", "ja\0", "../ja"):
        assert read_sign_up_form({"language": language}, LANGUAGES).language == ""


@pytest.fixture
def pages(publication: Publication) -> SignUpPages:
    publication.environ |= {"NEWSLETTER_SERVICE__URL": "https://news.example.org", "NEWSLETTER_LIST__SOURCE": "store",
                            "NEWSLETTER_SIGNUP__ASK_NAME": "true"}  # fmt: skip
    return SignUpPages(publication.workspace)


def test_what_fills_a_form_stays_in_its_field(pages: SignUpPages) -> None:
    nonces = set(pages._nonces.values())
    for state in FORMS:
        page = pages.fill(state, "", email='"><script>', name=" ".join(nonces), stamp="&amp;").decode()
        assert 'value="&quot;&gt;&lt;script&gt;"' in page
        assert "<script" not in page
        assert page.count(next(iter(nonces))) == 1, "what was typed is not filled in again"
    for state in FormState:
        assert not any(nonce in pages.fill(state, "").decode() for nonce in nonces)


def test_words_are_shown_once_the_store_keeps_them(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__SOURCE"] = "store"
    workspace = served(publication).workspace
    with closing(open_store(workspace.database)) as store:
        endpoints = SignUpEndpoints(workspace, store, TokenReader(workspace), lambda: None)

        def renew() -> bytes:
            endpoints.renew(publication.workspace)
            asked = Request({"type": "http", "method": "GET", "query_string": b"", "headers": []})
            return bytes(asyncio.run(endpoints.subscribe(asked)).body)

        def rename(old: str, new: str) -> None:
            with store.transaction() as connection:
                connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

        publication.environ["NEWSLETTER_SIGNUP__CONSENT"] = "Other words."
        rename("consent_words", "out_of_reach")
        assert b"Other words." not in renew()
        rename("out_of_reach", "consent_words")
        assert b"Other words." in renew()
        endpoints.close()


def test_a_form_that_has_lost_a_field_is_not_taken(
    publication: Publication, pages: SignUpPages, caplog: pytest.LogCaptureFixture
) -> None:
    good = pages[FormState.ASK]
    path = publication.root / "templates/subscribe.html.j2"
    path.parent.mkdir()
    whole = (publication.workspace.own_template_path()[-1] / path.name).read_text()
    for number, lost in zip(count(1), ("email", "words", "stamp"), strict=False):
        path.write_text(whole.replace(f'name="{lost}"', 'name="other"'))
        pages.renew(publication.workspace)
        assert pages[FormState.ASK] == good
        assert f'<input name="{lost}">' in caplog.records[number - 1].getMessage()
    publication.environ["NEWSLETTER_SIGNUP__PROOF_OF_WORK"] = "true"
    path.write_text(whole.replace('name="altcha"', 'name="other"'))
    pages.renew(publication.workspace)
    assert '<input name="altcha">' in caplog.records[-1].getMessage(), "nobody could join by it"
    publication.environ["NEWSLETTER_SIGNUP__PROOF_OF_WORK"] = "false"
    path.write_text(whole.replace("Your email address", "Where to?"))
    pages.renew(publication.workspace)
    restyled = pages[FormState.ASK]
    assert b"Where to?" in restyled
    pages.renew(publication.workspace)
    assert pages[FormState.ASK] is restyled, "nothing has changed, and nothing is rendered"
    publication.environ["NEWSLETTER_PUBLICATION__TITLE"] = "Another"
    pages.renew(publication.workspace)
    assert b"Another" in pages[FormState.ASK]
