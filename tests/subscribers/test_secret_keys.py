"""The publication's keys: made once, kept to oneself and out of git, and changed without breaking readers' links."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Publication

from newsletter.errors import ConfigError, DecisionNeeded
from newsletter.subscribers.secret_keys import (
    create_secret_keys,
    find_secret_keys,
    require_secret_keys,
    rotate_secret_keys,
)
from newsletter.subscribers.tokens import TokenSigner

LONG = "x" * 40


def _file(publication: Publication) -> Path:
    return publication.root / ".newsletter/keys.toml"


def test_init_makes_them_where_git_does_not_look(publication: Publication) -> None:
    done = publication.run("init", "fresh")
    assert done.returncode == 0, done.stderr
    assert ".newsletter/keys.toml" in done.stdout
    fresh = publication.root / "fresh"
    keys = fresh / ".newsletter/keys.toml"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o077 == 0
    subprocess.run(["git", "init", "-q"], cwd=fresh, check=True)
    seen = subprocess.run(["git", "status", "--short", "-uall"], cwd=fresh, check=True, capture_output=True, text=True)
    assert "newsletter.toml" in seen.stdout
    assert "keys" not in seen.stdout
    # A mail to leave the list says by a token whose it is.
    assert (
        'unsubscribe = "mailto:leave@your-domain.example?subject=unsubscribe%20{{ token }}"'
        in (fresh / "newsletter.toml").read_text()
    )


def test_each_publication_has_its_own(tmp_path: Path) -> None:
    one, two = (create_secret_keys(tmp_path / name).read_text() for name in ("one", "two"))
    assert one != two


def test_without_keys_the_command_that_makes_them_is_named(publication: Publication) -> None:
    assert find_secret_keys(publication.workspace) is None
    with pytest.raises(ConfigError, match="There are no keys here") as caught:
        require_secret_keys(publication.workspace)
    assert "newsletter keys new" in caught.value.next_step


def test_new_makes_them_once(publication: Publication) -> None:
    assert publication.run("keys", "new").returncode == 0
    before = _file(publication).read_text()
    again = publication.run("keys", "new")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert "newsletter keys rotate" in again.stderr
    assert _file(publication).read_text() == before


def test_after_a_change_the_links_that_readers_have_still_work(publication: Publication) -> None:
    publication.run("keys", "new")
    before = require_secret_keys(publication.workspace)
    token = TokenSigner(before, "digest.example.org").write("2.10", "ada@example.org")
    done = publication.run("keys", "rotate")
    assert done.returncode == 0, done.stderr
    after = require_secret_keys(publication.workspace)
    assert after.tokens[1:] == before.tokens
    assert TokenSigner(after, "digest.example.org").read(token) is not None
    # Who was erased is still known by the same hash.
    assert after.digest("ada@example.org") == before.digest("ada@example.org")
    assert _file(publication).stat().st_mode & 0o777 == 0o600
    shown = done.stdout + done.stderr
    assert not any(key in shown for key in (*after.tokens, after.forgotten))


def test_the_environment_comes_first(publication: Publication) -> None:
    publication.run("keys", "new")
    publication.environ |= {"NEWSLETTER_KEYS__TOKENS": f"{LONG}1, {LONG}2", "NEWSLETTER_KEYS__FORGOTTEN": f"{LONG}3"}
    assert require_secret_keys(publication.workspace).tokens == (f"{LONG}1", f"{LONG}2")
    _file(publication).unlink()
    with pytest.raises(DecisionNeeded, match="in the environment"):
        rotate_secret_keys(publication.workspace)


def test_keys_in_the_environment_are_never_written_over_those_in_the_file(publication: Publication) -> None:
    publication.run("keys", "new")
    before = _file(publication).read_text()
    publication.environ |= {"NEWSLETTER_KEYS__TOKENS": f"{LONG}1", "NEWSLETTER_KEYS__FORGOTTEN": f"{LONG}3"}
    done = publication.run("keys", "rotate")
    assert done.returncode == 1
    assert "NEWSLETTER_KEYS__TOKENS" in done.stderr
    assert _file(publication).read_text() == before


def test_a_link_to_a_shared_file_stays_one(publication: Publication) -> None:
    publication.run("keys", "new")
    shared = _file(publication).rename(publication.root / "shared.toml")
    _file(publication).symlink_to(shared)
    assert publication.run("keys", "rotate").returncode == 0
    assert _file(publication).is_symlink()
    assert len(require_secret_keys(publication.workspace).tokens) == 2
    shared.unlink()
    lost = publication.run("keys", "rotate")
    assert lost.returncode == 2
    assert "is a link to" in lost.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change a file's owner")
def test_who_owns_the_file_owns_it_after_a_change(publication: Publication) -> None:
    publication.run("keys", "new")
    os.chown(_file(publication), 65534, 65534)
    publication.run("keys", "rotate")
    status = _file(publication).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (65534, 65534, 0o600)


def test_a_file_with_a_byte_order_mark_is_read(publication: Publication) -> None:
    create_secret_keys(publication.root)
    _file(publication).write_bytes(b"\xef\xbb\xbf" + _file(publication).read_bytes())
    assert require_secret_keys(publication.workspace)


def test_where_people_were_erased_no_other_keys_are_made(publication: Publication) -> None:
    publication.run("keys", "new")
    assert publication.run("subscribers", "forget", "jorgensen@example.net", "--yes").returncode == 0
    _file(publication).unlink()
    done = publication.run("keys", "new")
    assert done.returncode == 2
    assert "1 person asked to be erased" in done.stderr
    assert not _file(publication).exists()


def test_no_key_is_ever_shown(publication: Publication) -> None:
    publication.run("keys", "new")
    keys = require_secret_keys(publication.workspace)
    assert keys.tokens[0] not in repr(keys)
    assert keys.forgotten not in repr(keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not toml", "this is not TOML"),
        ("", "needs tokens"),
        ('tokens = "x"\nforgotten = "y"', "needs tokens"),
        (f'tokens = []\nforgotten = "{LONG}"', "shorter than 32 characters, or none"),
        (f'tokens = ["short"]\nforgotten = "{LONG}"', "shorter than 32"),
        (f'tokens = ["{LONG}"]\nforgotten = ""', "shorter than 32"),
    ],
)
def test_a_spoilt_file_is_told(publication: Publication, text: str, words: str) -> None:
    create_secret_keys(publication.root)
    _file(publication).write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        require_secret_keys(publication.workspace)
    assert caught.value.next_step


def test_a_file_that_others_can_read_is_refused(publication: Publication) -> None:
    create_secret_keys(publication.root)
    _file(publication).chmod(0o644)
    with pytest.raises(ConfigError, match="Every user of this machine can read") as caught:
        require_secret_keys(publication.workspace)
    assert "chmod 600" in caught.value.next_step


def test_half_of_them_in_the_environment_is_told(publication: Publication) -> None:
    publication.environ["NEWSLETTER_KEYS__TOKENS"] = LONG
    with pytest.raises(ConfigError, match="Only one of"):
        require_secret_keys(publication.workspace)


def test_they_do_not_belong_into_the_configuration(publication: Publication) -> None:
    toml = publication.root / "newsletter.toml"
    toml.write_text(f'{toml.read_text()}\n[keys]\ntokens = "{LONG}"\n')
    with pytest.raises(ConfigError) as caught:
        _ = publication.workspace.config
    assert [problem.code for problem in caught.value.problems] == ["secret"]
    assert LONG not in str(caught.value.problems[0])
