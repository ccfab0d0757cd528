"""The command itself: its port, its browser, its words, its end."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from itertools import count

import pytest
import smtp_server
from conftest import Publication
from ports import free_port
from preview_server import PATIENCE, previewing

from newsletter.errors import DecisionNeeded
from newsletter.web.preview.local_server import _bound, _own_port


def test_a_publication_has_the_same_port_each_day(publication: Publication) -> None:
    _find_a_free_port(publication)
    with previewing(publication) as first:
        port = first.port
    with previewing(publication) as second:
        assert second.port == port
        with previewing(publication) as beside:  # taken by now: any other
            assert beside.port != port
            assert beside.ask("/3.7")[0] == 200
            beside.says(f"own port {port} is taken: perhaps it is shown there already.")


def _find_a_free_port(publication: Publication) -> None:
    """Name the publication's folder so that its own port is nobody's, such as another suite's preview's."""
    for number in count():
        with suppress(DecisionNeeded), closing(_bound(_own_port(publication.root))):
            return
        publication.root = publication.root.rename(publication.root.with_name(f"digest{number}"))


def test_a_port_in_use_is_said_with_what_to_do(publication: Publication) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = publication.run("preview", "--no-open", "--port", port)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"Port {port} is in use by another program.",
        "Leave --port out for one that is free, or name another.",
    ]


def test_the_port_that_was_asked_for(publication: Publication) -> None:
    port = free_port()
    with previewing(publication, "1.4", "--port", str(port)) as preview:
        assert preview.address == f"http://127.0.0.1:{port}/1.4"
        assert preview.ask("/")[1]["location"] == "/1.4"


def test_it_shows_the_newest_draft_unless_told_otherwise(publication: Publication) -> None:
    with previewing(publication) as preview:
        assert preview.address.endswith("/3.7")
        preview.says("3.7: no problems")


@pytest.mark.slow
def test_it_opens_the_browser(publication: Publication) -> None:
    note = publication.root / "opened"
    browser = publication.root / "browser"
    browser.write_text(f"#!{sys.executable}\nimport sys\nopen({str(note)!r}, 'w').write(sys.argv[1])\n")
    browser.chmod(0o755)
    publication.environ["BROWSER"] = str(browser)
    process = publication.start("preview", "2.10")
    try:
        began = time.monotonic()
        while not (note.exists() and note.read_text()):
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.05)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/2\.10\?key=[\w-]{22}", note.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert note.read_text().partition("?")[0] in out
    assert note.read_text() not in out, "every account sees what a browser is started with, and nobody the terminal"
    assert err == ""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)])
def test_it_ends_at_once_though_a_page_is_open(publication: Publication, number: int, status: int) -> None:
    with previewing(publication, "2.10") as preview:
        states = preview.states()
        next(states)
        assert preview.end(number) == status
    assert not any("Traceback" in line for line in preview.printed)


@pytest.mark.slow
def test_it_ends_though_a_test_hangs_at_the_mail_server(publication: Publication) -> None:
    with smtp_server.silent_after_text() as (port, reached):
        publication.environ |= {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none",
        }
        with previewing(publication, "2.10") as preview:
            token, order = preview.token(), b'{"address": "me@example.org"}'
            asking = threading.Thread(
                target=lambda: preview.ask("/2.10/test", "POST", order, {"X-Preview-Token": token}), daemon=True
            )
            asking.start()
            assert reached.wait(PATIENCE)
            assert preview.end() == 0
            asking.join(PATIENCE)
    assert not any("Traceback" in line for line in preview.printed)


@pytest.mark.slow
def test_it_ends_though_a_template_has_no_end(publication: Publication) -> None:
    (publication.root / "templates").mkdir()
    endless = "{% for one in range(100000) %}{% for two in range(100000) %}{% endfor %}{% endfor %}"
    (publication.root / "templates" / "email.txt.j2").write_text(endless)
    with previewing(publication, "2.10") as preview:
        assert preview.ask("/2.10")[0] == 200
        time.sleep(1)
        assert preview.end() == 0
    assert preview.printed[-1] == "The preview has ended."


@pytest.mark.slow
def test_a_problem_that_only_moves_is_not_said_again(publication: Publication) -> None:
    path = publication.root / "drafts" / "2.10.yaml"
    text = path.read_text()
    with previewing(publication, "2.10") as preview:
        preview.says("2.10: no problems")
        for lines in range(5):
            path.write_text("# more\n" * lines + text.replace("date: 2023-05-31", "date: May 31"))
            preview.until(lambda state, line=4 + lines: state["stale"] and f":{line}:7" in str(state["diagnostics"]))
        path.write_text(text)
        while "\n".join(preview.printed).count("2.10: no problems") < 2:
            time.sleep(0.02)
    assert "\n".join(preview.printed).count("'May 31' is not a date") == 1


def test_what_is_wrong_before_it_can_start(publication: Publication) -> None:
    assert "Did you mean 2.10?" in publication.run("preview", "2.1").stderr
    config = publication.root / "newsletter.toml"
    config.write_text(config.read_text().replace("port = 587", 'port = "many"'))
    done = publication.run("preview")
    assert done.returncode == 2
    assert "newsletter.toml:" in done.stderr


@pytest.mark.slow
def test_the_terminal_says_each_change_once_and_without_its_colours_abused(publication: Publication) -> None:
    path = publication.root / "drafts" / "2.10.yaml"
    text = path.read_text()
    with previewing(publication, "2.10") as preview:
        preview.says("2.10: no problems")
        path.write_text(text.replace("date: 2023-05-31", 'date: "\\e[31mred"'))
        preview.says("1 problem")
        for _ in range(3):
            path.write_text(path.read_text())
            time.sleep(0.2)
        path.write_text(text)
        while "\n".join(preview.printed).count("2.10: no problems") < 2:
            time.sleep(0.02)
    said = "\n".join(preview.printed)
    assert said.count("1 problem") == 1
    assert "\x1b[31m" not in said


@pytest.mark.slow
def test_a_preview_that_can_not_go_on_ends_and_says_why(publication: Publication) -> None:
    program = """
import sys
from newsletter.cli import main
from newsletter.web.preview.preview_engine import PreviewEngine

async def refused(self):
    raise OSError(24, "Too many open files", "drafts")

PreviewEngine._print = refused
sys.argv = ["newsletter", "preview", "--no-open"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=publication.root, env=publication.environment(), text=True,
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("drafts: Too many open files.\n")
    assert "Traceback" not in done.stderr
