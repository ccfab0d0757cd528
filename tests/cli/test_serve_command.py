"""newsletter serve: its options, what it prints, and what it says when something is missing."""

import re
import signal
from collections.abc import Sequence

import pytest
from conftest import Publication, Run
from old_stores import VERSION_3, lay_store
from ports import free_port
from service_server import HOST, Service, served, serving

from newsletter.errors import ConfigError
from newsletter.subscribers.secret_keys import create_secret_keys


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--port", "many"), "'many' is not a valid integer range."),
        (("--port", "-1"), "-1 is not in the range 0<=x<=65535."),
        (("--port", "65536"), "65536 is not in the range 0<=x<=65535."),
        (("--port",), "Option '--port' requires an argument."),
        (("--host",), "Option '--host' requires an argument."),
        (("2.10",), "Got unexpected extra argument (2.10)"),
        (("--url", "https://news.example.org"), "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_use_is_refused(run: Run, args: tuple[str, ...], words: str) -> None:
    done = run("serve", *args)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert "listens at" not in done.output


def test_help_names_the_guide_for_operators(run: Run) -> None:
    shown = " ".join(run("serve", "--help").output.split())
    assert "docs/operators/service.md" in shown
    assert "0 for any that is free" in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://news.example.org", "no address that mail clients would answer to"),
        ("https://user:secret@news.example.org", "'url' holds an @"),
        ("https://news.example.org:0", "has a port that is none"),
        ("https://news.example.org/a//b", "none that web servers leave as it is"),
    ],
)
def test_a_mistake_in_the_settings_is_said_before_it_listens(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("NEWSLETTER_SERVICE__URL", url)
    done = run("serve")
    assert isinstance(done.exception, ConfigError)
    told = " ".join([done.exception.message, *map(str, done.exception.problems)])
    assert done.exception.exit_status == 2
    assert words in told
    assert "secret" not in told
    assert done.output == ""


def test_without_an_address_for_readers_the_setting_is_named(publication: Publication) -> None:
    done = publication.run("serve", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "It is not known under which address readers reach this service.",
        'Write it into newsletter.toml: [service] and below it url = "https://news.example.org". '
        "docs/operators/service.md shows how to get there.",
    ]
    assert not (publication.root / ".newsletter").exists()


def test_without_keys_the_command_that_makes_them_is_named(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SERVICE__URL"] = f"https://{HOST}"
    done = publication.run("serve", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "newsletter keys new" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("--host", "192.0.2.1"), 1, "192.0.2.1 is no address of this machine."),
        (("--host", "no.such.host.invalid"), 2, "There is no host 'no.such.host.invalid' to listen at."),
        (("--host", "fe80::1"), 2, "fe80::1, port 0, can't be listened at"),
    ],
)
def test_a_place_where_it_cannot_listen_is_named(
    publication: Publication, args: tuple[str, ...], status: int, words: str
) -> None:
    done = served(publication).run("serve", "--port", "0", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "fault of the program" not in done.stderr


def test_it_says_where_it_listens_and_how_it_ends_and_a_second_is_refused(publication: Publication) -> None:
    port = free_port()
    served(publication).environ["NEWSLETTER_SERVICE__PORT"] = str(port)
    with serving(publication, "--host", "localhost") as service:
        assert service.port == port, "as [service] port says"
        second = publication.run("serve")
        assert second.returncode == 1
        assert _leave_out_log(second.stderr.splitlines()) == [
            f"Port {port} is in use by another program, perhaps by another `newsletter serve`.",
            "Name another: --port 8601, or --host, or in [service].",
        ]
        assert service.end(signal.SIGINT) == 0
    assert _answers(service) == [
        f"The service listens at http://127.0.0.1:{port}; readers reach it at https://{HOST}/",
        "Ctrl-C ends it.",
        "The service has ended.",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_option_goes_before_the_setting_and_a_signal_ends_it(publication: Publication, number: int) -> None:
    served(publication).environ["NEWSLETTER_SERVICE__PORT"] = "1"
    with serving(publication, "--port", "0") as service:
        assert service.ask("/")[0] in (200, 503)
        assert service.end(number) == 0
    assert _answers(service)[-1] == "The service has ended."


def test_without_https_it_is_said_that_mails_carry_no_one_click(publication: Publication) -> None:
    publication.environ["NEWSLETTER_SERVICE__URL"] = "http://localhost:8600"
    create_secret_keys(publication.root)
    with serving(publication) as service:
        service.end()
    assert "Mails carry no one-click: that wants a [service] url with https://." in service.printed


@pytest.mark.slow
def test_what_was_done_to_an_older_store_is_said_first(
    publication: Publication, request: pytest.FixtureRequest
) -> None:
    (publication.root / ".newsletter").mkdir(mode=0o700)
    lay_store(publication.root / ".newsletter/state.db", VERSION_3, request, "")
    with serving(served(publication)) as service:
        service.end()
    assert _answers(service)[0].startswith("The state in ")
    assert " had version 3, and has version 6 now." in _answers(service)[0]


@pytest.mark.slow
def test_the_log_goes_to_standard_error_and_has_no_address(publication: Publication) -> None:
    with serving(served(publication)) as service:
        assert service.post("reader@example.org")[0] == 200
        service.says("POST /u/")
        service.end()
    assert not any("reader@example.org" in line for line in service.printed)
    assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in service.printed if "POST /u/" in line)


def _answers(service: Service) -> list[str]:
    """Return what was printed for the person at the terminal."""
    return _leave_out_log(service.printed)


def _leave_out_log(lines: Sequence[str]) -> list[str]:
    """Return lines without those of the log, which may come before and between them."""
    return [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d ", line)]
