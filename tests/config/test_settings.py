"""Each setting of newsletter.toml with values that it can have, and what follows from them."""

from pathlib import Path
from typing import Any

import pytest
from configuring import load_with
from conftest import ROOT, Publication

from newsletter.config import Config, Mailbox, load_config
from newsletter.config.example import find_unwritten_settings
from newsletter.config.secrets import iterate_secrets
from newsletter.errors import ConfigError
from newsletter.scaffold import make_workspace


def _value(config: Config, table: str, key: str) -> Any:
    names = {field.alias or name: name for name, field in Config.model_fields.items()}
    section = getattr(config, names[table]) if table in names else config.backends[table]
    return getattr(section, {"from": "from_"}.get(key, key))


@pytest.mark.parametrize(
    ("table", "key", "written", "value"),
    [
        ("publication", "title", '"Über Süßgräser"', "Über Süßgräser"),
        ("publication", "language", '"zh-Hant-TW"', "zh-Hant-TW"),
        ("publication", "cadence", '"monthly"', "monthly"),
        ("publication", "new_volume", '"never"', "never"),
        ("publication", "timezone", '"Asia/Tokyo"', "Asia/Tokyo"),
        ("publication", "about", '"Two\\nlines, *marked*"', "Two\nlines, *marked*"),
        ("publication", "contact", '"Info@BÜCHER.example.org"', "info@xn--bcher-kva.example.org"),
        ("publication", "website", '"http://example.org:8080/digest"', "http://example.org:8080/digest"),
        ("sender", "from", '"digest@example.org"', Mailbox(name="", address="digest@example.org")),
        ("sender", "from", '"Digest <digest@example.org>"', Mailbox(name="Digest", address="digest@example.org")),
        ("sender", "from", "'\"Doe, J.\" <j@example.org>'", Mailbox(name="Doe, J.", address="j@example.org")),
        ("sender", "reply_to", '"desk@example.org"', "desk@example.org"),
        ("sender", "postal_address", '"1 Harbour St., Springfield"', "1 Harbour St., Springfield"),
        ("sender", "bounces", '"b@example.org"', "b@example.org"),
        ("sender", "verp", '"+"', "+"),
        ("sender", "verp", '"-"', "-"),
        ("sender", "verp", '""', ""),
        ("sender", "feedback_id", '"exampleorg"', "exampleorg"),
        ("list", "file", '"lists/all.csv"', "lists/all.csv"),
        ("list", "unusable", "0", 0),
        ("list", "unusable", "12.5", 12.5),
        ("list", "honour", '["status", "Opt out"]', ("status", "Opt out")),
        ("list", "ignore", '"membership, status"', ("membership", "status")),
        ("list", "id", '"digest.lists.example.org"', "digest.lists.example.org"),
        ("list", "unsubscribe", '"mailto:leave@example.org"', "mailto:leave@example.org"),
        ("email", "subject", '"{headline} · {title} {number}, {date}"', "{headline} · {title} {number}, {date}"),
        ("email", "images", '"link"', "link"),
        ("email", "clients", '["hey", "mail-ru"]', ("hey", "mail-ru")),
        ("typography", "quotes", "true", True),
        ("prose", "words", '"lists/words.txt"', "lists/words.txt"),
        ("prose", "spelling", "false", False),
        ("prose", "reading_level", "14.5", 14.5),
        ("pdf", "columns", "2", 2),
        ("pdf", "paper", '"A4"', "a4"),
        ("pdf", "print_links", "true", True),
        ("send", "backend", '"maildir"', "maildir"),
        ("send", "testers", '["a@example.org", "b@example.org"]', ("a@example.org", "b@example.org")),
        ("send", "require", '["tested", "committed", "clean-checks"]', ("tested", "committed", "clean-checks")),
        ("send", "retries", "[]", ()),
        ("send", "retries", "[0, 0.5, 1440]", (0, 0.5, 1440)),
        ("send", "refusals", "100", 100),
        ("send", "blocks", "1", 1),
        ("store", "url", '"sqlite:////var/lib/digest/state.db"', "sqlite:////var/lib/digest/state.db"),
        ("store", "url", '"postgresql://me@db.example.org/digest?sslmode=verify-full"',
         "postgresql://me@db.example.org/digest?sslmode=verify-full"),
        ("dkim", "selector", '"s1, s2.news"', ("s1", "s2.news")),
        ("dkim", "domain", '"example.org"', "example.org"),
        ("service", "url", '"https://news.example.org/digest/"', "https://news.example.org/digest"),
        ("service", "url", '"http://localhost:8600"', "http://localhost:8600"),
        ("service", "url", '"http://[::1]:8600"', "http://[::1]:8600"),
        ("service", "host", '"0.0.0.0"', "0.0.0.0"),
        ("service", "port", "0", 0),
        ("service", "proxies", '["127.0.0.1", "10.0.0.0/8", "fd00::/8"]', ("127.0.0.1", "10.0.0.0/8", "fd00::/8")),
        ("service", "ask_reason", "true", True),
        ("preferences", "topics", '{ energy = "Energy" }', {"energy": "Energy"}),
        ("preferences", "summary", '"once a month"', "once a month"),
        ("preferences", "pause", "false", False),
        ("signup", "open", "false", False),
        ("signup", "consent", '"Ja, gern."', "Ja, gern."),
        ("signup", "ask_name", "true", True),
        ("signup", "mail", '"Join@Example.org"', "Join@example.org"),
        ("signup", "welcome", '"issue"', "issue"),
        ("signup", "keep_network", "true", True),
        ("signup", "hourly", "1", 1),
        ("signup", "per_network", "10000", 10_000),
        ("signup", "proof_of_work", "true", True),
        ("inbox", "source", '"imaps://bounces@mail.example.org/INBOX"', "imaps://bounces@mail.example.org/INBOX"),
        ("inbox", "after", '"move"', "move"),
        ("inbox", "soft_bounces", "1", 1),
        ("inbox", "soft_days", "0.5", 0.5),
        ("inbox", "bounces", "99.5", 99.5),
        ("inbox", "domain_bounces", "1", 1),
        ("inbox", "authserv_id", '"mx.example.org"', "mx.example.org"),
        ("theme", "paper", '"#FFF"', "#ffffff"),
        ("theme", "link", '" #1A4F8B "', "#1a4f8b"),
        ("theme", "font", '["Georgia", "serif"]', ("Georgia", "serif")),
        ("theme", "heading_font", "\"'Source Serif 4', serif\"", ("Source Serif 4", "serif")),
        ("theme", "logo", '"Our Logo (2).JPEG"', "Our Logo (2).JPEG"),
        ("theme", "width", "800", 800),
        ("smtp", "host", '"[2001:db8::1]"', "2001:db8::1"),
        ("smtp", "port", "25", 25),
        ("smtp", "security", '"tls"', "tls"),
        ("smtp", "helo", '"news.example.org"', "news.example.org"),
        ("smtp", "username", '"digest"', "digest"),
        ("smtp", "auth", '"xoauth2"', "xoauth2"),
        ("smtp", "connections", "100", 100),
        ("smtp", "chunking", "true", True),
        ("smtp", "window", "1", 1),
        ("smtp", "messages_per_second", "0.2", 0.2),
        ("smtp", "messages_per_hour", "300", 300),
        ("smtp", "messages_per_connection", "50", 50),
        ("smtp", "connect_timeout", "0.5", 0.5),
        ("smtp", "timeout", "10", 10),
        ("smtp", "text_timeout", "600.5", 600.5),
        ("maildir", "path", '"outbox"', "outbox"),
        ("command", "command", "\"/bin/true 'a b' {recipient}\"", ("/bin/true", "a b", "{recipient}")),
    ],
)  # fmt: skip
def test_a_value_is_taken_as_it_is_meant(tmp_path: Path, table: str, key: str, written: str, value: object) -> None:
    assert _value(load_with(tmp_path, table, key, written), table, key) == value


def test_bounces_go_to_the_sender_where_no_address_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    sample = (ROOT / "newsletter.toml").read_text()
    path.write_text("\n".join(line for line in sample.splitlines() if not line.startswith("bounces")))
    assert load_config(path, {}).sender.envelope == "digest@example.org"
    assert load_config(ROOT / "newsletter.toml", {}).sender.envelope == "bounces@example.org"


@pytest.mark.parametrize(
    ("written", "link"),
    [
        ("mailto:leave@example.org", "mailto:leave@example.org?subject=unsubscribe"),
        ("mailto:leave@example.org?subject=out", "mailto:leave@example.org?subject=out"),
        ("mailto:leave@example.org?body={{ email }}", "mailto:leave@example.org?body={{ email }}"),
    ],
)
def test_a_mail_to_leave_has_a_subject(tmp_path: Path, written: str, link: str) -> None:
    config = load_with(tmp_path, "list", "unsubscribe", f'"{written}"')
    assert config.subscriber_list.unsubscribe_link == link


@pytest.mark.parametrize(
    ("language", "direction"),
    [("en", "ltr"), ("ar", "rtl"), ("ar-EG", "rtl"), ("he", "rtl"), ("fa", "rtl"), ("ur", "rtl"), ("arn", "ltr")],
)
def test_a_language_has_its_direction(tmp_path: Path, language: str, direction: str) -> None:
    assert load_with(tmp_path, "publication", "language", f'"{language}"').publication.direction == direction


@pytest.mark.parametrize("website", ["https://example.org/digest", "https://example.org/digest/"])
def test_a_file_of_the_website_has_an_address(tmp_path: Path, website: str) -> None:
    publication = load_with(tmp_path, "publication", "website", f'"{website}"').publication
    assert publication.address("2.10.html") == "https://example.org/digest/2.10.html"


@pytest.mark.parametrize(
    ("url", "link", "takes_one_click"),
    [
        ("https://news.example.org", "https://news.example.org/u/TOKEN", True),
        ("https://example.org/news/", "https://example.org/news/u/TOKEN", True),
        ("http://localhost:8600", "http://localhost:8600/u/TOKEN", False),
    ],
)
def test_a_service_has_links_to_leave_by(tmp_path: Path, url: str, link: str, takes_one_click: bool) -> None:
    service = load_with(tmp_path, "service", "url", f'"{url}"').service
    assert service.leave("TOKEN") == link
    assert service.takes_one_click is takes_one_click


def test_without_a_service_there_is_no_link_to_leave_by() -> None:
    service = load_config(ROOT / "newsletter.toml", {}).service
    assert service.leave("TOKEN") is None
    assert not service.takes_one_click


def test_the_website_is_the_service_s_where_no_other_is_named(tmp_path: Path) -> None:
    sample = (ROOT / "newsletter.toml").read_text().replace("website =", "# website =")
    path = tmp_path / "newsletter.toml"
    path.write_text(f'{sample}\n[service]\nurl = "https://news.example.org"\n')
    assert load_config(path, {}).publication.address("2.10.html") == "https://news.example.org/2.10.html"
    path.write_text(sample)
    assert load_config(path, {}).publication.address("2.10.html") is None


@pytest.mark.parametrize("delimiter", ["+", "-"])
def test_a_return_path_of_its_own_for_each_delivery_needs_an_address_with_room(tmp_path: Path, delimiter: str) -> None:
    sample = (ROOT / "newsletter.toml").read_text()
    path = tmp_path / "newsletter.toml"
    for bounces, words in (("", "there is no address for bounces"), (f"{'b' * 37}@example.org", "leaves no room")):
        line = f'bounces = "{bounces}"' if bounces else ""
        path.write_text(
            "\n".join(
                f'{line}\nverp = "{delimiter}"' if each.startswith("bounces") else each for each in sample.splitlines()
            )
        )
        with pytest.raises(ConfigError) as caught:
            load_config(path, {})
        (problem,) = caught.value.problems
        assert problem.code == "verp"
        assert words in problem.message
    path.write_text(path.read_text().replace("b" * 37, "b" * 36))
    assert load_config(path, {}).sender.verp == delimiter


def test_pictures_can_only_be_linked_to_a_website_or_a_service(tmp_path: Path) -> None:
    sample = (ROOT / "newsletter.toml").read_text().replace('images = "attach"', 'images = "link"')
    path = tmp_path / "newsletter.toml"
    path.write_text(sample.replace("website =", "# website ="))
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    (problem,) = caught.value.problems
    assert problem.message == "[email] images are to be linked, and the publication has no web address"
    environ = {"NEWSLETTER_SERVICE__URL": "https://news.example.org"}
    assert load_config(path, environ).email.images == "link"


def test_what_init_wrote_for_an_editor_to_replace_is_found_until_it_is_replaced(tmp_path: Path) -> None:
    make_workspace(tmp_path / "digest", "A Digest")
    path = tmp_path / "digest/newsletter.toml"
    found = find_unwritten_settings(load_config(path, {}))
    assert "[sender] from" in found
    assert "[sender] postal_address" in found
    assert "[list] unsubscribe" in found
    environ = {"NEWSLETTER_SENDER__FROM": "desk@example.org", "NEWSLETTER_SENDER__POSTAL_ADDRESS": "1 Harbour St."}
    left = find_unwritten_settings(load_config(path, environ))
    assert set(found) - set(left) == {"[sender] from", "[sender] postal_address"}
    assert find_unwritten_settings(load_config(ROOT / "newsletter.toml", {})) == []


def test_every_secret_is_known_so_that_no_output_shows_it(tmp_path: Path) -> None:
    secrets = {
        "SMTP__PASSWORD": "p1",
        "STORE__PASSWORD": "p2",
        "INBOX__PASSWORD": "p3",
        "KEYS__TOKENS": "t",
        "KEYS__FORGOTTEN": "f",
    }
    environ = {f"NEWSLETTER_{name}": value for name, value in secrets.items()}
    config = load_config(ROOT / "newsletter.toml", environ)
    assert sorted(iterate_secrets(config)) == sorted(secrets.values())
    assert "secret-" not in f"{config!r} {config} {config.backends}"
    assert list(iterate_secrets(load_config(ROOT / "newsletter.toml", {}))) == []


def test_topics_are_in_each_languages_words_and_in_no_other_ones(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(
        f'{toml.read_text()}\n[preferences]\ntopics = {{ energy = "Energy", trade = "Trade" }}\n'
        'summary = "once a month"\n[languages.ja]\nsummary = "月に一度"\n[languages.ja.topics]\nenergy = "エネルギー"\n'
        'war = "戦争"\n[languages.de]\n'
    )
    config = publication.workspace.config
    assert dict(config.in_language("ja").preferences.topics) == {"energy": "エネルギー", "trade": "Trade"}
    assert config.in_language("ja").preferences.summary == "月に一度"
    assert config.in_language("de").preferences == config.preferences
