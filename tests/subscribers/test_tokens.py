"""Readers' tokens: opaque, signed, bound to reader and list, good for years, and through a change of keys."""

import re
from secrets import token_urlsafe

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsletter.issue_name import is_draft_name
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.token_seal import TOKENS_IN_TEXT, hide_tokens
from newsletter.subscribers.tokens import TokenHolder, TokenSigner, parse_verp_tag

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
TOKENS = TokenSigner(KEYS, "digest.example.org")
READERS = st.builds(
    "{}@{}".format, st.from_regex(r"[a-z0-9.+_-]{1,64}", fullmatch=True), st.sampled_from(["example.org", "a.example"])
)
ISSUES = st.from_regex(r"[a-z0-9]{1,20}([._-][a-z0-9]{1,12}){0,3}", fullmatch=True)


@given(ISSUES, READERS)
def test_what_is_written_is_read(issue: str, reader: str) -> None:
    token = TOKENS.write(issue, reader)
    assert TOKENS.read(token) == TokenHolder(reader, issue)
    assert token == TOKENS.write(issue, reader)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("before", ["", "https://news.example.org/u/", "unsubscribe ", "?subject=unsubscribe%20", "%"])
def test_it_is_found_in_a_text(before: str) -> None:
    token = TOKENS.write("2.10", "ann@example.org")
    assert re.findall(TOKENS_IN_TEXT, f"{before}{token}>") == [token]
    assert hide_tokens(f"{before}{token}>") == f"{before}[a reader's token]>"


def test_the_longest_address_has_a_token() -> None:
    reader = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 61}"
    assert len(reader) == 254
    longest = "x" * 60
    assert is_draft_name(longest)
    token = TOKENS.write(longest, reader)
    assert TOKENS.read(token) == TokenHolder(reader, longest)
    assert re.fullmatch(TOKENS_IN_TEXT, token)  # and is taken for one where it stands in a mail


@given(READERS)
def test_no_address_can_be_read_out_of_it(reader: str) -> None:
    from base64 import urlsafe_b64decode

    inside = TOKENS.write("2.10", reader).partition(".")[0]
    assert reader.encode() not in urlsafe_b64decode(inside + "=" * (-len(inside) % 4))


@given(READERS, st.data())
def test_one_that_was_changed_is_none(reader: str, data: st.DataObject) -> None:
    token = TOKENS.write("2.10", reader)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.=+/ %\n\0é"))
    changed = token[:place] + letter + token[place + 1 :]
    assume(changed != token)
    assert TOKENS.read(changed) is None
    assert TOKENS.read(token[:place]) is None
    assert TOKENS.read(token + letter) is None


@given(st.text(max_size=2000))
def test_nothing_else_is_one(text: str) -> None:
    assert TOKENS.read(text) is None


def test_a_part_of_one_token_fits_no_other() -> None:
    ada, ben = (TOKENS.write("2.10", f"{name}@example.org").split(".") for name in ("ada", "ben"))
    assert TOKENS.read(f"{ada[0]}.{ben[1]}") is None


def test_another_list_s_is_none_and_so_is_another_publication_s() -> None:
    token = TOKENS.write("2.10", "ada@example.org")
    assert TokenSigner(KEYS, "other.example.org").read(token) is None
    assert TokenSigner(SecretKeys((token_urlsafe(),), KEYS.forgotten), "digest.example.org").read(token) is None


def test_older_keys_read_and_the_newest_writes() -> None:
    newer = token_urlsafe()
    old = TOKENS.write("2.10", "ada@example.org")
    both = TokenSigner(SecretKeys((newer, *KEYS.tokens), KEYS.forgotten), "digest.example.org")
    assert both.read(old) == TokenHolder("ada@example.org", "2.10")
    new = both.write("2.10", "ada@example.org")
    assert TOKENS.read(new) is None
    only = TokenSigner(SecretKeys((newer,), KEYS.forgotten), "digest.example.org")
    assert only.read(new) == TokenHolder("ada@example.org", "2.10")
    assert only.read(old) is None


@given(st.integers(1, 10**18 - 1), READERS, st.data())
def test_a_return_path_s_mark_names_one_delivery(number: int, reader: str, data: st.DataObject) -> None:
    mark = TOKENS.write_verp_tag(number, reader)
    assert parse_verp_tag(mark) == number
    # Servers may change the case of what they return.
    assert TOKENS.is_verp_tag(mark.upper(), number, reader)
    assert not TOKENS.is_verp_tag(mark, number + 1, reader)
    assert not TOKENS.is_verp_tag(mark, number, f"x{reader}")
    place = data.draw(st.integers(0, len(mark) - 1))
    changed = mark[:place] + data.draw(st.sampled_from("abz27-0")) + mark[place + 1 :]
    assume(changed != mark)
    assert parse_verp_tag(changed) != number or not TOKENS.is_verp_tag(changed, number, reader)


@pytest.mark.parametrize("mark", ["", "-", "x-y", "1", "-abc", "9" * 30 + "-abc", "١-abc", "1e3-abc"])
def test_what_is_no_mark_is_of_no_delivery(mark: str) -> None:
    number = parse_verp_tag(mark)
    assert number is None or not TOKENS.is_verp_tag(mark, number, "ada@example.org")


def test_a_mark_fits_beside_a_mailbox_s_name() -> None:
    # RFC 5321, section 4.5.3.1.1: 64 octets for what stands before the @.
    assert len(f"bounces+{TOKENS.write_verp_tag(10**9, 'ada@example.org')}") <= 64
