"""One issue in English, Japanese and Arabic to a mixed list over a real SMTP server, killed on the way."""

import csv
import io
import json
import signal
from collections import Counter
from itertools import cycle, islice

import pytest
from conftest import Publication
from messages import parsed, texts
from postgres import Postgres
from smtp_server import Server, kill_at
from translated import SENDERS, WORDS, list_readers, translate

READERS = 60
ASKED = {"en": "en", "": "en", "JA_jp": "ja", "ja": "ja", "ar-EG": "ar", "xx": "en"}


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_each_reader_gets_one_copy_in_their_language_though_the_program_is_killed(
    publication: Publication, server: Server, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        publication.environ["NEWSLETTER_STORE__URL"] = postgres.fresh()
    translate(publication, "ja", "ar")
    asked = list_readers(publication, **{f"r{n}": words for n, words in enumerate(islice(cycle(ASKED), READERS))})
    expected = {address: ASKED[words] for address, words in asked.items()}
    publication.through(server)
    running = []
    kill_at(server, 121, lambda: running[0].pid)
    running.append(publication.start("send", "3.8", "--yes", "--despite-problems"))
    running[0].communicate(timeout=120)
    assert running[0].returncode == -signal.SIGKILL
    assert 0 < len(server.stored) < READERS
    again = publication.run("send", "3.8", "--yes", "--despite-problems")
    assert "Traceback" not in again.stderr
    table = list(csv.DictReader(io.StringIO(publication.run("report", "3.8", "--csv", "-").stdout)))
    unknown = {row["address"] for row in table if row["state"] == "unknown"}
    assert {row["address"]: row["language"] for row in table} == expected
    assert set(server.copies().values()) == {1}
    assert expected.keys() - unknown <= server.copies().keys() <= expected.keys()
    for address, data in server.stored:
        _is_in_language(data, expected[address])
    report = json.loads(publication.run("report", "3.8", "--json").stdout)
    counts = Counter(expected.values())
    assert {one["language"]: one["readers"] for one in report["languages"]} == counts
    for one in report["languages"]:
        states = {name: count for name, count in one.items() if name in report["readers"]}
        assert sum(states.values()) == one["readers"]
    for state, count in report["readers"].items():
        assert sum(one[state] for one in report["languages"]) == count


def _is_in_language(data: bytes, language: str) -> None:
    mail = parsed(data)
    first, second, _ = WORDS["" if language == "en" else language]
    plain, html = texts(data)
    assert mail["Content-Language"] == language
    assert str(mail["Subject"]).startswith(first)
    assert SENDERS.get(language, "Pacific Alliance Digest") in str(mail["From"])
    assert second in plain
    assert second in html
    page = (
        "https://example.org/digest/3.8.html" if language == "en" else f"https://example.org/digest/3.8.{language}.html"
    )
    assert page in plain
    assert page in html
    assert f'lang="{language}"' in html


@pytest.mark.slow
def test_what_an_editor_reads_of_it(publication: Publication, server: Server) -> None:
    translate(publication, "ja", "ar")
    names = {"a": "en", "b": "", "c": "JA_jp", "d": "ja", "e": "ja", "f": "xx", "g": "<script>", "h": "ar"}
    list_readers(publication, **names)
    publication.through(server)
    server.refuse["c@example.org"] = "550 5.1.1 No such mailbox"
    told = publication.run("send", "3.8", "--yes", "--despite-problems").stdout
    plan = told[: told.index("  Through")]
    assert "  Subject   English: Tariffs were cut\n            Japanese: 関税が" in plain_lines(plan)
    assert "From      English: Pacific Alliance Digest <digest@example.org>\n            Japanese: 太平洋研究所" in plan
    assert "  Language  English 4, Japanese 3, Arabic 1\n" in plan
    assert "  Note      English for 1 reader of whom the list does not say (column 'language')\n" in plan
    assert "English for 2 readers who want it in a language that it is not in ('<script>' 1, 'xx' 1)\n" in plan
    assert "  In English 4, Japanese 3, Arabic 1\n" in told
    said = publication.run("report", "3.8").stdout
    rows = [line.split() for line in said.splitlines()]
    assert ["Japanese", "3", "2", "0", "1", "0"] in rows or ["Japanese", "3", "2", "1", "0", "0"] in rows
    page = (publication.root / "build/3.8/report.html").read_text()
    assert "By language" in page
    assert ">others<" in page
    assert "Arabic" not in page  # one reader alone has it
    status = publication.run("status").stdout
    assert "Languages" in status
    assert "en 4, ja 3, ar 1" in status
    (one,) = json.loads(publication.run("status", "3.8", "--json").stdout)
    assert one["languages"] == {"en": 4, "ja": 3, "ar": 1}


def plain_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
