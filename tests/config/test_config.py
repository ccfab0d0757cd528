"""newsletter.toml: all problems at once, each with its place, and the environment over it."""

from pathlib import Path

import pytest
from conftest import ROOT, Publication

from newsletter.config import load_config
from newsletter.errors import ConfigError

BROKEN = """\
[publication]
title = ""
cadance = "weekly"
timezone = "Mars/Olympus"
contact = "not an address"
[sender]
from = "No Address Here"
[list]
id = "no-dot"
unsubscribe = "https://example.org/"
[smtp]
port = 99999
pasword = "x"
[smtpp]
host = "x"
[send]
backend = "smpt"
"""


def _problems(path: Path, environ: dict[str, str] | None = None) -> list[tuple[str, int, str]]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ or {})
    assert all(problem.next_step for problem in caught.value.problems)
    return [(problem.code, problem.line, str(problem.path)) for problem in caught.value.problems]


def _write(folder: Path, text: str) -> Path:
    path = folder / "newsletter.toml"
    path.write_text(text)
    return path


def test_the_sample_is_valid() -> None:
    config = load_config(ROOT / "newsletter.toml", {})
    assert config.sender.from_.address == "digest@example.org"
    assert config.sender.from_.name == "Pacific Alliance Digest"
    assert config.sender.envelope == "bounces@example.org"


def test_every_problem_at_once_with_its_line(tmp_path: Path) -> None:
    found = {(code, line) for code, line, _ in _problems(_write(tmp_path, BROKEN))}
    assert found == {
        ("value", 2), ("unknown-key", 3), ("timezone", 4), ("address", 5), ("address", 7), ("missing", 6),
        ("list-id", 9), ("unsubscribe", 10), ("value", 12), ("unknown-key", 13), ("unknown-table", 14),
        ("unknown-backend", 17),
    }  # fmt: skip


def test_an_unknown_backend_is_answered_with_those_installed(tmp_path: Path) -> None:
    text = (ROOT / "newsletter.toml").read_text().replace('backend = "smtp"', 'backend = "pigeon"')
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text), {})
    (problem,) = caught.value.problems
    assert "pigeon" in problem.message
    assert "maildir, smtp" in problem.next_step


def test_the_environment_wins(publication: Publication) -> None:
    publication.environ |= {
        "NEWSLETTER_PUBLICATION__TITLE": "Another",
        "NEWSLETTER_SEND__TESTERS": "a@example.org, b@example.org",
        "NEWSLETTER_SMTP__PORT": "2525",
        "NEWSLETTER_SMTP__PASSWORD": "hush",
    }
    config = publication.workspace.config
    assert config.publication.title == "Another"
    assert config.send.testers == ("a@example.org", "b@example.org")
    assert config.backends["smtp"].port == 2525
    assert "hush" not in repr(config)


def test_a_mistake_in_the_environment_names_the_variable(publication: Publication) -> None:
    path = publication.root / "newsletter.toml"
    found = _problems(path, {"NEWSLETTER_SMTP__PORT": "x", "NEWSLETTER_SMPT__HOST": "y", "NEWSLETTER_LIST__FIEL": "z"})
    assert {(code, place) for code, _, place in found} == {
        ("value", "environment variable NEWSLETTER_SMTP__PORT"),
        ("unknown-table", "environment variable NEWSLETTER_SMPT__HOST"),
        ("unknown-key", "environment variable NEWSLETTER_LIST__FIEL"),
    }


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = (ROOT / "newsletter.toml").read_text().replace('username = ""', 'password = "hunter2"')
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text), {})
    assert [problem.code for problem in caught.value.problems] == ["secret"]
    assert "hunter2" not in str(caught.value.problems)


@pytest.mark.parametrize(
    ("host", "security", "allowed"),
    [
        ("localhost", "none", True),
        ("127.0.0.1", "none", True),
        ("::1", "none", True),
        ("LOCALHOST", "none", True),
        ("LocalHost.", "none", True),
        ("[::1]", "none", True),
        ("0:0:0:0:0:0:0:1", "none", True),
        ("::ffff:127.0.0.1", "none", True),
        ("digest.LOCALHOST.", "none", True),
        ("localhost.example.org", "none", False),
        ("[2001:db8::1]", "none", False),
        ("mail.example.org", "none", False),
        ("mail.example.org", "none-even-over-the-network", True),
        ("mail.example.org", "starttls", True),
    ],
)
def test_clear_text_stays_on_this_machine(publication: Publication, host: str, security: str, allowed: bool) -> None:
    publication.environ |= {"NEWSLETTER_SMTP__HOST": host, "NEWSLETTER_SMTP__SECURITY": security}
    if allowed:
        assert publication.workspace.config
    else:
        assert _problems(publication.root / "newsletter.toml", publication.environ)[0][0] == "clear-text"


@pytest.mark.parametrize(
    ("written", "host"), [("[::1]", "::1"), ("LOCALHOST.", "LOCALHOST"), ("mail.example.org.", "mail.example.org")]
)
def test_a_mail_servers_name_is_one_that_can_be_looked_up(publication: Publication, written: str, host: str) -> None:
    publication.environ |= {"NEWSLETTER_SMTP__HOST": written}
    assert publication.workspace.config.backends["smtp"].model_dump()["host"] == host


def test_what_is_not_toml_has_its_line(tmp_path: Path) -> None:
    assert _problems(_write(tmp_path, "[publication]\ntitle = oops\n"))[0][:2] == ("toml", 2)


def test_a_newsletter_from_outer_space_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_config(path, {})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PUBLICATION__TITLE", "A\u0085B"), ("PUBLICATION__TITLE", "A\u2028B"), ("PUBLICATION__TITLE", "\udcff"),
        ("PUBLICATION__WEBSITE", "http://[::1"), ("PUBLICATION__WEBSITE", "https://example.org/日本"),
        ("SENDER__POSTAL_ADDRESS", "  "), ("SENDER__POSTAL_ADDRESS", "A \x1b[31m"),
        ("SENDER__FROM", "\udcff <a@x.org>"),
        ("LIST__UNSUBSCRIBE", "mailto:a@x.org?subject=x>, <http://evil"),
        ("LIST__UNSUBSCRIBE", "mailto:a@x.org?subject=é"), ("LIST__UNSUBSCRIBE", "mailto:{{ email }}?subject=x"),
        ("LIST__UNSUBSCRIBE", "mailto:a@x.org?s={{ Email }}"), ("LIST__UNSUBSCRIBE", "mailto:a@x.org?s={{ email }}é"),
        ("LIST__FILE", "a\0b"), ("STORE__URL", "postgresql://x"),
    ],
)  # fmt: skip
def test_no_value_can_harm_what_it_goes_into(publication: Publication, variable: str, value: str) -> None:
    ((_, _, place),) = _problems(publication.root / "newsletter.toml", {f"NEWSLETTER_{variable}": value})
    assert place == f"environment variable NEWSLETTER_{variable}"


def test_an_address_in_any_script_takes_unsubscribe_mails(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@bücher.example.org"
    link = publication.workspace.config.subscriber_list.unsubscribe_link
    assert link == "mailto:leave@xn--bcher-kva.example.org?subject=unsubscribe"


def test_an_unsubscribe_mail_may_say_whose_it_is(publication: Publication) -> None:
    publication.environ["NEWSLETTER_LIST__UNSUBSCRIBE"] = "mailto:leave@example.org?subject=leave%20{{ email | ? }}&b=x"
    link = publication.workspace.config.subscriber_list.unsubscribe_link
    assert link == "mailto:leave@example.org?subject=leave%20{{ email | ? }}&b=x"


def test_a_mark_at_the_start_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (ROOT / "newsletter.toml").read_bytes())
    assert load_config(path, {}).publication.title == "Pacific Alliance Digest"


def test_a_value_outside_of_every_table(tmp_path: Path) -> None:
    found = _problems(
        _write(tmp_path, "smtp = 3\n" + (ROOT / "newsletter.toml").read_text().replace("[smtp]", "[maildir]"))
    )
    assert ("shape", 1) in [(code, line) for code, line, _ in found]


@pytest.mark.parametrize(
    "source", ["imaps://bounces:secret@mail.example.org/INBOX", "imap://a:b@c", "imaps://x:se/cret@host/INBOX"]
)
def test_a_mailbox_s_password_does_not_belong_into_the_file_nor_into_messages(
    publication: Publication, source: str
) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[inbox]\nsource = "{source}"\n')
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    (problem,) = caught.value.problems
    assert problem.code == "secret"
    assert source not in str(problem)
    assert "NEWSLETTER_INBOX__PASSWORD" in problem.next_step


@pytest.mark.parametrize(
    "source", ["imaps://bounces@mail.example.org/INBOX", "imaps://a@b@host:993", "/a:b/c@d", "Maildir"]
)
def test_a_mailbox_s_address_or_path_is_taken(publication: Publication, source: str) -> None:
    publication.environ["NEWSLETTER_INBOX__SOURCE"] = source
    assert publication.workspace.config.inbox.source == source
