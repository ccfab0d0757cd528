"""`newsletter state`, `keys`, `dkim` and `draft schema`: files that are made once, and questions before they go."""

import base64
import json
import re
import sqlite3
from pathlib import Path

import pytest
from conftest import Publication
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

ADA = "ada.okafor@example.org"


@pytest.fixture
def used(publication: Publication) -> Publication:
    """Return a publication that has sent an issue, and put another into the outbox."""
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    assert publication.run("send", "2.10", "--yes").returncode == 0
    assert publication.run("send", "3.7", "--at", "in 2 hours", "--yes").returncode == 0
    return publication


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.slow
def test_a_backup_is_private_and_says_what_belongs_to_it(used: Publication) -> None:
    done = used.run("state", "backup", "b.db")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "b.db has the whole state. It holds personal data: keep it out of git.",
        "Keep a copy of .newsletter/keys.toml with it: readers' links, and who was erased, are known by those keys.",
    ]
    assert _mode(used.root / "b.db") == 0o600
    with sqlite3.connect(used.root / "b.db") as database:
        (count,) = database.execute("SELECT count(*) FROM deliveries").fetchone()
    database.close()
    assert count == 50


@pytest.mark.slow
def test_a_backup_is_written_over_when_somebody_says_so(used: Publication) -> None:
    path = used.root / "b.db"
    path.write_text("precious")
    declined = used.run_on_terminal("state", "backup", "b.db", typed="n\n")
    assert declined.returncode == 1
    assert "b.db is there already. Write over it? [y/N]: Aborted!" in declined.stdout
    assert path.read_text() == "precious"
    assert used.run("state", "backup", "b.db").returncode == 1  # nobody is there to be asked
    assert path.read_text() == "precious"
    assert used.run("state", "backup", "b.db", "--yes").returncode == 0
    assert path.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.slow
def test_a_restore_keeps_what_was_and_names_what_may_have_left(used: Publication) -> None:
    used.run("state", "backup", "b.db")
    used.run("subscribers", "suppress", ADA)
    declined = used.run_on_terminal("state", "restore", "b.db", typed="n\n")
    assert declined.returncode == 1
    assert "Put b.db in the place of the state in .newsletter/state.db?" in declined.stdout
    done = used.run("state", "restore", "b.db", "--yes")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The state is as b.db has it: 2 issues, 50 deliveries, ")
    assert "As it was before, it is kept in .newsletter/state.before-restore.db." in lines
    assert "1 suppression since the backup still holds." in lines
    assert "3.7 was in the outbox, and may have left since: newsletter outbox list" in lines
    assert "unsubscribed since" in used.run("subscribers", "show", ADA).stdout


@pytest.mark.slow
def test_a_state_is_moved_to_another_file_and_the_setting_is_printed(used: Publication) -> None:
    place = used.root / "elsewhere/state.db"
    place.parent.mkdir()
    declined = used.run_on_terminal("state", "move", f"sqlite:///{place}", typed="n\n")
    assert declined.returncode == 1
    assert f"Move the state to {place}?" in declined.stdout.replace("\n", "")
    assert not place.exists()
    assert len(json.loads(used.run("status", "--json").stdout)) == 2  # where it was
    done = used.run("state", "move", f"sqlite:///{place}", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Each number was compared." in done.stdout
    assert "As it was before, it is kept in " in done.stdout
    assert f"sqlite:///{place}" in done.stdout.splitlines()[-1]
    used.environ["NEWSLETTER_STORE__URL"] = f"sqlite:///{place}"
    assert {row["issue"] for row in json.loads(used.run("status", "--json").stdout)} == {"2.10", "3.7"}


@pytest.mark.slow
def test_keys_are_made_once_and_rotated_after_that(publication: Publication) -> None:
    made = publication.run("keys", "new")
    assert made.returncode == 0
    assert made.stdout.splitlines() == [
        ".newsletter/keys.toml holds this publication's keys.",
        "Keep it out of git and keep a copy: links in mails that readers have work by it.",
        "Each machine that sends for this publication, or serves it, needs the same file.",
    ]
    path = publication.root / ".newsletter/keys.toml"
    assert _mode(path) == 0o600
    before = path.read_text()
    again = publication.run("keys", "new")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert "newsletter keys rotate" in again.stderr
    assert path.read_text() == before
    rotated = publication.run("keys", "rotate")
    assert rotated.returncode == 0
    assert ".newsletter/keys.toml begins with a new key." in rotated.stdout
    keys = re.findall(r'"([\w+/=-]{20,})"', before)
    assert keys
    assert all(key in path.read_text() for key in keys)
    assert path.read_text() != before
    assert not any(key in made.stdout + rotated.stdout for key in keys)


@pytest.mark.slow
def test_there_is_nothing_to_rotate_before_there_are_keys(publication: Publication) -> None:
    done = publication.run("keys", "rotate")
    assert done.returncode != 0
    assert "newsletter keys new" in done.stderr
    assert not (publication.root / ".newsletter/keys.toml").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_dkim_key_is_private_and_its_record_is_its_public_half(publication: Publication, kind: str) -> None:
    done = publication.run("dkim", "key", "--selector", "s1", "--type", kind)
    assert done.returncode == 0, done.stderr
    path = publication.root / ".newsletter/dkim-s1.pem"
    assert _mode(path) == 0o600
    record = next(line for line in done.stdout.splitlines() if "_domainkey" in line)
    assert record.startswith(f's1._domainkey.example.org. IN TXT "v=DKIM1; k={kind}; p=')
    strings = re.findall('"([^"]*)"', record)
    assert all(len(string) <= 255 for string in strings)
    published = base64.b64decode("".join(strings).rpartition("p=")[2])
    public = load_pem_private_key(path.read_bytes(), None).public_key()
    form = PublicFormat.SubjectPublicKeyInfo if kind == "rsa" else PublicFormat.Raw
    assert published == public.public_bytes(Encoding.DER if kind == "rsa" else Encoding.Raw, form)
    assert "PRIVATE KEY" not in done.stdout


@pytest.mark.slow
def test_what_dkim_key_prints_into_newsletter_toml_signs(publication: Publication) -> None:
    done = publication.run("dkim", "key", "--selector", "s1", "--type", "ed25519")
    table = done.stdout[done.stdout.index("[dkim]") :]
    toml = publication.root / "newsletter.toml"
    toml.write_text(f"{toml.read_text()}\n{table}")
    assert publication.run("export", "eml", "2.10").returncode == 0
    publication.environ["NEWSLETTER_SEND__BACKEND"] = "maildir"
    assert publication.run("send", "2.10", "--test", "me@example.org").returncode == 0
    (message,) = (publication.root / "build/maildir/new").iterdir()
    signature = re.sub(r"\s", "", message.read_text().partition("DKIM-Signature:")[2])
    assert ";s=s1;" in signature
    assert ";d=example.org;" in signature


@pytest.mark.slow
def test_a_dkim_key_is_never_written_over(publication: Publication) -> None:
    publication.run("dkim", "key", "--selector", "s1", "--type", "ed25519")
    before = (publication.root / ".newsletter/dkim-s1.pem").read_bytes()
    again = publication.run("dkim", "key", "--selector", "s1")
    assert again.returncode == 1
    assert ".newsletter/dkim-s1.pem is there already, and mail may be signed with it." in again.stderr
    assert "--selector s2" in again.stderr
    assert (publication.root / ".newsletter/dkim-s1.pem").read_bytes() == before


@pytest.mark.slow
def test_the_schema_is_written_beside_the_drafts_or_printed(publication: Publication) -> None:
    done = publication.run("draft", "schema")
    assert done.stdout.startswith("drafts/draft.schema.json is written.")
    assert {"items", "date"} <= json.loads((publication.root / "drafts/draft.schema.json").read_text())[
        "properties"
    ].keys()


@pytest.mark.slow
def test_an_empty_workspace_says_how_to_begin(publication: Publication) -> None:
    for path in (publication.root / "drafts").glob("*.yaml"):
        path.unlink()
    assert publication.run("draft", "list").stdout == "There is no draft in drafts yet. Run: newsletter draft new\n"
    assert json.loads(publication.run("draft", "list", "--json").stdout) == []


@pytest.mark.slow
def test_init_says_what_comes_next(tmp_path: Path) -> None:
    done = Publication(tmp_path).run("init", "digest", "--title", "A Digest")
    assert done.returncode == 0
    said = done.stdout.splitlines()
    assert "  cd digest" in said
    assert "  newsletter preview" in said
    assert 'title = "A Digest"' in (tmp_path / "digest/newsletter.toml").read_text()
