"""Tokens with a purpose: good for that one alone, for one list, until their moment."""

import re
from secrets import token_urlsafe

from hypothesis import assume, given
from hypothesis import strategies as st

from newsletter.subscribers.purpose_tokens import PurposeToken, PurposeTokenSigner, TokenPurpose
from newsletter.subscribers.secret_keys import SecretKeys
from newsletter.subscribers.token_seal import TOKENS_IN_TEXT, hide_tokens
from newsletter.subscribers.tokens import TokenSigner

KEYS = SecretKeys((token_urlsafe(),), token_urlsafe())
SIGNER = PurposeTokenSigner(KEYS, "digest.example.org", clock=lambda: 1000.5)
READERS = st.from_regex(r"[a-z0-9.+_-]{1,64}@example\.org", fullmatch=True)
PURPOSES = st.sampled_from(TokenPurpose)
REFERENCES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@given(PURPOSES, READERS, REFERENCES)
def test_what_is_written_is_read_for_its_purpose_alone(purpose: TokenPurpose, reader: str, reference: str) -> None:
    token = SIGNER.write(purpose, reader, reference, 1002.9)
    assert SIGNER.read(purpose, token) == PurposeToken(reader, reference, 1002)
    assert [other for other in TokenPurpose if SIGNER.read(other, token)] == [purpose]


@given(READERS, st.sampled_from(["7", ""]))
def test_it_is_no_unsubscribe_token_and_none_is_it(reader: str, reference: str) -> None:
    leaving = TokenSigner(KEYS, "digest.example.org")
    for purpose in TokenPurpose:
        assert leaving.read(SIGNER.write(purpose, reader, reference, 2000)) is None
        assert SIGNER.read(purpose, leaving.write("2.10", reader)) is None


def test_it_ends_at_its_moment() -> None:
    token = SIGNER.write(TokenPurpose.CONFIRM, "ann@example.org", "7", 2000)
    for moment, is_good in ((0.0, True), (1999.9, True), (2000.0, False), (1e12, False)):
        read = PurposeTokenSigner(KEYS, "digest.example.org", clock=lambda at=moment: at).read
        assert (read(TokenPurpose.CONFIRM, token) is not None) is is_good


def test_another_lists_or_another_keys_token_is_none() -> None:
    token = SIGNER.write(TokenPurpose.ACCESS, "ann@example.org", "", 2000)
    assert PurposeTokenSigner(KEYS, "Digest.Example.org", clock=lambda: 0).read(TokenPurpose.ACCESS, token)
    assert PurposeTokenSigner(KEYS, "other.example.org", clock=lambda: 0).read(TokenPurpose.ACCESS, token) is None
    others = SecretKeys((token_urlsafe(),), token_urlsafe())
    assert PurposeTokenSigner(others, "digest.example.org", clock=lambda: 0).read(TokenPurpose.ACCESS, token) is None


def test_it_is_read_after_the_keys_were_rotated() -> None:
    token = SIGNER.write(TokenPurpose.CONFIRM, "ann@example.org", "7", 2000)
    rotated = SecretKeys((token_urlsafe(), *KEYS.tokens), KEYS.forgotten)
    assert PurposeTokenSigner(rotated, "digest.example.org", clock=lambda: 0).read(TokenPurpose.CONFIRM, token)


@given(READERS, st.data())
def test_one_that_was_changed_is_none(reader: str, data: st.DataObject) -> None:
    token = SIGNER.write(TokenPurpose.CONFIRM, reader, "7", 2000)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.=+/ %\n\0é\ud800"))
    changed = token[:place] + letter + token[place + 1 :]
    assume(changed != token)
    assert SIGNER.read(TokenPurpose.CONFIRM, changed) is None


def test_it_is_hidden_where_text_is_shown() -> None:
    longest = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 61}"
    for reader in ("a@b.cd", longest):
        token = SIGNER.write(TokenPurpose.OLD_ADDRESS, reader, "9" * 19, 2**40)
        assert re.fullmatch(TOKENS_IN_TEXT, token)
        assert hide_tokens(f"GET /confirm/{token} 200") == "GET /confirm/[a reader's token] 200"
